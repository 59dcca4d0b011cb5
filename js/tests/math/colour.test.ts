import { describe, expect, it } from "vitest";
import { contrast, css, inkOn, mix, parseColour, type Rgb } from "../../src/math/colour";
import { integer, randomFrom } from "./random";

describe("text on a colour", () => {
  it("keeps a contrast of 4.5 on any colour", () => {
    const random = randomFrom(5);
    for (let i = 0; i < 3000; i++) {
      const colour: Rgb = [integer(random, 0, 255), integer(random, 0, 255), integer(random, 0, 255)];
      expect(contrast(colour, inkOn(colour))).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("contrast is 21 between black and white, 1 with itself, and the same both ways", () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
    expect(contrast([9, 99, 199], [9, 99, 199])).toBe(1);
    expect(contrast([9, 99, 199], [200, 10, 10])).toBe(contrast([200, 10, 10], [9, 99, 199]));
  });
});

it("mixes channel by channel", () => {
  expect(mix([0, 100, 200], [100, 0, 200], 0)).toEqual([0, 100, 200]);
  expect(mix([0, 100, 200], [100, 0, 200], 1)).toEqual([100, 0, 200]);
  expect(mix([0, 100, 200], [100, 0, 200], 0.5)).toEqual([50, 50, 200]);
});

it("reads the colours that styles are written in", () => {
  expect(parseColour("#fff")).toEqual([255, 255, 255]);
  expect(parseColour(" #2f6fde ")).toEqual([0x2f, 0x6f, 0xde]);
  expect(parseColour("rgb(1, 2, 3)")).toEqual([1, 2, 3]);
  expect(parseColour(css([1, 2, 3]))).toEqual([1, 2, 3]);
  expect(parseColour("hsl(1 2% 3%)")).toBeNull();
});
