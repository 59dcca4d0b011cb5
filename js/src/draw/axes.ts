// Axes of the matrix: tokens where cells are large enough, positions at round steps where they are not.
import type { Palette } from "../core/types";
import { widestLabel } from "../math/labels";
import { cellCorner, cellsInSight, type Frame, labelStep, type Viewport } from "../math/viewport";

export interface AxesData {
  readonly queries: readonly string[];
  readonly keys: readonly string[];
  /** Positions in focus; their tokens are always written out. */
  readonly query: number | null;
  readonly key: number | null;
}

export interface AxesView {
  readonly frame: Frame;
  readonly viewport: Viewport;
  /** Room for labels left of and above the cells, whose corner is the origin. */
  readonly left: number;
  readonly top: number;
}

const LABEL = 11;
/** Width of a letter of the labels; what the pane reckons with when it makes room. */
export const CHARACTER = 6.7;
const GAP = 6;
/** With less room above the cells than this, the token in focus is written flat. */
const FLAT_TOP = 40;

/** Labels of both axes. Those in focus are drawn by `drawAxisFocus`, over them. */
export function drawAxes(
  context: CanvasRenderingContext2D,
  data: AxesData,
  view: AxesView,
  theme: Palette,
): void {
  const { frame, viewport } = view;
  const width = frame.cellWidth * viewport.zoom;
  const height = frame.cellHeight * viewport.zoom;
  const sight = cellsInSight(viewport, frame);
  context.font = `${LABEL}px ${theme.mono}`;
  context.fillStyle = theme.soft;
  context.strokeStyle = theme.faint;
  context.lineWidth = 1;
  const words = height >= LABEL + 1;
  const step = words ? 1 : labelStep(height, LABEL + 8);
  for (let query = firstStep(sight.queries.start, step); query < sight.queries.end; query += step) {
    const y = cellCorner(viewport, frame, query, 0).y + height / 2;
    if (y < 4 || y > frame.height - 4) continue;
    rowLabel(context, words ? (data.queries[query] ?? "") : String(query), y, view.left - GAP - 2);
    if (!words) tick(context, -4, y, 0, y);
  }
  // A row of cut-off labels says less than positions do.
  const columnWords = width >= LABEL + 1 && widestLabel(data.keys, 10) * CHARACTER + 16 <= view.top + 1;
  const columnStep = columnWords ? 1 : labelStep(width, 8 + 7 * String(frame.keys).length);
  for (let key = firstStep(sight.keys.start, columnStep); key < sight.keys.end; key += columnStep) {
    const x = cellCorner(viewport, frame, 0, key).x + width / 2;
    if (x < 4 || x > frame.width - 4) continue;
    if (columnWords) columnLabel(context, data.keys[key] ?? "", x, view.top - GAP - 2);
    else {
      context.textAlign = "center";
      context.textBaseline = "alphabetic";
      context.fillText(String(key), x, -GAP - 1);
      tick(context, x, -4, x, 0);
    }
  }
}

/** The tokens of the cell in focus, boxed, over the other labels. */
export function drawAxisFocus(
  context: CanvasRenderingContext2D,
  data: AxesData,
  view: AxesView,
  theme: Palette,
): void {
  const { frame, viewport } = view;
  const width = frame.cellWidth * viewport.zoom;
  const height = frame.cellHeight * viewport.zoom;
  context.font = `600 ${LABEL}px ${theme.mono}`;
  if (data.query !== null) {
    const y = cellCorner(viewport, frame, data.query, 0).y + height / 2;
    if (y > -1 && y < frame.height + 1) {
      const text = cut(context, data.queries[data.query] ?? "", view.left - GAP - 6);
      const size = Math.max(8, context.measureText(text).width);
      box(context, -GAP - size - 3, y - 8, size + 6, 16, theme);
      context.fillStyle = theme.ink;
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(text, -GAP, y + 0.5);
    }
  }
  if (data.key !== null) {
    const x = cellCorner(viewport, frame, 0, data.key).x + width / 2;
    if (x > -1 && x < frame.width + 1) {
      const flat = view.top < FLAT_TOP;
      const text = cut(context, data.keys[data.key] ?? "", flat ? frame.width : view.top - GAP - 6);
      const size = Math.max(8, context.measureText(text).width);
      context.save();
      if (flat)
        context.translate(Math.min(Math.max(x - size / 2, 4 - view.left), frame.width - size - 1), -GAP - 7);
      else {
        context.translate(x, -GAP);
        context.rotate(-Math.PI / 2);
      }
      box(context, -3, -8, size + 6, 16, theme);
      context.fillStyle = theme.ink;
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillText(text, 0, 0.5);
      context.restore();
    }
  }
}

function firstStep(start: number, step: number): number {
  return Math.ceil(start / step) * step;
}

function rowLabel(context: CanvasRenderingContext2D, label: string, y: number, room: number): void {
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(cut(context, label, room), -GAP, y + 0.5);
}

function columnLabel(context: CanvasRenderingContext2D, label: string, x: number, room: number): void {
  context.save();
  context.translate(x, -GAP);
  context.rotate(-Math.PI / 2);
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(cut(context, label, room), 0, 0.5);
  context.restore();
}

function tick(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function box(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  theme: Palette,
): void {
  context.fillStyle = theme.hover;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.2;
  context.beginPath();
  context.roundRect(x, y, width, height, 3);
  context.fill();
  context.stroke();
}

/** The label, or as much of it as fits with an ellipsis. Whole characters are cut, never half of a pair. */
export function cut(context: CanvasRenderingContext2D, label: string, room: number): string {
  if (context.measureText(label).width <= room) return label;
  const characters = [...label];
  while (characters.length > 1 && context.measureText(`${characters.join("")}…`).width > room)
    characters.pop();
  return `${characters.join("")}…`;
}
