// One tile made of those of several heads.
import { combineRows } from "../../math/filters";
import { decodeTable } from "../../math/weights";
import { type Combine, U8_LEVELS, U8_MASKED, U8_NAN } from "../../wire/schema.gen";

const WEIGHTS: Readonly<Float32Array> = decodeTable();

/** The largest error of a weight that is written as a code. */
export const CODE_ERROR = 1 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2;

/** Mean or maximum over the heads of each pixel, companded again: what each head's pixel stands for stays the same. */
export function mixTiles(tiles: readonly Uint8Array[], how: Combine): Uint8Array {
  const [first] = tiles;
  if (first === undefined || tiles.length === 1) return first ?? new Uint8Array();
  const rows = tiles.map((codes) => Float32Array.from(codes, (code) => WEIGHTS[code] as number));
  return Uint8Array.from(combineRows(rows, how), (weight) =>
    Number.isNaN(weight) ? U8_NAN : weight < 0 ? U8_MASKED : Math.round(U8_LEVELS * Math.sqrt(weight)),
  );
}
