// Draws the map of the prompt: a column per head, top to bottom the prompt, and marks beside it.
import type { Palette } from "../../core/types";
import { nanColour } from "../../draw/heatmap";
import { css, mix, parseColour, type Rgb } from "../../math/colour";
import { toScale } from "../../math/scale";
import { decodeTable } from "../../math/weights";
import { type Scale, U8_MASKED, U8_NAN } from "../../wire/schema.gen";
import { heightOf } from "./place";
import { type Columns, codeAt, type Strips } from "./strips";

const WEIGHTS = decodeTable();

export interface MapLook {
  readonly palette: Palette;
  readonly scale: Scale;
  /** Colour of a column at full weight; null for the ramp, where a column is of several heads. */
  readonly colour: (column: number) => Rgb | null;
}

/** One pixel per column and strip pixel, to be stretched. */
export function paintColumns(
  strips: Strips,
  columns: Columns,
  { palette, scale, colour }: MapLook,
): ImageData {
  const { pixels } = strips;
  const width = columns.strips.length;
  const image = new ImageData(width, Math.max(1, pixels));
  const paper = parseColour(palette.bg) ?? (palette.dark ? [0, 0, 0] : [255, 255, 255]);
  const masked = parseColour(palette.line) ?? paper;
  columns.strips.forEach((some, column) => {
    const own = colour(column);
    const shades = Array.from(WEIGHTS, (weight, code): Rgb => {
      if (code === U8_MASKED) return mix(paper, masked, 0.6);
      if (code === U8_NAN) return nanColour(palette);
      const position = toScale(weight, scale);
      // The ramp has its own lightness; only its weak end is led back to the page.
      return own === null
        ? mix(paper, palette.ramp(position), Math.min(1, position * 5))
        : mix(paper, own, position);
    });
    for (let pixel = 0; pixel < pixels; pixel++) {
      const at = 4 * (pixel * width + column);
      image.data.set(shades[codeAt(strips, some, pixel)] as Rgb, at);
      image.data[at + 3] = 255;
    }
  });
  return image;
}

export interface Ticks {
  readonly held: number | null;
  readonly hits: readonly number[];
  readonly found: readonly number[];
  readonly span: { readonly start: number; readonly end: number } | null;
}

/** Marks in the gutters left and right of the columns: hits of the prompt's search and of that of attention. */
export function drawTicks(
  context: CanvasRenderingContext2D,
  { held, hits, found, span }: Ticks,
  size: { readonly width: number; readonly height: number; readonly gutter: number; readonly count: number },
  palette: Palette,
): void {
  const { width, height, gutter, count } = size;
  const at = (token: number) => Math.round(heightOf(token + 0.5, height, count));
  const mark = (token: number, x: number, colour: string, tall = 2) => {
    context.fillStyle = colour;
    context.fillRect(x, Math.min(height - tall, Math.max(0, at(token) - tall / 2)), gutter - 2, tall);
  };
  if (span !== null) {
    context.fillStyle = palette.accent;
    const top = heightOf(span.start, height, count);
    context.fillRect(0, top, 2, Math.max(3, heightOf(span.end - span.start, height, count)));
  }
  // Many hits share pixels: each is drawn once.
  for (const token of distinct(hits, at)) mark(token, 0, css(palette.dark ? [255, 180, 84] : [180, 83, 9]));
  for (const token of distinct(found, at)) mark(token, width - gutter + 2, palette.accent);
  if (held === null) return;
  const y = at(held);
  context.fillStyle = palette.ink;
  context.fillRect(0, Math.min(height - 1, y), width, 1);
  context.beginPath();
  context.moveTo(0, y - 4);
  context.lineTo(6, y + 0.5);
  context.lineTo(0, y + 5);
  context.fill();
}

function distinct(tokens: readonly number[], at: (token: number) => number): number[] {
  const seen = new Set<number>();
  return tokens.filter((token) => {
    const y = at(token);
    return !seen.has(y) && seen.add(y);
  });
}
