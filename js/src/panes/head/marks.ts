// Blocks and textures beside the tokens across from the one in focus.
import type { Palette } from "../../core/types";
import { drawBlocks } from "../../draw/blocks";
import { type Columns, rowCentre } from "../../math/columns";
import type { Range } from "../../math/lines";
import type { Aim } from "./aim";

export interface MarksView {
  readonly columns: Columns;
  /** Rows in sight and scroll position of each side. */
  readonly queries: Range;
  readonly keys: Range;
  readonly queryScroll: number;
  readonly keyScroll: number;
  /** Where the keys start below the pinned sink row; 0 without one. */
  readonly keyTop: number;
}

export function drawMarks(
  context: CanvasRenderingContext2D,
  { aim, heads }: { readonly aim: Aim; readonly heads: readonly number[] },
  view: MarksView,
  theme: Palette,
): void {
  const { columns } = view;
  const common = { blockWidth: columns.blockWidth, blocksWidth: columns.blocksWidth, row: columns.row };
  if (aim.query !== null) {
    context.save();
    context.beginPath();
    context.rect(0, view.keyTop, columns.width, columns.height - view.keyTop);
    context.clip();
    drawBlocks(
      context,
      { heads, weight: (slot, index) => aim.rows[slot]?.weights[index] ?? Number.NaN },
      {
        ...common,
        ...view.keys,
        x: columns.keyBlocks,
        centre: (index) => view.keyTop + rowCentre(index, columns.row, view.keyScroll),
      },
      theme,
    );
    context.restore();
    if (view.keyTop > 0) {
      drawBlocks(
        context,
        { heads, weight: (slot) => aim.rows[slot]?.sink ?? 0 },
        { ...common, x: columns.keyBlocks, start: 0, end: 1, centre: () => columns.row / 2 },
        theme,
      );
    }
  } else if (aim.key !== null) {
    // The lines of the other tokens run behind these blocks.
    context.fillStyle = theme.bg;
    context.fillRect(columns.queryBlocks - 3, 0, columns.blockWidth * heads.length + 6, columns.height);
    drawBlocks(
      context,
      { heads, weight: (slot, index) => aim.columns[slot]?.[index] ?? Number.NaN },
      {
        ...common,
        ...view.queries,
        x: columns.queryBlocks,
        centre: (index) => rowCentre(index, columns.row, view.queryScroll),
      },
      theme,
    );
  }
}
