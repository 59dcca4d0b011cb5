import { describe, expect, it } from "vitest";
import { curveY } from "../../src/math/curve";
import { keyEnd, lineAt, queryEnd, slotOffset } from "../../src/math/hit";
import { linesFromQuery, selectLines } from "../../src/math/lines";
import { randomFrom, randomPattern } from "./random";

const GEOMETRY = {
  left: 100,
  right: 400,
  row: 20,
  height: 400,
  keyTop: 24,
  queryScroll: 60,
  keyScroll: 0,
  sinkY: 10,
  keys: 40,
};

describe("slotOffset", () => {
  it("spreads heads evenly around the middle of the row and stays inside it", () => {
    for (let slots = 1; slots <= 32; slots++) {
      for (const row of [18, 22, 28]) {
        const offsets = Array.from({ length: slots }, (_, slot) => slotOffset(slot, slots, row));
        expect(offsets.reduce((sum, offset) => sum + offset, 0)).toBeCloseTo(0);
        expect(new Set(offsets.map((offset) => offset.toFixed(6))).size).toBe(slots);
        expect(Math.max(...offsets)).toBeLessThanOrEqual((row - 6) / 2);
      }
    }
  });
});

describe("ends of lines", () => {
  it("lie in the middle of rows in sight, and beyond the edge otherwise", () => {
    expect(queryEnd(GEOMETRY, 3)).toBe(6 + 3.5 * 20 - 60);
    expect(queryEnd(GEOMETRY, 0)).toBeLessThan(0);
    expect(keyEnd(GEOMETRY, 0)).toBe(24 + 6 + 10);
    expect(keyEnd(GEOMETRY, 39)).toBeGreaterThan(400);
    expect(keyEnd(GEOMETRY, 40)).toBe(10);
  });
});

describe("lineAt", () => {
  const source = randomPattern(randomFrom(15), 40, 40, true);
  const all = { start: 0, end: 40 };
  const { lines } = selectLines([source, source], {
    queries: all,
    keys: all,
    threshold: 0.02,
    limit: 1e6,
    sinks: false,
  });

  it("finds, at any point of a line, that line or a stronger one that passes there", () => {
    for (let i = 0; i < lines.count; i++) {
      const offset = slotOffset(lines.slot[i] as number, 2, GEOMETRY.row);
      const from = queryEnd(GEOMETRY, lines.query[i] as number) + offset;
      const to = keyEnd(GEOMETRY, lines.key[i] as number) + offset;
      for (const x of [110, 250, 390]) {
        const found = lineAt(lines, GEOMETRY, 2, x, curveY(100, from, 400, to, x), 3);
        expect(found).not.toBeNull();
        expect(found as number).toBeLessThanOrEqual(i);
      }
    }
  });

  it("finds nothing away from lines or beside the pane's middle", () => {
    const one = linesFromQuery([[1]], 5, 0.02, 10);
    const y = queryEnd(GEOMETRY, 5);
    expect(lineAt(one, GEOMETRY, 1, 100, y, 3)).toBe(0);
    expect(lineAt(one, GEOMETRY, 1, 100, y + 4, 3)).toBeNull();
    expect(lineAt(one, GEOMETRY, 1, 99, y, 3)).toBeNull();
    expect(lineAt(one, GEOMETRY, 1, 401, y, 3)).toBeNull();
  });
});
