// Colours: heads stay distinct for every reader, the ramp is even in lightness, all of it readable on its ground.
import { describe, expect, it } from "vitest";
import { createHeadColours, createPalette, createRamp } from "../../src/core/palette";
import { resolveScheme, type Surroundings } from "../../src/core/theme";
import { createDiverging } from "../../src/draw/diverging";
import { contrast, parseColour, type Rgb } from "../../src/math/colour";

const GROUND = { light: parseColour("#ffffff") as Rgb, dark: parseColour("#14161a") as Rgb };

function linear(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function oklab(rgb: readonly number[]): [number, number, number] {
  const [r = 0, g = 0, b = 0] = rgb;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

// Linear RGB as readers without red or green cones see it (Vienot, Brettel and Mollon 1999).
const READERS: Record<string, (rgb: number[]) => number[]> = {
  "normal sight": (rgb) => rgb,
  protanopia: ([r = 0, g = 0, b = 0]) => {
    const both = 0.11238 * r + 0.88762 * g;
    return [both, both, 0.00401 * r - 0.00401 * g + b];
  },
  deuteranopia: ([r = 0, g = 0, b = 0]) => {
    const both = 0.29275 * r + 0.70725 * g;
    return [both, both, -0.02234 * r + 0.02234 * g + b];
  },
};

function seenBy(reader: string, rgb: Rgb): [number, number, number] {
  const seen = (READERS[reader] as (rgb: number[]) => number[])(rgb.map(linear));
  return oklab(seen.map((c) => Math.min(1, Math.max(0, c))));
}

describe.each([false, true])("dark: %s", (dark) => {
  const ground = dark ? GROUND.dark : GROUND.light;
  const head = createHeadColours(dark);
  const ramp = createRamp(dark);

  it.each(Object.keys(READERS))("32 heads differ for %s", (reader) => {
    const colours = Array.from({ length: 32 }, (_, index) => seenBy(reader, head(index)));
    for (let i = 0; i < colours.length; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [colours[i], colours[j]] as [number[], number[]];
        const distance = Math.hypot(...a.map((value, axis) => value - (b[axis] as number)));
        expect(distance, `heads ${j} and ${i}`).toBeGreaterThan(0.03);
      }
    }
  });

  it("heads stand out from the ground", () => {
    for (let index = 0; index < 32; index++) {
      expect(contrast(head(index), ground), `head ${index}`).toBeGreaterThanOrEqual(3);
    }
  });

  it("the ramp's lightness is linear, from beside the ground to far from it", () => {
    const lightness = Array.from({ length: 21 }, (_, step) => seenBy("normal sight", ramp(step / 20))[0]);
    const [first, last] = [lightness[0] as number, lightness[20] as number];
    lightness.forEach((value, step) => {
      expect(Math.abs(value - (first + ((last - first) * step) / 20))).toBeLessThan(0.03);
    });
    expect(contrast(ramp(0), ground)).toBeLessThan(1.3);
    expect(contrast(ramp(1), ground)).toBeGreaterThan(9);
  });

  it("the ramp stays within its ends", () => {
    expect([ramp(-1), ramp(2), ramp(Number.NaN)]).toEqual([ramp(0), ramp(1), ramp(0)]);
  });

  const signed = createDiverging({ dark });

  it("the ramp of signed values leaves the ground evenly on both sides", () => {
    for (const side of [-1, 1]) {
      const lightness = Array.from(
        { length: 11 },
        (_, step) => seenBy("normal sight", signed((side * step) / 10))[0],
      );
      const [first, last] = [lightness[0] as number, lightness[10] as number];
      lightness.forEach((value, step) => {
        expect(Math.abs(value - (first + ((last - first) * step) / 10))).toBeLessThan(0.03);
      });
    }
    const [below, above] = [-1, 1].map((end) => seenBy("normal sight", signed(end))[0]) as [number, number];
    expect(Math.abs(below - above)).toBeLessThan(0.03);
    expect(contrast(signed(0), ground)).toBeLessThan(1.1);
    expect([signed(-9), signed(9)]).toEqual([signed(-1), signed(1)]);
  });

  it.each(Object.keys(READERS))("signs of equal size differ for %s", (reader) => {
    for (const size of [0.25, 0.5, 1]) {
      const [below, above] = [seenBy(reader, signed(-size)), seenBy(reader, signed(size))];
      const distance = Math.hypot(...below.map((value, axis) => value - (above[axis] as number)));
      expect(distance, `±${size}`).toBeGreaterThan(0.18 * size);
    }
  });

  it("heads past the table start over", () => {
    expect(head(32)).toEqual(head(0));
    expect(createPalette((name) => `<${name}>`, dark)).toMatchObject({
      dark,
      bg: "<--bg>",
      mono: "<--mono>",
    });
  });
});

describe("resolveScheme", () => {
  const plain: Surroundings = { jupyterLight: null, bodyClasses: [], htmlTheme: null, prefersDark: false };
  const auto = (around: Partial<Surroundings>) => resolveScheme("auto", { ...plain, ...around });

  it("an explicit theme wins over everything", () => {
    expect(resolveScheme("light", { ...plain, jupyterLight: "false", prefersDark: true })).toBe("light");
    expect(resolveScheme("dark", { ...plain, jupyterLight: "true" })).toBe("dark");
  });
  it.each<[string, Partial<Surroundings>, string]>([
    ["JupyterLab dark", { jupyterLight: "false" }, "dark"],
    ["JupyterLab light on a dark system", { jupyterLight: "true", prefersDark: true }, "light"],
    ["VS Code dark", { bodyClasses: ["vscode-dark"] }, "dark"],
    ["VS Code high contrast", { bodyClasses: ["vscode-high-contrast"] }, "dark"],
    ["VS Code light on a dark system", { bodyClasses: ["vscode-light"], prefersDark: true }, "light"],
    [
      "VS Code high contrast light",
      { bodyClasses: ["vscode-high-contrast", "vscode-high-contrast-light"] },
      "light",
    ],
    ["Colab dark", { htmlTheme: "dark" }, "dark"],
    ["Colab light on a dark system", { htmlTheme: "light", prefersDark: true }, "light"],
    ["a plain page on a dark system", { prefersDark: true }, "dark"],
    ["a plain page", {}, "light"],
  ])("%s", (_, around, scheme) => {
    expect(auto(around)).toBe(scheme);
  });
});
