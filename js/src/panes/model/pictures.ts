// Small pictures of all heads, painted once for a size, scale and theme.
import type { ModelThumbnails, Palette } from "../../core/types";
import { drawHatchArea } from "../../draw/hatch";
import { codeColours, drawPicture, paintCodes, type Strip } from "../../draw/overview";
import { prepare } from "../../draw/surface";
import type { Place } from "../../math/arrange";
import { shrink } from "../../math/overview";
import { type Scale, U8_MASKED, U8_NAN } from "../../wire/schema.gen";

interface Size {
  readonly width: number;
  readonly height: number;
}

export class Pictures {
  readonly #model: ModelThumbnails;
  readonly #size: Size;
  readonly #scale: Scale;
  readonly #theme: Palette;
  readonly #ratio: number;
  readonly #strips = new Map<number, Strip>();
  /** What is out of reach: drawn once, behind each picture. */
  readonly #ground: HTMLCanvasElement | null;
  readonly masked: boolean;
  readonly nan: boolean;

  constructor(model: ModelThumbnails, size: Size, scale: Scale, theme: Palette, ratio: number) {
    this.#model = model;
    this.#size = size;
    this.#scale = scale;
    this.#theme = theme;
    this.#ratio = ratio;
    const has = (code: number, some: number) =>
      model.layers.some((_, row) =>
        Array.from({ length: Math.min(some, model.heads[row] as number) }).some((_, head) =>
          model.codes(row, head).includes(code),
        ),
      );
    this.masked = has(U8_MASKED, 1);
    this.nan = has(U8_NAN, Number.POSITIVE_INFINITY);
    this.#ground = this.masked ? document.createElement("canvas") : null;
    const context = this.#ground && prepare(this.#ground, size.width, size.height, ratio);
    if (context) drawHatchArea(context, null, { x: 0, y: 0, ...size }, theme);
  }

  draw(context: CanvasRenderingContext2D, { row, head }: Place, x: number, y: number): void {
    const { width, height } = this.#size;
    if (this.#ground !== null) context.drawImage(this.#ground, x, y, width, height);
    const strip = this.#strip(row);
    if (strip !== null) drawPicture(context, strip, { head, x, y, width, height }, this.#theme);
  }

  #strip(row: number): Strip | null {
    const known = this.#strips.get(row);
    if (known !== undefined) return known;
    const model = this.#model;
    const [rows, columns] = model.size;
    const block = Math.max(1, Math.floor(columns / (this.#size.width * this.#ratio)));
    const [h, w] = [Math.ceil(rows / block), Math.ceil(columns / block)];
    const heads = model.heads[row] as number;
    const image = document.createElement("canvas");
    // A clear pixel between two heads, so that scaling never mixes them.
    const step = w + 1;
    const context = prepare(image, heads * step, h, 1);
    if (context === null) return null;
    const colours = codeColours(this.#scale, this.#theme);
    for (let head = 0; head < heads; head++) {
      const small = shrink(model.codes(row, head), rows, columns, block, U8_MASKED);
      paintCodes(context, small, { x: head * step, y: 0, colours }, this.#theme);
    }
    const made = { image, rows: h, columns: w, step };
    this.#strips.set(row, made);
    return made;
  }
}
