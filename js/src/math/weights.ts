// Weights as numbers: codes of the wire, rows and columns of a pattern, top keys, ranks, means.
// Cells without a weight are negative and are never counted; a weight that is not a number stays visible as NaN.
import { MASKED, U8_LEVELS, U8_MASKED, U8_NAN, UNREAD } from "../wire/schema.gen";

/** A queries x keys matrix of weights; any `Pattern` of the core is one. */
export interface Weights {
  readonly queries: number;
  readonly keys: number;
  /** Weight from 0 to 1, NaN when the model gave none, negative when the key is out of reach, hidden or not read yet. */
  weight(query: number, key: number): number;
  /** What a row leaves to its learned sink, where that is known by itself. */
  sink?(query: number): number;
}

/** Marks a weight that a filter hides, as opposed to one that is out of reach. */
export const HIDDEN = -2;

/** There is nothing to draw: the key is out of reach, a filter hides it, or the weight is not here yet. */
export function isMasked(weight: number): boolean {
  return weight < 0;
}

export function isHidden(weight: number): boolean {
  return weight === HIDDEN;
}

/** The weight of a long prompt's cell that was not computed yet: neither a weight nor out of reach. */
export function isUnread(weight: number): boolean {
  return weight === UNREAD;
}

export function isOutOfReach(weight: number): boolean {
  return weight === MASKED;
}

/** A weight that counts: neither masked nor NaN. */
export function isWeight(weight: number): boolean {
  return weight >= 0;
}

/** The weight that a companded code stands for; `MASKED` and NaN have codes of their own. */
export function decodeWeight(code: number): number {
  if (code === U8_MASKED) return MASKED;
  if (code === U8_NAN) return Number.NaN;
  const root = code / U8_LEVELS;
  return root * root;
}

/** `decodeWeight` of all 256 codes, for loops over whole patterns. */
export function decodeTable(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, code) => decodeWeight(code));
}

/** Weights of one query over all keys. */
export function readRow(source: Weights, query: number): Float32Array {
  const row = new Float32Array(source.keys);
  for (let key = 0; key < row.length; key++) row[key] = source.weight(query, key);
  return row;
}

/** Weights that all queries give to one key. */
export function readColumn(source: Weights, key: number): Float32Array {
  const column = new Float32Array(source.queries);
  for (let query = 0; query < column.length; query++) column[query] = source.weight(query, key);
  return column;
}

/** Indices of the `count` largest weights, largest first; equal weights in their order. Masked and NaN are left out. */
export function topIndices(values: ArrayLike<number>, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!isWeight(value)) continue;
    if (best.length === count && value <= (values[best[count - 1] as number] as number)) continue;
    let at = best.length;
    while (at > 0 && (values[best[at - 1] as number] as number) < value) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Place of one weight in its row, 1 for the largest (equal weights share it), of how many; null when masked or NaN. */
export function rankOf(values: ArrayLike<number>, index: number): { rank: number; of: number } | null {
  const own = values[index];
  if (own === undefined || !isWeight(own)) return null;
  let rank = 1;
  let of = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!isWeight(value)) continue;
    of++;
    if (value > own) rank++;
  }
  return { rank, of };
}

/** Sum of a row's weights. Less than 1 where a learned sink takes the rest; NaN if any weight is. */
export function rowMass(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!isMasked(value)) sum += value;
  }
  return sum;
}

/** What a query leaves to its learned sink: as known, else what is missing of 1 in a row that is not filtered. */
export function sinkOf(source: Weights, query: number): number {
  return source.sink?.(query) ?? Math.min(1, Math.max(0, 1 - rowMass(readRow(source, query))));
}

/**
 * Mean over several rows (heads), position by position.
 *
 * A head that cannot reach the position does not count; where no head can, the mean is masked (or hidden, if
 * a filter hides one); NaN stays NaN. Where some head's weight is not read yet, neither is the mean.
 */
export function meanRows(rows: readonly ArrayLike<number>[]): Float32Array {
  const length = rows[0]?.length ?? 0;
  const mean = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    let sum = 0;
    let count = 0;
    let none = MASKED;
    for (const row of rows) {
      const value = row[i] as number;
      none = Math.min(none, value);
      if (isMasked(value)) continue;
      sum += value;
      count++;
    }
    mean[i] = count === 0 || isUnread(none) ? none : sum / count;
  }
  return mean;
}

/** Mean weight that each key receives, and from how many queries that was read. */
export interface Received {
  readonly mean: Float32Array;
  readonly sampled: number;
  readonly queries: number;
}

/**
 * Mean weight that each key receives over the queries that can reach it, and over the given heads.
 *
 * Reads at most `cells` cells: past that it samples queries evenly, and says how many. NaN cells are left out.
 */
export function meanReceived(sources: readonly Weights[], cells = 2_000_000): Received {
  const queries = sources[0]?.queries ?? 0;
  const keys = sources[0]?.keys ?? 0;
  const affordable = Math.max(1, Math.floor(cells / Math.max(1, keys * sources.length)));
  const sampled = Math.min(queries, affordable);
  const sum = new Float64Array(keys);
  const count = new Uint32Array(keys);
  for (let s = 0; s < sampled; s++) {
    // The middle of each of `sampled` equal stretches; every query when nothing is left out.
    const query = Math.floor(((s + 0.5) * queries) / sampled);
    for (const source of sources) {
      for (let key = 0; key < keys; key++) {
        const value = source.weight(query, key);
        if (!isWeight(value)) continue;
        sum[key] = (sum[key] as number) + value;
        count[key] = (count[key] as number) + 1;
      }
    }
  }
  const mean = Float32Array.from(sum, (total, key) => {
    const n = count[key] as number;
    return n === 0 ? MASKED : total / n;
  });
  return { mean, sampled, queries };
}
