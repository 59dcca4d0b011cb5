// The texture of masked cells: thin slanted strokes, so that "out of reach" never looks like a weight of zero.
import type { Palette } from "../core/types";

/** A few strokes in a small box, as beside a masked token. */
export function drawHatchMark(
  context: CanvasRenderingContext2D,
  _data: null,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  theme: Palette,
): void {
  const slant = 6;
  const half = Math.min(5, box.height / 2 - 2);
  context.strokeStyle = theme.faint;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = box.x; x + slant <= box.x + box.width + 0.5; x += slant) {
    context.moveTo(x, box.y + half);
    context.lineTo(x + slant, box.y - half);
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** The texture of what a filter hides: dots, so that it is taken neither for a weight nor for out of reach. */
export function drawDots(
  context: CanvasRenderingContext2D,
  _data: null,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  theme: Palette,
): void {
  context.fillStyle = theme.faint;
  const right = box.x + box.width;
  const bottom = box.y + box.height;
  for (let y = box.y + 2, odd = false; y < bottom; y += 4, odd = !odd)
    for (let x = box.x + (odd ? 5 : 2); x < right; x += 6) context.fillRect(x, y, 1, 1);
}

/** Fills a rectangle with the texture; the strokes stay in place relative to its corner. */
export function drawHatchArea(
  context: CanvasRenderingContext2D,
  _data: null,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  theme: Palette,
): void {
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  context.fillStyle = theme.panel;
  context.fillRect(box.x, box.y, box.width, box.height);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = box.x - box.height; x < box.x + box.width; x += 6) {
    context.moveTo(x, box.y + box.height);
    context.lineTo(x + box.height, box.y);
  }
  context.stroke();
  context.restore();
}
