// The strips of a token as a picture that is kept while nothing of it changes, and drawn where the map is.
import { css } from "../../math/colour";
import { type MapLook, paintColumns } from "./paint";
import { heightOf } from "./place";
import { type Columns, type Strips, strongest } from "./strips";

/** Pixels of the mark of a column's largest weight. */
const PEAK = 3;

export interface PictureLook extends Omit<MapLook, "colour"> {
  /** Heads of all layers; else each in its own colour. */
  readonly all: boolean;
}

export interface PicturePlace {
  readonly left: number;
  readonly height: number;
  /** Tokens from top to bottom. */
  readonly count: number;
}

export class StripPicture {
  #made: {
    readonly key: readonly unknown[];
    readonly image: HTMLCanvasElement;
    readonly pixels: ImageData;
  } | null = null;

  draw(
    context: CanvasRenderingContext2D,
    strips: Strips,
    columns: Columns,
    look: PictureLook,
    place: PicturePlace,
  ): void {
    const { image, pixels } = this.#make(strips, columns, look);
    const { left, height, count } = place;
    const tall = (strips.pixels * strips.pooled * height) / Math.max(1, count);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, left, 0, columns.width * columns.strips.length, tall);
    if (look.all) {
      context.fillStyle = look.palette.line;
      const layerOf = (column: number) => strips.places[columns.strips[column]?.[0] ?? -1]?.layer;
      for (let column = 1; column < columns.strips.length; column++)
        if (layerOf(column) !== layerOf(column - 1))
          context.fillRect(left + column * columns.width, 0, 1, height);
    }
    // Each column's largest weight once more, tall enough to be seen: in a long prompt it is a line of one pixel.
    columns.strips.forEach((some, column) => {
      const peak = strongest(strips, some);
      if (peak === null) return;
      const pixel = Math.min(strips.pixels - 1, Math.floor(peak.position / strips.pooled));
      const at = 4 * (pixel * pixels.width + column);
      const [red = 0, green = 0, blue = 0] = pixels.data.subarray(at, at + 3);
      context.fillStyle = css([red, green, blue]);
      const y = heightOf(peak.position + 0.5, height, count) - PEAK / 2;
      const top = Math.min(height - PEAK, Math.max(0, y));
      context.fillRect(left + column * columns.width, top, columns.width, PEAK);
    });
  }

  #make(strips: Strips, columns: Columns, { all, palette, scale }: PictureLook) {
    const [first] = columns.strips[0] ?? [];
    const key = [strips, palette, scale, all, first, columns.strips.length];
    if (this.#made !== null && key.every((part, at) => part === this.#made?.key[at])) return this.#made;
    const colour = (column: number) => {
      const [only, more] = columns.strips[column] ?? [];
      const own = !all && only !== undefined && more === undefined;
      return own ? palette.head(strips.places[only]?.head ?? 0) : null;
    };
    const pixels = paintColumns(strips, columns, { palette, scale, colour });
    const image = document.createElement("canvas");
    image.width = pixels.width;
    image.height = pixels.height;
    image.getContext("2d")?.putImageData(pixels, 0, 0);
    const made = { key, image, pixels };
    this.#made = made;
    return made;
  }
}
