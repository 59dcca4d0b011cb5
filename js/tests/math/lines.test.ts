import { describe, expect, it } from "vitest";
import {
  FAINTEST,
  hiddenBelow,
  type LineSet,
  linesFromQuery,
  linesToKey,
  selectLines,
} from "../../src/math/lines";
import { MASKED } from "../../src/wire/schema.gen";
import { integer, patternOf, randomFrom, randomPattern } from "./random";

const ALL = { queries: { start: 0, end: 1e6 }, keys: { start: 0, end: 1e6 } };

function list(lines: LineSet): string[] {
  return Array.from(lines.slot, (slot, i) => `${slot}:${lines.query[i]}-${lines.key[i]}`).sort();
}

describe("selectLines", () => {
  it("finds every line above the threshold with an end in sight, and no other", () => {
    const random = randomFrom(6);
    for (let round = 0; round < 60; round++) {
      const queries = integer(random, 1, 30);
      const keys = integer(random, 1, 30);
      const sources = Array.from({ length: integer(random, 1, 3) }, () =>
        randomPattern(random, queries, keys, random() < 0.5),
      );
      const a = integer(random, 0, queries);
      const b = integer(random, 0, keys);
      const sight = {
        queries: { start: a, end: a + integer(random, 0, 10) },
        keys: { start: b, end: b + integer(random, 0, 10) },
      };
      const threshold = random() * 0.2;
      const { lines } = selectLines(sources, { ...sight, threshold, limit: 1e6, sinks: false });
      const expected: string[] = [];
      sources.forEach((source, slot) => {
        for (let query = 0; query < queries; query++) {
          for (let key = 0; key < keys; key++) {
            const seen =
              (query >= sight.queries.start && query < sight.queries.end) ||
              (key >= sight.keys.start && key < sight.keys.end);
            if (seen && source.weight(query, key) >= Math.max(threshold, FAINTEST)) {
              expected.push(`${slot}:${query}-${key}`);
            }
          }
        }
      });
      expect(list(lines)).toEqual(expected.sort());
      expect(lines.found).toBe(expected.length);
    }
  });

  it("keeps the strongest when there are too many, strongest first, and says how many there were", () => {
    const source = randomPattern(randomFrom(7), 60, 60, true);
    const whole = selectLines([source], { ...ALL, threshold: 0, limit: 1e6, sinks: false }).lines;
    const { lines } = selectLines([source], { ...ALL, threshold: 0, limit: 100, sinks: false });
    expect(lines.count).toBe(100);
    expect(lines.found).toBe(whole.count);
    const weights = Array.from(whole.weight).sort((x, y) => y - x);
    // The sort is by 1024 steps of the square root: within a step any order will do.
    const step = (weight: number) => Math.floor(Math.sqrt(weight) * 1024);
    expect(Array.from(lines.weight, step)).toEqual(weights.slice(0, 100).map(step));
  });

  it("leaves out masked cells and what is not a number", () => {
    const source = patternOf([
      [1, MASKED],
      [Number.NaN, 0.5],
    ]);
    const { lines } = selectLines([source], { ...ALL, threshold: 0, limit: 10, sinks: false });
    expect(list(lines)).toEqual(["0:0-0", "0:1-1"]);
  });

  it("gives what a row leaves over to the sink, one past the last key", () => {
    const source = patternOf([
      [0.25, MASKED],
      [0.5, 0.5],
    ]);
    const { lines } = selectLines([source], { ...ALL, threshold: 0.02, limit: 10, sinks: true });
    expect(list(lines)).toEqual(["0:0-0", "0:0-2", "0:1-0", "0:1-1"]);
  });

  it("says what share of the weight the threshold hides", () => {
    const source = patternOf([
      [0.9, 0.1],
      [0.95, 0.05],
    ]);
    const { hidden } = selectLines([source], { ...ALL, threshold: 0.08, limit: 10, sinks: false });
    expect(hidden).toBeCloseTo(0.025);
    expect(selectLines([source], { ...ALL, threshold: 0, limit: 10, sinks: false }).hidden).toBe(0);
  });
});

describe("lines of one token", () => {
  it("are those of its row, or its column", () => {
    const rows = [
      [0.5, 0.01, MASKED, 0.3],
      [Number.NaN, 0.6, 0, 0.4],
    ];
    expect(list(linesFromQuery(rows, 9, 0.02, 100))).toEqual(["0:9-0", "0:9-3", "1:9-1", "1:9-3"]);
    expect(list(linesToKey(rows, 9, 0.02, 100))).toEqual(["0:0-9", "0:3-9", "1:1-9", "1:3-9"]);
  });
});

it("hiddenBelow counts what the threshold hides, and not what is zero or masked", () => {
  const { count, mass } = hiddenBelow(
    [
      [0.5, 0.01, 0, MASKED, Number.NaN],
      [0.005, 0.02, 0.9, 0, 0],
    ],
    0.02,
  );
  expect(count).toBe(2);
  expect(mass).toBeCloseTo(0.0075);
  expect(hiddenBelow([], 0.5)).toEqual({ count: 0, mass: 0 });
});
