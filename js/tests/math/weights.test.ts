import { describe, expect, it } from "vitest";
import {
  decodeTable,
  decodeWeight,
  isMasked,
  meanReceived,
  meanRows,
  rankOf,
  readColumn,
  readRow,
  rowMass,
  topIndices,
} from "../../src/math/weights";
import { MASKED, U8_LEVELS, U8_MASKED, U8_NAN } from "../../src/wire/schema.gen";
import { integer, patternOf, randomFrom, randomPattern } from "./random";

describe("companded codes", () => {
  it("undo the encoding within half a step of the square root", () => {
    const random = randomFrom(1);
    for (let i = 0; i < 2000; i++) {
      const weight = random() ** 4;
      const code = Math.round(U8_LEVELS * Math.sqrt(weight));
      const root = Math.sqrt(decodeWeight(code));
      expect(Math.abs(root - Math.sqrt(weight))).toBeLessThanOrEqual(0.5 / U8_LEVELS + 1e-12);
    }
  });

  it("keep zero, one, masked and not-a-number apart", () => {
    expect(decodeWeight(0)).toBe(0);
    expect(decodeWeight(U8_LEVELS)).toBe(1);
    expect(decodeWeight(U8_MASKED)).toBe(MASKED);
    expect(decodeWeight(U8_NAN)).toBeNaN();
    const table = decodeTable();
    expect(table).toHaveLength(256);
    for (let code = 1; code <= U8_LEVELS; code++) {
      expect(table[code]).toBeGreaterThan(table[code - 1] as number);
    }
  });
});

describe("topIndices", () => {
  it("agrees with sorting", () => {
    const random = randomFrom(2);
    for (let round = 0; round < 200; round++) {
      const values = Array.from({ length: integer(random, 0, 40) }, () =>
        random() < 0.2 ? MASKED : random() < 0.1 ? Number.NaN : Math.round(random() * 10) / 10,
      );
      const count = integer(random, 1, 8);
      const sorted = values
        .map((value, index) => ({ value, index }))
        .filter(({ value }) => value >= 0)
        .sort((a, b) => b.value - a.value || a.index - b.index)
        .slice(0, count);
      expect(topIndices(values, count)).toEqual(sorted.map(({ index }) => index));
    }
  });

  it("finds nothing where nothing can be reached", () => {
    expect(topIndices([MASKED, Number.NaN], 3)).toEqual([]);
  });
});

describe("rankOf", () => {
  it("counts reachable weights only and lets ties share a rank", () => {
    const row = [0.5, 0.25, 0.25, MASKED, Number.NaN, 0];
    expect(rankOf(row, 0)).toEqual({ rank: 1, of: 4 });
    expect(rankOf(row, 1)).toEqual({ rank: 2, of: 4 });
    expect(rankOf(row, 2)).toEqual({ rank: 2, of: 4 });
    expect(rankOf(row, 5)).toEqual({ rank: 4, of: 4 });
    expect(rankOf(row, 3)).toBeNull();
    expect(rankOf(row, 4)).toBeNull();
    expect(rankOf(row, 9)).toBeNull();
  });
});

describe("rows and columns", () => {
  it("are read as they stand", () => {
    const pattern = patternOf([
      [1, MASKED],
      [0.25, 0.75],
    ]);
    expect([...readRow(pattern, 1)]).toEqual([0.25, 0.75]);
    expect([...readColumn(pattern, 1)]).toEqual([MASKED, 0.75]);
  });

  it("sum to one in a softmax and to less beside a sink", () => {
    const pattern = randomPattern(randomFrom(3), 12, 12, true);
    for (let query = 0; query < 12; query++) expect(rowMass(readRow(pattern, query))).toBeCloseTo(1, 6);
    expect(rowMass([0.25, 0.5, MASKED])).toBeCloseTo(0.75);
    expect(rowMass([0.25, Number.NaN, MASKED])).toBeNaN();
  });
});

describe("meanRows", () => {
  it("leaves out heads that cannot reach the key, and keeps what is not a number", () => {
    const mean = meanRows([
      [0.5, MASKED, MASKED, Number.NaN],
      [0.25, 0.5, MASKED, 0.5],
    ]);
    expect(mean[0]).toBeCloseTo(0.375);
    expect(mean[1]).toBeCloseTo(0.5);
    expect(isMasked(mean[2] as number)).toBe(true);
    expect(mean[3]).toBeNaN();
  });

  it("of no rows is empty", () => expect(meanRows([])).toHaveLength(0));
});

describe("meanReceived", () => {
  it("is the mean over the queries that can reach the key", () => {
    const { mean, sampled, queries } = meanReceived([
      patternOf([
        [1, MASKED, MASKED],
        [0.5, 0.5, MASKED],
        [Number.NaN, 0.25, MASKED],
      ]),
    ]);
    expect(mean[0]).toBeCloseTo(0.75);
    expect(mean[1]).toBeCloseTo(0.375);
    expect(isMasked(mean[2] as number)).toBe(true);
    expect([sampled, queries]).toEqual([3, 3]);
  });

  it("samples different queries, from start to end, when it cannot afford all", () => {
    const read = new Set<number>();
    const pattern = {
      queries: 1000,
      keys: 10,
      weight: (query: number) => {
        read.add(query);
        return 0.1;
      },
    };
    const { sampled } = meanReceived([pattern], 500);
    expect(sampled).toBe(50);
    expect(read.size).toBe(50);
    expect(Math.min(...read)).toBeLessThan(20);
    expect(Math.max(...read)).toBeGreaterThan(980);
  });
});
