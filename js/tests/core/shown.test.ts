// From the heads' patterns to what is on screen, and the words that say so.
import { describe, expect, it } from "vitest";
import {
  COMBINED,
  describeCombined,
  describeHidden,
  headsOffered,
  measureOf,
  nameOf,
  present,
  presentRows,
  titleOf,
  unitOf,
} from "../../src/core/shown";
import type { ExactRow } from "../../src/core/types";
import { HIDDEN, readRow } from "../../src/math/weights";
import type { Filters } from "../../src/wire/schema.gen";
import { crossData, selfData, tokensOf } from "../panes/sample";

const ALL: Filters = { pair: "all", special: true, top: 0, heads: null };
const row = { site: "decoder", layer: 2, query: 2 } as const;
const EXACT: readonly ExactRow[] = [
  { ...row, head: 0, weights: Float32Array.of(0.5, 0.25, 0.25), scores: Float32Array.of(1, 0, 0), sink: 0 },
  {
    ...row,
    head: 3,
    weights: Float32Array.of(0, 0.75, 0.125),
    scores: Float32Array.of(0, 2, 1),
    sink: 0.125,
  },
];

describe("present", () => {
  it("gives the layer itself where there is nothing to do", () => {
    const data = selfData();
    expect(present(data, ALL, "each")).toBe(data);
    expect(presentRows(EXACT, data)).toBe(EXACT);
    const single = crossData();
    expect(present(single, ALL, "mean")).toBe(single);
  });

  it("puts heads together, names them, and takes the worse error", () => {
    const data = selfData({ error: 0.004, sinks: true });
    const mean = present(data, ALL, "mean");
    expect(mean.patterns.map(({ head, error }) => [head, error])).toEqual([[COMBINED, 0.004]]);
    const [pattern] = mean.patterns;
    expect(pattern && [...readRow(pattern, 2)]).toEqual([0.25, 0.5, 0.1875]);
    expect(pattern?.sink?.(2)).toBeCloseTo(0.0625);
    expect([nameOf(mean, COMBINED), titleOf(mean, COMBINED)]).toEqual([
      "mean of heads 0 and 3",
      "Mean of heads 0 and 3",
    ]);
    expect(describeCombined(present(data, ALL, "max"))).toBe("max of heads 0 and 3: rows do not sum to 1");
    expect(describeCombined(data)).toBe("");
  });

  it("keeps what nothing is hidden of, for numbers", () => {
    const tokens = tokensOf(["<s>", " cat", " sat"], [0]);
    const data = { ...selfData(), queryTokens: tokens, keyTokens: tokens };
    const shown = present(data, { ...ALL, special: false }, "mean");
    expect(shown.patterns[0]?.weight(2, 0)).toBe(HIDDEN);
    expect(shown.shown?.whole.patterns[0]?.weight(2, 0)).toBe(0.25);
    // Rows sum to 1 + .75 + .9375; what stays is .5 of row 1 and .6875 of row 2.
    const share = Math.round(100 * (1 - (0.5 + 0.6875) / (0.75 + 0.875 + 0.9375)));
    expect(describeHidden(shown)).toBe(
      `special tokens hidden: ${share} % of the weight is not drawn, nothing is renormalised`,
    );
    expect(describeHidden(data)).toBe("");
  });
});

describe("presentRows", () => {
  it("combines exact rows, without scores, and filters them afterwards", () => {
    const shown = present(selfData({ sinks: true }), { ...ALL, top: 1 }, "max");
    const [made, ...rest] = presentRows(EXACT, shown);
    expect(rest).toEqual([]);
    expect(made && [...made.weights]).toEqual([HIDDEN, 0.75, HIDDEN]);
    expect(made?.whole && [...made.whole]).toEqual([0.5, 0.75, 0.25]);
    expect([made?.head, made?.scores, made?.sink]).toEqual([COMBINED, null, 0.125]);
  });

  it("gives the same when it is done twice", () => {
    for (const how of ["each", "mean"] as const) {
      const shown = present(selfData(), { ...ALL, top: 1 }, how);
      const once = presentRows(EXACT, shown);
      expect(presentRows(once, shown)).toEqual(once);
      expect(once.length).toBe(how === "each" ? 2 : 1);
    }
  });

  it("keeps the scores of single heads", () => {
    const shown = present(selfData(), { ...ALL, top: 2 }, "each");
    expect(presentRows(EXACT, shown).map(({ scores }) => scores?.[1])).toEqual([0, 2]);
  });
});

it("heads on offer: those that the layer has, or all", () => {
  expect(headsOffered(4, ALL)).toEqual([0, 1, 2, 3]);
  expect(headsOffered(4, { ...ALL, heads: [3, 1, 9] })).toEqual([1, 3]);
  expect(headsOffered(2, { ...ALL, heads: [5] })).toEqual([0, 1]);
});

it("names what numbers and positions are", () => {
  const { record } = selfData();
  expect([measureOf(record), unitOf(record)]).toEqual(["weight", "token"]);
  expect([measureOf({ ...record, weighting: "norms" }), unitOf({ ...record, words: true })]).toEqual([
    "share of norms",
    "word",
  ]);
});
