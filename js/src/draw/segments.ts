// Which text of a pair each token belongs to: quiet stripes along the axes of the matrix, a letter at each text.
import type { Palette } from "../core/types";
import { cellCorner, type Frame, type Viewport } from "../math/viewport";

export interface SegmentsData {
  readonly queries: readonly number[];
  readonly keys: readonly number[];
  /** Colours of the first and of the second text. */
  readonly colours: readonly [string, string];
}

export const SEGMENT_ROOM = 14;
const STRIPE = 3;

/** Stretches of equal segments, as [segment, first, past the last]. */
function stretches(segments: readonly number[]): [segment: number, start: number, end: number][] {
  const made: [number, number, number][] = [];
  segments.forEach((segment, at) => {
    const last = made[made.length - 1];
    if (last !== undefined && last[0] === segment) last[2] = at + 1;
    else made.push([segment, at, at + 1]);
  });
  return made;
}

/** Stripes and letters at the outer edge of the room for labels; the cells' corner is the origin. */
export function drawSegments(
  context: CanvasRenderingContext2D,
  data: SegmentsData,
  view: { readonly frame: Frame; readonly viewport: Viewport; readonly left: number; readonly top: number },
  theme: Palette,
): void {
  const { frame, viewport, left, top } = view;
  context.font = `600 10px ${theme.sans}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const draw = (segments: readonly number[], down: boolean) => {
    const length = down ? frame.height : frame.width;
    for (const [segment, start, end] of stretches(segments)) {
      const at = (index: number) => {
        const corner = cellCorner(viewport, frame, down ? index : 0, down ? 0 : index);
        return Math.min(length, Math.max(0, down ? corner.y : corner.x));
      };
      const from = at(start) + 0.5;
      const size = at(end) - from - 0.5;
      if (size < 1) continue;
      const edge = down ? -left + 10 : -top + 10;
      context.fillStyle = data.colours[segment === 1 ? 1 : 0];
      if (down) context.fillRect(edge, from, STRIPE, size);
      else context.fillRect(from, edge, size, STRIPE);
      if (size < 10) continue;
      context.fillStyle = theme.soft;
      const middle = from + size / 2;
      const letter = segment === 1 ? "B" : "A";
      if (down) context.fillText(letter, edge - 6, middle);
      else context.fillText(letter, middle, edge - 5);
    }
  };
  draw(data.queries, true);
  draw(data.keys, false);
}
