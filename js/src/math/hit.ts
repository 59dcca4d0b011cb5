// Where the ends of the head pane's lines lie, and which line is under the pointer.
import { rowCentre } from "./columns";
import { curveY, towards } from "./curve";
import type { LineSet } from "./lines";

/** What places both ends of a line. */
export interface LineGeometry {
  readonly left: number;
  readonly right: number;
  readonly row: number;
  /** Height of what is in sight; keys start `keyTop` below its upper edge. */
  readonly height: number;
  readonly keyTop: number;
  readonly queryScroll: number;
  readonly keyScroll: number;
  /** Middle of the sink's row, which stays in sight; key positions past the last one go there. */
  readonly sinkY: number;
  readonly keys: number;
}

export function queryEnd(geometry: LineGeometry, query: number): number {
  return towards(rowCentre(query, geometry.row, geometry.queryScroll), 0, geometry.height);
}

export function keyEnd(geometry: LineGeometry, key: number): number {
  if (key >= geometry.keys) return geometry.sinkY;
  const { keyTop } = geometry;
  return towards(keyTop + rowCentre(key, geometry.row, geometry.keyScroll), keyTop, geometry.height);
}

/** Vertical distance of a head's lines from the middle of the row. */
export function slotOffset(slot: number, slots: number, row: number): number {
  const step = slots < 2 ? 0 : Math.min(2, (row - 6) / (slots - 1));
  return (slot - (slots - 1) / 2) * step;
}

/** The strongest line within `slack` pixels of a point, as its place in the set; null when there is none. */
export function lineAt(
  lines: LineSet,
  geometry: LineGeometry,
  slots: number,
  x: number,
  y: number,
  slack: number,
): number | null {
  if (x < geometry.left || x > geometry.right) return null;
  // All lines share their shape: how far down at x is the same share for each.
  const share = curveY(geometry.left, 0, geometry.right, 1, x);
  for (let i = 0; i < lines.count; i++) {
    const offset = slotOffset(lines.slot[i] as number, slots, geometry.row);
    const from = queryEnd(geometry, lines.query[i] as number);
    const to = keyEnd(geometry, lines.key[i] as number);
    // The set is sorted, so the first hit is the strongest.
    if (Math.abs(from + (to - from) * share + offset - y) <= slack) return i;
  }
  return null;
}
