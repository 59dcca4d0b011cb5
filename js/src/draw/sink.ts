// What each query gives to its learned sink: a column beside the matrix, in the matrix's own colours.
import type { Palette } from "../core/types";
import { css } from "../math/colour";
import { toScale } from "../math/scale";
import { cellCorner, cellsInSight, type Frame, type Viewport } from "../math/viewport";
import type { Scale } from "../wire/schema.gen";
import { nanColour } from "./heatmap";

/** Between the last key and the column, and the column's width. */
export const SINK_GAP = 8;
export const SINK_WIDTH = 14;

export interface SinkData {
  sink(query: number): number;
}

/** Draws the column right of the cells, whose corner is the origin. */
export function drawSink(
  context: CanvasRenderingContext2D,
  data: SinkData,
  view: { readonly frame: Frame; readonly viewport: Viewport; readonly scale: Scale },
  theme: Palette,
): void {
  const { frame, viewport, scale } = view;
  const x = frame.width + SINK_GAP;
  const height = frame.cellHeight * viewport.zoom;
  const { queries } = cellsInSight(viewport, frame);
  context.save();
  context.beginPath();
  context.rect(x, 0, SINK_WIDTH, frame.height);
  context.clip();
  // Where several queries share a pixel, the largest is drawn.
  const step = Math.max(1, Math.floor(1 / height));
  for (let query = queries.start; query < queries.end; query += step) {
    let most = data.sink(query);
    for (let other = query + 1; other < Math.min(query + step, queries.end); other++)
      most = Math.max(most, data.sink(other));
    context.fillStyle = css(Number.isNaN(most) ? nanColour(theme) : theme.ramp(toScale(most, scale)));
    const { y } = cellCorner(viewport, frame, query, 0);
    context.fillRect(x, y, SINK_WIDTH, height * step + 0.5);
  }
  context.restore();
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, 0.5, SINK_WIDTH - 1, frame.height - 1);
  context.font = `italic 11px ${theme.mono}`;
  context.fillStyle = theme.soft;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.save();
  context.translate(x + SINK_WIDTH / 2, -6);
  context.rotate(-Math.PI / 2);
  context.fillText("sink", 0, 0.5);
  context.restore();
}
