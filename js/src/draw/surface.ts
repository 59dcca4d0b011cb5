// A canvas that is sharp at any pixel ratio, and what may stand in for its context.

type StandIn = (
  canvas: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
  ratio: number,
) => CanvasRenderingContext2D;

let standIn: StandIn | null = null;

/** Until the next call, `prepare` returns what `through` makes of a context; null ends that. */
export function divert(through: StandIn | null): void {
  standIn = through;
}

/** Sizes the canvas for its place on screen, wipes it, and returns its context in CSS pixels. */
export function prepare(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  ratio: number,
): CanvasRenderingContext2D | null {
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.clearRect(0, 0, w, h);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return standIn === null ? context : standIn(canvas, context, ratio);
}
