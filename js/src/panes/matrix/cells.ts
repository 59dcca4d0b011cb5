// How a panel of the matrix pane gets its cells drawn, and the drawing of patterns that are here whole.
import type { LayerData, Palette, Pattern } from "../../core/types";
import { drawHeat, paintCells } from "../../draw/heatmap";
import { prepare } from "../../draw/surface";
import { type Pooled, poolBlock, poolMax } from "../../math/pool";
import type { Frame, Viewport } from "../../math/viewport";
import type { Scale } from "../../wire/schema.gen";

/** What of a pattern is in sight, and how large. */
export interface CellsView {
  readonly frame: Frame;
  readonly viewport: Viewport;
  readonly scale: Scale;
  readonly ratio: number;
}

/** What is on screen: cells behind a dot's side, and what there is beside weights. */
export interface Drawn {
  readonly block: number;
  readonly masked: boolean;
  readonly hidden: boolean;
  readonly nan: boolean;
}

/** Draws the cells of one panel. */
export interface CellPainter {
  /** What is on screen; null before anything is. */
  readonly drawn: Drawn | null;
  /** Takes a pattern; what was read of the same pattern before is kept. */
  show(pattern: Pattern, data: LayerData): void;
  /** Draws the part in sight with its corner at the origin. */
  draw(context: CanvasRenderingContext2D, view: CellsView, theme: Palette): void;
  /** Its panel is not on screen any more. */
  rest?(): void;
}

/** A pattern read at some coarseness, with its picture in the scale and theme that it was last painted in. */
interface Reading {
  readonly pooled: Pooled;
  image: HTMLCanvasElement | null;
  scale: Scale | null;
  theme: Palette | null;
}

/** Coarsenesses kept of one pattern. */
const KEPT = 4;

/** Cells of patterns that are here whole, pooled to no less than a pixel. */
export class WholeCells implements CellPainter {
  drawn: Pooled | null = null;
  #pattern: Pattern | null = null;
  readonly #readings = new Map<number, Reading>();

  show(pattern: Pattern): void {
    if (pattern === this.#pattern) return;
    this.#pattern = pattern;
    this.#readings.clear();
    this.drawn = null;
  }

  draw(context: CanvasRenderingContext2D, view: CellsView, theme: Palette): void {
    const pattern = this.#pattern;
    if (pattern === null) return;
    const reading = this.#readingAt(pattern, view);
    this.drawn = reading.pooled;
    const image = paint(reading, view.scale, theme);
    if (image === null) return;
    const data = { image, pooled: reading.pooled, weights: pattern, error: pattern.error };
    drawHeat(context, data, view, theme);
  }

  /** The pattern in blocks that are no smaller than a pixel at this zoom: the nearer one looks, the finer. */
  #readingAt(pattern: Pattern, { frame, viewport, ratio }: CellsView): Reading {
    const block = poolBlock(Math.min(frame.cellWidth, frame.cellHeight) * viewport.zoom, ratio);
    const known = this.#readings.get(block);
    if (known !== undefined) return known;
    if (this.#readings.size >= KEPT) this.#readings.clear();
    const made = { pooled: poolMax(pattern, block), image: null, scale: null, theme: null };
    this.#readings.set(block, made);
    return made;
  }
}

/** The reading's picture, painted anew only for another scale or theme. */
function paint(reading: Reading, scale: Scale, theme: Palette): HTMLCanvasElement | null {
  const { pooled } = reading;
  if (reading.image !== null && reading.scale === scale && reading.theme === theme) return reading.image;
  const image = reading.image ?? document.createElement("canvas");
  const context = prepare(image, pooled.columns, pooled.rows, 1);
  if (context === null) return null;
  paintCells(context, pooled, { scale }, theme);
  reading.image = image;
  reading.scale = scale;
  reading.theme = theme;
  return image;
}
