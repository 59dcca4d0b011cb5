// Layout of the head pane: two token columns with the lines between them, and which rows are in sight.
import type { Range } from "./lines";

export const ROW_MIN = 18;
export const ROW_MAX = 28;
/** Pixels kept free above the first and below the last row. */
export const COLUMN_PAD = 6;
/** Pixels between the pinned sink row and the keys. */
export const SINK_RULE = 4;

const EDGE = 8;
const GAP = 8;
const INDEX = 34;
const NUMBER = 50;
const LABEL_MIN = 40;

export interface ColumnsInput {
  readonly width: number;
  readonly height: number;
  readonly queries: number;
  readonly keys: number;
  /** Pixels that the longest label of each side needs. */
  readonly queryText: number;
  readonly keyText: number;
  /** How many heads are shown. */
  readonly heads: number;
  /** Whether keys carry their own index (they do where they are other tokens than the queries). */
  readonly keyIndex: boolean;
  /** Whether a row for the sink is pinned above the keys. */
  readonly sinks: boolean;
}

/** Horizontal places and the row height; all in CSS pixels. */
export interface Columns {
  readonly width: number;
  readonly height: number;
  readonly row: number;
  readonly blockWidth: number;
  readonly blocksWidth: number;
  /** Left edge and width of each side's button, which holds label, index and numbers. */
  readonly queryWidth: number;
  readonly keyLeft: number;
  readonly keyWidth: number;
  /** Left edges of the per-head blocks (those of the queries lie over the lines' ends), and both ends of the lines. */
  readonly queryBlocks: number;
  readonly keyBlocks: number;
  readonly lineLeft: number;
  readonly lineRight: number;
  readonly indexWidth: number;
  readonly keyIndexWidth: number;
  /** Room for a weight beside keys, and beside queries (none in narrow panes: the blocks stay). */
  readonly numberWidth: number;
  readonly queryNumberWidth: number;
}

/** Places both columns: labels get what they need as long as a third of the width is left for the lines. */
export function layoutColumns(input: ColumnsInput): Columns {
  const { width, height, heads } = input;
  const rows = Math.max(1, input.queries, input.keys);
  // The pinned sink row takes a row and its rule.
  const room = input.sinks
    ? (height - 2 * COLUMN_PAD - SINK_RULE) / (rows + 1)
    : (height - 2 * COLUMN_PAD) / rows;
  const row = Math.min(ROW_MAX, Math.max(ROW_MIN, Math.floor(room)));
  const narrow = width < 560;
  // Side by side with others: labels before positions, which tooltips tell too.
  const tight = width < 340;
  const edge = tight ? 6 : EDGE;
  const gap = tight ? 6 : GAP;
  const blockWidth =
    heads === 0 ? 0 : Math.max(2, Math.min(narrow ? 6 : 8, Math.floor((narrow ? 44 : 72) / heads)));
  const blocksWidth = Math.max(18, blockWidth * heads);
  // Positions of five digits and more need more room.
  const digits = rows > 10_000 ? 12 : 0;
  const indexWidth = tight ? 0 : (narrow ? 26 : INDEX) + digits;
  const numberWidth = tight ? 42 : NUMBER;
  const queryNumberWidth = narrow ? 0 : NUMBER;
  const keyIndexWidth = input.keyIndex && !narrow ? INDEX + digits : 0;
  const fixed =
    2 * edge + 4 * gap + blocksWidth + indexWidth + numberWidth + queryNumberWidth + keyIndexWidth;
  const lines = Math.max(tight ? 60 : 72, width * (tight ? 0.2 : narrow ? 0.24 : 0.3));
  const labels = Math.max(2 * LABEL_MIN, width - fixed - lines);
  const wanted = [Math.max(LABEL_MIN, input.queryText), Math.max(LABEL_MIN, input.keyText)] as const;
  const [queryLabel, keyLabel] = share(labels, wanted[0], wanted[1]);
  const queryWidth = indexWidth + queryNumberWidth + queryLabel + gap;
  const queryBlocks = edge + queryWidth + gap;
  const lineLeft = queryBlocks - 3;
  const keyWidth = keyLabel + gap + numberWidth + keyIndexWidth;
  const keyLeft = width - edge - keyWidth;
  const keyBlocks = keyLeft - gap - blocksWidth;
  const lineRight = Math.max(lineLeft + 24, keyBlocks - 3);
  return {
    width,
    height,
    row,
    blockWidth,
    blocksWidth,
    queryWidth,
    keyLeft,
    keyWidth,
    queryBlocks,
    keyBlocks,
    lineLeft,
    lineRight,
    indexWidth,
    keyIndexWidth,
    numberWidth,
    queryNumberWidth,
  };
}

/** Splits `room` so that a side never gets more than it wants while the other lacks. */
function share(room: number, first: number, second: number): [number, number] {
  if (first + second <= room) return [first, second];
  const half = room / 2;
  if (first <= half) return [first, room - first];
  if (second <= half) return [room - second, second];
  return [half, half];
}

/** Height of everything in one column. */
export function columnHeight(count: number, row: number): number {
  return count * row + 2 * COLUMN_PAD;
}

/** Middle of a row, from the top of what is in sight. */
export function rowCentre(index: number, row: number, scroll: number): number {
  return COLUMN_PAD + (index + 0.5) * row - scroll;
}

/** Rows in sight, with `extra` more on both sides. */
export function rowsInSight(scroll: number, height: number, row: number, count: number, extra = 0): Range {
  const start = Math.floor((scroll - COLUMN_PAD) / row) - extra;
  const end = Math.ceil((scroll + height - COLUMN_PAD) / row) + extra;
  return { start: Math.min(count, Math.max(0, start)), end: Math.max(0, Math.min(count, end)) };
}

/** Scroll position that brings a row wholly into sight, moving no more than needed. */
export function scrollTo(index: number, row: number, scroll: number, height: number, count: number): number {
  const top = COLUMN_PAD + index * row;
  const most = Math.max(0, columnHeight(count, row) - height);
  const wanted =
    top < scroll + COLUMN_PAD
      ? top - COLUMN_PAD
      : top + row + COLUMN_PAD > scroll + height
        ? top + row + COLUMN_PAD - height
        : scroll;
  return Math.min(most, Math.max(0, wanted));
}
