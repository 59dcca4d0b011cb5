import { describe, expect, it } from "vitest";
import { formatCount, formatLimit, formatList, formatShare, formatWeight } from "../../src/math/format";
import { LOG_FLOOR, scaleTicks, toScale } from "../../src/math/scale";
import { MASKED, type Scale } from "../../src/wire/schema.gen";

const SCALES: readonly Scale[] = ["linear", "sqrt", "log"];

describe.each(SCALES)("the %s scale", (scale) => {
  it("never falls, and ends at 0 and 1", () => {
    expect(toScale(0, scale)).toBe(0);
    expect(toScale(1, scale)).toBe(1);
    let before = 0;
    for (let weight = 0; weight <= 1; weight += 0.001) {
      const position = toScale(weight, scale);
      expect(position).toBeGreaterThanOrEqual(before);
      before = position;
    }
  });

  it("has ticks from end to end in order", () => {
    const positions = scaleTicks(scale).map(({ position }) => position);
    expect(positions[0]).toBe(0);
    expect(positions[positions.length - 1]).toBe(1);
    expect([...positions].sort((a, b) => a - b)).toEqual(positions);
  });
});

it("is what its name says", () => {
  expect(toScale(0.25, "linear")).toBe(0.25);
  expect(toScale(0.25, "sqrt")).toBe(0.5);
  expect(toScale(0.01, "log")).toBeCloseTo(0.5);
  expect(toScale(LOG_FLOOR, "log")).toBe(0);
  expect(toScale(LOG_FLOOR / 10, "log")).toBe(0);
});

it("clamps what is out of bounds", () => {
  expect(toScale(-0.5, "sqrt")).toBe(0);
  expect(toScale(1.5, "log")).toBe(1);
});

describe("formatWeight", () => {
  it("writes exact weights with three decimals and tiny ones with their magnitude", () => {
    expect(formatWeight(0.9481)).toBe(".948");
    expect(formatWeight(1)).toBe("1.000");
    expect(formatWeight(0)).toBe("0");
    expect(formatWeight(0.000042)).toBe("4e-5");
  });

  it("claims no more of an approximate weight than its error allows", () => {
    expect(formatWeight(0.9481, 0.004)).toBe("≈.95");
    expect(formatWeight(0.0011, 0.004)).toBe("≈0");
    expect(formatWeight(0.9481, 0.0001)).toBe("≈.948");
    expect(formatWeight(0.9481, 0.08)).toBe("≈.9");
  });

  it("never takes masked or missing for a number", () => {
    expect(formatWeight(MASKED)).toBe("masked");
    expect(formatWeight(Number.NaN)).toBe("NaN");
    expect(formatWeight(Number.NaN, 0.004)).toBe("NaN");
  });
});

it("writes shares, limits, counts and lists in words that fit a line", () => {
  expect(formatShare(0)).toBe("0 %");
  expect(formatShare(0.0004)).toBe("< .1 %");
  expect(formatShare(0.031)).toBe("3.1 %");
  expect(formatShare(0.42)).toBe("42 %");
  expect(formatLimit(0.02)).toBe(".02");
  expect(formatLimit(0)).toBe("0");
  expect(formatCount(40000)).toBe("40,000");
  expect(formatCount(999)).toBe("999");
  expect(formatList([3])).toBe("3");
  expect(formatList([0, 1])).toBe("0 and 1");
  expect(formatList([0, 1, 5])).toBe("0, 1 and 5");
});
