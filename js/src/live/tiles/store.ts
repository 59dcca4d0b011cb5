// Tiles that are here, held within a byte budget.
import { Lru } from "../../core/lru";
import { decodeTable } from "../../math/weights";
import { readArray } from "../../wire/arrays";
import {
  type ArraySpec,
  type Pool,
  type SiteKind,
  TILE,
  type TilesMeta,
  UNREAD,
} from "../../wire/schema.gen";
import type { TileAt } from "./levels";

export const STORE_BYTES = 64 * 2 ** 20;

/** The head that tiles are of. */
export interface HeadPlace {
  readonly record: string;
  readonly site: SiteKind;
  readonly layer: number;
  readonly head: number;
}

export interface Tile {
  /** [TILE, TILE], companded; see `TilesMeta`. */
  readonly codes: Uint8Array;
  /** How many of the 2**level queries behind a pixel were computed. */
  readonly read: number;
  /** Largest absolute error of a weight. */
  readonly error: number;
}

const WEIGHTS: Readonly<Float32Array> = decodeTable();

export function placeKey({ record, site, layer, head }: HeadPlace): string {
  return `${record} ${site} ${layer} ${head}`;
}

export class TileStore {
  readonly #tiles: Lru<Tile>;

  /** `budget` is in bytes. */
  constructor(budget = STORE_BYTES) {
    this.#tiles = new Lru(budget);
  }

  get bytes(): number {
    return this.#tiles.bytes;
  }

  get(place: HeadPlace, pool: Pool, tile: TileAt): Tile | undefined {
    return this.#tiles.get(keyOf(place, pool, tile));
  }

  /** Takes the tiles of a reply; returns how many of them say more than what was here. */
  take(record: string, meta: TilesMeta, buffers: readonly DataView[]): number {
    const { site, layer, head, level, pool, tiles, read, error } = meta;
    const codes = readCodes(meta.codes, tiles.length, buffers);
    let news = 0;
    tiles.forEach(([row = 0, column = 0], index) => {
      const tile = { level, row, column };
      const key = keyOf({ record, site, layer, head }, pool, tile);
      const known = this.#tiles.get(key)?.read ?? 0;
      const now = read[index] ?? 0;
      if (now <= known) return;
      news++;
      // A copy, so that a tile that goes frees its bytes while others of the reply stay.
      const own = codes.slice(index * TILE * TILE, (index + 1) * TILE * TILE);
      this.#tiles.set(key, { codes: own, read: now, error }, own.byteLength);
    });
    return news;
  }

  /** Reads weights of one head cell by cell, in 8 bits, as far as they are here; neighbours are found at once. */
  reader(place: HeadPlace): (query: number, key: number) => number {
    let row = -1;
    let column = -1;
    let codes: Uint8Array | undefined;
    return (query, key) => {
      const r = Math.floor(query / TILE);
      const c = Math.floor(key / TILE);
      // A tile that is not here yet may come between two cells.
      if (r !== row || c !== column || codes === undefined) {
        codes = this.get(place, "max", { level: 0, row: r, column: c })?.codes;
        row = r;
        column = c;
      }
      return codes === undefined
        ? UNREAD
        : (WEIGHTS[codes[(query - r * TILE) * TILE + key - c * TILE] as number] as number);
    };
  }
}

/** Of single cells, the largest weight and the mean are the same. */
function keyOf(place: HeadPlace, pool: Pool, { level, row, column }: TileAt): string {
  return `${placeKey(place)} ${level === 0 ? "max" : pool} ${level} ${row} ${column}`;
}

function readCodes(spec: ArraySpec, count: number, buffers: readonly DataView[]): Uint8Array {
  const codes = readArray(spec, buffers, "u1");
  if (codes.length !== count * TILE * TILE) {
    throw new RangeError(`The reply names ${count} tiles and holds ${codes.length / (TILE * TILE)}.`);
  }
  return codes;
}
