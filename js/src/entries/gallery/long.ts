// A record too long to send whole, and a kernel's replies about it: piece by piece, worked out when they are asked for.
import type { Answer } from "../../transport/fixture";
import type { Reply } from "../../transport/types";
import { WireError } from "../../wire/errors";
import {
  type ColumnArgs,
  type LayerArgs,
  MASKED,
  type MetricsArgs,
  type ModelArgs,
  type NeuronArgs,
  type OpenMeta,
  type Requests,
  type RowArgs,
  type SearchArgs,
  type StripsArgs,
  TILE,
  type TilesArgs,
  type Tokens,
  U8_LEVELS,
  U8_MASKED,
  UNREAD,
} from "../../wire/schema.gen";
import { type LongHead, longHead, longStretch, longWeight } from "./long-weights";
import { info } from "./metrics";
import { Buffers, createOpen, createSite, createTokens } from "./record";
import { createSearchAnswer } from "./search";
import { answerStrips } from "./strips";

export interface LongSpec {
  readonly tokens: number;
  readonly layers: number;
  readonly heads: number;
}

const WORDS =
  " the| report| of| the| committee|,| which| met| in| Geneva| and| heard| evidence| from| nine| witnesses| over| two| days|.| It| found| that| no| single| cause| explains| what| happened|;\n";

/** Queries of a block that a first reply has read; each further one has four times as many. */
const FIRST_READ = 4;
const THUMBNAIL = 64;
/** Queries of a column that one reply reads. */
const COLUMN_READ = 8192;

export function longOpen({ tokens, layers, heads }: LongSpec): OpenMeta {
  const words = WORDS.split("|");
  const pieces = Array.from({ length: tokens }, (_, at) =>
    at === 0 ? "<s>" : (words[(at * 5 + (at >> 5)) % words.length] as string),
  );
  const site = createSite("decoder", layers, heads, { tiled: true });
  return createOpen("long", "made-up-long", { decoder: createTokens(pieces) }, [site]);
}

function compand(weight: number): number {
  return Math.round(U8_LEVELS * Math.sqrt(Math.min(1, weight)));
}

/** `size` by `size` pixels from (row, column) on, each over `block` x `block` cells, of `read` queries of each block. */
function paint(
  { tokens }: LongSpec,
  [layer, head]: readonly [number, number],
  [row, column]: readonly [number, number],
  { size, block, read, pool }: { size: number; block: number; read: number; pool: "max" | "mean" },
): Uint8Array {
  const of = longHead(layer, head);
  const codes = new Uint8Array(size * size).fill(U8_MASKED);
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      const [query, key] = [(row + r) * block, (column + c) * block];
      if (query >= tokens || key >= tokens || key >= query + block) continue;
      let max = -1;
      let sum = 0;
      let count = 0;
      for (let s = 0; s < read; s++) {
        const at = Math.min(tokens - 1, query + block - 1 - Math.floor((s * block) / read));
        const found = longStretch(of, at, key, Math.min(tokens, key + block));
        if (found === null) continue;
        max = Math.max(max, found.max);
        sum += found.mean * found.count;
        count += found.count;
      }
      if (max >= 0) codes[r * size + c] = compand(pool === "max" ? max : sum / count);
    }
  }
  return codes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Answers about one long record; what takes long is answered in part, as a kernel does. */
export function createLongAnswer(spec: LongSpec): Answer {
  const { tokens, layers, heads } = spec;
  const open = longOpen(spec);
  const read = new Map<string, number>();
  /** How much of something is read by the time of this reply. */
  const progress = (name: string, first: number, of: number, grow: (before: number) => number) => {
    const before = read.get(name);
    const now = Math.min(of, before === undefined ? first : grow(before));
    read.set(name, now);
    return now;
  };
  const block = Math.max(1, Math.ceil(tokens / THUMBNAIL));
  const size = Math.ceil(tokens / block);
  const thumbnail = (layer: number, head: number) =>
    paint(spec, [layer, head], [0, 0], { size, block, read: 1, pool: "max" });
  const everyHead = Array.from({ length: layers }, () => heads);

  function answerLayer(args: LayerArgs): Reply<"layer"> {
    const buffers = new Buffers();
    const patterns = buffers.add(new Uint8Array(), [0, tokens, tokens]);
    const all = Array.from({ length: heads }, (_, head) => thumbnail(args.layer, head));
    const thumbnails = args.thumbnails ? buffers.add(joined(all), [heads, size, size]) : null;
    const { site, layer } = args;
    return {
      meta: {
        site,
        layer,
        heads: [],
        patterns,
        sinks: null,
        thumbnails,
        error: 0,
        pooled: block,
        sampled: size,
      },
      buffers: buffers.views,
    };
  }

  function answerModel({ site }: ModelArgs): Reply<"model"> {
    const buffers = new Buffers();
    const all = everyHead.flatMap((count, layer) =>
      Array.from({ length: count }, (_, head) => thumbnail(layer, head)),
    );
    const thumbnails = buffers.add(joined(all), [all.length, size, size]);
    const pooled = { pooled_queries: 1, pooled_keys: block, queries: tokens, sampled: size };
    return {
      meta: { site, layers: everyHead.map((_, layer) => layer), heads: everyHead, thumbnails, ...pooled },
      buffers: buffers.views,
    };
  }

  function answerRow({ site, layer, heads: chosen, query }: RowArgs): Reply<"row"> {
    const weights = new Float32Array(chosen.length * tokens);
    chosen.forEach((head, at) => {
      const of = longHead(layer, head);
      for (let key = 0; key < tokens; key++) weights[at * tokens + key] = longWeight(of, query, key);
    });
    const scores = weights.map((weight) => (weight === MASKED ? Number.NaN : Math.log(weight) + 3));
    const buffers = new Buffers();
    const shape = [chosen.length, tokens];
    const meta = { site, layer, heads: chosen, query, sink: chosen.map(() => 0) };
    return {
      meta: { ...meta, weights: buffers.add(weights, shape), scores: buffers.add(scores, shape) },
      buffers: buffers.views,
    };
  }

  function answerTiles({ site, layer, head, level, pool, tiles }: TilesArgs): Reply<"tiles"> {
    const of = 2 ** level;
    const reads = tiles.map(([row, column]) =>
      progress(
        `${layer} ${head} ${level} ${pool} ${row} ${column}`,
        Math.min(of, FIRST_READ),
        of,
        (n) => 4 * n,
      ),
    );
    const all = tiles.map(([row = 0, column = 0], at) =>
      paint(spec, [layer, head], [row * TILE, column * TILE], {
        size: TILE,
        block: of,
        read: reads[at] as number,
        pool,
      }),
    );
    const buffers = new Buffers();
    const codes = buffers.add(joined(all), [tiles.length, TILE, TILE]);
    const error = 1 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2;
    return {
      meta: { site, layer, head, level, pool, tiles, codes, read: reads, error },
      buffers: buffers.views,
    };
  }

  function answerColumn({ site, layer, heads: chosen, key }: ColumnArgs): Reply<"column"> {
    const done = progress(`column ${layer} ${key}`, COLUMN_READ, tokens, (n) => n + COLUMN_READ);
    const weights = new Float32Array(chosen.length * tokens).fill(UNREAD);
    chosen.forEach((head, at) => {
      const of = longHead(layer, head);
      for (let query = 0; query < done; query++) weights[at * tokens + query] = longWeight(of, query, key);
    });
    const buffers = new Buffers();
    const meta = { site, layer, heads: chosen, key, read: done, of: tokens };
    return {
      meta: { ...meta, weights: buffers.add(weights, [chosen.length, tokens]) },
      buffers: buffers.views,
    };
  }

  const stripsOf = (args: StripsArgs): Reply<"strips"> =>
    answerStrips(
      args,
      {
        layers: everyHead.map((_, layer) => layer),
        heads: everyHead,
        positions: tokens,
        weight: (layer, head, other) =>
          args.direction === "from"
            ? longWeight(longHead(layer, head), args.position, other)
            : longWeight(longHead(layer, head), other, args.position),
      },
      new Buffers(),
    );

  /** Two shares that the rule fixes; how sure a kernel would be of them grows with what it has read. */
  function answerMetrics({ site, more }: MetricsArgs): Reply<"metrics"> {
    const sampled = more
      ? progress("metrics", 256, tokens, (n) => 4 * n)
      : (read.get("metrics") ?? progress("metrics", 128, tokens, (n) => n));
    const heads = everyHead.flatMap((count, layer) =>
      Array.from({ length: count }, (_, head) => longHead(layer, head)),
    );
    const parts = [(of: LongHead) => of.first, (of: LongHead) => of.previous];
    const shape = [parts.length, heads.length];
    const buffers = new Buffers();
    const each = (value: (of: LongHead, part: (of: LongHead) => number) => number) =>
      buffers.add(Float32Array.from(parts.flatMap((part) => heads.map((of) => value(of, part)))), shape);
    const meta = {
      site,
      layers: everyHead.map((_, layer) => layer),
      heads: everyHead,
      metrics: [
        info("first", "First token", "weight on the first token"),
        info("previous", "Previous token", "weight on the token before"),
      ],
      values: each((of, part) => part(of)),
      baselines: each(() => Math.log(tokens) / tokens),
      counts: buffers.add(new Int32Array((shape[0] as number) * heads.length).fill(sampled), shape),
      queries: tokens,
      sampled,
    };
    const margins = each((of, part) => (2 * Math.sqrt(part(of) * (1 - part(of)))) / Math.sqrt(sampled));
    return { meta: sampled < tokens ? { ...meta, margins } : meta, buffers: buffers.views };
  }

  /** Of a record made by rule only weights are known. */
  function answerNeuron({ site, layer, head, query }: NeuronArgs): Reply<"neuron"> {
    const row = answerRow({ site, layer, heads: [head], query });
    const unknown = { q: null, k: null, bias: null, scores: null, scaling: null, softcap: null };
    const weights = { ...row.meta.weights, shape: [tokens] };
    const meta = { site, layer, head, query, ...unknown, weights, sink: 0, sink_score: null };
    return {
      meta: { ...meta, kv_head: head, shared: [head], rotary: false },
      buffers: row.buffers,
    };
  }

  const words = open.streams.decoder as Tokens;
  const answerSearch = createSearchAnswer({
    heads: everyHead.flatMap((count, layer) =>
      Array.from({ length: count }, (_, head) => [layer, head] as const),
    ),
    queryTokens: words,
    keyTokens: words,
    self: true,
    weight: (layer, head, query, key) => longWeight(longHead(layer, head), query, key),
  });

  const answer = (kind: keyof Requests, args: unknown): unknown => {
    if (kind === "open") return { meta: open, buffers: [] };
    if (kind === "layer") return answerLayer(args as LayerArgs);
    if (kind === "model") return answerModel(args as ModelArgs);
    if (kind === "row") return answerRow(args as RowArgs);
    if (kind === "tiles") return answerTiles(args as TilesArgs);
    if (kind === "column") return answerColumn(args as ColumnArgs);
    if (kind === "strips") return stripsOf(args as StripsArgs);
    if (kind === "metrics") return answerMetrics(args as MetricsArgs);
    if (kind === "neuron") return answerNeuron(args as NeuronArgs);
    if (kind === "search") return answerSearch(args as SearchArgs);
    if (kind === "cancel") return { meta: args, buffers: [] };
    throw new WireError({
      code: "fixture",
      what: `This long record has no ${kind}.`,
      todo: "Choose another view.",
    });
  };
  return answer as Answer;
}
