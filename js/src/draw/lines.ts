// Lines from queries to keys, in the colours of their heads, as opaque as their weight.
import type { Palette } from "../core/types";
import { css } from "../math/colour";
import { addCurve } from "../math/curve";
import { keyEnd, type LineGeometry, queryEnd, slotOffset } from "../math/hit";
import type { LineSet } from "../math/lines";

export interface LinesData {
  readonly lines: LineSet;
  /** Which of them to draw now; a long set is drawn over several frames, strongest first. */
  readonly from: number;
  readonly to: number;
  /** The chosen heads, by slot. */
  readonly heads: readonly number[];
}

export interface LinesView extends LineGeometry {
  /** Multiplies the weight. */
  readonly strength: number;
  /** Least opacity of a line that is drawn. */
  readonly floor: number;
  readonly width: number;
  /** The key whose lines keep their full strength while the others step back; null for none. */
  readonly only: number | null;
}

export function drawLines(
  context: CanvasRenderingContext2D,
  data: LinesData,
  view: LinesView,
  theme: Palette,
): void {
  const { lines, heads } = data;
  const colours = heads.map((head) => css(theme.head(head)));
  const offsets = heads.map((_, slot) => slotOffset(slot, heads.length, view.row));
  context.lineWidth = view.width;
  context.lineCap = "butt";
  let slotSet = -1;
  // The set is sorted strongest first; the strongest of a batch end up on top.
  for (let i = data.to - 1; i >= data.from; i--) {
    const slot = lines.slot[i] as number;
    const key = lines.key[i] as number;
    const weight = lines.weight[i] as number;
    const offset = offsets[slot] as number;
    if (slot !== slotSet) {
      context.strokeStyle = colours[slot] as string;
      slotSet = slot;
    }
    const faded = view.only === null || view.only === key ? 1 : 0.3;
    context.globalAlpha = Math.min(1, Math.max(view.floor, weight * view.strength)) * faded;
    context.beginPath();
    const from = queryEnd(view, lines.query[i] as number) + offset;
    const to = keyEnd(view, key) + offset;
    addCurve(context, view.left, from, view.right, to);
    context.stroke();
  }
  context.globalAlpha = 1;
}
