// Colours of the current theme: from CSS where CSS decides them, head colours and the weight ramp from here.
import { parseColour, type Rgb } from "../math/colour";
import { HEAD_COLOURS_DARK, HEAD_COLOURS_LIGHT } from "./head-colours";
import type { Palette } from "./types";

/** OKLab to sRGB, 0 to 255; colours outside the gamut are cut off. */
export function fromOklch(lightness: number, chroma: number, hue: number): Rgb {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const encode = (linear: number) => {
    const c = Math.min(1, Math.max(0, linear));
    return Math.round(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055));
  };
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/**
 * Ramp for weights: lightness is linear in t, hue and chroma bend gently.
 *
 * It starts beside the background and ends far from it: near white to deep blue, or near black to pale yellow.
 */
function rampColour(t: number, dark: boolean): Rgb {
  const arc = Math.sin(Math.PI * t) ** 0.8;
  if (dark) return fromOklch(0.235 + 0.695 * t, 0.03 + 0.1 * arc + 0.05 * t, 285 - 185 * t);
  return fromOklch(0.99 - 0.7 * t, 0.004 + 0.1 * arc + 0.06 * t, 232 + 42 * t);
}

const STEPS = 256;

export function createRamp(dark: boolean): (t: number) => Rgb {
  const table = Array.from({ length: STEPS }, (_, step) => rampColour(step / (STEPS - 1), dark));
  return (t) => {
    const step = Math.round(Math.min(1, Math.max(0, t)) * (STEPS - 1));
    return table[Number.isNaN(step) ? 0 : step] as Rgb;
  };
}

/** Colour of a head; past the table it starts over. Several heads put together are no head: grey. */
export function createHeadColours(dark: boolean): (index: number) => Rgb {
  const table = (dark ? HEAD_COLOURS_DARK : HEAD_COLOURS_LIGHT).map((hex) => parseColour(hex) as Rgb);
  const none: Rgb = dark ? [186, 192, 202] : [82, 87, 97];
  return (index) => (index < 0 ? none : (table[index % table.length] as Rgb));
}

/** `read` returns the value of a CSS custom property of the widget's root. */
export function createPalette(read: (property: string) => string, dark: boolean): Palette {
  return {
    dark,
    bg: read("--bg"),
    panel: read("--panel"),
    line: read("--line"),
    ink: read("--ink"),
    soft: read("--soft"),
    faint: read("--faint"),
    accent: read("--accent"),
    hover: read("--hover"),
    sans: read("--sans"),
    mono: read("--mono"),
    head: createHeadColours(dark),
    ramp: createRamp(dark),
  };
}
