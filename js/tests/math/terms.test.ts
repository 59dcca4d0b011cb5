// The terms of a score: they add up as the definition says, in any order, and the equation writes what they are.
import { describe, expect, it } from "vitest";
import {
  addsUp,
  dimensionStrengths,
  equationOf,
  extent,
  formatScaling,
  formatTerm,
  type KnownTerms,
  partsExtent,
  productAt,
  rangesOf,
  scaledProducts,
  scoreFrom,
  strongestFirst,
  sumProducts,
} from "../../src/math/terms";
import { MASKED } from "../../src/wire/schema.gen";
import { integer, randomFrom } from "./random";

interface Parts {
  readonly softcap?: number;
  readonly biased?: boolean;
  readonly scaling?: number;
  readonly masked?: readonly number[];
}

/** Random q and k, with the scores and weights of the definition, in float32 as a kernel sends them. */
function made(seed: number, keys: number, dims: number, parts: Parts = {}): KnownTerms {
  const random = randomFrom(seed);
  const floats = (count: number) => Float32Array.from({ length: count }, () => 4 * random() - 2);
  const { softcap = null, biased = false, scaling = 1 / Math.sqrt(dims), masked = [] } = parts;
  const [q, k, bias] = [floats(dims), floats(keys * dims), biased ? floats(keys) : null];
  const scores = Float32Array.from({ length: keys }, (_, key) => {
    if (masked.includes(key)) return Number.NaN;
    let score = 0;
    for (let d = 0; d < dims; d++) score += (q[d] as number) * (k[key * dims + d] as number);
    score *= scaling;
    if (softcap !== null) score = softcap * Math.tanh(score / softcap);
    return score + (bias?.[key] ?? 0);
  });
  const raised = Array.from(scores, (score) => (Number.isNaN(score) ? 0 : Math.exp(score)));
  const total = raised.reduce((sum, value) => sum + value, 0);
  const weights = Float32Array.from(raised, (value, key) => (masked.includes(key) ? MASKED : value / total));
  return { q, k, scaling, softcap, bias, scores, weights };
}

const CASES: readonly (readonly [string, Parts])[] = [
  ["plain", {}],
  ["soft cap", { softcap: 1.5 }],
  ["bias", { biased: true, scaling: 1 }],
  ["all of it", { softcap: 3, biased: true, scaling: 0.3, masked: [1] }],
];

describe("scores from their terms", () => {
  it.each(CASES)("%s: every key adds up to the kernel's score", (_, parts) => {
    const terms = made(3, 9, 64, parts);
    for (let key = 0; key < 9; key++) {
      expect(addsUp(terms, key)).toBe(true);
      if (parts.masked?.includes(key)) continue;
      expect(scoreFrom(terms, sumProducts(terms, key), key)).toBeCloseTo(terms.scores[key] as number, 5);
    }
  });

  it.each(CASES)("%s: a score of something else does not", (_, parts) => {
    const terms = made(4, 5, 64, parts);
    terms.scores[2] = (terms.scores[2] as number) + 0.01;
    expect([2, 3].map((key) => addsUp(terms, key))).toEqual([false, true]);
  });

  it("parts of the dimensions add up to the whole, however they are cut", () => {
    const random = randomFrom(8);
    for (let round = 0; round < 20; round++) {
      const dims = integer(random, 2, 128);
      const terms = made(round, 3, dims);
      const order = strongestFirst(dimensionStrengths(terms, null));
      const cut = integer(random, 1, dims - 1);
      const [near, far] = [order.subarray(0, cut), order.subarray(cut)];
      const sum = scaledProducts(terms, 1, near) + scaledProducts(terms, 1, far);
      expect(sum).toBeCloseTo(scaledProducts(terms, 1), 9);
    }
  });
});

describe("the order of dimensions", () => {
  const terms: KnownTerms = {
    q: Float32Array.of(1, -2, 0.5),
    k: Float32Array.of(1, 1, 1, 4, -1, 0, 90, 90, 90),
    scaling: 1,
    softcap: null,
    bias: null,
    scores: Float32Array.of(-0.5, 6, Number.NaN),
    weights: Float32Array.of(0.1, 0.9, MASKED),
  };

  it("is that of the mean magnitude over the keys in reach, or of one key's", () => {
    expect([...dimensionStrengths(terms, null)]).toEqual([5, 4, 0.5]);
    expect([...dimensionStrengths(terms, 0)]).toEqual([1, 2, 0.5]);
    expect([...strongestFirst(dimensionStrengths(terms, null))]).toEqual([0, 1, 2]);
    expect([...strongestFirst(dimensionStrengths(terms, 0))]).toEqual([1, 0, 2]);
  });

  it("keeps equal ones in the model's order, and puts what is no number last", () => {
    expect([...strongestFirst([1, Number.NaN, 2, 1, 2])]).toEqual([2, 4, 0, 3, 1]);
  });

  it("ranges leave out products of keys out of reach, but not these keys themselves", () => {
    expect(rangesOf(terms)).toEqual({ q: 2, k: 90, product: 4 });
    expect(productAt(terms, 1, 1)).toBe(2);
  });

  it("ranges leave out what is not finite", () => {
    const k = Float32Array.from(terms.k);
    k[0] = Number.POSITIVE_INFINITY;
    k[1] = Number.NaN;
    expect(rangesOf({ ...terms, k })).toEqual({ q: 2, k: 90, product: 4 });
  });

  it("bars reach from zero to all that they show", () => {
    expect(extent([Number.NaN, 3, -0.5])).toEqual([-0.5, 3]);
    expect(extent([2, 3], -7)).toEqual([-7, 3]);
    // Key 0: -0.5 in all, 1 of it in dimension 0; key 1: 6 and 4; key 2 is out of reach.
    expect(partsExtent(terms, [0])).toEqual([-0.5, 6]);
    expect(partsExtent(terms, [1], 8)).toEqual([-2, 8]);
  });
});

describe("what is written", () => {
  it("scaling is a root where it is one", () => {
    expect(formatScaling(0.125)).toBe("1/√64");
    expect(formatScaling(Math.fround(1 / Math.sqrt(80)))).toBe("1/√80");
    expect(formatScaling(0.0883)).toBe(".0883");
    expect(formatScaling(2)).toBe("2");
  });

  it("terms get fewer decimals as they grow", () => {
    expect([0, 1.005, -12.346, 345.67, -98765, -0.0004].map(formatTerm)).toEqual([
      "0.00",
      "1.00",
      "−12.35",
      "345.7",
      "−98765",
      "−4e−4",
    ]);
    expect(formatTerm(Number.NaN)).toBe("NaN");
  });

  const written = (terms: KnownTerms, key: number, brushed: readonly number[] | null = null, sink = false) =>
    equationOf(terms, key, brushed, sink)
      .map(({ sign, value }) => `${sign} ${value}`.trim())
      .join(" ");
  const one = (more: Partial<KnownTerms>): KnownTerms => ({
    q: Float32Array.of(4, 2, 1, 1),
    k: Float32Array.of(2, 1, -1, 0),
    scaling: 0.5,
    softcap: null,
    bias: null,
    scores: Float32Array.of(4.5),
    weights: Float32Array.of(0.27),
    ...more,
  });

  it("has each term only where the model has it", () => {
    expect(written(one({}), 0)).toBe("Σ q·k 9.00 × 1/√4 = score 4.50 → softmax .270");
    const capped = 5 * Math.tanh(0.9);
    const softcap = { softcap: 5, scores: Float32Array.of(capped) };
    expect(written(one(softcap), 0)).toBe(
      "Σ q·k 9.00 × 1/√4 = 4.50 → soft cap 5 = score 3.58 → softmax .270",
    );
    const bias = { scaling: 1, bias: Float32Array.of(-0.2), scores: Float32Array.of(8.8) };
    expect(written(one(bias), 0, null, true)).toBe(
      "Σ q·k 9.00 − bias 0.20 = score 8.80 → softmax with sink .270",
    );
    const all = { softcap: 5, bias: Float32Array.of(1), scores: Float32Array.of(capped + 1) };
    expect(written(one(all), 0)).toBe(
      "Σ q·k 9.00 × 1/√4 = 4.50 → soft cap 5 = 3.58 + bias 1.00 = score 4.58 → softmax .270",
    );
  });

  it("says what the brushed dimensions bring", () => {
    expect(written(one({}), 0, [0, 2])).toContain("· brushed 2 of 4 dims: 3.50 of 4.50");
  });

  it("says when the run's own score is another", () => {
    expect(written(one({ scores: Float32Array.of(4.4) }), 0)).toContain(
      "= score 4.50 but the run's own score is 4.40 → softmax",
    );
  });

  it("ends at the mask", () => {
    const masked = { weights: Float32Array.of(MASKED), scores: Float32Array.of(Number.NaN) };
    expect(written(one(masked), 0)).toBe("Σ q·k 9.00 out of reach: masked before the softmax");
  });
});
