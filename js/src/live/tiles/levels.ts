// The pyramid of tiles over one pattern: which level suits a zoom, and which tiles lie where. Pure arithmetic.
import type { Reach } from "../../core/pattern";
import type { Range } from "../../math/lines";
import { TILE } from "../../wire/schema.gen";

/** A pattern's size and the rule by which its queries see keys. */
export interface Extent extends Reach {
  readonly queries: number;
  readonly keys: number;
}

/** Tile (row, column) of a level begins at query row * TILE * 2**level and key column * TILE * 2**level. */
export interface TileAt {
  readonly level: number;
  readonly row: number;
  readonly column: number;
}

/** The cells of a tile, those beyond the pattern's edge included. */
export function cellsOf({ level, row, column }: TileAt): { readonly queries: Range; readonly keys: Range } {
  const size = TILE * 2 ** level;
  return {
    queries: { start: row * size, end: (row + 1) * size },
    keys: { start: column * size, end: (column + 1) * size },
  };
}

/** The coarsest level of use: one tile holds all of the pattern. */
export function topLevel({ queries, keys }: Pick<Extent, "queries" | "keys">): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, queries, keys) / TILE)));
}

/** The finest level whose pixels are no smaller than the screen's, where a cell is `cell` CSS pixels wide. */
export function levelFor(cell: number, pixelRatio: number, top: number): number {
  return Math.min(top, Math.max(0, Math.ceil(Math.log2(1 / (cell * pixelRatio)) - 1e-6)));
}

/** Whether any cell of the tile may be in reach. */
export function reaches(tile: TileAt, { queries, keys, causal, window }: Extent): boolean {
  const cells = cellsOf(tile);
  if (cells.queries.start >= queries || cells.keys.start >= keys) return false;
  const last = Math.min(cells.queries.end, queries) - 1;
  if (causal && cells.keys.start > last) return false;
  return window === null || Math.min(cells.keys.end, keys) - 1 > cells.queries.start - window;
}

/** Tiles of a level with any cell in reach that meet a stretch of queries and keys, row by row. */
export function tilesIn(level: number, queries: Range, keys: Range, extent: Extent): TileAt[] {
  const size = TILE * 2 ** level;
  const along = ({ start, end }: Range, count: number) => ({
    from: Math.floor(Math.max(0, start) / size),
    to: Math.ceil(Math.min(count, end) / size),
  });
  const rows = along(queries, extent.queries);
  const columns = along(keys, extent.keys);
  const found: TileAt[] = [];
  for (let row = rows.from; row < rows.to; row++) {
    for (let column = columns.from; column < columns.to; column++) {
      const tile = { level, row, column };
      if (reaches(tile, extent)) found.push(tile);
    }
  }
  return found;
}

/** The tile `up` levels coarser that a tile lies in, and where: a square of its pixels. */
export function ancestor(
  { level, row, column }: TileAt,
  up: number,
): { readonly tile: TileAt; readonly x: number; readonly y: number; readonly size: number } {
  const span = 2 ** up;
  const tile = { level: level + up, row: Math.floor(row / span), column: Math.floor(column / span) };
  const size = TILE / span;
  return { tile, x: (column - tile.column * span) * size, y: (row - tile.row * span) * size, size };
}
