// Patterns reduced to fewer cells for the screen, so that a lone strong weight never falls between pixels.
import { MASKED } from "../wire/schema.gen";
import { HIDDEN, isHidden, isMasked, type Weights } from "./weights";

export interface Pooled {
  readonly rows: number;
  readonly columns: number;
  /** Queries and keys behind one cell. */
  readonly block: number;
  /** Largest weight of each block, row by row; masked only where all of it is; NaN where any of it is. */
  readonly values: Float32Array;
  readonly masked: boolean;
  /** Whether a filter hides some cell; a block is hidden where nothing else is left to show of it. */
  readonly hidden: boolean;
  readonly nan: boolean;
}

/** Largest weight of each `block` x `block` square. */
export function poolMax(source: Weights, block: number): Pooled {
  const rows = Math.ceil(source.queries / block);
  const columns = Math.ceil(source.keys / block);
  const values = new Float32Array(rows * columns).fill(MASKED);
  let masked = false;
  let hidden = false;
  let nan = false;
  for (let query = 0; query < source.queries; query++) {
    const row = Math.floor(query / block) * columns;
    for (let key = 0; key < source.keys; key++) {
      const weight = source.weight(query, key);
      const at = row + Math.floor(key / block);
      const best = values[at] as number;
      if (isHidden(weight)) {
        hidden = true;
        if (isMasked(best)) values[at] = HIDDEN;
        continue;
      }
      if (isMasked(weight)) {
        masked = true;
        continue;
      }
      if (Number.isNaN(weight)) {
        nan = true;
        values[at] = weight;
      } else if (weight > best) values[at] = weight;
    }
  }
  return { rows, columns, block, values, masked, hidden, nan };
}

/** Cells per block so that a block covers at least one device pixel: a power of two, so that zooming rarely changes it. */
export function poolBlock(cell: number, pixelRatio: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(1 / (cell * pixelRatio)) - 1e-6));
}
