// Values of metrics: their range, their colour's place, how they are written.
import { describe, expect, it } from "vitest";
import { formatMeasure, meanOf, positionOf, shareOf, spanOf, spanTicks } from "../../src/math/measures";

describe("spans", () => {
  it("are the metric's own range, or that of the values where it has no end", () => {
    expect(spanOf({ low: 0, high: 1 }, [0.2, 0.3])).toEqual({ low: 0, high: 1 });
    expect(spanOf({ low: 0, high: null }, [2, Number.NaN, 8])).toEqual({ low: 0, high: 8 });
    expect(spanOf({ low: null, high: null }, [-3, 4])).toEqual({ low: -3, high: 4 });
    expect(spanOf({ low: 0, high: null }, [Number.NaN])).toEqual({ low: 0, high: 1 });
    expect(spanOf({ low: 0, high: null }, [0, 0])).toEqual({ low: 0, high: 1 });
  });

  it("place values between their ends", () => {
    const span = { low: 2, high: 6 };
    expect([1, 2, 4, 6, 9].map((value) => shareOf(value, span))).toEqual([0, 0, 0.5, 1, 1]);
    expect(positionOf(3, span, "sqrt")).toBe(0.5);
    expect(positionOf(3, span, "linear")).toBe(0.25);
    expect(positionOf(Number.NaN, span, "log")).toBeNaN();
  });

  it.each(["linear", "sqrt", "log"] as const)("have ticks where the %s scale puts their values", (scale) => {
    const span = { low: 0, high: 8 };
    const ticks = spanTicks(span, "tokens", scale);
    expect([ticks[0]?.position, ticks[2]?.position]).toEqual([0, 1]);
    expect(ticks[2]?.label).toBe("8.00");
    const middle = Number(ticks[1]?.label);
    expect(positionOf(middle, span, scale)).toBeCloseTo(ticks[1]?.position as number, 1);
  });
});

describe("texts", () => {
  it.each([
    [Number.NaN, "share", "n/a"],
    [0, "share", "0"],
    [1, "share", "1.00"],
    [0.914, "share", ".91"],
    [0.0042, "share", ".004"],
    [0.0001, "share", "<.001"],
    [7.756, "tokens", "7.76"],
    [77.56, "tokens", "77.6"],
    [12345.6, "tokens", "12346"],
  ])("%f as %s reads %s", (value, unit, text) => {
    expect(formatMeasure(value, unit)).toBe(text);
  });

  it("means leave out what is no number", () => {
    expect(meanOf([1, Number.NaN, 3])).toBe(2);
    expect(meanOf([Number.NaN])).toBeNaN();
  });
});
