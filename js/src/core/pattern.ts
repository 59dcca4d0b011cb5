// One head's pattern over the buffer it came in: exact float32, or 8-bit square-root codes.
import { decodeTable } from "../math/weights";
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
