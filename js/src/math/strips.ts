// Where the parts of the neuron view's rows lie: the key, two strips of dimensions, the score, the weight.

export interface Span {
  readonly x: number;
  readonly width: number;
}

export interface Strips {
  readonly width: number;
  readonly dims: number;
  /** Dimensions behind one stripe; 1 where each has its own. */
  readonly per: number;
  readonly stripes: number;
  /** Width of one stripe, CSS pixels. */
  readonly cell: number;
  readonly label: Span;
  readonly k: Span;
  readonly product: Span;
  /** A number at the left, a bar beside it. */
  readonly score: Span;
  readonly weight: Span;
}

/** Room for a score's digits and for a weight's. */
export const SCORE_DIGITS = 46;
export const WEIGHT_DIGITS = 40;

const GAP = 12;
const EDGE = 4;
const BAR_LEAST = 22;
const BAR_MOST = 96;
/** Stripes of at least as many device pixels are all of one width. */
const EVEN = 5;
const CELL_MOST = 12;
const LABEL_LEAST = 62;

/**
 * Lays a row out. Where a stripe would get less than a device pixel, several dimensions share one; stripes that are wide
 * enough for it get the same whole number of device pixels each.
 */
export function layStrips(width: number, dims: number, wish: number, ratio: number, scores: boolean): Strips {
  const labelLeast = Math.min(wish, Math.max(LABEL_LEAST, 0.17 * width));
  const columns = dims > 0 ? 4 : scores ? 2 : 1;
  const digits = WEIGHT_DIGITS + (scores ? SCORE_DIGITS : 0);
  const bars = scores ? 2 : 1;
  const barLeast = Math.max(BAR_LEAST, 0.075 * width);
  const room = Math.max(0, width - 2 * EDGE - labelLeast - columns * GAP - digits - bars * barLeast);
  const per = dims === 0 ? 1 : Math.max(1, Math.ceil((2 * dims) / Math.max(1, room * ratio)));
  const stripes = Math.ceil(dims / per);
  const share = Math.min(CELL_MOST, room / Math.max(1, 2 * stripes));
  const cell = share * ratio < EVEN ? share : Math.floor(share * ratio) / ratio;
  const strip = cell * stripes;
  let slack = Math.max(0, room - 2 * strip);
  const label = Math.min(wish, labelLeast + slack);
  slack -= label - labelLeast;
  const bar =
    dims > 0 ? Math.min(Math.max(barLeast, BAR_MOST), barLeast + slack / bars) : barLeast + slack / bars;
  let x = EDGE;
  const take = (size: number): Span => {
    const span = { x, width: size };
    if (size > 0) x += size + GAP;
    return span;
  };
  return {
    width,
    dims,
    per,
    stripes,
    cell,
    label: take(label),
    k: take(strip),
    product: take(strip),
    score: take(scores ? SCORE_DIGITS + bar : 0),
    weight: take(WEIGHT_DIGITS + bar),
  };
}

/** The stripe under `x`, in either strip; the nearest one at an edge if `clamped`, which a drag needs. */
export function stripeAt(strips: Strips, x: number, clamped = false): number | null {
  if (strips.stripes === 0) return null;
  const middle = (strips.k.x + strips.k.width + strips.product.x) / 2;
  const span = x < middle ? strips.k : strips.product;
  const stripe = Math.floor((x - span.x) / strips.cell);
  if (clamped) return Math.min(strips.stripes - 1, Math.max(0, stripe));
  return stripe < 0 || stripe >= strips.stripes ? null : stripe;
}

/** Places of the order that share a stripe. */
export function placesOf(strips: Strips, stripe: number): { readonly start: number; readonly end: number } {
  return { start: stripe * strips.per, end: Math.min(strips.dims, (stripe + 1) * strips.per) };
}

/** Rows with any part in sight. */
export function rowsInSight(
  count: number,
  row: number,
  scroll: number,
  height: number,
): { readonly start: number; readonly end: number } {
  const start = Math.min(count, Math.max(0, Math.floor(scroll / row)));
  return { start, end: Math.max(start, Math.min(count, Math.ceil((scroll + height) / row))) };
}

/** How far to scroll so that a row is in sight, with a row's room around it; no further than needed. */
export function scrollToRow(index: number, row: number, scroll: number, height: number): number {
  const top = index * row;
  if (top - row < scroll) return Math.max(0, top - row);
  return top + 2 * row > scroll + height ? top + 2 * row - height : scroll;
}
