// One small block per head beside a token: how much it gets from, or gives to, the token in focus.
import type { Palette } from "../core/types";
import { css } from "../math/colour";
import { isHidden, isMasked, isUnread } from "../math/weights";
import { drawDots, drawHatchMark } from "./hatch";

export interface BlocksData {
  readonly heads: readonly number[];
  /** Weight of each slot at a position; negative where masked, NaN where there is none. */
  weight(slot: number, index: number): number;
}

export interface BlocksView {
  readonly x: number;
  readonly blockWidth: number;
  readonly blocksWidth: number;
  readonly row: number;
  readonly start: number;
  readonly end: number;
  /** Middle of a position's row. */
  centre(index: number): number;
}

export function drawBlocks(
  context: CanvasRenderingContext2D,
  data: BlocksData,
  view: BlocksView,
  theme: Palette,
): void {
  const colours = data.heads.map((head) => css(theme.head(head)));
  const height = Math.max(4, view.row - 6);
  const width = view.blockWidth;
  for (let index = view.start; index < view.end; index++) {
    const y = view.centre(index);
    let reachable = false;
    let hidden = false;
    for (let slot = 0; slot < colours.length; slot++) {
      const weight = data.weight(slot, index);
      if (isHidden(weight)) hidden = true;
      // Not computed yet: no block, and no texture that says more than is known.
      if (isUnread(weight)) reachable = true;
      if (isMasked(weight)) continue;
      reachable = true;
      const x = view.x + slot * width;
      if (Number.isNaN(weight)) {
        drawCross(context, x, y, Math.min(width, height), theme);
        continue;
      }
      if (weight <= 0) continue;
      context.globalAlpha = weight;
      context.fillStyle = colours[slot] as string;
      context.fillRect(x, y - height / 2, width > 3 ? width - 1 : width, height);
    }
    context.globalAlpha = 1;
    if (!reachable && colours.length > 0) {
      const mark = { x: view.x, y, width: Math.min(18, view.blocksWidth), height: view.row };
      if (hidden) drawDots(context, null, { ...mark, y: y - 5, height: 10 }, theme);
      else drawHatchMark(context, null, mark, theme);
    }
  }
}

/** Marks a weight that is not a number. */
function drawCross(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  size: number,
  theme: Palette,
): void {
  const half = Math.max(2, size / 2 - 1);
  context.globalAlpha = 1;
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.2;
  context.beginPath();
  context.moveTo(x + 1, y - half);
  context.lineTo(x + 1 + 2 * half, y + half);
  context.moveTo(x + 1, y + half);
  context.lineTo(x + 1 + 2 * half, y - half);
  context.stroke();
}
