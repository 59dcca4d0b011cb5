// Draws the tiles of a pattern: the sharpest that are here, coarser ones stretched, a texture where none is.
import type { Palette } from "../../core/types";
import { drawDots, drawHatchArea } from "../../draw/hatch";
import type { Range } from "../../math/lines";
import { cellCorner, type Frame, type Viewport } from "../../math/viewport";
import { TILE } from "../../wire/schema.gen";
import { ancestor, cellsOf, type Extent, type TileAt } from "../tiles/levels";

export interface TilesView {
  readonly frame: Frame;
  readonly viewport: Viewport;
  readonly ratio: number;
}

/** What to draw of one tile: a square of a picture, or nothing where no picture is here. */
export interface Piece {
  readonly tile: TileAt;
  readonly image: HTMLCanvasElement | null;
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/** The picture of a tile, else the part of the nearest coarser one that is here. */
export function pieceOf(
  tile: TileAt,
  top: number,
  pictureOf: (at: TileAt) => HTMLCanvasElement | null,
): Piece {
  for (let up = 0; tile.level + up <= top; up++) {
    const found = ancestor(tile, up);
    const image = pictureOf(found.tile);
    if (image !== null) return { tile, image, x: found.x, y: found.y, size: found.size };
  }
  return { tile, image: null, x: 0, y: 0, size: TILE };
}

/** A tile's place on screen, on whole pixels so that neighbours meet. */
function boxOf(tile: TileAt, { frame, viewport, ratio }: TilesView) {
  const { queries, keys } = cellsOf(tile);
  const snap = (at: number) => Math.round(at * ratio) / ratio;
  const from = cellCorner(viewport, frame, queries.start, keys.start);
  const to = cellCorner(viewport, frame, queries.end, keys.end);
  const [x, y] = [snap(from.x), snap(from.y)];
  return { x, y, width: snap(to.x) - x, height: snap(to.y) - y };
}

/** Draws the pieces with the corner of the cells at the origin. */
export function drawPieces(
  context: CanvasRenderingContext2D,
  pieces: readonly Piece[],
  extent: Extent,
  sight: Range,
  view: TilesView,
  theme: Palette,
): void {
  const { frame } = view;
  drawHatchArea(context, null, { x: 0, y: 0, width: frame.width, height: frame.height }, theme);
  context.save();
  context.beginPath();
  context.rect(0, 0, frame.width, frame.height);
  context.clip();
  const missing = pieces.filter(({ image }) => image === null);
  if (missing.length > 0) drawMissing(context, missing, extent, sight, view, theme);
  context.imageSmoothingEnabled = false;
  for (const { tile, image, x, y, size } of pieces) {
    if (image === null) continue;
    const box = boxOf(tile, view);
    context.drawImage(image, x, y, size, size, box.x, box.y, box.width, box.height);
  }
  context.restore();
}

/** The texture of what was not computed yet, as far as it is in reach. */
function drawMissing(
  context: CanvasRenderingContext2D,
  missing: readonly Piece[],
  { queries, keys, causal, window }: Extent,
  sight: Range,
  view: TilesView,
  theme: Palette,
): void {
  const { frame, viewport } = view;
  const right = (query: number) => (causal ? Math.min(keys, query + 1) : keys);
  const left = (query: number) => (window === null ? 0 : Math.max(0, query - window + 1));
  const { start } = sight;
  const end = Math.min(queries, sight.end);
  context.save();
  context.beginPath();
  const corners = [
    [start, left(start)],
    [start, right(start)],
    [end, right(end)],
    [end, left(end)],
  ] as const;
  corners.forEach(([query, key], index) => {
    const { x, y } = cellCorner(viewport, frame, query, key);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.clip();
  context.beginPath();
  for (const { tile } of missing) {
    const box = boxOf(tile, view);
    context.rect(box.x, box.y, box.width, box.height);
  }
  context.clip();
  drawUnread(context, { x: 0, y: 0, width: frame.width, height: frame.height }, theme);
  context.restore();
}

/** Level dashes: neither the strokes of what is out of reach nor the dots of what is hidden, nor any weight's colour. */
export function drawUnread(
  context: CanvasRenderingContext2D,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  theme: Palette,
): void {
  context.fillStyle = theme.bg;
  context.fillRect(box.x, box.y, box.width, box.height);
  context.fillStyle = theme.faint;
  context.globalAlpha = 0.55;
  for (let y = box.y + 3, odd = false; y < box.y + box.height; y += 6, odd = !odd)
    for (let x = box.x + (odd ? 7 : 2); x < box.x + box.width; x += 10) context.fillRect(x, y, 4, 1);
  context.globalAlpha = 1;
}

/** Dots over queries and keys that a filter hides, in stretches of whole pixels of the level. */
export function drawHiddenBands(
  context: CanvasRenderingContext2D,
  off: { readonly queries: readonly Range[]; readonly keys: readonly Range[] },
  { frame, viewport }: TilesView,
  theme: Palette,
): void {
  context.save();
  context.beginPath();
  context.rect(0, 0, frame.width, frame.height);
  context.clip();
  context.beginPath();
  for (const { start, end } of off.queries) {
    const [from, to] = [start, end].map((query) => cellCorner(viewport, frame, query, 0).y) as [
      number,
      number,
    ];
    context.rect(0, from, frame.width, to - from);
  }
  for (const { start, end } of off.keys) {
    const [from, to] = [start, end].map((key) => cellCorner(viewport, frame, 0, key).x) as [number, number];
    context.rect(from, 0, to - from, frame.height);
  }
  context.clip();
  drawDots(context, null, { x: 0, y: 0, width: frame.width, height: frame.height }, theme);
  context.restore();
}

/** Stretches in sight of which all positions are off, in whole blocks. */
export function offBands(off: readonly boolean[], { start, end }: Range, block: number): Range[] {
  const bands: Range[] = [];
  for (let from = Math.floor(start / block) * block; from < end; from += block) {
    const to = Math.min(from + block, off.length);
    let whole = from < to;
    for (let at = from; whole && at < to; at++) whole = off[at] === true;
    const last = bands.at(-1);
    if (!whole) continue;
    if (last?.end === from) bands[bands.length - 1] = { start: last.start, end: to };
    else bands.push({ start: from, end: to });
  }
  return bands;
}
