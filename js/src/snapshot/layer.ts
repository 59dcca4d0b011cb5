// One attention site of a snapshot: checked when it is opened, expanded head by head.
import { readArray, sizeOf } from "../wire/arrays";
import { WireError } from "../wire/errors";
import {
  type ArraySpec,
  type LayerInfo,
  MASKED,
  type StoredLayer,
  type StoredModel,
  type StoredPeaks,
  U8_LEVELS,
  U8_MASKED,
  U8_NAN,
} from "../wire/schema.gen";
import { damaged } from "./frame";
import type { SnapshotLayer, StoredHeadTerms, StoredRowPeaks } from "./types";

/** Cells of a pattern that is kept at most. */
const MAX_PATTERN = 2 ** 24;

function check(fits: boolean): asserts fits {
  if (!fits) throw damaged();
}

/** Small numbers: u1, or i4 where they do not fit. */
function readCounts(spec: ArraySpec, buffers: readonly DataView[]): Uint8Array | Int32Array {
  return readArray(spec, buffers, spec.dtype === "i4" ? "i4" : "u1");
}

function weightOf(root: number): number {
  return (root / U8_LEVELS) ** 2;
}

/**
 * Where rows begin in what is kept of them. `counts` say how many cells each keeps (null: all that it sees), `places`
 * how many it skips before each.
 */
function startsOf(
  rows: number,
  seenBy: (row: number) => number,
  total: number,
  counts: ArrayLike<number> | null,
  places: ArrayLike<number> | null,
): number[] {
  const starts = [0];
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const seen = seenBy(row);
    const end = at + (counts ? (counts[row] as number) : seen);
    check(end >= at && end - at <= seen && end <= total);
    let skipped = end - at;
    for (; places && at < end; at++) {
      check((places[at] as number) >= 0);
      skipped += places[at] as number;
    }
    check(skipped <= seen);
    at = end;
    starts.push(at);
  }
  check(at === total);
  return starts;
}

function ascending(numbers: readonly number[], count: number): boolean {
  return numbers.every((number, at) => number < count && number > (numbers[at - 1] ?? -1));
}

export function createLayer(
  stored: StoredLayer,
  model: StoredModel,
  info: LayerInfo,
  queries: number,
  keys: number,
  buffers: readonly DataView[],
): SnapshotLayer {
  const { form, error, step, causal, window, heads: kept } = stored;
  const { heads, kv_heads: kvHeads } = info;
  const cellsOf = queries * keys;
  check(kvHeads > 0 && heads % kvHeads === 0 && ascending(kept, heads) && (window === null || window > 0));
  check(kept.length === 0 || cellsOf <= MAX_PATTERN);

  const mask = stored.mask && readArray(stored.mask, buffers, "u1");
  const maskBytes = Math.ceil(cellsOf / 8);
  check(mask === null || mask.length === maskBytes || mask.length === maskBytes * heads);
  const sharedMask = mask?.length === maskBytes;
  const visible = (head: number, query: number, key: number): boolean => {
    if (mask === null) return (!causal || key <= query) && (window === null || key > query - window);
    const bit = query * keys + key;
    return ((mask[(sharedMask ? 0 : head * maskBytes) + (bit >> 3)] as number) & (0x80 >> (bit & 7))) !== 0;
  };
  const seenBy = (head: number, query: number): number => {
    if (mask === null && keys >= queries) {
      const most = causal ? query + 1 : keys;
      return window === null ? most : most - Math.max(0, Math.min(most, query - window + 1));
    }
    let count = 0;
    for (let key = 0; key < keys; key++) if (visible(head, query, key)) count += 1;
    return count;
  };

  const exact = form === "exact";
  const cells = readArray(stored.cells, buffers, exact ? "f4" : "u1");
  check(exact || !(cells as Uint8Array).includes(U8_MASKED));
  const counts = stored.counts && readCounts(stored.counts, buffers);
  const places = stored.places && readCounts(stored.places, buffers);
  const rests = stored.rest && readArray(stored.rest, buffers, "u1");
  const top = form === "top" && counts !== null && places !== null && rests !== null;
  check(top === (form === "top"));
  check(!top || (counts.length === kept.length * queries && rests.length === counts.length));
  check(!top || places.length === cells.length);
  const starts = startsOf(
    kept.length * queries,
    (row) => seenBy(kept[Math.floor(row / queries)] as number, row % queries),
    cells.length,
    top ? counts : null,
    top ? places : null,
  );
  const peaks = stored.peaks ? readPeaks(stored.peaks, heads, queries, keys, buffers) : null;

  let sinks: Uint8Array | Float32Array | null = null;
  if (stored.sink !== null) {
    sinks = readArray(stored.sink, buffers, stored.sink.dtype === "f4" ? "f4" : "u1");
    check(sinks.length === heads * queries);
    if (sinks instanceof Uint8Array) sinks = Float32Array.from(sinks, weightOf);
  }
  const { rows } = stored;
  const exactRows = rows && readArray(rows.weights, buffers, "f4");
  check(rows === null || (ascending(rows.heads, heads) && exactRows?.length === rows.heads.length * keys));
  const { terms } = stored;
  const group = heads / kvHeads;
  const width = terms?.q.shape[2] ?? 0;
  const q = terms && readArray(terms.q, buffers, "f4");
  const k = terms && readArray(terms.k, buffers, "f4");
  const bias = terms?.bias ? readArray(terms.bias, buffers, "f4") : null;
  const [biasHeads = 0, biasQueries = 0, biasKeys = 0] = terms?.bias?.shape ?? [];
  if (terms !== null) {
    check(width > 0 && terms.softcap !== 0 && terms.sink_score.length === terms.heads.length);
    check(ascending(terms.heads, heads) && q?.length === terms.heads.length * queries * width);
    check(ascending(terms.kv_heads, kvHeads) && k?.length === terms.kv_heads.length * keys * width);
    check(terms.heads.every((head) => terms.kv_heads.includes(Math.floor(head / group))));
    check(bias === null || (biasKeys === keys && [1, heads].includes(biasHeads)));
    check(bias === null || [1, queries].includes(biasQueries));
  }
  const biases = new Map<number, Float32Array>();
  /** A head's [queries, keys], however few numbers say it. */
  const biasOf = (head: number): Float32Array | null => {
    if (bias === null) return null;
    const from = biasHeads > 1 ? head * biasQueries * keys : 0;
    if (biasQueries === queries) return bias.subarray(from, from + cellsOf);
    const known = biases.get(from) ?? new Float32Array(cellsOf);
    if (!biases.has(from))
      for (let query = 0; query < queries; query++) known.set(bias.subarray(from, from + keys), query * keys);
    biases.set(from, known);
    return known;
  };

  const layerAt = model.layers.indexOf(info.layer);
  check(layerAt >= 0 && model.heads[layerAt] === heads);
  let thumbnails: Uint8Array | null = null;
  if (model.thumbnails !== null) {
    const all = readArray(model.thumbnails, buffers, "u1");
    const pixels = sizeOf(model.thumbnails.shape.slice(1));
    const before = model.heads.slice(0, layerAt).reduce((sum, count) => sum + count, 0);
    thumbnails = all.subarray(before * pixels, (before + heads) * pixels);
    check(thumbnails.length === heads * pixels);
    check(pixels === Math.ceil(queries / model.pooled_keys) * Math.ceil(keys / model.pooled_keys));
  }

  const placeOf = (head: number): number => {
    const place = kept.indexOf(head);
    if (place >= 0) return place;
    throw new WireError({
      code: "not-recorded",
      what: `The snapshot does not hold the pattern of head ${head} of layer ${info.layer}.`,
      todo: "Choose a head that it holds, or run the cell again.",
    });
  };
  const floors = new Map<number, Float32Array>();
  return {
    form,
    error,
    heads,
    queries,
    keys,
    pooled: model.pooled_keys,
    visible,
    holds: (head) => kept.includes(head),
    pattern(head) {
      let at = starts[placeOf(head) * queries] as number;
      const array = exact ? new Float32Array(cellsOf).fill(MASKED) : new Uint8Array(cellsOf).fill(U8_MASKED);
      if (!top) {
        for (let key = 0; key < keys; key++)
          for (let query = 0; query < queries; query++)
            if (visible(head, query, key)) array[query * keys + key] = cells[at++] as number;
        return array;
      }
      const first = kept.indexOf(head) * queries;
      for (let query = 0; query < queries; query++) {
        const end = at + (counts[first + query] as number);
        let skip = places[at] as number;
        for (let key = 0; key < keys; key++) {
          if (!visible(head, query, key)) continue;
          const here = at < end && skip-- === 0;
          array[query * keys + key] = here ? (cells[at++] as number) : 0;
          if (here) skip = places[at] as number;
        }
      }
      return array;
    },
    sink: (head) => (sinks as Float32Array | null)?.subarray(head * queries, (head + 1) * queries) ?? null,
    rest(head) {
      if (!top || !kept.includes(head)) return null;
      const first = kept.indexOf(head) * queries;
      return Float32Array.from(rests.subarray(first, first + queries), massOf);
    },
    floor(head) {
      const rest = this.rest(head);
      if (!top || rest === null) return null;
      const known = floors.get(head);
      if (known !== undefined) return known;
      const place = kept.indexOf(head);
      let at = starts[place * queries] as number;
      const floor = rest.map((mass, query) => {
        const end = at + (counts[place * queries + query] as number);
        let least = mass;
        if (end - at === seenBy(head, query)) least = 0;
        // What was left out was no larger than what was kept, before that was rounded.
        for (; at < end; at++) {
          const code = cells[at] as number;
          if (code !== U8_NAN) least = Math.min(least, weightOf(code + step / 2));
        }
        return least;
      });
      floors.set(head, floor);
      return floor;
    },
    row(head, query) {
      const place = rows?.query === query ? rows.heads.indexOf(head) : -1;
      return place < 0 ? null : (exactRows?.slice(place * keys, (place + 1) * keys) ?? null);
    },
    peaks,
    terms(head): StoredHeadTerms | null {
      const place = terms?.heads.indexOf(head) ?? -1;
      if (terms === null || q === null || k === null || place < 0) return null;
      const kv = terms.kv_heads.indexOf(Math.floor(head / group));
      return {
        q: q.subarray(place * queries * width, (place + 1) * queries * width),
        k: k.subarray(kv * keys * width, (kv + 1) * keys * width),
        bias: biasOf(head),
        width,
        scaling: terms.scaling,
        softcap: terms.softcap,
        sinkScore: terms.sink_score[place] ?? null,
        rounded: terms.rounded,
      };
    },
    thumbnails,
  };
}

/** The rows that are kept of a prompt too long for patterns. */
function readPeaks(
  { queries: chosen, ...stored }: StoredPeaks,
  heads: number,
  queries: number,
  keys: number,
  buffers: readonly DataView[],
): StoredRowPeaks {
  const [counts, places] = [readArray(stored.counts, buffers, "i4"), readArray(stored.places, buffers, "i4")];
  const [cells, rest] = [readArray(stored.cells, buffers, "f4"), readArray(stored.rest, buffers, "f4")];
  const sinks = stored.sinks && readArray(stored.sinks, buffers, "f4");
  const rows = chosen.length * heads;
  check(ascending(chosen, queries) && counts.length === rows && rest.length === rows);
  check(cells.length === places.length && (sinks?.length ?? rows) === rows);
  const starts = startsOf(rows, () => keys, places.length, counts, places);
  return {
    queries: chosen,
    row(head, query) {
      const place = chosen.indexOf(query);
      if (place < 0) return null;
      const row = place * heads + head;
      const left = rest[row] as number;
      const weights = new Float32Array(keys).fill(Number.isNaN(left) ? left : 0);
      let floor = left || 0;
      let key = -1;
      for (let at = starts[row] as number; at < (starts[row + 1] as number); at++) {
        key += (places[at] as number) + 1;
        const weight = cells[at] as number;
        weights[key] = weight;
        floor = Math.min(floor, weight);
      }
      return { weights, floor, sink: sinks?.[row] ?? 0 };
    },
  };
}

/** The mass that a code stands for; not a number where the row is not. */
function massOf(code: number): number {
  return code === U8_NAN ? Number.NaN : weightOf(code);
}
