// A tile as a picture: one pixel per pixel, in the colours of a scale and a theme.
import type { Palette } from "../../core/types";
import { nanColour } from "../../draw/heatmap";
import { parseColour, type Rgb } from "../../math/colour";
import type { Rule } from "../../math/filters";
import { toScale } from "../../math/scale";
import { decodeWeight } from "../../math/weights";
import { type Scale, TILE, U8_MASKED, U8_NAN } from "../../wire/schema.gen";
import { cellsOf, type Extent, type TileAt } from "./levels";

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function packed([r, g, b]: Rgb): number {
  return (
    (LITTLE_ENDIAN ? (255 << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | 255) >>> 0
  );
}

/** The colour of each code; clear where out of reach. */
export function colourTable(scale: Scale, theme: Palette): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, code) => {
    if (code === U8_MASKED) return 0;
    if (code === U8_NAN) return packed(nanColour(theme));
    return packed(theme.ramp(toScale(decodeWeight(code), scale)));
  });
}

/** Which pixels of a tile a filter hides whole, by row and by column; null where it hides none. */
export interface Hidden {
  readonly rows: Uint8Array;
  readonly columns: Uint8Array;
}

/** A pixel is hidden where all of its queries are, or all of its keys. */
export function hiddenIn(tile: TileAt, rule: Rule, { queries, keys }: Extent): Hidden | null {
  const cells = cellsOf(tile);
  const size = 2 ** tile.level;
  const along = (start: number, off: readonly boolean[], count: number) =>
    Uint8Array.from({ length: TILE }, (_, pixel) => {
      const from = start + pixel * size;
      const to = Math.min(from + size, count);
      for (let at = from; at < to; at++) if (off[at] !== true) return 0;
      return from < to ? 1 : 0;
    });
  const rows = along(cells.queries.start, rule.queryOff, queries);
  const columns = along(cells.keys.start, rule.keyOff, keys);
  return rows.includes(1) || columns.includes(1) ? { rows, columns } : null;
}

/** Paints a tile; hidden pixels get the colour of the ground. */
export function paintTile(
  canvas: HTMLCanvasElement,
  codes: Uint8Array,
  table: Uint32Array,
  hidden: Hidden | null,
  theme: Palette,
): void {
  canvas.width = TILE;
  canvas.height = TILE;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const image = context.createImageData(TILE, TILE);
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < codes.length; at++) pixels[at] = table[codes[at] as number] as number;
  if (hidden !== null) {
    const ground = packed(parseColour(theme.bg) ?? [128, 128, 128]);
    for (let at = 0; at < codes.length; at++) {
      const isOff = hidden.rows[Math.floor(at / TILE)] === 1 || hidden.columns[at % TILE] === 1;
      if (isOff && codes[at] !== U8_MASKED) pixels[at] = ground;
    }
  }
  context.putImageData(image, 0, 0);
}
