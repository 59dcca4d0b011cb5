// The strip of colours of a legend.

import type { Palette } from "../core/types";
import type { Rgb } from "../math/colour";
import { css } from "../math/colour";

export interface RampData {
  /** Colour at a position of the scale, 0 to 1. */
  colour(position: number): Rgb;
}

export function drawRamp(
  context: CanvasRenderingContext2D,
  data: RampData,
  view: { readonly width: number; readonly height: number },
  theme: Palette,
): void {
  for (let x = 0; x < view.width; x++) {
    context.fillStyle = css(data.colour(x / Math.max(1, view.width - 1)));
    context.fillRect(x, 0, 1.5, view.height);
  }
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(0.5, 0.5, view.width - 1, view.height - 1);
}
