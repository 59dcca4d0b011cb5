// Small pictures of whole patterns, pooled and rounded as the kernel does it.
import { MASKED, U8_LEVELS, U8_MASKED, U8_NAN } from "../wire/schema.gen";

/** The 8-bit code of a weight, rounded step by step as in float32. */
export function codeOf(weight: number): number {
  if (weight === MASKED) return U8_MASKED;
  if (Number.isNaN(weight)) return U8_NAN;
  return roundEven(Math.fround(Math.fround(Math.sqrt(Math.min(1, Math.max(0, weight)))) * U8_LEVELS));
}

/** Halves go to the even neighbour, as NumPy rounds them. */
function roundEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/**
 * Writes the largest code of each block of `tall` x `wide` cells into `into`, row by row.
 *
 * A block is masked where all of it is; a weight that is not a number shows through. `cells` are weights or codes.
 */
export function poolCodes(
  cells: Float32Array | Uint8Array,
  keys: number,
  [tall, wide]: readonly [tall: number, wide: number],
  into: Uint8Array,
): void {
  into.fill(U8_MASKED);
  const columns = Math.ceil(keys / wide);
  const coded = cells instanceof Uint8Array;
  for (let at = 0; at < cells.length; at++) {
    const query = Math.floor(at / keys);
    const code = coded ? (cells[at] as number) : codeOf(cells[at] as number);
    const to = Math.floor(query / tall) * columns + Math.floor((at - query * keys) / wide);
    const best = into[to] as number;
    if (code !== U8_MASKED && (best === U8_MASKED || code > best)) into[to] = code;
  }
}
