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

/** Draws one head's picture of a strip into a rectangle. */
export function drawPicture(
  context: CanvasRenderingContext2D,
  { image, rows, columns, step }: Strip,
  view: {
    readonly head: number;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  },
  _theme: Palette,
): void {
  const { head, x, y, width, height } = view;
  context.imageSmoothingEnabled = columns > width;
  context.drawImage(image, head * step, 0, columns, rows, x, y, width, height);
}

export interface OverviewData {
  /** The layer of each row, and the head of each column; null where heads stand in lines of their own order. */
  readonly layers: readonly number[] | null;
  readonly columns: readonly number[] | null;
  /** Draws what is in a cell whose corner is at `x`, `y`. */
  cell(context: CanvasRenderingContext2D, spot: Spot, x: number, y: number): void;
  /** What stands under a cell, where the grid leaves room for it: a name and a value. */
  caption?(spot: Spot): readonly [name: string, value: string];
  /** A bar beside each row: its length, 0 to 1, and its number. */
  margin?(row: number): { readonly share: number; readonly text: string } | null;
  noted(spot: Spot): boolean;
  pinned(spot: Spot): boolean;
  faded(spot: Spot): boolean;
  readonly chosen: readonly { readonly spot: Spot; readonly head: number }[];
  /** The row of the current layer; -1 for none. */
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

const FADED = 0.22;
/** The longest bar beside a row; its number stands behind it. */
const BAR = 26;

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
  context.rect(Math.max(0, grid.left - 5), Math.max(0, grid.top - 5), view.width, view.height);
  context.clip();
  context.translate(-view.x, -view.y);
  for (let row = rows.start; row < rows.end; row++) {
    const last = Math.min(heads.end, grid.heads[row] as number);
    for (let head = heads.start; head < last; head++) drawHead(context, data, grid, { row, head }, theme);
    if (data.margin !== undefined) drawMargin(context, data.margin(row), grid, row, theme);
  }
  drawMarks(context, data, grid, theme);
  context.restore();
  if (data.layers !== null) drawRows(context, data, data.layers, view, rows, theme);
  if (data.columns !== null) drawColumns(context, data, data.columns, view, heads, theme);
}

function drawHead(
  context: CanvasRenderingContext2D,
  data: OverviewData,
  grid: Overview,
  spot: Spot,
  theme: Palette,
): void {
  const { x, y } = cornerOf(grid, spot);
  const { width, height } = grid;
  const faded = data.faded(spot);
  context.globalAlpha = faded ? FADED : 1;
  data.cell(context, spot, x, y);
  context.globalAlpha = 1;
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  if (grid.below > 0 && data.caption !== undefined) {
    const [name, value] = data.caption(spot);
    context.textBaseline = "middle";
    const line = y + height + grid.below / 2 + 1;
    context.font = `11px ${theme.sans}`;
    context.fillStyle = theme.soft;
    context.textAlign = "left";
    context.fillText(name, x, line);
    context.font = `600 11px ${theme.sans}`;
    context.fillStyle = faded ? theme.soft : theme.ink;
    context.textAlign = "right";
    context.fillText(value, x + width, line);
  }
  if (data.noted(spot) && width >= 14) {
    const radius = width >= 40 ? 3 : 2.2;
    context.beginPath();
    context.arc(x + width - radius - 3, y + radius + 3, radius, 0, 2 * Math.PI);
    badge(context, theme);
  }
  if (data.pinned(spot) && width >= 10) {
    const side = width >= 40 ? 9 : 6;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + side, y);
    context.lineTo(x, y + side);
    context.closePath();
    badge(context, theme);
  }
}

function badge(context: CanvasRenderingContext2D, theme: Palette): void {
  context.fillStyle = theme.accent;
  context.strokeStyle = theme.bg;
  context.lineWidth = 2;
  context.stroke();
  context.fill();
}

/** Where the bars beside the rows begin. */
function marginOf(grid: Overview): number {
  return grid.left + grid.columns * grid.pitch + 6;
}

function drawMargin(
  context: CanvasRenderingContext2D,
  mean: { readonly share: number; readonly text: string } | null,
  grid: Overview,
  row: number,
  theme: Palette,
): void {
  if (mean === null) return;
  const x = marginOf(grid);
  const middle = (grid.tops[row] as number) + grid.height / 2;
  const thick = Math.min(10, Math.max(4, grid.height - 2));
  context.fillStyle = theme.line;
  context.fillRect(x, middle - thick / 2, BAR, thick);
  context.fillStyle = theme.soft;
  context.fillRect(x, middle - thick / 2, BAR * mean.share, thick);
  if (grid.height < 11) return;
  context.font = `11px ${theme.sans}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(mean.text, x + BAR + 5, middle);
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
  for (const { spot, head } of chosen) {
    context.strokeStyle = css(theme.head(head));
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
  return [1, 2, 5].find((step) => pitch * step >= least) ?? 10;
}

function drawRows(
  context: CanvasRenderingContext2D,
  data: OverviewData,
  layers: readonly number[],
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
  const step = every(grid.height, 10);
  for (let row = rows.start; row < rows.end; row++) {
    const layer = layers[row] as number;
    const strong = row === data.current || row === data.pointed?.row;
    const middle = (grid.tops[row] as number) + grid.height / 2 - y;
    context.fillStyle = strong ? theme.ink : theme.soft;
    context.font = `${strong ? "600 " : ""}11px ${theme.sans}`;
    if (layer % step === 0 || strong)
      context.fillText(grid.left > 40 ? `layer ${layer}` : String(layer), grid.left - 10, middle);
    if (row === data.current) {
      context.fillStyle = theme.accent;
      context.fillRect(grid.left - 6, middle - grid.height / 2, 2.5, grid.height);
    }
    const before = row === 0 ? -1 : (layers[row - 1] as number);
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
  columns: readonly number[],
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
  for (let column = heads.start; column < heads.end; column++) {
    const strong = data.chosen.some(({ spot }) => spot.head === column) || data.pointed?.head === column;
    if (column % step !== 0 && !strong) continue;
    const head = columns[column] as number;
    context.font = `${strong ? "600 " : ""}11px ${theme.sans}`;
    context.fillStyle = strong ? theme.ink : theme.soft;
    const middle = grid.left + column * grid.pitch + grid.width / 2 - x;
    context.fillText(words ? `head ${head}` : String(head), middle, grid.top - 13);
  }
  if (data.margin !== undefined) {
    context.font = `11px ${theme.sans}`;
    context.fillStyle = theme.faint;
    context.textAlign = "left";
    const at = marginOf(grid) - x;
    // Beside many heads the column is as narrow as its bars.
    context.fillText(width - at < 30 ? "x̄" : "mean", at, grid.top - 13);
  }
  context.restore();
}
