// Draws a long set of lines over several frames, strongest first, so that no frame is held up.
import type { Palette } from "../../core/types";
import { drawLines, type LinesView } from "../../draw/lines";
import type { LineSet } from "../../math/lines";

/** Lines no wider than one device pixel take a several times cheaper path through the rasteriser. */
const WIDE_PER_FRAME = 350;
const HAIRLINES_PER_FRAME = 1500;

export interface Strokes {
  /** Lines get this width (CSS pixels) while there are at most `wide` of them. */
  readonly width: number;
  readonly wide: number;
}

export class LinePainter {
  #lines: LineSet | null = null;
  #heads: readonly number[] = [];
  #view: LinesView | null = null;
  #theme: Palette | null = null;
  #context: CanvasRenderingContext2D | null = null;
  #next = 0;
  #wide = 0;
  #ratio = 1;

  readonly #strokes: Strokes;

  constructor(strokes: Strokes) {
    this.#strokes = strokes;
  }

  /** Starts over with these lines on a wiped canvas. */
  start(
    context: CanvasRenderingContext2D | null,
    lines: LineSet,
    heads: readonly number[],
    view: LinesView,
    theme: Palette,
    ratio: number,
  ): void {
    this.#context = context;
    this.#lines = lines;
    this.#heads = heads;
    this.#view = view;
    this.#theme = theme;
    this.#ratio = ratio;
    this.#next = 0;
    this.#wide = Math.min(lines.count, this.#strokes.wide);
  }

  stop(): void {
    this.#lines = null;
  }

  /** Draws one frame's worth; true when there is more. */
  step(): boolean {
    const context = this.#context;
    const lines = this.#lines;
    const view = this.#view;
    const theme = this.#theme;
    if (context === null || lines === null || view === null || theme === null) return false;
    if (this.#next >= lines.count) return false;
    const isWide = this.#next < this.#wide;
    const from = this.#next;
    const to = isWide
      ? Math.min(this.#wide, from + WIDE_PER_FRAME)
      : Math.min(lines.count, from + HAIRLINES_PER_FRAME);
    const width = isWide ? this.#strokes.width : 1 / this.#ratio;
    drawLines(context, { lines, from, to, heads: this.#heads }, { ...view, width }, theme);
    this.#next = to;
    return to < lines.count;
  }
}
