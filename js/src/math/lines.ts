// Which lines of the head pane are worth drawing, strongest first, and what the threshold leaves out.
import { isWeight, type Weights } from "./weights";

/** Positions from `start` up to, not including, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Lines as columns of equal length, strongest first. `slot` is the head's place among the chosen ones. */
export interface LineSet {
  readonly count: number;
  readonly slot: Uint8Array;
  readonly query: Uint32Array;
  /** Key position; one past the last key stands for the sink. */
  readonly key: Uint32Array;
  readonly weight: Float32Array;
  /** Lines that pass the threshold, of which the strongest `count` are kept. */
  readonly found: number;
}

/** A line any fainter cannot be told from none at eight bits a channel. */
export const FAINTEST = 1 / 510;

const BUCKETS = 1024;

/** Grows as lines come in, then sorts and cuts. */
class Gather {
  #slot = new Uint8Array(1024);
  #query = new Uint32Array(1024);
  #key = new Uint32Array(1024);
  #weight = new Float32Array(1024);
  #count = 0;

  add(slot: number, query: number, key: number, weight: number): void {
    if (this.#count === this.#slot.length) this.#grow();
    this.#slot[this.#count] = slot;
    this.#query[this.#count] = query;
    this.#key[this.#count] = key;
    this.#weight[this.#count] = weight;
    this.#count++;
  }

  #grow(): void {
    const size = this.#slot.length * 2;
    const slot = new Uint8Array(size);
    const query = new Uint32Array(size);
    const key = new Uint32Array(size);
    const weight = new Float32Array(size);
    slot.set(this.#slot);
    query.set(this.#query);
    key.set(this.#key);
    weight.set(this.#weight);
    this.#slot = slot;
    this.#query = query;
    this.#key = key;
    this.#weight = weight;
  }

  /** The strongest `limit` lines, by counting sort on the square root of the weight. */
  finish(limit: number): LineSet {
    const bucket = (i: number) =>
      BUCKETS - 1 - Math.min(BUCKETS - 1, Math.floor(Math.sqrt(this.#weight[i] as number) * BUCKETS));
    const starts = new Uint32Array(BUCKETS + 1);
    for (let i = 0; i < this.#count; i++) {
      const next = bucket(i) + 1;
      starts[next] = (starts[next] as number) + 1;
    }
    for (let b = 0; b < BUCKETS; b++) starts[b + 1] = (starts[b + 1] as number) + (starts[b] as number);
    const count = Math.min(this.#count, limit);
    const slot = new Uint8Array(count);
    const query = new Uint32Array(count);
    const key = new Uint32Array(count);
    const weight = new Float32Array(count);
    for (let i = 0; i < this.#count; i++) {
      const b = bucket(i);
      const at = starts[b] as number;
      starts[b] = at + 1;
      if (at >= count) continue;
      slot[at] = this.#slot[i] as number;
      query[at] = this.#query[i] as number;
      key[at] = this.#key[i] as number;
      weight[at] = this.#weight[i] as number;
    }
    return { count, slot, query, key, weight, found: this.#count };
  }
}

export interface LineOptions {
  /** Queries and keys that are in sight; a line needs one end in sight. */
  readonly queries: Range;
  readonly keys: Range;
  /** Weights below are hidden. */
  readonly threshold: number;
  /** Most lines to keep. */
  readonly limit: number;
  /** Whether what a row leaves to its learned sink gets a line too. */
  readonly sinks: boolean;
  /** Only lines with both ends in sight: the cells of others are not here. */
  readonly inside?: boolean;
}

export interface Selected {
  readonly lines: LineSet;
  /** Share of what the queries in sight give that the threshold hides, 0 to 1. */
  readonly hidden: number;
}

/** Lines of all chosen heads with at least one end in sight, or both. */
export function selectLines(sources: readonly Weights[], options: LineOptions): Selected {
  const { queries, keys, threshold, limit, sinks, inside = false } = options;
  const least = Math.max(threshold, FAINTEST);
  const gather = new Gather();
  let total = 0;
  let hidden = 0;
  sources.forEach((source, slot) => {
    const last = inside ? Math.min(source.queries, queries.end) : source.queries;
    for (let query = inside ? queries.start : 0; query < last; query++) {
      const inSight = !inside && query >= queries.start && query < queries.end;
      const from = inSight ? 0 : Math.max(0, keys.start);
      const to = inSight ? source.keys : Math.min(source.keys, keys.end);
      let mass = 0;
      for (let key = from; key < to; key++) {
        const weight = source.weight(query, key);
        if (!isWeight(weight)) continue;
        mass += weight;
        if (weight >= least) gather.add(slot, query, key, weight);
        else if (inSight && weight < threshold) hidden += weight;
      }
      if (!inSight) continue;
      total += mass;
      const sink = sinks ? (source.sink?.(query) ?? 1 - mass) : 0;
      if (sink >= least) gather.add(slot, query, source.keys, sink);
    }
  });
  return { lines: gather.finish(limit), hidden: total > 0 ? hidden / total : 0 };
}

/** Lines of one query: `rows` holds each chosen head's weights over the keys, then the sink's if there is one. */
export function linesFromQuery(
  rows: readonly ArrayLike<number>[],
  query: number,
  threshold: number,
  limit: number,
): LineSet {
  const gather = new Gather();
  const least = Math.max(threshold, FAINTEST);
  rows.forEach((row, slot) => {
    for (let key = 0; key < row.length; key++) {
      const weight = row[key] as number;
      if (weight >= least) gather.add(slot, query, key, weight);
    }
  });
  return gather.finish(limit);
}

/** Lines that end at one key: `columns` holds what each chosen head's queries give to it. */
export function linesToKey(
  columns: readonly ArrayLike<number>[],
  key: number,
  threshold: number,
  limit: number,
): LineSet {
  const gather = new Gather();
  const least = Math.max(threshold, FAINTEST);
  columns.forEach((column, slot) => {
    for (let query = 0; query < column.length; query++) {
      const weight = column[query] as number;
      if (weight >= least) gather.add(slot, query, key, weight);
    }
  });
  return gather.finish(limit);
}

/** How many weights of these rows the threshold hides, and what they sum to (per row). */
export function hiddenBelow(
  rows: readonly ArrayLike<number>[],
  threshold: number,
): { count: number; mass: number } {
  let count = 0;
  let mass = 0;
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) {
      const weight = row[i] as number;
      if (weight > 0 && weight < threshold) {
        count++;
        mass += weight;
      }
    }
  }
  return { count, mass: rows.length > 0 ? mass / rows.length : 0 };
}
