// The grid of all heads: numbers of layers and heads at the edges, a small picture of each pattern.
import type { Palette } from "../core/types";
import { css, type Rgb } from "../math/colour";
import { cornerOf, inSight, type Overview, type Spot } from "../math/overview";
import { toScale } from "../math/scale";
import { decodeTable } from "../math/weights";
import { type Scale, U8_MASKED, U8_NAN } from "../wire/schema.gen";
import { nanColour } from "./heatmap";

/** RGBA of each of the 256 codes; masked cells stay clear. */
export function codeColours(scale: Scale, theme: Palette): readonly (Rgb | null)[] {
  return Array.from(decodeTable(), (weight, code) => {
    if (code === U8_MASKED) return null;
    return code === U8_NAN ? nanColour(theme) : theme.ramp(toScale(weight, scale));
  });
}

export interface CodesData {
  readonly codes: Uint8Array;
  readonly rows: number;
  readonly columns: number;
}

/** Paints one pixel per code, with its corner at `x`, `y`. */
export function paintCodes(
  context: CanvasRenderingContext2D,
  data: CodesData,
  view: { readonly x: number; readonly y: number; readonly colours: readonly (Rgb | null)[] },
  _theme: Palette,
): void {
  const image = context.createImageData(data.columns, data.rows);
  data.codes.forEach((code, cell) => {
    const colour = view.colours[code];
    if (colour === null || colour === undefined) return;
    image.data.set(colour, 4 * cell);
    image.data[4 * cell + 3] = 255;
  });
  context.putImageData(image, view.x, view.y);
}

/** The pictures of one layer's heads, beside each other. */
export interface Strip {
  readonly image: CanvasImageSource;
  readonly rows: number;
  readonly columns: number;
  /** From one head's picture to the next. */
  readonly step: number;
}

export interface OverviewData {
  readonly layers: readonly number[];
  strip(row: number): Strip | null;
  /** What is out of reach in a picture: drawn once, behind each of them. */
  readonly ground: CanvasImageSource | null;
  noted(row: number, head: number): boolean;
  readonly chosen: readonly Spot[];
  readonly current: number;
  readonly pointed: Spot | null;
  readonly cursor: Spot | null;
}

export interface OverviewView {
  readonly grid: Overview;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function drawOverview(
  context: CanvasRenderingContext2D,
  data: OverviewData,
  view: OverviewView,
  theme: Palette,
): void {
  const { grid } = view;
  const { rows, heads } = inSight(grid, view);
  context.save();
  context.beginPath();
  context.rect(grid.left - 5, grid.top - 5, view.width, view.height);
  context.clip();
  context.translate(-view.x, -view.y);
  for (let row = rows.start; row < rows.end; row++) {
    const strip = data.strip(row);
    const last = Math.min(heads.end, grid.heads[row] as number);
    for (let head = heads.start; head < last; head++)
      drawHead(context, data, grid, { row, head }, strip, theme);
  }
  drawMarks(context, data, grid, theme);
  context.restore();
  drawRows(context, data, view, rows, theme);
  drawColumns(context, data, view, heads, theme);
}

function drawHead(
  context: CanvasRenderingContext2D,
  data: OverviewData,
  grid: Overview,
  spot: Spot,
  strip: Strip | null,
  theme: Palette,
): void {
  const { x, y } = cornerOf(grid, spot);
  const { width, height } = grid;
  if (data.ground !== null) context.drawImage(data.ground, x, y, width, height);
  if (strip !== null) {
    const { image, rows, columns, step } = strip;
    context.imageSmoothingEnabled = columns > width;
    context.drawImage(image, spot.head * step, 0, columns, rows, x, y, width, height);
  }
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  if (data.noted(spot.row, spot.head) && width >= 14) {
    const radius = width >= 40 ? 3 : 2.2;
    context.beginPath();
    context.arc(x + width - radius - 3, y + radius + 3, radius, 0, 2 * Math.PI);
    context.fillStyle = theme.accent;
    context.strokeStyle = theme.bg;
    context.lineWidth = 2;
    context.stroke();
    context.fill();
  }
}

function frame(
  context: CanvasRenderingContext2D,
  grid: Overview,
  spot: Spot,
  far: number,
  line: number,
): void {
  const { x, y } = cornerOf(grid, spot);
  context.lineWidth = line;
  context.strokeRect(x - far, y - far, grid.width + 2 * far, grid.height + 2 * far);
}

function drawMarks(
  context: CanvasRenderingContext2D,
  { chosen, pointed, cursor }: OverviewData,
  grid: Overview,
  theme: Palette,
): void {
  for (const spot of chosen) {
    context.strokeStyle = css(theme.head(spot.head));
    frame(context, grid, spot, 1, 2.5);
  }
  if (pointed !== null) {
    context.strokeStyle = theme.ink;
    frame(context, grid, pointed, 1, 1.5);
  }
  if (cursor !== null) {
    context.strokeStyle = theme.accent;
    context.setLineDash([4, 2]);
    frame(context, grid, cursor, 2, 2);
    context.setLineDash([]);
  }
}

/** Numbers are left out where they would touch. */
function every(pitch: number, least: number): number {
  return pitch >= least ? 1 : pitch * 2 >= least ? 2 : 5;
}

function drawRows(
  context: CanvasRenderingContext2D,
  data: OverviewData,
  { grid, y, height }: OverviewView,
  rows: { readonly start: number; readonly end: number },
  theme: Palette,
): void {
  context.save();
  context.beginPath();
  context.rect(0, grid.top - 4, grid.left, height);
  context.clip();
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let row = rows.start; row < rows.end; row++) {
    const layer = data.layers[row] as number;
    const strong = row === data.current || row === data.pointed?.row;
    const middle = (grid.tops[row] as number) + grid.height / 2 - y;
    context.fillStyle = strong ? theme.ink : theme.soft;
    context.font = `${strong ? "600 " : ""}11px ${theme.sans}`;
    context.fillText(grid.left > 40 ? `layer ${layer}` : String(layer), grid.left - 10, middle);
    if (row === data.current) {
      context.fillStyle = theme.accent;
      context.fillRect(grid.left - 6, middle - grid.height / 2, 2.5, grid.height);
    }
    const before = row === 0 ? -1 : (data.layers[row - 1] as number);
    if (layer > before + 1) {
      context.strokeStyle = theme.faint;
      context.lineWidth = 1;
      context.setLineDash([1, 3]);
      context.beginPath();
      const line = Math.round(middle - grid.height / 2 - 8) + 0.5;
      context.moveTo(grid.left - 22, line);
      context.lineTo(grid.left - 8, line);
      context.stroke();
      context.setLineDash([]);
    }
  }
  context.restore();
}

function drawColumns(
  context: CanvasRenderingContext2D,
  data: OverviewData,
  { grid, x, width }: OverviewView,
  heads: { readonly start: number; readonly end: number },
  theme: Palette,
): void {
  context.save();
  context.textBaseline = "middle";
  const words = grid.pitch >= 56;
  if (!words) {
    context.font = `11px ${theme.sans}`;
    context.fillStyle = theme.faint;
    context.textAlign = "right";
    context.fillText("head", grid.left - 10, grid.top - 13);
  }
  context.beginPath();
  context.rect(grid.left - 4, 0, width, grid.top);
  context.clip();
  context.textAlign = "center";
  const step = every(grid.pitch, 19);
  for (let head = heads.start; head < heads.end; head++) {
    const chosen = data.chosen.some((spot) => spot.head === head) || data.pointed?.head === head;
    if (head % step !== 0 && !chosen) continue;
    context.font = `${chosen ? "600 " : ""}11px ${theme.sans}`;
    context.fillStyle = chosen ? theme.ink : theme.soft;
    const middle = grid.left + head * grid.pitch + grid.width / 2 - x;
    context.fillText(words ? `head ${head}` : String(head), middle, grid.top - 13);
  }
  context.restore();
}
