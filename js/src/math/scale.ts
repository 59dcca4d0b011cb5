// From weight to strength of colour: linear, square root, logarithm.
import type { Scale } from "../wire/schema.gen";

/** Weights at and below this one share the weakest colour of the logarithmic scale. */
export const LOG_FLOOR = 1e-4;

const DECADES = -Math.log10(LOG_FLOOR);

/** Position of a weight on the colour scale, 0 to 1. */
export function toScale(weight: number, scale: Scale): number {
  const w = Math.min(1, Math.max(0, weight));
  if (scale === "sqrt") return Math.sqrt(w);
  if (scale === "log") return w <= LOG_FLOOR ? 0 : 1 + Math.log10(w) / DECADES;
  return w;
}

export interface Tick {
  readonly position: number;
  readonly label: string;
}

/** Labelled places of the colour scale, ends included. The log scale's low end stands for everything below it too. */
export function scaleTicks(scale: Scale): readonly Tick[] {
  const marks: readonly [number, string][] =
    scale === "log"
      ? [
          [1e-4, "≤ .0001"],
          [1e-2, ".01"],
          [1, "1"],
        ]
      : scale === "sqrt"
        ? [
            [0, "0"],
            [0.25, ".25"],
            [1, "1"],
          ]
        : [
            [0, "0"],
            [0.5, ".5"],
            [1, "1"],
          ];
  return marks.map(([weight, label]) => ({ position: toScale(weight, scale), label }));
}

/** What the scale is called on screen. */
export function scaleName(scale: Scale): string {
  return scale === "log" ? "log scale" : scale === "sqrt" ? "square-root scale" : "linear scale";
}
