// Zoom and pan of a matrix: which cells are in sight and where they lie.
import type { Range } from "./lines";

/** What part of the matrix is in sight: the cell in the top left corner (fractions allowed) and the magnification. */
export interface Viewport {
  readonly query: number;
  readonly key: number;
  readonly zoom: number;
}

/** A matrix fitted into a rectangle at zoom 1. */
export interface Frame {
  readonly queries: number;
  readonly keys: number;
  /** Size of one cell at zoom 1, CSS pixels. */
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Size of the rectangle that the cells may fill. */
  readonly width: number;
  readonly height: number;
}

export const WHOLE: Viewport = { query: 0, key: 0, zoom: 1 };

/** Cells get no larger than this by zooming. */
export const CELL_MAX = 48;

/** Cells are never more than this much longer than wide, or the other way around, while they are large enough to see. */
const ASPECT_MAX = 3;

/** Fits a matrix: cells as square as the rectangle allows without wasting much of it. */
export function fitMatrix(queries: number, keys: number, width: number, height: number): Frame {
  const q = Math.max(1, queries);
  const k = Math.max(1, keys);
  let cellWidth = Math.min(CELL_MAX, width / k);
  let cellHeight = Math.min(CELL_MAX, height / q);
  if (q === k) {
    cellWidth = cellHeight = Math.min(cellWidth, cellHeight);
  } else {
    cellWidth = Math.min(cellWidth, Math.max(cellHeight * ASPECT_MAX, cellHeight));
    cellHeight = Math.min(cellHeight, cellWidth * ASPECT_MAX);
  }
  return { queries: q, keys: k, cellWidth, cellHeight, width: cellWidth * k, height: cellHeight * q };
}

export function zoomMax(frame: Frame): number {
  return Math.max(1, CELL_MAX / Math.min(frame.cellWidth, frame.cellHeight));
}

/** Keeps the view inside the matrix and the zoom in its bounds. */
export function clampView(view: Viewport, frame: Frame): Viewport {
  const zoom = Math.min(zoomMax(frame), Math.max(1, view.zoom));
  if (zoom === 1) return WHOLE;
  const keysSeen = frame.width / (frame.cellWidth * zoom);
  const queriesSeen = frame.height / (frame.cellHeight * zoom);
  return {
    zoom,
    key: Math.min(Math.max(0, frame.keys - keysSeen), Math.max(0, view.key)),
    query: Math.min(Math.max(0, frame.queries - queriesSeen), Math.max(0, view.query)),
  };
}

/** Zooms by `factor` and keeps the cell under (x, y) where it is. */
export function zoomAt(view: Viewport, frame: Frame, factor: number, x: number, y: number): Viewport {
  const zoom = Math.min(zoomMax(frame), Math.max(1, view.zoom * factor));
  const key = view.key + x / (frame.cellWidth * view.zoom) - x / (frame.cellWidth * zoom);
  const query = view.query + y / (frame.cellHeight * view.zoom) - y / (frame.cellHeight * zoom);
  return clampView({ query, key, zoom }, frame);
}

/** Moves what is in sight by pixels; positive moves the matrix right and down. */
export function panBy(view: Viewport, frame: Frame, dx: number, dy: number): Viewport {
  return clampView(
    {
      zoom: view.zoom,
      key: view.key - dx / (frame.cellWidth * view.zoom),
      query: view.query - dy / (frame.cellHeight * view.zoom),
    },
    frame,
  );
}

/** The view at a zoom that has a cell in its middle. */
export function centred(frame: Frame, query: number, key: number, zoom: number): Viewport {
  const seen = (size: number, cell: number) => size / (cell * zoom);
  return clampView(
    {
      zoom,
      key: key + 0.5 - seen(frame.width, frame.cellWidth) / 2,
      query: query + 0.5 - seen(frame.height, frame.cellHeight) / 2,
    },
    frame,
  );
}

/** Moves no more than needed to bring a cell wholly into sight. */
export function reveal(view: Viewport, frame: Frame, query: number, key: number): Viewport {
  const keysSeen = frame.width / (frame.cellWidth * view.zoom);
  const queriesSeen = frame.height / (frame.cellHeight * view.zoom);
  const into = (at: number, start: number, seen: number) =>
    at < start || seen < 1 ? at : at + 1 > start + seen ? at + 1 - seen : start;
  return clampView(
    { zoom: view.zoom, key: into(key, view.key, keysSeen), query: into(query, view.query, queriesSeen) },
    frame,
  );
}

/** Left top corner of a cell, from the corner of the rectangle. */
export function cellCorner(
  view: Viewport,
  frame: Frame,
  query: number,
  key: number,
): { x: number; y: number } {
  return {
    x: (key - view.key) * frame.cellWidth * view.zoom,
    y: (query - view.query) * frame.cellHeight * view.zoom,
  };
}

/** The cell under a point of the rectangle, or null outside. */
export function cellAt(
  view: Viewport,
  frame: Frame,
  x: number,
  y: number,
): { query: number; key: number } | null {
  if (x < 0 || y < 0 || x >= frame.width || y >= frame.height) return null;
  const key = Math.floor(view.key + x / (frame.cellWidth * view.zoom));
  const query = Math.floor(view.query + y / (frame.cellHeight * view.zoom));
  return key < frame.keys && query < frame.queries ? { query, key } : null;
}

/** Queries and keys with any part in sight. */
export function cellsInSight(view: Viewport, frame: Frame): { queries: Range; keys: Range } {
  const along = (start: number, seen: number, count: number): Range => ({
    start: Math.max(0, Math.floor(start)),
    end: Math.min(count, Math.ceil(start + seen - 1e-9)),
  });
  return {
    queries: along(view.query, frame.height / (frame.cellHeight * view.zoom), frame.queries),
    keys: along(view.key, frame.width / (frame.cellWidth * view.zoom), frame.keys),
  };
}

/** Step between labelled positions so that labels `size` pixels high keep apart: 1, 2, 5, 10, 20, 50 ... */
export function labelStep(cell: number, size: number): number {
  const least = size / cell;
  if (least <= 1) return 1;
  const decade = 10 ** Math.floor(Math.log10(least));
  for (const step of [1, 2, 5]) if (step * decade >= least - 1e-9) return step * decade;
  return 10 * decade;
}
