import { describe, expect, it } from "vitest";
import { poolBlock, poolMax } from "../../src/math/pool";
import {
  CELL_MAX,
  cellAt,
  cellCorner,
  cellsInSight,
  clampView,
  fitMatrix,
  labelStep,
  panBy,
  reveal,
  WHOLE,
  zoomAt,
  zoomMax,
} from "../../src/math/viewport";
import { isMasked } from "../../src/math/weights";
import { MASKED } from "../../src/wire/schema.gen";
import { integer, patternOf, randomFrom, randomPattern } from "./random";

const random = randomFrom(14);
const cases = Array.from({ length: 300 }, () => {
  const frame = fitMatrix(
    integer(random, 1, 600),
    integer(random, 1, 600),
    integer(random, 80, 900),
    integer(random, 80, 700),
  );
  const view = clampView({ query: random() * 600, key: random() * 600, zoom: 1 + random() * 20 }, frame);
  return { frame, view };
});

describe("the frame", () => {
  it("stays inside its rectangle with cells that are nearly square", () => {
    for (let i = 0; i < 200; i++) {
      const [queries, keys] = [integer(random, 1, 500), integer(random, 1, 500)];
      const [width, height] = [integer(random, 80, 900), integer(random, 80, 700)];
      const frame = fitMatrix(queries, keys, width, height);
      expect(frame.width).toBeLessThanOrEqual(width + 1e-9);
      expect(frame.height).toBeLessThanOrEqual(height + 1e-9);
      const ratio = frame.cellWidth / frame.cellHeight;
      expect(ratio).toBeLessThanOrEqual(3 + 1e-9);
      expect(ratio).toBeGreaterThanOrEqual(1 / 3 - 1e-9);
      if (queries === keys) expect(ratio).toBe(1);
    }
  });
});

describe("the view", () => {
  it("never leaves the matrix", () => {
    for (const { frame, view } of cases) {
      expect(view.zoom).toBeGreaterThanOrEqual(1);
      expect(view.zoom).toBeLessThanOrEqual(zoomMax(frame));
      const last = cellCorner(view, frame, frame.queries, frame.keys);
      const first = cellCorner(view, frame, 0, 0);
      expect(first.x).toBeLessThanOrEqual(1e-6);
      expect(first.y).toBeLessThanOrEqual(1e-6);
      expect(last.x).toBeGreaterThanOrEqual(frame.width - 1e-6);
      expect(last.y).toBeGreaterThanOrEqual(frame.height - 1e-6);
    }
  });

  it("shows all of it at the start", () => {
    for (const { frame } of cases) {
      expect(cellsInSight(WHOLE, frame)).toEqual({
        queries: { start: 0, end: frame.queries },
        keys: { start: 0, end: frame.keys },
      });
    }
  });

  it("finds the cell under a point at its middle", () => {
    for (const { frame, view } of cases) {
      const { queries, keys } = cellsInSight(view, frame);
      const query = integer(random, queries.start, queries.end - 1);
      const key = integer(random, keys.start, keys.end - 1);
      const { x, y } = cellCorner(view, frame, query + 0.5, key + 0.5);
      if (x < 0 || y < 0 || x >= frame.width || y >= frame.height) continue;
      expect(cellAt(view, frame, x, y)).toEqual({ query, key });
    }
  });

  it("finds no cell outside", () => {
    const frame = fitMatrix(10, 10, 200, 200);
    expect(cellAt(WHOLE, frame, -1, 5)).toBeNull();
    expect(cellAt(WHOLE, frame, 5, frame.height)).toBeNull();
  });

  it("keeps the cell under the pointer while zooming in", () => {
    for (const { frame, view } of cases) {
      const [x, y] = [random() * frame.width * 0.999, random() * frame.height * 0.999];
      const before = cellAt(view, frame, x, y);
      expect(cellAt(zoomAt(view, frame, 1.3, x, y), frame, x, y)).toEqual(before);
    }
  });

  it("is whole again after zooming all the way out", () => {
    for (const { frame, view } of cases) expect(zoomAt(view, frame, 1e-6, 3, 3)).toEqual(WHOLE);
  });

  it("goes back where it was when it is dragged there and back, away from the edges", () => {
    const frame = fitMatrix(100, 100, 400, 400);
    const view = { query: 40, key: 40, zoom: 5 };
    const back = panBy(panBy(view, frame, 17, -9), frame, -17, 9);
    expect(back.query).toBeCloseTo(40);
    expect(back.key).toBeCloseTo(40);
    expect(panBy(view, frame, 1e6, 1e6)).toMatchObject({ query: 0, key: 0 });
  });

  it("moves a cell wholly into sight, and only if it must", () => {
    for (const { frame, view } of cases) {
      const query = integer(random, 0, frame.queries - 1);
      const key = integer(random, 0, frame.keys - 1);
      const moved = reveal(view, frame, query, key);
      expect(moved.zoom).toBe(view.zoom);
      expect(reveal(moved, frame, query, key)).toEqual(moved);
      const corner = cellCorner(moved, frame, query, key);
      const fits = frame.cellWidth * view.zoom <= frame.width && frame.cellHeight * view.zoom <= frame.height;
      if (!fits) continue;
      expect(corner.x).toBeGreaterThanOrEqual(-1e-6);
      expect(corner.y).toBeGreaterThanOrEqual(-1e-6);
      expect(corner.x + frame.cellWidth * view.zoom).toBeLessThanOrEqual(frame.width + 1e-6);
      expect(corner.y + frame.cellHeight * view.zoom).toBeLessThanOrEqual(frame.height + 1e-6);
    }
  });

  it("lets cells grow to a legible size and no further", () => {
    for (const { frame } of cases) {
      const { zoom } = zoomAt(WHOLE, frame, 1e9, 0, 0);
      expect(Math.min(frame.cellWidth, frame.cellHeight) * zoom).toBeCloseTo(
        Math.max(CELL_MAX, Math.min(frame.cellWidth, frame.cellHeight)),
      );
    }
  });
});

it("labelStep keeps labels apart with round steps", () => {
  for (let i = 0; i < 300; i++) {
    const cell = random() * 30 + 0.01;
    const size = integer(random, 8, 60);
    const step = labelStep(cell, size);
    expect(step * cell).toBeGreaterThanOrEqual(size * (step === 1 ? 0 : 1) - 1e-6);
    if (step === 1) expect(cell).toBeGreaterThanOrEqual(size - 1e-9);
    expect(String(step)).toMatch(/^[125]0*$/);
  }
});

describe("pooling", () => {
  it("keeps the largest weight of each block", () => {
    for (let i = 0; i < 30; i++) {
      const source = randomPattern(random, integer(random, 1, 40), integer(random, 1, 40), random() < 0.5);
      const block = integer(random, 1, 6);
      const pooled = poolMax(source, block);
      for (let row = 0; row < pooled.rows; row++) {
        for (let column = 0; column < pooled.columns; column++) {
          let best = MASKED;
          for (let q = row * block; q < Math.min(source.queries, (row + 1) * block); q++) {
            for (let k = column * block; k < Math.min(source.keys, (column + 1) * block); k++) {
              best = Math.max(best, source.weight(q, k));
            }
          }
          expect(pooled.values[row * pooled.columns + column]).toBeCloseTo(best, 6);
        }
      }
    }
  });

  it("shows what is not a number wherever there is one, and masked only where all is", () => {
    const pooled = poolMax(
      patternOf([
        [0.5, MASKED, MASKED, MASKED],
        [Number.NaN, 0.25, MASKED, MASKED],
      ]),
      2,
    );
    expect(pooled.values[0]).toBeNaN();
    expect(isMasked(pooled.values[1] as number)).toBe(true);
    expect([pooled.masked, pooled.nan]).toEqual([true, true]);
    const after = poolMax(patternOf([[Number.NaN, 0.5]]), 2);
    expect(after.values[0]).toBeNaN();
  });

  it("uses blocks only where cells are smaller than a device pixel", () => {
    expect(poolBlock(1, 1)).toBe(1);
    expect(poolBlock(0.5, 2)).toBe(1);
    expect(poolBlock(0.5, 1)).toBe(2);
    expect(poolBlock(0.15, 2)).toBe(4);
    expect(poolBlock(12, 1)).toBe(1);
    for (let i = 0; i < 200; i++) {
      const cell = random() * 2 + 0.01;
      const block = poolBlock(cell, 2);
      expect(block * cell * 2).toBeGreaterThanOrEqual(1 - 1e-5);
      if (block > 1) expect(block * cell * 2).toBeLessThan(2);
      expect(Math.log2(block) % 1).toBe(0);
    }
  });
});
