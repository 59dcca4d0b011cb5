// Colours of signed values: orange below zero, blue above, the ground at zero; lightness is linear on both sides.
import { fromOklch } from "../core/palette";
import type { Palette } from "../core/types";
import type { Rgb } from "../math/colour";

const STEPS = 255;

/** Colour at a position from -1 to 1. Orange and blue stay apart for readers without red or green cones. */
function divergingColour(t: number, dark: boolean): Rgb {
  const size = Math.abs(t);
  const lightness = dark ? 0.235 + 0.565 * size : 0.985 - 0.475 * size;
  const chroma = 0.004 + size * (t < 0 ? 0.126 : 0.136);
  return fromOklch(lightness, chroma, t < 0 ? (dark ? 62 : 48) : 256);
}

/** The whole ramp, from -1 to 1 in an odd number of steps, so that zero has one. */
export function divergingTable(dark: boolean): readonly Rgb[] {
  return Array.from({ length: 2 * STEPS + 1 }, (_, at) => divergingColour(at / STEPS - 1, dark));
}

const tables = new Map<boolean, readonly Rgb[]>();

/** The ramp of a theme as a function of -1 to 1; what is not a number has no colour on it. */
export function createDiverging(theme: Pick<Palette, "dark">): (position: number) => Rgb {
  const table = tables.get(theme.dark) ?? divergingTable(theme.dark);
  tables.set(theme.dark, table);
  return (position) => table[Math.round(STEPS * (1 + Math.min(1, Math.max(-1, position))))] as Rgb;
}
