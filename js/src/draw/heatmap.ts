// The queries x keys heat map of one head.
import type { Palette } from "../core/types";
import { css, inkOn, parseColour, type Rgb } from "../math/colour";
import { formatWeight } from "../math/format";
import type { Pooled } from "../math/pool";
import { toScale } from "../math/scale";
import { cellCorner, cellsInSight, type Frame, type Viewport } from "../math/viewport";
import { isHidden, isMasked, isOutOfReach, type Weights } from "../math/weights";
import type { Scale } from "../wire/schema.gen";
import { drawDots, drawHatchArea } from "./hatch";

const LEVELS = 512;
/** Cells at least this large carry their weight as a number. */
const NUMBER_CELL = 38;
const GRID_CELL = 9;

/** The colour of weights that are not numbers: far from every colour of the ramps. */
export function nanColour(theme: Palette): Rgb {
  return theme.dark ? [255, 92, 170] : [208, 0, 111];
}

/** Paints one pixel per (pooled) cell at the context's origin; masked cells stay clear. */
export function paintCells(
  context: CanvasRenderingContext2D,
  data: Pooled,
  view: { readonly scale: Scale },
  theme: Palette,
): void {
  const ramp = Array.from({ length: LEVELS + 1 }, (_, level) => theme.ramp(level / LEVELS));
  const nan = nanColour(theme);
  const ground = parseColour(theme.bg) ?? [128, 128, 128];
  const image = context.createImageData(data.columns, data.rows);
  const pixels = image.data;
  for (let i = 0; i < data.values.length; i++) {
    const weight = data.values[i] as number;
    if (isOutOfReach(weight)) continue;
    const colour = isHidden(weight)
      ? ground
      : Number.isNaN(weight)
        ? nan
        : (ramp[Math.round(toScale(weight, view.scale) * LEVELS)] as Rgb);
    pixels[4 * i] = colour[0];
    pixels[4 * i + 1] = colour[1];
    pixels[4 * i + 2] = colour[2];
    pixels[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

export interface HeatData {
  readonly image: CanvasImageSource;
  readonly pooled: Pooled;
  readonly weights: Weights;
  /** Largest absolute error of the weights; numbers in cells say "≈" unless it is 0. */
  readonly error: number;
}

export interface HeatView {
  readonly frame: Frame;
  readonly viewport: Viewport;
  readonly scale: Scale;
}

/** Draws the part in sight with its corner at the origin: texture, cells, and numbers where cells are large. */
export function drawHeat(
  context: CanvasRenderingContext2D,
  data: HeatData,
  view: HeatView,
  theme: Palette,
): void {
  const { frame, viewport } = view;
  const { pooled } = data;
  const width = frame.cellWidth * viewport.zoom;
  const height = frame.cellHeight * viewport.zoom;
  if (pooled.masked) {
    drawHatchArea(context, null, { x: 0, y: 0, width: frame.width, height: frame.height }, theme);
  }
  context.save();
  context.beginPath();
  context.rect(0, 0, frame.width, frame.height);
  context.clip();
  context.imageSmoothingEnabled = false;
  const corner = cellCorner(viewport, frame, 0, 0);
  context.drawImage(
    data.image,
    0,
    0,
    pooled.columns,
    pooled.rows,
    corner.x,
    corner.y,
    pooled.columns * pooled.block * width,
    pooled.rows * pooled.block * height,
  );
  if (pooled.hidden) drawHiddenCells(context, pooled, { frame, viewport }, theme);
  context.restore();
  drawCellMarks(context, data, view, theme);
}

/** Lines between cells and numbers in them where they are large enough, and the frame around all of them. */
export function drawCellMarks(
  context: CanvasRenderingContext2D,
  data: Pick<HeatData, "weights" | "error">,
  view: HeatView,
  theme: Palette,
): void {
  const { frame, viewport } = view;
  const cell = Math.min(frame.cellWidth, frame.cellHeight) * viewport.zoom;
  context.save();
  context.beginPath();
  context.rect(0, 0, frame.width, frame.height);
  context.clip();
  if (cell >= GRID_CELL) drawGrid(context, view, theme);
  if (cell >= NUMBER_CELL) drawNumbers(context, data, view, theme);
  context.restore();
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(0.5, 0.5, frame.width - 1, frame.height - 1);
}

/** Dots over the cells that are hidden, row by row in stretches. */
function drawHiddenCells(
  context: CanvasRenderingContext2D,
  pooled: Pooled,
  { frame, viewport }: Pick<HeatView, "frame" | "viewport">,
  theme: Palette,
): void {
  const { block, rows, columns, values } = pooled;
  const sight = cellsInSight(viewport, frame);
  context.save();
  context.beginPath();
  for (
    let row = Math.floor(sight.queries.start / block);
    row < rows && row * block < sight.queries.end;
    row++
  ) {
    let start = -1;
    for (let column = 0; column <= columns; column++) {
      const hidden = column < columns && isHidden(values[row * columns + column] as number);
      if (hidden && start < 0) start = column;
      if (hidden || start < 0) continue;
      const from = cellCorner(viewport, frame, row * block, start * block);
      const to = cellCorner(viewport, frame, (row + 1) * block, column * block);
      context.rect(from.x, from.y, to.x - from.x, to.y - from.y);
      start = -1;
    }
  }
  context.clip();
  // Among small cells the texture must not outshine the weights that are left.
  context.globalAlpha = Math.min(frame.cellWidth, frame.cellHeight) * viewport.zoom < 8 ? 0.4 : 1;
  drawDots(context, null, { x: 0, y: 0, width: frame.width, height: frame.height }, theme);
  context.restore();
}

function drawGrid(context: CanvasRenderingContext2D, { frame, viewport }: HeatView, theme: Palette): void {
  const { queries, keys } = cellsInSight(viewport, frame);
  context.strokeStyle = theme.bg;
  context.globalAlpha = 0.5;
  context.lineWidth = 1;
  context.beginPath();
  for (let key = keys.start; key <= keys.end; key++) {
    const { x } = cellCorner(viewport, frame, 0, key);
    context.moveTo(x, 0);
    context.lineTo(x, frame.height);
  }
  for (let query = queries.start; query <= queries.end; query++) {
    const { y } = cellCorner(viewport, frame, query, 0);
    context.moveTo(0, y);
    context.lineTo(frame.width, y);
  }
  context.stroke();
  context.globalAlpha = 1;
}

function drawNumbers(
  context: CanvasRenderingContext2D,
  { weights, error }: Pick<HeatData, "weights" | "error">,
  { frame, viewport, scale }: HeatView,
  theme: Palette,
): void {
  const { queries, keys } = cellsInSight(viewport, frame);
  const width = frame.cellWidth * viewport.zoom;
  const height = frame.cellHeight * viewport.zoom;
  context.font = `11px ${theme.mono}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let query = queries.start; query < queries.end; query++) {
    for (let key = keys.start; key < keys.end; key++) {
      const weight = weights.weight(query, key);
      if (isMasked(weight)) continue;
      const colour = Number.isNaN(weight) ? nanColour(theme) : theme.ramp(toScale(weight, scale));
      const { x, y } = cellCorner(viewport, frame, query, key);
      context.fillStyle = css(inkOn(colour));
      const tiny = error === 0 && weight > 0 && weight < 0.0005;
      const text = tiny ? "<.001" : formatWeight(weight, error);
      context.fillText(text, x + width / 2, y + height / 2);
    }
  }
}
