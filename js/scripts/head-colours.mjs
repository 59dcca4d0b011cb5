// Chooses the head colours of src/core/head-colours.ts: `node scripts/head-colours.mjs` prints the file.
//
// Greedy: each next colour is the one that lies farthest, in OKLab, from all that were chosen before it, where far
// is judged by the worst of three readers: normal sight, protanopia and deuteranopia (Vienot, Brettel and Mollon 1999).
// The first four hues are given: blue, orange, green, pink.

const COUNT = 32;
const SEEDS = {
  light: ["#2b62d9", "#c96f1c", "#178a5b", "#cc3d86"],
  dark: ["#7aa2f7", "#efb07a", "#57c795", "#f28bbd"],
};
const BACKGROUND = { light: "#ffffff", dark: "#14161a" };
const LIGHTNESS = { light: [0.35, 0.69], dark: [0.55, 0.95] };
const CHROMA = { light: [0.06, 0.1, 0.14, 0.18, 0.22], dark: [0.05, 0.08, 0.11, 0.14, 0.17] };
const MIN_CONTRAST = 3;

const toLinear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const toGamma = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);
const fromHex = (hex) => [1, 3, 5].map((at) => toLinear(Number.parseInt(hex.slice(at, at + 2), 16) / 255));
const toHex = (rgb) =>
  `#${rgb
    .map((c) =>
      Math.round(255 * toGamma(Math.min(1, Math.max(0, c))))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;

function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function linearOf(L, C, hue) {
  const a = C * Math.cos((hue * Math.PI) / 180);
  const b = C * Math.sin((hue * Math.PI) / 180);
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

const times = (matrix, v) => matrix.map((row) => row.reduce((sum, value, i) => sum + value * v[i], 0));
const PROTAN = [
  [0.11238, 0.88762, 0],
  [0.11238, 0.88762, 0],
  [0.00401, -0.00401, 1],
];
const DEUTAN = [
  [0.29275, 0.70725, 0],
  [0.29275, 0.70725, 0],
  [-0.02234, 0.02234, 1],
];
const clip = (v) => v.map((c) => Math.min(1, Math.max(0, c)));
const seen = (rgb) => [rgb, clip(times(PROTAN, rgb)), clip(times(DEUTAN, rgb))].map(oklab);
const distance = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
const worst = (a, b) => Math.min(...a.map((lab, reader) => distance(lab, b[reader])));
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

function choose(theme) {
  const ground = luminance(fromHex(BACKGROUND[theme]));
  const [low, high] = LIGHTNESS[theme];
  const candidates = [];
  for (let L = low; L <= high; L += 0.03) {
    for (const C of CHROMA[theme]) {
      for (let hue = 0; hue < 360; hue += 10) {
        const rgb = linearOf(L, C, hue);
        if (rgb.some((c) => c < 0 || c > 1)) continue;
        const hex = toHex(rgb);
        if (contrast(luminance(fromHex(hex)), ground) < MIN_CONTRAST) continue;
        candidates.push({ hex, seen: seen(fromHex(hex)), chroma: C });
      }
    }
  }
  const chosen = SEEDS[theme].map((hex) => ({ hex, seen: seen(fromHex(hex)) }));
  while (chosen.length < COUNT) {
    let best = null;
    let bestScore = 0;
    for (const candidate of candidates) {
      // Among equally distant colours the more colourful one is easier to name.
      const score =
        Math.min(...chosen.map((other) => worst(candidate.seen, other.seen))) * (0.8 + candidate.chroma);
      if (score > bestScore) [best, bestScore] = [candidate, score];
    }
    chosen.push(best);
  }
  let closest = 1;
  for (let i = 0; i < COUNT; i++) {
    for (let j = 0; j < i; j++) closest = Math.min(closest, worst(chosen[i].seen, chosen[j].seen));
  }
  return { hexes: chosen.map(({ hex }) => hex), closest };
}

const rows = (hexes) => {
  const lines = [];
  for (let i = 0; i < hexes.length; i += 8)
    lines.push(
      `  ${hexes
        .slice(i, i + 8)
        .map((hex) => `"${hex}"`)
        .join(", ")},`,
    );
  return lines.join("\n");
};
const light = choose("light");
const dark = choose("dark");
console.error(
  `closest pair: light ${light.closest.toFixed(4)}, dark ${dark.closest.toFixed(4)} (OKLab, worst reader)`,
);
console.log(`// Colours of heads, made by \`node scripts/head-colours.mjs\`: distinct to ${COUNT} for normal and colour-blind readers.

export const HEAD_COLOURS_LIGHT: readonly string[] = [
${rows(light.hexes)}
];

export const HEAD_COLOURS_DARK: readonly string[] = [
${rows(dark.hexes)}
];`);
