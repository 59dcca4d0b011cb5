// One head's pattern over the buffer it came in: exact float32, or 8-bit square-root codes.
import { decodeTable } from "../math/weights";
import { type LayerInfo, MASKED, UNREAD } from "../wire/schema.gen";
import type { Pattern } from "./types";

/** Weight of each 8-bit code. */
const EXPANDED: Readonly<Float32Array> = decodeTable();

/**
 * A pattern of shape [queries, keys]; `error` is the largest absolute error of a weight.
 *
 * `perQuery` holds, [queries] each: `sink`, what goes to a learned sink; `rest`, what a snapshot left out of the row;
 * `floor`, the most that any weight which was left out can be.
 */
export function createPattern(
  head: number,
  queries: number,
  keys: number,
  values: Float32Array | Uint8Array,
  error: number,
  perQuery: Readonly<Partial<Record<"sink" | "rest" | "floor", Float32Array | null>>> = {},
): Pattern {
  if (values.length !== queries * keys) {
    throw new RangeError(
      `A ${queries} x ${keys} pattern needs ${queries * keys} values, not ${values.length}.`,
    );
  }
  const known = Object.entries(perQuery).flatMap(([name, all]) =>
    all ? [[name, (query: number) => all[query] as number]] : [],
  );
  const shape = { head, queries, keys, error, ...Object.fromEntries(known) };
  if (values instanceof Float32Array) {
    return { ...shape, weight: (query, key) => values[query * keys + key] as number };
  }
  return { ...shape, weight: (query, key) => EXPANDED[values[query * keys + key] as number] as number };
}

/** A pattern of a tiled layer, which is never sent whole: no cell is read, and what rules forbid is out of reach. */
export function createUnread(head: number, queries: number, keys: number, reach: Reach): Pattern {
  const weight = (query: number, key: number) => (isReached(reach, query, key) ? UNREAD : MASKED);
  return { head, queries, keys, error: 0, weight };
}

/** The rule by which queries see keys, as far as one is known. */
export type Reach = Pick<LayerInfo, "causal" | "window">;

/** Whether nothing that is known keeps the key from the query. */
export function isReached({ causal, window }: Reach, query: number, key: number): boolean {
  return (!causal || key <= query) && (window === null || key > query - window);
}
