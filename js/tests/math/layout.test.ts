import { describe, expect, it } from "vitest";
import { cutText } from "../../src/math/chunks";
import {
  columnHeight,
  layoutColumns,
  ROW_MAX,
  ROW_MIN,
  rowCentre,
  rowsInSight,
  scrollTo,
} from "../../src/math/columns";
import { addCurve, curveY, towards } from "../../src/math/curve";
import { isolate, labelUnits, widestLabel } from "../../src/math/labels";
import { packPanels } from "../../src/math/panels";
import { integer, randomFrom } from "./random";

describe("layoutColumns", () => {
  const random = randomFrom(8);
  const cases = Array.from({ length: 400 }, () => ({
    width: integer(random, 320, 1600),
    height: integer(random, 200, 900),
    queries: integer(random, 1, 2000),
    keys: integer(random, 1, 2000),
    queryText: integer(random, 10, 400),
    keyText: integer(random, 10, 400),
    heads: integer(random, 1, 32),
    keyIndex: random() < 0.5,
    sinks: random() < 0.5,
  }));

  it("keeps everything in order from left to right, inside the pane", () => {
    for (const input of cases) {
      const columns = layoutColumns(input);
      expect(columns.queryWidth).toBeGreaterThan(0);
      expect(columns.queryBlocks).toBeGreaterThanOrEqual(columns.queryWidth);
      expect(columns.lineRight).toBeGreaterThan(columns.lineLeft);
      expect(columns.keyBlocks + columns.blockWidth * input.heads).toBeLessThanOrEqual(columns.keyLeft);
      expect(columns.keyLeft + columns.keyWidth).toBeLessThanOrEqual(input.width);
      expect(columns.row).toBeGreaterThanOrEqual(ROW_MIN);
      expect(columns.row).toBeLessThanOrEqual(ROW_MAX);
    }
  });

  it("leaves room for lines from 480 pixels up", () => {
    for (const input of cases) {
      if (input.width < 480) continue;
      const { lineLeft, lineRight } = layoutColumns(input);
      expect(lineRight - lineLeft).toBeGreaterThanOrEqual(60);
    }
  });

  it("shows all rows without scrolling wherever they fit at the smallest height", () => {
    for (const input of cases) {
      const { row } = layoutColumns(input);
      const rows = Math.max(input.queries, input.keys);
      const sink = input.sinks ? row + 4 : 0;
      if (columnHeight(rows + (input.sinks ? 1 : 0), ROW_MIN) + 4 > input.height) continue;
      expect(columnHeight(rows, row) + sink).toBeLessThanOrEqual(input.height);
    }
  });
});

describe("rows", () => {
  it("in sight are exactly those that overlap the window", () => {
    const random = randomFrom(10);
    for (let i = 0; i < 300; i++) {
      const count = integer(random, 0, 300);
      const row = integer(random, ROW_MIN, ROW_MAX);
      const height = integer(random, 50, 600);
      const scroll = integer(random, 0, Math.max(0, columnHeight(count, row) - height));
      const { start, end } = rowsInSight(scroll, height, row, count);
      const seen = Array.from({ length: count }, (_, index) => index).filter((index) => {
        const top = rowCentre(index, row, scroll) - row / 2;
        return top < height && top + row > 0;
      });
      expect(Array.from({ length: end - start }, (_, i) => start + i)).toEqual(seen);
    }
  });

  it("come into sight by scrollTo, which stays put when they are", () => {
    const random = randomFrom(11);
    for (let i = 0; i < 300; i++) {
      const count = integer(random, 1, 300);
      const row = integer(random, ROW_MIN, ROW_MAX);
      const height = integer(random, 60, 600);
      const index = integer(random, 0, count - 1);
      const scroll = scrollTo(index, row, random() * 3000, height, count);
      const middle = rowCentre(index, row, scroll);
      expect(middle - row / 2).toBeGreaterThanOrEqual(0);
      expect(middle + row / 2).toBeLessThanOrEqual(height);
      expect(scrollTo(index, row, scroll, height, count)).toBe(scroll);
    }
  });
});

describe("curves", () => {
  it("start and end where they should, level, and never overshoot", () => {
    expect(curveY(10, 5, 110, 95, 10)).toBeCloseTo(5);
    expect(curveY(10, 5, 110, 95, 110)).toBeCloseTo(95);
    expect(curveY(10, 5, 110, 95, 60)).toBeCloseTo(50);
    let before = 5;
    for (let x = 10; x <= 110; x++) {
      const y = curveY(10, 5, 110, 95, x);
      expect(y).toBeGreaterThanOrEqual(before - 1e-6);
      expect(y).toBeLessThanOrEqual(95 + 1e-6);
      before = y;
    }
  });

  it("are the curves that are drawn", () => {
    const points: number[][] = [];
    const path = {
      moveTo: (...at: number[]) => points.push(at),
      bezierCurveTo: (...at: number[]) => points.push(at),
    };
    addCurve(path, 10, 5, 110, 95);
    const [x0, y0] = points[0] as [number, number];
    const [ax, ay, bx, by, x1, y1] = points[1] as [number, number, number, number, number, number];
    const blend = (t: number, p: number[]) =>
      (1 - t) ** 3 * (p[0] as number) +
      3 * (1 - t) ** 2 * t * (p[1] as number) +
      3 * (1 - t) * t * t * (p[2] as number) +
      t ** 3 * (p[3] as number);
    for (let t = 0; t <= 1; t += 0.05) {
      const x = blend(t, [x0, ax, bx, x1]);
      expect(curveY(10, 5, 110, 95, x)).toBeCloseTo(blend(t, [y0, ay, by, y1]), 3);
    }
  });

  it("point to tokens out of sight, farther ones farther out, and leave the others alone", () => {
    expect(towards(50, 0, 100)).toBe(50);
    expect(towards(0, 0, 100)).toBe(0);
    let before = 100;
    for (const y of [101, 110, 200, 1000, 30000]) {
      const at = towards(y, 0, 100);
      expect(at).toBeGreaterThan(before);
      expect(at).toBeLessThan(y);
      expect(towards(100 - y, 0, 100)).toBeCloseTo(100 - at, 9);
      before = at;
    }
    expect(before).toBeLessThan(400);
  });
});

describe("labels", () => {
  it("count wide characters twice and marks not at all", () => {
    expect(labelUnits("cat")).toBe(3);
    expect(labelUnits("中国")).toBe(4);
    expect(labelUnits("e\u0301")).toBe(1);
    expect(labelUnits("🙂")).toBe(2);
    expect(labelUnits("")).toBe(0);
  });

  it("isolate keeps labels from right to left apart, and others as they are", () => {
    expect(isolate("cat")).toBe("cat");
    expect(isolate("中国")).toBe("中国");
    expect(isolate("القط")).toBe("\u2068القط\u2069");
  });

  it("widest is at most what is asked for", () => {
    expect(widestLabel(["a", "中国的", "word"], 18)).toBe(6);
    expect(widestLabel(["a".repeat(50)], 18)).toBe(18);
    expect(widestLabel([], 18)).toBe(0);
  });
});

describe("packPanels", () => {
  it("fits all panels and prefers the grid with the largest matrices", () => {
    const random = randomFrom(12);
    const margin = { x: 50, y: 60 };
    for (let i = 0; i < 200; i++) {
      const count = integer(random, 1, 4);
      const width = integer(random, 400, 1400);
      const height = integer(random, 300, 900);
      const grid = packPanels(count, width, height, margin, 14, 1);
      expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count);
      expect(grid.columns * grid.width + 14 * (grid.columns - 1)).toBeLessThanOrEqual(width);
      expect(grid.rows * grid.height + 14 * (grid.rows - 1)).toBeLessThanOrEqual(height);
      const side = Math.min(grid.width - 50, grid.height - 60);
      for (let columns = 1; columns <= count; columns++) {
        const rows = Math.ceil(count / columns);
        const other = Math.min(
          (width - 14 * (columns - 1)) / columns - 50,
          (height - 14 * (rows - 1)) / rows - 60,
        );
        expect(side).toBeGreaterThanOrEqual(Math.floor(other) - 1);
      }
    }
  });
});

describe("cutText", () => {
  it("covers every token once, in order", () => {
    const random = randomFrom(13);
    for (let i = 0; i < 60; i++) {
      const texts = Array.from({ length: integer(random, 0, 6000) }, () =>
        random() < 0.01 ? "\n" : random() < 0.7 ? " word" : "piece",
      );
      const blocks = cutText(texts);
      let at = 0;
      for (const { start, end } of blocks) {
        expect(start).toBe(at);
        expect(end).toBeGreaterThan(start);
        at = end;
      }
      expect(at).toBe(texts.length);
    }
  });

  it("leaves short texts whole, and cuts long ones after a newline where one is near", () => {
    expect(cutText(Array.from({ length: 800 }, () => "piece"))).toHaveLength(1);
    const texts = Array.from({ length: 3000 }, (_, i) => (i % 250 === 249 ? "\n" : " word"));
    for (const { end } of cutText(texts).slice(0, -1)) expect(texts[end - 1]).toBe("\n");
  });

  it("does not cut words when it can help it", () => {
    const texts = Array.from({ length: 5000 }, (_, i) => (i % 7 === 0 ? " word" : "piece"));
    for (const { start } of cutText(texts).slice(1)) expect(texts[start]).toBe(" word");
  });
});
