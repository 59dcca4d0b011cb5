// A record made of matrices, and the replies that a kernel would give about it.

import type { Answer } from "../../transport/fixture";
import type { Reply } from "../../transport/types";
import { WireError } from "../../wire/errors";
import {
  type ArraySpec,
  type HeadNote,
  type LayerArgs,
  MASKED,
  type MetricsArgs,
  type ModelArgs,
  type NeuronArgs,
  type OpenMeta,
  type Requests,
  type RowArgs,
  type SearchArgs,
  type SiteInfo,
  type SiteKind,
  type StripsArgs,
  type Tokens,
  U8_LEVELS,
  U8_MASKED,
  U8_NAN,
} from "../../wire/schema.gen";
import { answerMetrics } from "./metrics";
import { answerNeuron, type TermsSpec } from "./neuron";
import { createSearchAnswer } from "./search";
import { answerStrips } from "./strips";
import type { Matrix } from "./synthetic";

const THUMBNAIL = 64;

export interface RecordSpec {
  readonly open: OpenMeta;
  readonly matrix: (site: SiteKind, layer: number, head: number) => Matrix;
  /** Sends patterns as 8-bit codes, as a kernel does with long prompts. */
  readonly companded: boolean;
  /** Queries behind a thumbnail of the model view, as with long prompts; all of them if not given. */
  readonly sampled?: number | undefined;
  readonly predictions: readonly (readonly (readonly [label: string, prob: number])[])[];
  readonly terms?: TermsSpec | undefined;
  /** What a kernel measured; computed here where it is not given, with these detectors beside. */
  readonly metrics?: (() => Reply<"metrics">) | undefined;
  readonly detectors?: readonly string[] | undefined;
  /** True queries [queries, d] and keys [keys, d] of a head; made up where they are not given. */
  readonly qk?: (site: SiteKind, layer: number, head: number) => { q: Float32Array; k: Float32Array };
}

/** Tokens from pieces of text, the way a byte-level tokenizer would name them. */
export function createTokens(pieces: readonly string[]): Tokens {
  const special = pieces.map((piece) => /^(<.*>|\[.*\])$/.test(piece));
  return {
    text: [...pieces],
    label: pieces.map((piece, index) =>
      special[index] ? piece.replace(/^<\|?/, "⟨").replace(/\|?>$/, "⟩") : piece.replace(/^ /, "") || "␣",
    ),
    id: pieces.map((_, index) => 100 + index),
    special,
    continued: pieces.map(() => false),
    segment: pieces.map(() => 0),
  };
}

export function createSite(
  kind: SiteKind,
  layers: number,
  heads: number,
  more: Partial<SiteInfo["layers"][number]> = {},
): SiteInfo {
  return {
    kind,
    query_stream: kind === "encoder" ? "encoder" : "decoder",
    key_stream: kind === "decoder" ? "decoder" : "encoder",
    layers: Array.from({ length: layers }, (_, layer) => ({
      layer,
      heads,
      kv_heads: heads,
      causal: kind === "decoder",
      window: null,
      route: "interface",
      scores: true,
      sinks: false,
      rotary: false,
      fidelity: 4e-7,
      ...more,
    })),
  };
}

export function createOpen(
  record: string,
  name: string,
  streams: OpenMeta["streams"],
  sites: SiteInfo[],
  headNotes: HeadNote[] = [],
  more: Partial<OpenMeta> = {},
): OpenMeta {
  return {
    record,
    model: {
      name,
      architecture: "GPT2LMHeadModel",
      embedded: name === "embedded",
      dtype: "float32",
      device: "cpu",
      parameters: 724_992,
    },
    streams,
    sites,
    fidelity: 4e-7,
    exact: false,
    notes: [],
    head_notes: headNotes,
    predictions: false,
    words: false,
    weighting: "weights",
    can_merge: false,
    can_weigh: false,
    ...more,
  };
}

function compand(weight: number): number {
  if (Number.isNaN(weight)) return U8_NAN;
  if (weight === MASKED) return U8_MASKED;
  return Math.round(U8_LEVELS * Math.sqrt(weight));
}

/** Largest weight of each block of cells; a block that is all masked is masked. */
function thumbnail(
  matrix: Pick<Matrix, "queries" | "keys" | "weights">,
  block: number,
  tall = block,
): Uint8Array {
  const rows = Math.ceil(matrix.queries / tall);
  const columns = Math.ceil(matrix.keys / block);
  const codes = new Uint8Array(rows * columns).fill(U8_MASKED);
  for (let query = 0; query < matrix.queries; query++) {
    for (let key = 0; key < matrix.keys; key++) {
      const code = compand(matrix.weights[query * matrix.keys + key] as number);
      if (code === U8_MASKED) continue;
      const at = Math.floor(query / tall) * columns + Math.floor(key / block);
      const old = codes[at] as number;
      if (old === U8_MASKED || code > old) codes[at] = code;
    }
  }
  return codes;
}

export class Buffers {
  readonly views: DataView[] = [];

  add(array: Uint8Array | Int32Array | Float32Array, shape: number[]): ArraySpec {
    const dtype = array instanceof Uint8Array ? "u1" : array instanceof Int32Array ? "i4" : "f4";
    this.views.push(new DataView(array.buffer, array.byteOffset, array.byteLength));
    return { buffer: this.views.length - 1, dtype, shape };
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What a query gives to keys. */
function massOf({ weights, keys }: Matrix, query: number): number {
  const row = weights.subarray(query * keys, (query + 1) * keys);
  return row.reduce((sum, weight) => (weight === MASKED ? sum : sum + weight), 0);
}

function answerLayer(spec: RecordSpec, args: LayerArgs, info: SiteInfo): Reply<"layer"> {
  const count = info.layers.find((layer) => layer.layer === args.layer)?.heads ?? 0;
  const buffers = new Buffers();
  const chosen = args.heads.map((head) => spec.matrix(args.site, args.layer, head));
  const first = spec.matrix(args.site, args.layer, 0);
  const shape = [chosen.length, first.queries, first.keys];
  const weights = joined(chosen.map((matrix) => matrix.weights));
  const patterns = buffers.add(spec.companded ? Uint8Array.from(weights, compand) : weights, shape);
  const hasSinks = info.layers.find((layer) => layer.layer === args.layer)?.sinks === true;
  const sunk = chosen.flatMap((matrix) =>
    Array.from({ length: matrix.queries }, (_, at) => 1 - massOf(matrix, at)),
  );
  const sinks = hasSinks ? buffers.add(Float32Array.from(sunk), shape.slice(0, 2)) : null;
  const block = Math.ceil(Math.max(first.queries, first.keys) / THUMBNAIL);
  let thumbnails: ArraySpec | null = null;
  if (args.thumbnails) {
    const parts = Array.from({ length: count }, (_, head) =>
      thumbnail(spec.matrix(args.site, args.layer, head), block),
    );
    const codes = new Uint8Array(parts.flatMap((part) => [...part]));
    const size = [Math.ceil(first.queries / block), Math.ceil(first.keys / block)];
    thumbnails = buffers.add(codes, [count, ...size]);
  }
  const error = spec.companded ? 1 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2 : 0;
  const { site, layer, heads } = args;
  const meta = { site, layer, heads, patterns, sinks, thumbnails, error, pooled: block };
  return { meta, buffers: buffers.views };
}

function answerModel(spec: RecordSpec, args: ModelArgs, info: SiteInfo): Reply<"model"> {
  const { site } = args;
  const layers = info.layers.map(({ layer }) => layer);
  const heads = info.layers.map((layer) => layer.heads);
  const count = heads.reduce((sum, some) => sum + some, 0);
  const { queries, keys } = spec.matrix(site, layers[0] as number, 0);
  const sampled = Math.min(queries, spec.sampled ?? queries);
  const pixels = Math.max(8, Math.min(THUMBNAIL, Math.floor(Math.sqrt(1_000_000 / count))));
  const square = Math.ceil(Math.max(queries, keys) / pixels);
  const wide = sampled < queries ? Math.ceil(keys / pixels) : square;
  const tall = sampled < queries ? Math.ceil(sampled / pixels) : square;
  const [rows, columns] = [Math.ceil(sampled / tall), Math.ceil(keys / wide)];
  const chosen = Array.from({ length: sampled }, (_, at) =>
    sampled < 2 ? 0 : Math.round((at * (queries - 1)) / (sampled - 1)),
  );
  const codes = new Uint8Array(count * rows * columns);
  let at = 0;
  for (const { layer, heads: some } of info.layers) {
    for (let head = 0; head < some; head++, at += rows * columns) {
      const { weights } = spec.matrix(site, layer, head);
      const cut = chosen.map((query) => weights.subarray(query * keys, (query + 1) * keys));
      codes.set(thumbnail({ queries: sampled, keys, weights: joined(cut) }, wide, tall), at);
    }
  }
  const buffers = new Buffers();
  const thumbnails = buffers.add(codes, [count, rows, columns]);
  const pooled = { pooled_queries: tall, pooled_keys: wide };
  return { meta: { site, layers, heads, thumbnails, ...pooled, queries, sampled }, buffers: buffers.views };
}

function answerRow(spec: RecordSpec, args: RowArgs, info: SiteInfo): Reply<"row"> {
  const { site, layer, heads, query } = args;
  const layerInfo = info.layers.find((candidate) => candidate.layer === layer);
  const matrices = heads.map((head) => spec.matrix(site, layer, head));
  const keys = matrices[0]?.keys ?? 0;
  const cut = (array: Float32Array) => array.subarray(query * keys, (query + 1) * keys);
  const rows = matrices.map((matrix) => cut(matrix.weights));
  const buffers = new Buffers();
  const weights = buffers.add(joined(rows), [heads.length, keys]);
  const scores = layerInfo?.scores
    ? buffers.add(joined(matrices.map((matrix) => cut(matrix.scores))), [heads.length, keys])
    : null;
  const sink = rows.map((row) => {
    const mass = row.reduce((sum, weight) => (weight === MASKED ? sum : sum + weight), 0);
    return layerInfo?.sinks ? 1 - mass : 0;
  });
  return { meta: { site, layer, heads, query, weights, scores, sink }, buffers: buffers.views };
}

function answerPredictions(spec: RecordSpec): Reply<"predictions"> {
  const labels = [...new Set(spec.predictions.flatMap((row) => row.map(([label]) => label)))];
  const k = Math.max(0, ...spec.predictions.map((row) => row.length));
  const index = new Int32Array(spec.predictions.length * k);
  const probs = new Float32Array(index.length);
  spec.predictions.forEach((row, position) => {
    row.forEach(([label, prob], rank) => {
      index[position * k + rank] = labels.indexOf(label);
      probs[position * k + rank] = prob;
    });
  });
  const buffers = new Buffers();
  const shape = [spec.predictions.length, k];
  const meta = { labels, index: buffers.add(index, shape), probs: buffers.add(probs, shape) };
  return { meta, buffers: buffers.views };
}

function measureRecord(spec: RecordSpec, site: SiteInfo): Reply<"metrics"> {
  if (spec.metrics !== undefined) return spec.metrics();
  const { streams } = spec.open;
  const queries = streams[site.query_stream]?.text ?? [];
  const keys = streams[site.key_stream]?.text ?? [];
  const matrix = (layer: number, head: number) => spec.matrix(site.kind, layer, head);
  const sampled = Math.min(queries.length, spec.sampled ?? queries.length);
  const { detectors = [] } = spec;
  return answerMetrics({ matrix, queries, keys, sampled, detectors }, site, new Buffers());
}

/** Answers requests about the record. */
export function createAnswer(spec: RecordSpec): Answer {
  const siteOf = (kind: SiteKind): SiteInfo => {
    const found = spec.open.sites.find((site) => site.kind === kind);
    if (found === undefined) {
      throw new WireError({
        code: "not-recorded",
        what: `The record has no ${kind} attention.`,
        todo: "Choose another site.",
      });
    }
    return found;
  };
  const searches = new Map<SiteKind, (args: SearchArgs) => Reply<"search">>();
  const searchIn = (kind: SiteKind) => {
    const site = siteOf(kind);
    const tokens = (stream: SiteInfo["key_stream"]) => spec.open.streams[stream] as Tokens;
    const made =
      searches.get(kind) ??
      createSearchAnswer({
        heads: site.layers.flatMap(({ layer, heads }) =>
          Array.from({ length: heads }, (_, head) => [layer, head] as const),
        ),
        queryTokens: tokens(site.query_stream),
        keyTokens: tokens(site.key_stream),
        self: kind !== "cross",
        weight(layer, head, query, key) {
          const { weights, keys } = spec.matrix(kind, layer, head);
          return weights[query * keys + key] as number;
        },
      });
    searches.set(kind, made);
    return made;
  };
  const answer = (kind: keyof Requests, args: unknown): unknown => {
    if (kind === "open") return { meta: spec.open, buffers: [] };
    if (kind === "layer") return answerLayer(spec, args as LayerArgs, siteOf((args as LayerArgs).site));
    if (kind === "model") return answerModel(spec, args as ModelArgs, siteOf((args as ModelArgs).site));
    if (kind === "row") return answerRow(spec, args as RowArgs, siteOf((args as RowArgs).site));
    if (kind === "predictions") return answerPredictions(spec);
    if (kind === "metrics") return measureRecord(spec, siteOf((args as MetricsArgs).site));
    if (kind === "strips") {
      const of = args as StripsArgs;
      const { layers } = siteOf(of.site);
      const { queries, keys } = spec.matrix(of.site, layers[0]?.layer ?? 0, 0);
      const from = of.direction === "from";
      const source = {
        layers: layers.map(({ layer }) => layer),
        heads: layers.map(({ heads }) => heads),
        positions: from ? keys : queries,
        weight: (layer: number, head: number, at: number) => {
          const { weights } = spec.matrix(of.site, layer, head);
          return weights[from ? of.position * keys + at : at * keys + of.position] as number;
        },
      };
      return answerStrips(of, source, new Buffers());
    }
    if (kind === "neuron") {
      const of = args as NeuronArgs;
      const info = siteOf(of.site).layers.find(({ layer }) => layer === of.layer);
      if (info === undefined) throw new RangeError(`The record has no layer ${of.layer}.`);
      const matrix = spec.matrix(of.site, of.layer, of.head);
      const qk = spec.qk?.(of.site, of.layer, of.head);
      return answerNeuron(of, matrix, info, spec.terms, qk, new Buffers());
    }
    if (kind === "search") return searchIn((args as SearchArgs).site)(args as SearchArgs);
    return { meta: args, buffers: [] };
  };
  return answer as Answer;
}
