// Packing equal panels into a rectangle.

export interface PanelGrid {
  readonly columns: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The grid whose panels show the largest matrix.
 *
 * `margin` is what axes and titles take of each panel; `aspect` is keys by queries.
 */
export function packPanels(
  count: number,
  width: number,
  height: number,
  margin: { readonly x: number; readonly y: number },
  gap: number,
  aspect: number,
): PanelGrid {
  let best: PanelGrid = { columns: 1, rows: Math.max(1, count), width, height };
  let bestSize = -1;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const w = (width - gap * (columns - 1)) / columns;
    const h = (height - gap * (rows - 1)) / rows;
    const size = Math.min((w - margin.x) / Math.sqrt(aspect), (h - margin.y) * Math.sqrt(aspect));
    if (size > bestSize) {
      bestSize = size;
      best = { columns, rows, width: Math.floor(w), height: Math.floor(h) };
    }
  }
  return best;
}
