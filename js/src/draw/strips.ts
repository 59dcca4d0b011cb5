// The rows of the neuron view: stripes of dimensions, bars and numbers of scores and weights.
import type { Palette } from "../core/types";
import { css, type Rgb } from "../math/colour";
import { formatWeight } from "../math/format";
import { toScale } from "../math/scale";
import { placesOf, SCORE_DIGITS, type Span, type Strips, WEIGHT_DIGITS } from "../math/strips";
import { formatTerm } from "../math/terms";
import type { Scale } from "../wire/schema.gen";
import { drawHatchArea } from "./hatch";
import { nanColour } from "./heatmap";
import { prepare } from "./surface";

/** Values of one row of stripes, by dimension, and the largest magnitude that the colours reach to. */
export interface Stripes {
  readonly span: Span;
  readonly most: number;
  value(row: number, dimension: number): number;
}

export interface StripView {
  readonly strips: Strips;
  /** Dimensions in the order in which they are drawn. */
  readonly order: ArrayLike<number>;
  readonly scale: Scale;
  readonly diverging: (position: number) => Rgb;
  readonly row: number;
}

/** The strongest value of the dimensions behind a stripe; not a number if any is not. */
export function stripeValue(
  value: (dimension: number) => number,
  { order, strips }: Pick<StripView, "order" | "strips">,
  stripe: number,
): number {
  const { start, end } = placesOf(strips, stripe);
  let best = 0;
  for (let place = start; place < end; place++) {
    const one = value(order[place] as number);
    if (!(Math.abs(one) < Number.POSITIVE_INFINITY)) return Number.NaN;
    if (Math.abs(one) > Math.abs(best)) best = one;
  }
  return best;
}

/** Paints rows of stripes, a pixel each, into `image`, and draws that in their place from `top` on. */
export function drawStripes(
  context: CanvasRenderingContext2D,
  data: Stripes,
  view: StripView & { readonly top: number; readonly rows: number; readonly image: HTMLCanvasElement },
  theme: Palette,
): void {
  const { strips, rows, top, row, image } = view;
  const painted = prepare(image, strips.stripes, rows, 1);
  if (painted === null || strips.stripes === 0 || rows === 0) return;
  const nan = nanColour(theme);
  const pixels = painted.createImageData(strips.stripes, rows);
  let at = 0;
  for (let line = 0; line < rows; line++) {
    for (let stripe = 0; stripe < strips.stripes; stripe++, at += 4) {
      const value = stripeValue((dimension) => data.value(line, dimension), view, stripe);
      const size = data.most > 0 ? toScale(Math.abs(value) / data.most, view.scale) : 0;
      const colour = Number.isNaN(value) ? nan : view.diverging(value < 0 ? -size : size);
      pixels.data[at] = colour[0];
      pixels.data[at + 1] = colour[1];
      pixels.data[at + 2] = colour[2];
      pixels.data[at + 3] = 255;
    }
  }
  painted.putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(image, data.span.x, top, data.span.width, rows * row);
}

export interface BarsData {
  readonly score: number;
  /** The brushed dimensions' part of q · k x scaling, or null; then `score` is all of that product. */
  readonly part: number | null;
  readonly weight: number;
  /** Largest absolute error of the weight, and the most that it can be where a snapshot left it out. */
  readonly error?: number;
  readonly floor?: number;
  readonly colour: string;
  /** What a learned sink takes has stripes, as everywhere. */
  readonly sink: boolean;
}

export interface BarsView {
  readonly strips: Strips;
  readonly y: number;
  readonly row: number;
  readonly scores: readonly [low: number, high: number];
  readonly heaviest: number;
  readonly diverging: (position: number) => Rgb;
}

/** One row's numbers and bars: the score around zero, the weight from zero. */
export function drawBars(
  context: CanvasRenderingContext2D,
  data: BarsData,
  view: BarsView,
  theme: Palette,
): void {
  const { strips, y, row } = view;
  const height = Math.max(4, row - 8);
  const top = y + (row - height) / 2;
  context.font = `11px ${theme.mono}`;
  context.textBaseline = "middle";
  if (strips.score.width > 0) {
    const x = strips.score.x + SCORE_DIGITS;
    const width = strips.score.width - SCORE_DIGITS;
    const [low, high] = view.scores;
    const place = (value: number) =>
      high > low ? x + (width * (Math.min(high, Math.max(low, value)) - low)) / (high - low) : x;
    const bar = (value: number) => {
      const [from, to] = [place(Math.min(0, value)), place(Math.max(0, value))];
      context.fillStyle = css(view.diverging(value < 0 ? -0.9 : 0.9));
      context.fillRect(from, top, Math.max(value === 0 ? 0 : 0.75, to - from), height);
    };
    const number = data.part ?? data.score;
    if (data.part !== null) context.globalAlpha = 0.25;
    if (!Number.isNaN(data.score)) bar(data.score);
    context.globalAlpha = 1;
    if (data.part !== null && !Number.isNaN(data.part)) bar(data.part);
    context.fillStyle = theme.faint;
    context.fillRect(Math.round(place(0)) - 0.5, y + 2, 1, row - 4);
    context.textAlign = "right";
    context.fillStyle = data.part === null ? theme.ink : theme.accent;
    context.fillText(formatTerm(number), strips.score.x + SCORE_DIGITS - 6, y + row / 2 + 0.5);
  }
  const x = strips.weight.x + WEIGHT_DIGITS;
  const width = strips.weight.width - WEIGHT_DIGITS;
  context.textAlign = "right";
  context.fillStyle = theme.ink;
  context.fillText(formatWeight(data.weight, data.error, data.floor), x - 6, y + row / 2 + 0.5);
  if (!(data.weight > 0)) return;
  const long = width * Math.min(1, data.weight / Math.max(view.heaviest, Number.MIN_VALUE));
  context.fillStyle = data.colour;
  if (!data.sink) context.fillRect(x, top, long, height);
  else for (let at = 0; at < long; at += 4) context.fillRect(x + at, top, Math.min(2, long - at), height);
}

/** Rows that the query cannot reach, as one textured area with its words. */
export function drawUnreached(
  context: CanvasRenderingContext2D,
  data: { readonly words: string },
  view: { readonly strips: Strips; readonly y: number; readonly rows: number; readonly row: number },
  theme: Palette,
): void {
  const { strips, y, rows, row } = view;
  const last = strips.weight.x + strips.weight.width;
  const first = strips.label.x + strips.label.width + 8;
  drawHatchArea(context, null, { x: first, y: y + 1, width: last - first, height: rows * row - 2 }, theme);
  context.font = `11px ${theme.sans}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const size = context.measureText(data.words).width + 10;
  const middle = (first + last) / 2;
  for (let line = 0; line < rows; line += 8) {
    const centre = y + line * row + row / 2;
    context.fillStyle = theme.bg;
    context.fillRect(middle - size / 2, centre - 7, size, 14);
    context.fillStyle = theme.soft;
    context.fillText(data.words, middle, centre + 0.5);
  }
}

/** Fades the stripes that are not brushed and draws the brush's edges; marks one stripe. */
export function drawBrush(
  context: CanvasRenderingContext2D,
  data: { readonly brush: readonly [first: number, last: number] | null; readonly stripe: number | null },
  view: { readonly spans: readonly Span[]; readonly cell: number; readonly height: number },
  theme: Palette,
): void {
  const { spans, cell, height } = view;
  for (const { x, width } of spans) {
    if (data.brush !== null) {
      const from = x + data.brush[0] * cell;
      const to = x + (data.brush[1] + 1) * cell;
      context.globalAlpha = 0.72;
      context.fillStyle = theme.bg;
      context.fillRect(x, 0, from - x, height);
      context.fillRect(to, 0, x + width - to, height);
      context.globalAlpha = 1;
      context.fillStyle = theme.accent;
      context.fillRect(from - 1, 0, 1, height);
      context.fillRect(to, 0, 1, height);
    }
    if (data.stripe !== null) {
      context.fillStyle = theme.ink;
      context.fillRect(x + data.stripe * cell - 1, 0, 1, height);
      context.fillRect(x + (data.stripe + 1) * cell, 0, 1, height);
    }
  }
}
