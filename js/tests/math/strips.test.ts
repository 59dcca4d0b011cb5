// The neuron view's rows: everything has its room at any width, and what is under the pointer is what is drawn there.
import { describe, expect, it } from "vitest";
import { layStrips, placesOf, rowsInSight, scrollToRow, stripeAt } from "../../src/math/strips";

const WIDTHS = [300, 456, 520, 700, 900, 1400];
const DIMS = [1, 16, 32, 64, 80, 128, 256];

describe("layStrips", () => {
  it.each(WIDTHS)("%d pixels: the parts follow each other and stay inside", (width) => {
    for (const ratio of [1, 1.5, 2]) {
      for (const dims of DIMS) {
        const strips = layStrips(width, dims, 120, ratio, true);
        const spans = [strips.label, strips.k, strips.product, strips.score, strips.weight];
        spans.forEach((span, at) => {
          expect(span.width).toBeGreaterThan(0);
          const before = spans[at - 1];
          if (before !== undefined) expect(span.x).toBeGreaterThanOrEqual(before.x + before.width);
        });
        const end = strips.weight.x + strips.weight.width;
        expect(end).toBeLessThanOrEqual(width + 1e-6);
        expect(strips.per * strips.stripes).toBeGreaterThanOrEqual(dims);
        expect((strips.stripes - 1) * strips.per).toBeLessThan(dims);
        expect(strips.cell * ratio).toBeGreaterThanOrEqual(1 - 1e-9);
      }
    }
  });

  it("gives every dimension a stripe where it can, and wide stripes whole pixels", () => {
    expect(layStrips(800, 32, 100, 1, true)).toMatchObject({ per: 1, stripes: 32, cell: 6 });
    expect(layStrips(800, 32, 100, 2, true).cell * 2).toBe(13);
    // Narrow ones take all the room there is.
    const narrow = layStrips(456, 32, 100, 1, true);
    expect(narrow.product.width).toBeGreaterThan(80);
    expect(layStrips(456, 256, 100, 1, true).per).toBeGreaterThan(1);
    expect(layStrips(456, 128, 100, 2, true).per).toBe(1);
  });

  it("leaves the strips out where only weights are known", () => {
    const strips = layStrips(600, 0, 100, 1, false);
    expect([strips.k.width, strips.product.width, strips.score.width]).toEqual([0, 0, 0]);
    expect(strips.weight.width).toBeGreaterThan(400);
    expect(stripeAt(strips, 300)).toBeNull();
  });
});

describe("stripeAt", () => {
  it("finds each stripe in both strips", () => {
    for (const dims of DIMS) {
      const strips = layStrips(700, dims, 100, 1.5, true);
      for (let stripe = 0; stripe < strips.stripes; stripe++) {
        const inside = (stripe + 0.5) * strips.cell;
        expect(stripeAt(strips, strips.k.x + inside)).toBe(stripe);
        expect(stripeAt(strips, strips.product.x + inside)).toBe(stripe);
      }
      expect(stripeAt(strips, strips.k.x - 1)).toBeNull();
      expect(stripeAt(strips, strips.score.x)).toBeNull();
      expect(stripeAt(strips, 0, true)).toBe(0);
      expect(stripeAt(strips, 5000, true)).toBe(strips.stripes - 1);
    }
  });

  it("the stripes share out all places", () => {
    const strips = layStrips(456, 250, 100, 1, true);
    const all = Array.from({ length: strips.stripes }, (_, stripe) => placesOf(strips, stripe));
    expect(all[0]?.start).toBe(0);
    expect(all.at(-1)?.end).toBe(250);
    all.forEach(({ start }, at) => {
      if (at > 0) expect(start).toBe(all[at - 1]?.end);
    });
  });
});

describe("rows", () => {
  it("are those with any part in sight", () => {
    expect(rowsInSight(4096, 20, 0, 100)).toEqual({ start: 0, end: 5 });
    expect(rowsInSight(4096, 20, 30, 100)).toEqual({ start: 1, end: 7 });
    expect(rowsInSight(3, 20, 0, 100)).toEqual({ start: 0, end: 3 });
    expect(rowsInSight(3, 20, 900, 100)).toEqual({ start: 3, end: 3 });
  });

  it("come into sight with their neighbours, and stay where they are in sight", () => {
    expect(scrollToRow(50, 20, 0, 100)).toBe(940);
    expect(scrollToRow(50, 20, 2000, 100)).toBe(980);
    expect(scrollToRow(50, 20, 960, 100)).toBe(960);
    expect(scrollToRow(0, 20, 50, 100)).toBe(0);
  });
});
