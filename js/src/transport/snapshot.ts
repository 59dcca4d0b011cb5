// Answers from a snapshot in place of a kernel: what the kernel would reply, as far as the snapshot holds it.
import { attend, type RowTerms } from "../math/attend";
import { poolCodes } from "../math/thumbnails";
import { decodeWeight } from "../math/weights";
import type { Snapshot, SnapshotLayer, StoredHeadTerms } from "../snapshot/types";
import { aborted, WireError } from "../wire/errors";
import {
  type ArraySpec,
  type DType,
  type HeadRef,
  type LayerInfo,
  MASKED,
  type Requests,
  type SiteInfo,
  type SiteKind,
  type State,
  U8_MASKED,
  U8_NAN,
} from "../wire/schema.gen";
import type { Reply, StateStore, Transport } from "./types";

type Cells = Float32Array | Uint8Array;
type Kind = keyof Requests;
type Meta<K extends Kind> = Requests[K]["meta"];
type Args<K extends Kind> = Requests[K]["args"];
/** What a snapshot can answer; the rest needs a kernel. */
type Answers = { [K in Kind]?: (args: Args<K>) => Reply<K> | Promise<Reply<K>> };

/** Expanded patterns that are kept, in bytes. */
const PATTERN_BYTES = 32 * 2 ** 20;

/** Rows that were cut are computed anew for whole patterns while it takes no more multiplications than this. */
const MAX_PRODUCTS = 50_000_000;

/** Milliseconds of work after which the page gets to breathe. */
const BREATH_MS = 12;

const IDLE: State["status"] = { phase: "idle", run: null, done: 0, total: 0, message: "", error: null };

/** What the traits are while a snapshot answers; the others are the reader's. */
export function traitsOf({ header, open }: Snapshot): Partial<State> {
  const { words, weighting } = open;
  const { prompt, context } = header;
  return {
    record_id: open.record,
    prompt,
    context: context ?? "",
    words,
    weighting,
    can_run: false,
    status: IDLE,
  };
}

/** Collects the arrays of one reply. */
class Parts {
  readonly buffers: DataView[] = [];

  add(array: Cells | DataView, dtype: DType, shape: number[]): ArraySpec {
    this.buffers.push(new DataView(array.buffer, array.byteOffset, array.byteLength));
    return { buffer: this.buffers.length - 1, dtype, shape };
  }
}

function refuse(what: string, todo: string): WireError {
  return new WireError({ code: "not-recorded", what, todo });
}

function isSpec(value: unknown): value is ArraySpec {
  return typeof value === "object" && value !== null && "buffer" in value && "dtype" in value;
}

/** Rows or numbers of several heads, one after the other. */
function join(rows: readonly ArrayLike<number>[], length: number): Float32Array {
  const all = new Float32Array(rows.length * length);
  rows.forEach((row, index) => {
    all.set(row, index * length);
  });
  return all;
}

/** What the scores of one row are made of. */
function rowTerms(terms: StoredHeadTerms, query: number, keys: number): RowTerms {
  const { q, bias, width } = terms;
  return {
    ...terms,
    q: q.subarray(query * width, (query + 1) * width),
    bias: bias?.subarray(query * keys, (query + 1) * keys) ?? null,
  };
}

/** Cells of a pattern that is drawn, as the kernel limits them. */
const MAX_CELLS = 4096 ** 2;

/** Of rows without numbers all is known: see `spreadNaN`. */
function numbers(values: Float32Array | null): Float32Array | null {
  return values?.map((value) => (Number.isNaN(value) ? 0 : value)) ?? null;
}

/** The most that weights which were left out can be, per query; null for whole rows. */
function floorOf(found: SnapshotLayer, head: number): Float32Array | null {
  return found.holds(head) ? numbers(found.floor(head)) : new Float32Array(found.queries).fill(1);
}

/** What was left out of each row. */
function restOf(found: SnapshotLayer, head: number): Float32Array | null {
  if (found.holds(head)) return numbers(found.rest(head));
  return (found.sink(head) ?? new Float32Array(found.queries)).map((mass) => 1 - mass);
}

const PER_QUERY = {
  sink: (found: SnapshotLayer, head: number) => found.sink(head),
  rest: restOf,
  floor: floorOf,
} as const;

/** A pattern of which nothing is kept: all of it was left out. */
function unknownPattern({ queries, keys, visible }: SnapshotLayer, head: number): Uint8Array {
  if (queries * keys > MAX_CELLS)
    throw refuse("The snapshot does not hold this pattern.", "Choose another head, or the model view.");
  return Uint8Array.from({ length: queries * keys }, (_, at) => {
    const query = Math.floor(at / keys);
    return visible(head, query, at - query * keys) ? 0 : U8_MASKED;
  });
}

/** A softmax gives no number to all of a row or to none of it: what was left out of such a row is none either. */
function spreadNaN(pattern: Cells, keys: number): void {
  for (let at = pattern.indexOf(U8_NAN); at >= 0; at = pattern.indexOf(U8_NAN, at)) {
    const first = at - (at % keys);
    const row = pattern.subarray(first, first + keys);
    row.forEach((code, key) => {
      if (code === 0) row[key] = U8_NAN;
    });
    at = first + keys;
  }
}

interface Row {
  readonly weights: Float32Array;
  readonly scores: Float32Array | null;
  readonly sink: number;
  readonly error: number;
  /** The most that a weight which was left out can hold; 0 where none was. */
  readonly floor: number;
}

export class SnapshotTransport implements Transport {
  readonly kind = "snapshot";
  readonly state: StateStore;
  readonly #snapshot: Snapshot;
  readonly #layers = new Map<string, SnapshotLayer>();
  readonly #patterns = new Map<string, Cells>();
  #bytes = 0;
  #closed = false;

  /** `state` holds what `traitsOf` says. */
  constructor(snapshot: Snapshot, state: StateStore) {
    this.#snapshot = snapshot;
    this.state = state;
  }

  async request<K extends Kind>(
    kind: K,
    args: Args<K>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Reply<K>> {
    // Never before the caller has taken note of its request.
    await null;
    if (signal?.aborted || this.#closed) throw aborted();
    const answer = this.#answers[kind] as ((args: Args<K>) => Reply<K> | Promise<Reply<K>>) | undefined;
    if (answer === undefined)
      throw refuse("This needs a kernel, and this is a snapshot.", "Run the cell again.");
    const reply = await answer(args);
    if (signal?.aborted || this.#closed) throw aborted();
    return reply;
  }

  destroy(): void {
    this.#closed = true;
  }

  readonly #answers: Answers = {
    open: () => ({ meta: this.#snapshot.open, buffers: [] }),
    run: () => {
      throw refuse("A new prompt needs a kernel, and this is a snapshot.", "Run the cell in a notebook.");
    },
    cancel: () => ({ meta: {}, buffers: [] }),
    predictions: () => {
      const { predictions } = this.#snapshot;
      if (predictions === null) throw refuse("The snapshot holds no predictions.", "Run the cell again.");
      return this.#stored<"predictions">(predictions);
    },
    metrics: ({ site }) => {
      const metrics = this.#snapshot.site(site)?.metrics ?? null;
      if (metrics === null) throw refuse("The snapshot holds no metrics.", "Run the cell again.");
      return this.#stored<"metrics">(metrics);
    },
    model: ({ site }) => this.#model(site),
    layer: (args) => this.#layer(args),
    row: (args) => this.#row(args),
    neuron: (args) => this.#neuron(args),
  };

  // --- What the snapshot holds ---------------------------------------------------------------------------

  /** A reply that is stored as the kernel gave it. */
  #stored<K extends Kind>(meta: object): Reply<K> {
    const parts = new Parts();
    const entries = Object.entries(meta).map(([name, value]) => {
      const view = isSpec(value) ? this.#snapshot.buffers[value.buffer] : undefined;
      return [name, view === undefined ? value : parts.add(view, value.dtype, value.shape)];
    });
    return { meta: Object.fromEntries(entries), buffers: parts.buffers };
  }

  #find(site: SiteKind, layer: number): SnapshotLayer {
    const key = `${site} ${layer}`;
    const found = this.#layers.get(key) ?? this.#snapshot.layer(site, layer);
    if (found === null) throw refuse(`Layer ${layer} has no ${site} attention.`, "Choose another layer.");
    this.#layers.set(key, found);
    return found;
  }

  #info(site: SiteKind, layer: number): LayerInfo {
    const { layers } = this.#snapshot.open.sites.find(({ kind }) => kind === site) as SiteInfo;
    return layers.find((info) => info.layer === layer) as LayerInfo;
  }

  /** A head's pattern as it is kept, expanded. */
  #kept(site: SiteKind, layer: number, head: number): Cells {
    const key = `${site} ${layer} ${head}`;
    const known = this.#patterns.get(key);
    if (known !== undefined) return known;
    const found = this.#find(site, layer);
    if (head >= found.heads) throw refuse(`Layer ${layer} has no head ${head}.`, "Choose another head.");
    const pattern = found.holds(head) ? found.pattern(head) : unknownPattern(found, head);
    if (found.form === "top") spreadNaN(pattern, found.keys);
    if (this.#bytes + pattern.byteLength > PATTERN_BYTES) {
      this.#patterns.clear();
      this.#bytes = 0;
    }
    this.#patterns.set(key, pattern);
    this.#bytes += pattern.byteLength;
    return pattern;
  }

  /** One row, as exactly as it is known. */
  #rowOf(site: SiteKind, layer: number, head: number, query: number): Row {
    const found = this.#find(site, layer);
    const { keys, queries } = found;
    if (query >= queries) throw refuse(`There is no query ${query}.`, "Choose another one.");
    const visible = (key: number) => found.visible(head, query, key);
    const { peaks } = found;
    if (peaks !== null) {
      const row = peaks.row(head, query);
      if (row === null)
        throw refuse(
          `The snapshot keeps the rows of ${peaks.queries.length} tokens of this prompt, not this one's.`,
          "Run the cell again, or choose one of these.",
        );
      const weights = row.weights.map((weight, key) => (visible(key) ? weight : MASKED));
      return { ...row, weights, scores: null, error: 0 };
    }
    const terms = found.terms(head);
    const computed = terms && attend(rowTerms(terms, query, keys), visible);
    const scores = computed?.scores ?? null;
    const sink = found.sink(head)?.[query] ?? 0;
    const whole = { scores, sink, error: 0, floor: 0 };
    // Weights that are kept exactly are the run's own to the last bit; those of half precision cannot be computed anew.
    if (computed !== null && found.form !== "exact" && terms?.rounded === false)
      return { ...whole, weights: computed.weights, sink: computed.sink };
    const exact = found.row(head, query);
    if (exact !== null) return { ...whole, weights: exact };
    const cells = this.#kept(site, layer, head).subarray(query * keys, (query + 1) * keys);
    const weights = cells instanceof Float32Array ? cells : Float32Array.from(cells, decodeWeight);
    return { weights, scores, sink, error: found.error, floor: floorOf(found, head)?.[query] ?? 0 };
  }

  // --- Replies -------------------------------------------------------------------------------------------

  async #model(site: SiteKind): Promise<Reply<"model">> {
    const stored = this.#snapshot.site(site)?.model as Meta<"model"> | undefined;
    if (stored === undefined) throw refuse(`The snapshot has no ${site} attention.`, "Choose another kind.");
    if (stored.thumbnails !== null) return this.#stored<"model">(stored);
    const { layers, heads, pooled_queries, pooled_keys } = stored;
    const { queries = 0, keys = 0 } = this.#find(site, layers[0] as number);
    const size = [Math.ceil(queries / pooled_queries), Math.ceil(keys / pooled_keys)] as const;
    const shape = [heads.reduce((sum, count) => sum + count, 0), ...size];
    const codes = new Uint8Array(shape.reduce((product, length) => product * length, 1));
    let at = 0;
    let since = performance.now();
    for (const layer of layers) {
      const found = this.#find(site, layer);
      for (let head = 0; head < found.heads; head++) {
        const into = codes.subarray(at, at + size[0] * size[1]);
        poolCodes(found.pattern(head), keys, [pooled_queries, pooled_keys], into);
        at += into.length;
        if (performance.now() - since < BREATH_MS) continue;
        await new Promise((resolve) => setTimeout(resolve));
        since = performance.now();
      }
    }
    const parts = new Parts();
    return { meta: { ...stored, thumbnails: parts.add(codes, "u1", shape) }, buffers: parts.buffers };
  }

  #layer({ site, layer, heads, thumbnails }: Args<"layer">): Reply<"layer"> {
    const found = this.#find(site, layer);
    const info = this.#info(site, layer);
    const { queries, keys, pooled } = found;
    // Rows of which something was left out are computed anew where they can be.
    const isCut = heads.map((head) => floorOf(found, head) !== null);
    const whole = heads.map((head, index) => isCut[index] && this.#canAttend(found, head));
    const cut = heads.some((_, index) => isCut[index] && !whole[index]);
    const all = Array.from({ length: queries }, (_, query) => query);
    const computed = heads.map((head, index) =>
      whole[index] ? all.map((query) => this.#rowOf(site, layer, head, query)) : null,
    );
    const kept = heads.map((head, index) => {
      const rows = computed[index]?.map(({ weights }) => weights);
      return rows ? join(rows, keys) : this.#kept(site, layer, head);
    });
    const exact = kept.some((cells) => cells instanceof Float32Array);
    const cells = queries * keys;
    const patterns = new (exact ? Float32Array : Uint8Array)(heads.length * cells);
    kept.forEach((part, index) => {
      const same = part instanceof Float32Array === exact;
      patterns.set(same ? part : Float32Array.from(part, decodeWeight), index * cells);
    });
    const parts = new Parts();
    const perQuery = (of: "sink" | "rest" | "floor") => {
      const rows = heads.map((head, index) => {
        const anew = computed[index]?.map((row) => (of === "sink" ? row.sink : 0));
        return anew ?? PER_QUERY[of](found, head) ?? new Float32Array(queries);
      });
      return parts.add(join(rows, queries), "f4", [heads.length, queries]);
    };
    const meta: Meta<"layer"> = {
      site,
      layer,
      heads,
      patterns: parts.add(patterns, exact ? "f4" : "u1", [heads.length, queries, keys]),
      sinks: info.sinks ? perQuery("sink") : null,
      thumbnails: thumbnails ? this.#thumbnails(found, parts) : null,
      error: whole.every((is) => is) && heads.length > 0 ? 0 : found.error,
      pooled,
      ...(info.tiled ? { sampled: this.#snapshot.site(site)?.model.sampled ?? 0 } : {}),
      ...(cut ? { rest: perQuery("rest"), floor: perQuery("floor") } : {}),
    };
    return { meta, buffers: parts.buffers };
  }

  #canAttend(found: SnapshotLayer, head: number): boolean {
    const terms = found.terms(head);
    return terms !== null && !terms.rounded && found.queries * found.keys * terms.width <= MAX_PRODUCTS;
  }

  #thumbnails(found: SnapshotLayer, parts: Parts): ArraySpec {
    const { heads, queries, keys, pooled, thumbnails } = found;
    const shape = [heads, Math.ceil(queries / pooled), Math.ceil(keys / pooled)] as const;
    const pixels = shape[1] * shape[2];
    const codes = thumbnails ?? new Uint8Array(heads * pixels);
    if (thumbnails === null)
      for (let head = 0; head < heads; head++)
        poolCodes(
          found.pattern(head),
          keys,
          [pooled, pooled],
          codes.subarray(head * pixels, (head + 1) * pixels),
        );
    return parts.add(codes, "u1", [...shape]);
  }

  #row({ site, layer, heads, query }: Args<"row">): Reply<"row"> {
    const found = this.#find(site, layer);
    const rows = heads.map((head) => this.#rowOf(site, layer, head, query));
    const parts = new Parts();
    const shape = [heads.length, found.keys];
    const scores = rows.map((row) => row.scores);
    const known = scores.every((row) => row !== null);
    const meta: Meta<"row"> = {
      site,
      layer,
      heads,
      query,
      weights: parts.add(
        join(
          rows.map((row) => row.weights),
          found.keys,
        ),
        "f4",
        shape,
      ),
      scores: known ? parts.add(join(scores, found.keys), "f4", shape) : null,
      sink: rows.map((row) => row.sink),
      error: Math.max(0, ...rows.map((row) => row.error)),
      floor: rows.map((row) => row.floor),
    };
    return { meta, buffers: parts.buffers };
  }

  #neuron({ site, layer, head, query, keys: wantsKeys }: Args<"neuron">): Reply<"neuron"> {
    const found = this.#find(site, layer);
    const { heads, kv_heads, rotary } = this.#info(site, layer);
    const { keys } = found;
    const row = this.#rowOf(site, layer, head, query);
    const terms = found.terms(head);
    const parts = new Parts();
    const f4 = (array: Float32Array | null, ...shape: number[]) =>
      array === null ? null : parts.add(array, "f4", shape);
    const width = terms?.width ?? 0;
    const group = heads / kv_heads;
    const kv_head = Math.floor(head / group);
    const meta: Meta<"neuron"> = {
      site,
      layer,
      head,
      query,
      q: f4(terms?.q.subarray(query * width, (query + 1) * width) ?? null, width),
      k: f4(wantsKeys === false ? null : (terms?.k ?? null), keys, width),
      bias: f4(terms?.bias?.subarray(query * keys, (query + 1) * keys) ?? null, keys),
      scores: f4(row.scores, keys),
      weights: parts.add(row.weights, "f4", [keys]),
      scaling: terms?.scaling ?? null,
      softcap: terms?.softcap ?? null,
      sink: row.sink,
      sink_score: terms?.sinkScore ?? null,
      kv_head,
      shared: Array.from({ length: group }, (_, index) => kv_head * group + index),
      rotary,
      error: row.error,
      floor: row.floor,
      ...(terms === null ? { kept: this.#withTerms(site) } : {}),
    };
    return { meta, buffers: parts.buffers };
  }

  /** The heads whose queries and keys are kept. */
  #withTerms(site: SiteKind): HeadRef[] {
    const layers = this.#snapshot.site(site)?.layers ?? {};
    return Object.keys(layers).flatMap((name) => {
      const layer = Number(name);
      const found = this.#find(site, layer);
      return (layers[name]?.terms?.heads ?? [])
        .filter((head) => found.terms(head) !== null)
        .map((head) => ({ site, layer, head }));
    });
  }
}
