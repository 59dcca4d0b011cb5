// The line from a query to a key: an S that leaves and arrives level. Geometry and hit testing.

/** Share of the way down (0 to 1) that the S has gone at share `t` of its own parameter. */
function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

/** Horizontal share of the S at parameter `t`, with both control points in the middle. */
function across(t: number): number {
  return 1.5 * t * (1 - t) + t * t * t;
}

/** The parameter at horizontal share `x`, by bisection; `across` rises all the way. */
function parameterAt(x: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 24; i++) {
    const middle = (low + high) / 2;
    if (across(middle) < x) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Height of the line from (x0, y0) to (x1, y1) at `x`. */
export function curveY(x0: number, y0: number, x1: number, y1: number, x: number): number {
  const share = Math.min(1, Math.max(0, (x - x0) / (x1 - x0)));
  return y0 + (y1 - y0) * ease(parameterAt(share));
}

/** Adds the line to a path. */
export function addCurve(
  path: { moveTo(x: number, y: number): void; bezierCurveTo(...points: BezierArguments): void },
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): void {
  const middle = (x0 + x1) / 2;
  path.moveTo(x0, y0);
  path.bezierCurveTo(middle, y0, middle, y1, x1, y1);
}

type BezierArguments = [c0x: number, c0y: number, c1x: number, c1y: number, x: number, y: number];

/**
 * Where the end of a line goes when its token is scrolled out of sight: just past the edge, further the farther away,
 * so that the line still points to it.
 */
export function towards(y: number, top: number, bottom: number): number {
  if (y < top) return top - reach(top - y);
  if (y > bottom) return bottom + reach(y - bottom);
  return y;
}

function reach(distance: number): number {
  return 24 * Math.log1p(distance / 24);
}
