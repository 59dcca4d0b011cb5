// The grid of all heads: where each layer's row and each head's column lie, what lies under a point, what is in sight.

export interface OverviewShape {
  /** Layers with attention, ascending; numbers may be missing between them. */
  readonly layers: readonly number[];
  /** Heads of each of the layers. */
  readonly heads: readonly number[];
  /** Width by height of a cell. */
  readonly aspect: number;
}

/** How large cells may be, in CSS pixels, and what room they need around them. */
export interface Sizes {
  readonly least: number;
  readonly most: number;
  /** Cells at least this large are all shown at once rather than scrolled. */
  readonly whole: number;
  /** Cells that have to be scrolled anyway are at most this large. */
  readonly scrolled: number;
  /** For a text under each cell. */
  readonly below: number;
  /** Beside the last column. */
  readonly right: number;
}

/** Sizes of small pictures of patterns. */
export const PICTURES: Sizes = { least: 20, most: 112, whole: 22, scrolled: 52, below: 0, right: 0 };

export interface Overview {
  /** Room for the numbers of layers, at the left, and of heads, at the top. */
  readonly left: number;
  readonly top: number;
  /** Size of one picture. */
  readonly width: number;
  readonly height: number;
  /** Room for a text under each picture. */
  readonly below: number;
  /** From one head to the next. */
  readonly pitch: number;
  /** Where each layer's row begins; layers that are missing before it leave a gap. */
  readonly tops: readonly number[];
  readonly heads: readonly number[];
  readonly columns: number;
  /** Size of all of it, labels included. */
  readonly extent: { readonly width: number; readonly height: number };
}

/** A place in the grid: the number of the row, which is not that of its layer, and of the head. */
export interface Spot {
  readonly row: number;
  readonly head: number;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Beyond these, patterns of unlike sides are drawn squeezed. */
const ASPECTS = [0.6, 1.8] as const;
/** What layers without attention leave between their neighbours. */
const BREAK = 10;
const TAIL = 6;

function gapOf(size: number): number {
  return Math.max(3, Math.min(8, Math.round(size / 11)));
}

function breaksOf(layers: readonly number[]): number {
  return layers.filter((layer, row) => layer - (row === 0 ? 0 : (layers[row - 1] as number) + 1) > 0).length;
}

/** The largest picture, in whole pixels, of which `count` fit with their gaps. */
function fitting(room: number, count: number): number {
  const pitch = Math.floor(room / Math.max(1, count));
  return Math.max(0, pitch - gapOf(pitch));
}

interface Room {
  readonly width: number;
  readonly height: number;
}

/** Lays the grid out in the room there is: all of it where that stays readable, else it scrolls. */
export function layOut(shape: OverviewShape, room: Room, sizes: Sizes = PICTURES): Overview {
  const left = room.width < 560 || Math.max(0, ...shape.heads) > 24 ? 40 : 58;
  return placed(shape, room, sizes, { left, top: 24 });
}

/** Lays cells out that have no rows or columns of their own: in lines, as many beside each other as suits the room. */
export function layOutLines(
  count: number,
  aspect: number,
  room: Room,
  sizes: Sizes,
): { readonly grid: Overview; readonly columns: number } {
  const lay = (columns: number) => {
    const rows = Math.ceil(count / columns);
    const layers = Array.from({ length: rows }, (_, row) => row);
    const heads = layers.map((row) => Math.min(columns, count - row * columns));
    return placed({ layers, heads, aspect }, room, sizes, { left: 6, top: 6 });
  };
  let best = { grid: lay(1), columns: 1 };
  for (let columns = 2; columns <= count; columns++) {
    const grid = lay(columns);
    if (grid.extent.width > room.width) break;
    const fits = (one: Overview) => one.extent.height <= room.height;
    // The largest that fit; where none do, the more beside each other, the less there is to scroll.
    if (fits(best.grid) ? fits(grid) && grid.width > best.grid.width : true) best = { grid, columns };
  }
  return best;
}

function placed(
  { layers, heads, aspect: wanted }: OverviewShape,
  room: Room,
  { least, most, whole, scrolled, below, right }: Sizes,
  { left, top }: { left: number; top: number },
): Overview {
  const columns = Math.max(0, ...heads);
  const aspect = Math.min(ASPECTS[1], Math.max(ASPECTS[0], wanted));
  const broken = breaksOf(layers) * BREAK;
  const across = fitting(room.width - left - right - TAIL, columns) / Math.sqrt(aspect);
  const high = room.height - top - TAIL - broken - below * layers.length;
  const down = fitting(high, layers.length) * Math.sqrt(aspect);
  const all = Math.min(across, down, most);
  const size = all >= whole ? all : Math.max(least, Math.min(across, scrolled));
  const width = Math.max(1, Math.floor(size * Math.sqrt(aspect) + 1e-6));
  const height = Math.max(1, Math.floor(size / Math.sqrt(aspect) + 1e-6));
  const gap = gapOf(Math.min(width, height));
  const tops: number[] = [];
  let y = top;
  layers.forEach((layer, row) => {
    const before = row === 0 ? -1 : (layers[row - 1] as number);
    if (layer > before + 1) y += BREAK;
    tops.push(y);
    y += height + below + gap;
  });
  const pitch = width + gap;
  const extent = { width: left + columns * pitch - gap + right + TAIL, height: y - gap + TAIL };
  return { left, top, width, height, below, pitch, tops, heads, columns, extent };
}

/** The corner of a picture, in the coordinates of the whole. */
export function cornerOf(grid: Overview, spot: Spot): { readonly x: number; readonly y: number } {
  return { x: grid.left + spot.head * grid.pitch, y: grid.tops[spot.row] ?? 0 };
}

/** The head under a point of the whole; null between pictures and over labels. */
export function spotAt(grid: Overview, x: number, y: number): Spot | null {
  const head = Math.floor((x - grid.left) / grid.pitch);
  const after = grid.tops.findIndex((begin) => begin > y);
  const row = (after < 0 ? grid.tops.length : after) - 1;
  if (row < 0 || head < 0 || head >= (grid.heads[row] ?? 0)) return null;
  const corner = cornerOf(grid, { row, head });
  return x - corner.x < grid.width && y - corner.y < grid.height + grid.below ? { row, head } : null;
}

/** Rows and columns of which anything is in sight, in a window at `x`, `y` whose labels cover its edges. */
export function inSight(
  grid: Overview,
  window: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): { readonly rows: Range; readonly heads: Range } {
  const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));
  const first = grid.tops.findIndex((begin) => begin + grid.height + grid.below > window.y + grid.top);
  const after = grid.tops.findIndex((begin) => begin >= window.y + window.height);
  const rows = grid.tops.length;
  return {
    rows: { start: first < 0 ? rows : first, end: after < 0 ? rows : after },
    heads: {
      start: clamp(Math.floor((window.x + grid.pitch - grid.width) / grid.pitch), grid.columns),
      end: clamp(Math.ceil((window.x + window.width - grid.left) / grid.pitch), grid.columns),
    },
  };
}

/** How far to scroll so that a picture lies beside the labels and inside the window. */
export function scrollTo(
  grid: Overview,
  spot: Spot,
  window: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): { readonly x: number; readonly y: number } {
  const { x, y } = cornerOf(grid, spot);
  const along = (at: number, size: number, label: number, from: number, length: number) => {
    if (at - from < label + TAIL / 2) return Math.max(0, at - label - TAIL / 2);
    if (at + size - from > length - TAIL) return at + size + TAIL - length;
    return from;
  };
  return {
    x: along(x, grid.width, grid.left, window.x, window.width),
    y: along(y, grid.height + grid.below, grid.top, window.y, window.height),
  };
}

/** The place that a key leads to from another; null for keys that lead nowhere. */
export function stepTo(grid: Overview, from: Spot, key: string, page: number): Spot | null {
  const last = grid.tops.length - 1;
  const moves: Readonly<Record<string, readonly [row: number, head: number]>> = {
    ArrowUp: [from.row - 1, from.head],
    ArrowDown: [from.row + 1, from.head],
    ArrowLeft: [from.row, from.head - 1],
    ArrowRight: [from.row, from.head + 1],
    Home: [from.row, 0],
    End: [from.row, Number.POSITIVE_INFINITY],
    PageUp: [from.row - page, from.head],
    PageDown: [from.row + page, from.head],
  };
  const move = moves[key];
  if (move === undefined) return null;
  const row = Math.min(last, Math.max(0, move[0]));
  return { row, head: Math.min((grid.heads[row] ?? 1) - 1, Math.max(0, move[1])) };
}

/** Codes reduced to fewer pixels: the largest of each block, so that a lone strong weight never falls between them. */
export function shrink(
  codes: Uint8Array,
  rows: number,
  columns: number,
  block: number,
  masked: number,
): { readonly codes: Uint8Array; readonly rows: number; readonly columns: number } {
  if (block <= 1) return { codes, rows, columns };
  const [h, w] = [Math.ceil(rows / block), Math.ceil(columns / block)];
  const out = new Uint8Array(h * w).fill(masked);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const code = codes[row * columns + column] as number;
      if (code === masked) continue;
      const at = Math.floor(row / block) * w + Math.floor(column / block);
      const old = out[at] as number;
      // The code of what is not a number is larger than that of any weight, so it shows through.
      if (old === masked || code > old) out[at] = code;
    }
  }
  return { codes: out, rows: h, columns: w };
}
