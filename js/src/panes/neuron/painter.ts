// Draws the neuron view: the query over its keys, a learned sink, and the rows of keys that are in sight.
import type { LayerData, Palette } from "../../core/types";
import { cut } from "../../draw/axes";
import { createDiverging } from "../../draw/diverging";
import { type BarsView, drawBars, drawBrush, drawStripes, drawUnreached } from "../../draw/strips";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { rowsInSight, type Strips } from "../../math/strips";
import { type KnownTerms, scaledProducts } from "../../math/terms";
import { isMasked } from "../../math/weights";
import type { Scale } from "../../wire/schema.gen";
import { labelOf } from "../kit/tokens";
import type { Reading } from "./reading";

export const ROW = 20;

export interface PainterLook {
  readonly data: LayerData;
  readonly reading: Reading;
  readonly strips: Strips;
  readonly order: ArrayLike<number>;
  /** Brushed dimensions, and the first and last stripe of the brush. */
  readonly brushed: readonly number[] | null;
  readonly brush: readonly [number, number] | null;
  /** Between which the bars of scores, or of their brushed parts, lie. */
  readonly scores: readonly [low: number, high: number];
  /** The stripe and the key in focus. */
  readonly stripe: number | null;
  readonly key: number | null;
  readonly scroll: number;
  readonly height: number;
  readonly scale: Scale;
  readonly theme: Palette;
  readonly ratio: number;
}

interface Name {
  readonly number: string;
  readonly label: string;
  readonly tone: "plain" | "strong" | "faint" | "sink";
}

/** Whether a learned sink has a row of its own. */
export function hasSink({ terms }: Reading): boolean {
  return terms.sink_score !== null || terms.sink > 0;
}

/** Height of what stays above the rows. */
export function headHeight(reading: Reading): number {
  return (reading.known === null ? 0 : ROW) + (hasSink(reading) ? ROW : 0);
}

export class StripPainter {
  readonly head: HTMLCanvasElement;
  readonly rows: HTMLCanvasElement;
  /** One pixel per stripe, reused for every strip. */
  readonly #image = document.createElement("canvas");

  constructor(head: HTMLCanvasElement, rows: HTMLCanvasElement) {
    this.head = head;
    this.rows = rows;
  }

  /** Gives the canvases their places; what lies below depends on their heights. */
  place(reading: Reading, width: number, height: number): void {
    const above = headHeight(reading);
    this.head.hidden = above === 0;
    Object.assign(this.head.style, { width: `${width}px`, height: `${above}px` });
    Object.assign(this.rows.style, { width: `${width}px`, height: `${height}px` });
  }

  draw(look: PainterLook): void {
    this.#drawHead(look);
    this.#drawRows(look);
  }

  #bars({ strips, reading, theme, scores }: PainterLook): Omit<BarsView, "y"> {
    return { strips, row: ROW, scores, heaviest: reading.heaviest, diverging: createDiverging(theme) };
  }

  #stripes(look: PainterLook) {
    const { strips, order, scale, theme } = look;
    return { strips, order, scale, diverging: createDiverging(theme), row: ROW, image: this.#image };
  }

  #drawHead(look: PainterLook): void {
    const { reading, strips, theme, brushed, data } = look;
    const { known, terms } = reading;
    const height = headHeight(reading);
    const context = height > 0 ? prepare(this.head, strips.width, height, look.ratio) : null;
    if (context === null) return;
    if (known !== null) {
      const q = {
        span: strips.k,
        most: reading.ranges.q,
        value: (_: number, d: number) => known.q[d] as number,
      };
      drawStripes(context, q, { ...this.#stripes(look), top: 2, rows: 1, row: ROW - 5 }, theme);
      const label = labelOf(data.queryTokens, terms.query);
      drawName(context, { number: "q", label, tone: "strong" }, look, 0);
      context.font = `11px ${theme.sans}`;
      context.fillStyle = brushed === null ? theme.soft : theme.accent;
      const hint = brushed === null ? "drag to brush" : `${brushed.length} of ${known.q.length} brushed`;
      context.fillText(cut(context, hint, strips.product.width), strips.product.x, ROW / 2 + 0.5);
      drawBrush(context, look, { spans: [strips.k], cell: strips.cell, height: ROW - 2 }, theme);
    }
    if (!hasSink(reading)) return;
    const y = height - ROW;
    drawName(context, { number: "", label: "sink", tone: "sink" }, look, y);
    const score = terms.sink_score ?? Number.NaN;
    const { sink: weight, error = 0 } = terms;
    const colour = css(theme.head(terms.head));
    const bars = { score, part: null, weight, error, colour, sink: true };
    drawBars(context, bars, { ...this.#bars(look), y }, theme);
  }

  #drawRows(look: PainterLook): void {
    const { reading, strips, theme, scroll, height, data, key: focused } = look;
    const { known, terms } = reading;
    const { error = 0, floor = 0 } = terms;
    const context = prepare(this.rows, strips.width, height, look.ratio);
    if (context === null) return;
    const rows = rowsInSight(terms.weights.length, ROW, scroll, height);
    const yOf = (key: number) => key * ROW - scroll;
    if (known !== null) this.#drawStrips(context, look, known, rows);
    const bars = this.#bars(look);
    const colour = css(theme.head(terms.head));
    for (let key = rows.start; key < rows.end; key++) {
      const y = yOf(key);
      const strong = key === focused;
      const weight = terms.weights[key] as number;
      if (strong) {
        context.fillStyle = theme.hover;
        context.fillRect(0, y, strips.label.x + strips.label.width + 4, ROW - 1);
        context.fillRect(strips.score.x - 6, y, strips.width - strips.score.x + 6, ROW - 1);
      }
      const tone = strong ? "strong" : isMasked(weight) ? "faint" : "plain";
      drawName(context, { number: String(key), label: labelOf(data.keyTokens, key), tone }, look, y);
      if (isMasked(weight)) continue;
      drawBars(
        context,
        { ...partsOf(look, key), weight, error, floor, colour, sink: false },
        { ...bars, y },
        theme,
      );
    }
    let from = rows.start;
    for (let key = rows.start; key <= rows.end; key++) {
      if (key < rows.end && isMasked(terms.weights[key] as number)) continue;
      if (key > from) {
        const area = { strips, y: yOf(from), rows: key - from, row: ROW };
        drawUnreached(context, { words: "out of reach" }, area, theme);
      }
      from = key + 1;
    }
    if (focused === null || focused < rows.start || focused >= rows.end) return;
    context.strokeStyle = theme.accent;
    context.lineWidth = 1;
    context.strokeRect(0.5, yOf(focused) + 0.5, strips.width - 1, ROW - 2);
  }

  #drawStrips(
    context: CanvasRenderingContext2D,
    look: PainterLook,
    known: KnownTerms,
    rows: { readonly start: number; readonly end: number },
  ): void {
    const { strips, theme, scroll, height } = look;
    const { ranges } = look.reading;
    const top = rows.start * ROW - scroll;
    const view = { ...this.#stripes(look), top, rows: rows.end - rows.start };
    const k = (row: number, d: number) => known.k[(rows.start + row) * known.q.length + d] as number;
    const product = (row: number, d: number) => k(row, d) * (known.q[d] as number);
    drawStripes(context, { span: strips.k, most: ranges.k, value: k }, view, theme);
    drawStripes(context, { span: strips.product, most: ranges.product, value: product }, view, theme);
    const bottom = rows.end * ROW - scroll;
    const spans = [strips.k, strips.product];
    drawBrush(context, look, { spans, cell: strips.cell, height: Math.min(height, bottom) }, theme);
    context.fillStyle = theme.bg;
    const [left, right] = [strips.k.x - 1, strips.product.x + strips.product.width + 1];
    for (let y = top + ROW; y <= bottom; y += ROW) context.fillRect(left, y - 2, right - left, 2);
  }
}

/** A row's score, or all of q · k x scaling and the brushed part of it. */
function partsOf({ reading, brushed }: PainterLook, key: number): { score: number; part: number | null } {
  const { known, terms } = reading;
  if (known === null || brushed === null) return { score: terms.scores?.[key] ?? Number.NaN, part: null };
  return { score: scaledProducts(known, key), part: scaledProducts(known, key, brushed) };
}

/** A token with its number, at the left of a row. */
function drawName(
  context: CanvasRenderingContext2D,
  { number, label, tone }: Name,
  { theme, strips, data }: PainterLook,
  y: number,
): void {
  const { x, width } = strips.label;
  const index = 6 * Math.max(2, String(data.keyTokens.label.length - 1).length);
  const middle = y + ROW / 2 + 0.5;
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.font = `10px ${theme.mono}`;
  context.fillStyle = theme.faint;
  context.fillText(number, x + index, middle);
  context.textAlign = "left";
  const style = { plain: "", faint: "", strong: "600 ", sink: "italic " }[tone];
  context.font = `${style}12px ${theme.mono}`;
  context.fillStyle = tone === "faint" ? theme.faint : tone === "sink" ? theme.soft : theme.ink;
  context.fillText(cut(context, label, width - index - 6), x + index + 6, middle);
}
