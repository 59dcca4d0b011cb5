// Which head stands where in a grid of all heads: layer by layer, or one after another by a value.
import type { Spot } from "./overview";

/** Heads of the layers that have attention. */
export interface Heads {
  readonly layers: readonly number[];
  readonly heads: readonly number[];
}

/** A head: the number of its layer's row, which is not the layer's, and its own. */
export interface Place {
  readonly row: number;
  readonly head: number;
}

export interface Arrangement {
  /** The layer of each row; null where a row holds heads of any layer. */
  readonly layers: readonly number[] | null;
  /** The head of each column; null where a column holds any. */
  readonly columns: readonly number[] | null;
  /** How many heads stand in each row. */
  readonly counts: readonly number[];
  readonly total: number;
  at(spot: Spot): Place | null;
  find(place: Place): Spot | null;
}

/** The heads on offer of each row: all of them, or those that are named and there. */
function onOffer(heads: number, offered: readonly number[] | null): readonly number[] {
  if (offered === null) return Array.from({ length: heads }, (_, head) => head);
  return offered.filter((head) => head < heads);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** A row for each layer, a column for each head on offer. */
export function byLayer({ layers, heads }: Heads, offered: readonly number[] | null): Arrangement {
  const columns = onOffer(Math.max(0, ...heads), offered);
  const counts = heads.map((count) => onOffer(count, offered).length);
  return {
    layers,
    columns,
    counts,
    total: sumOf(counts),
    at({ row, head }) {
      const number = columns[head];
      return number === undefined || head >= (counts[row] ?? 0) ? null : { row, head: number };
    },
    find({ row, head }) {
      const column = columns.indexOf(head);
      return column < 0 || column >= (counts[row] ?? 0) ? null : { row, head: column };
    },
  };
}

/** Every head on offer, the largest value first; heads without a value come last, in the model's order. */
export function ranked(
  { heads }: Heads,
  offered: readonly number[] | null,
  value: (place: Place) => number,
): readonly Place[] {
  const all = heads.flatMap((count, row) => onOffer(count, offered).map((head) => ({ row, head })));
  const known = all.map((place) => ({ place, value: value(place) }));
  const order = (value: number) => (Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value);
  const apart = (a: number, b: number) => (a === b ? 0 : b - a);
  return known.sort((a, b) => apart(order(a.value), order(b.value))).map(({ place }) => place);
}

/** Places in lines of `columns`, in the order in which they are given. */
export function inLines(places: readonly Place[], columns: number): Arrangement {
  const wide = Math.max(1, columns);
  const rows = Math.ceil(places.length / wide);
  const counts = Array.from({ length: rows }, (_, row) => Math.min(wide, places.length - row * wide));
  const known = new Map(places.map(({ row, head }, index) => [`${row} ${head}`, index]));
  return {
    layers: null,
    columns: null,
    counts,
    total: places.length,
    at: ({ row, head }) => (head < wide ? (places[row * wide + head] ?? null) : null),
    find({ row, head }) {
      const index = known.get(`${row} ${head}`);
      return index === undefined ? null : { row: Math.floor(index / wide), head: index % wide };
    },
  };
}
