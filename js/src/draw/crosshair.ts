// Marks the row, the column and the cell in focus without hiding the data.
import type { Palette } from "../core/types";
import { cellCorner, type Frame, type Viewport } from "../math/viewport";

export interface CrosshairData {
  readonly query: number | null;
  readonly key: number | null;
}

export interface CrosshairView {
  readonly frame: Frame;
  readonly viewport: Viewport;
}

export function drawCrosshair(
  context: CanvasRenderingContext2D,
  data: CrosshairData,
  { frame, viewport }: CrosshairView,
  theme: Palette,
): void {
  const width = frame.cellWidth * viewport.zoom;
  const height = frame.cellHeight * viewport.zoom;
  const { x, y } = cellCorner(viewport, frame, data.query ?? 0, data.key ?? 0);
  context.save();
  context.beginPath();
  context.rect(-2, -2, frame.width + 4, frame.height + 4);
  context.clip();
  if (data.query !== null) band(context, 0, y, frame.width, height, theme);
  if (data.key !== null) band(context, x, 0, width, frame.height, theme);
  if (data.query !== null && data.key !== null) {
    // A ring in the colour of the page between cell and mark keeps the mark visible on any cell.
    const grow = Math.max(0, (7 - Math.min(width, height)) / 2);
    const rect = [x - grow, y - grow, width + 2 * grow, height + 2 * grow] as const;
    context.globalAlpha = 1;
    context.strokeStyle = theme.bg;
    context.lineWidth = 4;
    context.strokeRect(...rect);
    context.strokeStyle = theme.accent;
    context.lineWidth = 2;
    context.strokeRect(...rect);
  }
  context.restore();
}

/** Both long edges of a row or a column. */
function band(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  theme: Palette,
): void {
  context.globalAlpha = 0.09;
  context.fillStyle = theme.accent;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 0.8;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1;
  context.beginPath();
  if (width > height) {
    context.moveTo(x, y);
    context.lineTo(x + width, y);
    context.moveTo(x, y + height);
    context.lineTo(x + width, y + height);
  } else {
    context.moveTo(x, y);
    context.lineTo(x, y + height);
    context.moveTo(x + width, y);
    context.lineTo(x + width, y + height);
  }
  context.stroke();
  context.globalAlpha = 1;
}
