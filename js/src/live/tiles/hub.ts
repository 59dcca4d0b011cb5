// The tiles of one view: what its panes share. One store, one cache of pictures, one signal that says when either grew.
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { Lru } from "../../core/lru";
import type { Palette } from "../../core/types";
import type { Rule } from "../../math/filters";
import type { Transport } from "../../transport/types";
import { type Combine, type Pool, type Scale, TILE, U8_MASKED, U8_NAN } from "../../wire/schema.gen";
import { TileFollower } from "./follower";
import { cellsOf, type Extent, type TileAt } from "./levels";
import { CODE_ERROR, mixTiles } from "./mix";
import { colourTable, hiddenIn, paintTile } from "./picture";
import { type HeadPlace, placeKey, type Tile, TileStore } from "./store";

/** Pictures weigh four bytes a pixel. */
const PICTURE_BYTES = 64 * 2 ** 20;

/** One head, or several put together. */
export interface Subject {
  readonly heads: readonly HeadPlace[];
  readonly combine: Combine;
  readonly extent: Extent;
  readonly rule: Rule | null;
}

/** In which colours. */
export interface Ink {
  readonly scale: Scale;
  readonly theme: Palette;
}

export interface Picture {
  readonly canvas: HTMLCanvasElement;
  /** Queries behind a pixel that were computed. */
  readonly read: number;
  readonly error: number;
  /** Whether some pixel is out of reach, or not a number. */
  readonly masked: boolean;
  readonly nan: boolean;
}

interface Kept extends Picture {
  readonly of: readonly Tile[];
  readonly table: Uint32Array;
  readonly rule: Rule | null;
}

export class TileHub {
  readonly store: TileStore;
  /** How cells are pooled into dots. */
  readonly pool: Signal<Pool> = signal("max");
  /** Changes when tiles came, or stopped coming, and with the pooling. */
  readonly changes: ReadonlySignal<unknown>;
  readonly #changes = signal(0);
  readonly #pictures = new Lru<Kept>(PICTURE_BYTES);
  readonly #tables = new WeakMap<Palette, Map<Scale, Uint32Array>>();
  readonly #request: Transport["request"];

  constructor(request: Transport["request"], store = new TileStore()) {
    this.#request = request;
    this.store = store;
    this.changes = computed(() => [this.#changes.value, this.pool.value]);
  }

  follow(abort: AbortSignal): TileFollower {
    const changed = () => {
      this.#changes.value += 1;
    };
    return new TileFollower(this.#request, this.store, { changed }, abort);
  }

  /** The tile in these colours; null where it is not here. */
  picture(subject: Subject, tile: TileAt, ink: Ink): Picture | null {
    const pool = this.pool.peek();
    const tiles = subject.heads.map((place) => this.store.get(place, pool, tile));
    if (tiles.length === 0 || !tiles.every((one) => one !== undefined)) return null;
    const table = this.#table(ink);
    const { combine, extent, rule } = subject;
    const { level, row, column } = tile;
    const heads = subject.heads.map(placeKey).join(",");
    const key = `${heads} ${combine} ${pool} ${level} ${row} ${column}`;
    const known = this.#pictures.get(key);
    const same = known?.of.length === tiles.length && known.of.every((one, index) => one === tiles[index]);
    if (same && known.table === table && known.rule === rule) return known;
    const codes = mixTiles(
      tiles.map((one) => one.codes),
      combine,
    );
    const canvas = known?.canvas ?? document.createElement("canvas");
    paintTile(canvas, codes, table, rule === null ? null : hiddenIn(tile, rule, extent), ink.theme);
    const made: Kept = {
      canvas,
      read: Math.min(...tiles.map((one) => one.read)),
      error: Math.max(...tiles.map((one) => one.error)) + (tiles.length > 1 ? CODE_ERROR : 0),
      ...marksOf(codes, tile, extent),
      of: tiles,
      table,
      rule,
    };
    this.#pictures.set(key, made, 4 * TILE * TILE);
    return made;
  }

  #table({ scale, theme }: Ink): Uint32Array {
    const tables = this.#tables.get(theme) ?? new Map<Scale, Uint32Array>();
    const table = tables.get(scale) ?? colourTable(scale, theme);
    tables.set(scale, table);
    this.#tables.set(theme, tables);
    return table;
  }
}

/** What there is in a tile beside weights, within the pattern. */
function marksOf(
  codes: Uint8Array,
  tile: TileAt,
  { queries, keys }: Extent,
): Pick<Picture, "masked" | "nan"> {
  const cells = cellsOf(tile);
  const size = 2 ** tile.level;
  const rows = Math.min(TILE, Math.ceil((queries - cells.queries.start) / size));
  const columns = Math.min(TILE, Math.ceil((keys - cells.keys.start) / size));
  let masked = false;
  let nan = false;
  for (let row = 0; row < rows; row++) {
    const part = codes.subarray(row * TILE, row * TILE + columns);
    masked ||= part.includes(U8_MASKED);
    nan ||= part.includes(U8_NAN);
  }
  return { masked, nan };
}
