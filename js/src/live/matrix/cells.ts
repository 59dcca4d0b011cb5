// The cells of one panel of a tiled layer: asks for what is in sight and draws what is here.
import { COMBINED } from "../../core/shown";
import type { LayerData, Palette, Pattern } from "../../core/types";
import { drawCellMarks } from "../../draw/heatmap";
import { combineWeights } from "../../math/filters";
import { cellsInSight } from "../../math/viewport";
import { HIDDEN, isMasked, isUnread } from "../../math/weights";
import type { CellPainter, CellsView, Drawn } from "../../panes/matrix/cells";
import { TILE } from "../../wire/schema.gen";
import { Followers } from "../tiles/followers";
import type { Picture, Subject, TileHub } from "../tiles/hub";
import { levelFor, tilesIn, topLevel } from "../tiles/levels";
import type { Sight } from "../tiles/plan";
import { drawHiddenBands, drawPieces, offBands, pieceOf } from "./draw";

/** What is on screen of one panel. */
export interface TilesDrawn extends Drawn {
  readonly level: number;
  /** Queries behind a dot that were computed, of all tiles in sight the fewest; 0 while some tile is not here. */
  readonly read: number;
  /** Tiles in sight that are shown coarser than they will be, and that are not shown at all. */
  readonly coarser: number;
  readonly missing: number;
  readonly error: number;
  /** Why tiles are not coming; "" while nothing is wrong. */
  readonly failed: string;
}

/** The heads behind a pattern, and what is done to them. */
export function subjectOf(pattern: Pattern, data: LayerData): Subject {
  const { record, site, info, shown } = data;
  const heads = pattern.head === COMBINED ? (shown?.heads ?? []) : [pattern.head];
  const place = { record: record.record, site: site.kind, layer: info.layer };
  const { queries, keys } = pattern;
  return {
    heads: heads.map((head) => ({ ...place, head })),
    combine: shown?.combine ?? "each",
    extent: { queries, keys, causal: info.causal, window: info.window },
    rule: shown?.rule ?? null,
  };
}

export class TileCells implements CellPainter {
  drawn: TilesDrawn | null = null;
  readonly #hub: TileHub;
  readonly #followers: Followers;
  #subject: Subject | null = null;

  constructor(hub: TileHub, abort: AbortSignal) {
    this.#hub = hub;
    this.#followers = new Followers(hub, abort);
  }

  show(pattern: Pattern, data: LayerData): void {
    this.#subject = subjectOf(pattern, data);
  }

  /** Asks for nothing more. */
  rest(): void {
    this.drawn = null;
    this.#followers.rest();
  }

  draw(context: CanvasRenderingContext2D, view: CellsView, theme: Palette): void {
    const subject = this.#subject;
    if (subject === null) return;
    const { frame, viewport, ratio, scale } = view;
    const { extent, rule } = subject;
    const top = topLevel(extent);
    const cell = Math.min(frame.cellWidth, frame.cellHeight) * viewport.zoom;
    const sight = { level: levelFor(cell, ratio, top), ...cellsInSight(viewport, frame) };
    this.#followers.want(subject.heads, this.#hub.pool.peek(), extent, sight);
    const ink = { scale, theme };
    const used: Picture[] = [];
    const tiles = tilesIn(sight.level, sight.queries, sight.keys, extent);
    const pieces = tiles.map((tile) =>
      pieceOf(tile, top, (at) => {
        const picture = this.#hub.picture(subject, at, ink);
        if (picture !== null) used.push(picture);
        return picture?.canvas ?? null;
      }),
    );
    drawPieces(context, pieces, extent, sight.queries, view, theme);
    const block = 2 ** sight.level;
    if (rule !== null) {
      const off = {
        queries: offBands(rule.queryOff, sight.queries, block),
        keys: offBands(rule.keyOff, sight.keys, block),
      };
      drawHiddenBands(context, off, view, theme);
    }
    const error = Math.max(0, ...used.map((picture) => picture.error));
    drawCellMarks(context, { weights: this.#weights(subject), error }, view, theme);
    const missing = pieces.filter(({ image }) => image === null).length;
    const coarser = pieces.filter(({ image, size }) => image !== null && size < TILE).length;
    this.drawn = {
      block,
      level: sight.level,
      read: missing + coarser > 0 || used.length === 0 ? 0 : Math.min(...used.map(({ read }) => read)),
      coarser,
      missing,
      error,
      failed: this.#followers.failed,
      masked: isPartOut(sight, subject) || used.some(({ masked }) => masked),
      hidden: rule !== null,
      nan: used.some(({ nan }) => nan),
    };
  }

  /** Weights of single cells, for the numbers in them. */
  #weights({ heads, combine, extent, rule }: Subject) {
    const { queries, keys } = extent;
    const each = heads.map((place) => ({ queries, keys, weight: this.#hub.store.reader(place) }));
    const [first] = each;
    const read =
      each.length === 1 && first !== undefined ? first.weight : combineWeights(each, combine).weight;
    const weight = (query: number, key: number) => {
      const found = read(query, key);
      return rule?.hides(query, key) === true && (isUnread(found) || !isMasked(found)) ? HIDDEN : found;
    };
    return { queries, keys, weight };
  }
}

/** Whether the rule keeps some cell in sight out of reach. */
function isPartOut({ queries, keys }: Sight, { extent: { causal, window } }: Subject): boolean {
  if (causal && keys.end - 1 > queries.start) return true;
  return window !== null && keys.start <= queries.end - 1 - window;
}
