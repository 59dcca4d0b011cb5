// What to ask for next, given what is in sight and what is here: coarse first, then sharp, then whole, then around.
import type { Range } from "../../math/lines";
import { MAX_MESSAGE_BYTES, TILE } from "../../wire/schema.gen";
import { cellsOf, type Extent, type TileAt, tilesIn, topLevel } from "./levels";

/** What is looked at, at the level that suits the screen. */
export interface Sight {
  readonly level: number;
  readonly queries: Range;
  readonly keys: Range;
  /** Nothing coarser is of use meanwhile. */
  readonly direct?: boolean;
}

/** Queries behind a pixel that were read of a tile that is here; 0 where it is not. */
export type ReadOf = (tile: TileAt) => number;

/** Tiles of one reply: as many as one message takes. */
export const BATCH = Math.floor(MAX_MESSAGE_BYTES / (TILE * TILE));

/** How many levels coarser the first look is: a sixty-fourth of the tiles. */
const COARSER = 3;

export interface Batch {
  readonly level: number;
  readonly tiles: readonly TileAt[];
  /** Whether it is for later, not for what is in sight. */
  readonly ahead: boolean;
}

/** Nearest to the middle of what is in sight first. */
function byDistance(tiles: readonly TileAt[], { queries, keys }: Sight): TileAt[] {
  const middle = (range: Range) => (range.start + range.end) / 2;
  const [query, key] = [middle(queries), middle(keys)];
  const distance = (tile: TileAt) => {
    const cells = cellsOf(tile);
    return Math.hypot(middle(cells.queries) - query, middle(cells.keys) - key);
  };
  return [...tiles].sort((a, b) => distance(a) - distance(b));
}

/** What is in sight with one tile more on each side. */
function widened({ level, queries, keys }: Sight): Sight {
  const ring = TILE * 2 ** level;
  const wide = ({ start, end }: Range) => ({ start: Math.max(0, start - ring), end: end + ring });
  return { level, queries: wide(queries), keys: wide(keys) };
}

/** The next request for one head; null where nothing is left to ask for. `ahead` also asks for what may come next. */
export function nextBatch(sight: Sight, extent: Extent, read: ReadOf, ahead: boolean): Batch | null {
  const { level } = sight;
  const at = (of: Sight) => byDistance(tilesIn(of.level, of.queries, of.keys, extent), sight);
  const batch = (tiles: readonly TileAt[], later = false): Batch | null =>
    tiles.length === 0
      ? null
      : { level: (tiles[0] as TileAt).level, tiles: tiles.slice(0, BATCH), ahead: later };
  const missing = (tiles: readonly TileAt[]) => tiles.filter((tile) => read(tile) === 0);

  const wanted = at(sight);
  const sharp = missing(wanted);
  if (sharp.length > 0) {
    const coarse = Math.min(topLevel(extent), level + COARSER);
    const cover = coarse > level && !sight.direct ? missing(at({ ...sight, level: coarse })) : [];
    // Where a few sharp tiles are all that is missing they are as soon there as the coarse ones.
    return batch(sharp.length > 2 && cover.length > 0 ? cover : sharp);
  }
  const least = Math.min(2 ** level, ...wanted.map(read));
  if (least < 2 ** level) return batch(wanted.filter((tile) => read(tile) < Math.min(2 ** level, 2 * least)));
  if (!ahead) return null;
  const finer = level > 0 ? missing(at({ ...sight, level: level - 1 })) : [];
  return batch(missing(at(widened(sight))), true) ?? batch(finer.slice(0, BATCH), true);
}
