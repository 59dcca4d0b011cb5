// A row from its query and the keys, and thumbnails as the kernel makes them.
import { describe, expect, it } from "vitest";
import { attend } from "../../src/math/attend";
import { codeOf, poolCodes } from "../../src/math/thumbnails";
import { decodeWeight } from "../../src/math/weights";

const TERMS = {
  q: Float32Array.of(1, 2),
  k: Float32Array.of(1, 0, 0, 1, 1, 1),
  bias: null,
  scaling: 0.5,
  softcap: null,
  sinkScore: null,
};
const all = () => true;

function softmax(scores: number[]): number[] {
  const powers = scores.map(Math.exp);
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

describe("attend", () => {
  it("scales products, and puts them through the softmax", () => {
    const { scores, weights, sink } = attend(TERMS, all);
    expect([...scores]).toEqual([0.5, 1, 1.5]);
    softmax([0.5, 1, 1.5]).forEach((weight, key) => {
      expect(weights[key]).toBeCloseTo(weight, 6);
    });
    expect(sink).toBe(0);
  });

  it("caps, then adds the bias; a sink takes its part", () => {
    const bias = Float32Array.of(0.25, 0, -1);
    const { scores, weights, sink } = attend({ ...TERMS, softcap: 2, bias, sinkScore: 1 }, all);
    const wanted = [0.5, 1, 1.5].map((score, key) => 2 * Math.tanh(score / 2) + (bias[key] as number));
    wanted.forEach((score, key) => {
      expect(scores[key]).toBeCloseTo(score, 6);
    });
    const shares = softmax([...wanted, 1]);
    expect(sink).toBeCloseTo(shares[3] as number, 6);
    shares.slice(0, 3).forEach((weight, key) => {
      expect(weights[key]).toBeCloseTo(weight, 6);
    });
  });

  it("leaves out what is out of reach; all of a row may be", () => {
    const { scores, weights } = attend(TERMS, (key) => key === 1);
    expect([...weights]).toEqual([-1, 1, -1]);
    expect([...scores]).toEqual([Number.NaN, 1, Number.NaN]);
    expect([...attend(TERMS, () => false).weights]).toEqual([-1, -1, -1]);
  });

  it("a score that is no number leaves no number in its row", () => {
    const { weights } = attend({ ...TERMS, k: Float32Array.of(1, 0, Number.NaN, 1, 1, 1) }, all);
    expect([...weights]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });
});

describe("thumbnails", () => {
  it("codes are the nearest, also at the ends", () => {
    expect([0, 1, 1.0000001, Number.NaN, -1].map(codeOf)).toEqual([0, 253, 253, 254, 255]);
    for (let code = 0; code <= 253; code++) expect(codeOf(decodeWeight(code))).toBe(code);
  });

  it("a pixel is the largest of its block in reach; of weights as of their codes", () => {
    const pattern = Float32Array.of(1, -1, -1, 0.25, 0.75, -1, 0.5, Number.NaN, 0.25);
    const codes = Uint8Array.from(pattern, codeOf);
    for (const cells of [pattern, codes]) {
      const pixels = new Uint8Array(4);
      poolCodes(cells, 3, [2, 2], pixels);
      expect([...pixels]).toEqual([253, 255, 254, codeOf(0.25)]);
    }
  });
});
