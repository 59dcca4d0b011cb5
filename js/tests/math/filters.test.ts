// What filters leave: whole rows against single cells, shares, and heads put together.
import { describe, expect, it } from "vitest";
import {
  combineRows,
  combineWeights,
  filterRow,
  filterWeights,
  hasPairs,
  type Rule,
  ruleOf,
  undrawn,
} from "../../src/math/filters";
import { HIDDEN, isHidden, isOutOfReach, meanRows, readRow, type Weights } from "../../src/math/weights";
import { type Filters, MASKED } from "../../src/wire/schema.gen";
import { randomFrom } from "./random";

const M = MASKED;
const H = HIDDEN;
const ALL: Filters = { pair: "all", special: true, top: 0, heads: null };

/** [CLS] a [SEP] b b: two texts. */
const SIDE = { special: [true, false, true, false, false], segment: [0, 0, 0, 1, 1] };
const PLAIN = { special: [false, false], segment: [0, 0] };

function weightsOf(rows: readonly (readonly number[])[], sinks?: readonly number[]): Weights {
  const sink = sinks === undefined ? {} : { sink: (query: number) => sinks[query] as number };
  return {
    queries: rows.length,
    keys: rows[0]?.length ?? 0,
    weight: (query, key) => rows[query]?.[key] as number,
    ...sink,
  };
}

function rule(filters: Partial<Filters>): Rule {
  const made = ruleOf({ ...ALL, ...filters }, SIDE, SIDE);
  if (made === null) throw new Error("these filters hide something");
  return made;
}

describe("ruleOf", () => {
  it("is nothing where nothing is hidden: no filter, or no such tokens", () => {
    expect(ruleOf(ALL, SIDE, SIDE)).toBeNull();
    expect(ruleOf({ ...ALL, special: false }, PLAIN, PLAIN)).toBeNull();
    expect(ruleOf({ ...ALL, pair: "bb" }, PLAIN, PLAIN)).toBeNull();
    expect(ruleOf({ ...ALL, heads: [1] }, SIDE, SIDE)).toBeNull();
  });

  it("keeps one direction between two texts", () => {
    const { hides, words } = rule({ pair: "ab" });
    expect([hides(0, 3), hides(1, 4), hides(1, 1), hides(3, 3), hides(4, 1)]).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
    expect(words).toEqual(["all but A → B hidden"]);
  });

  it("hides special tokens on both axes", () => {
    const { hides, queryOff, keyOff } = rule({ special: false });
    expect([hides(0, 1), hides(1, 2), hides(1, 3)]).toEqual([true, true, false]);
    expect([queryOff[0], queryOff[1], keyOff[2]]).toEqual([true, false, true]);
  });

  it("knows pairs only where both axes carry two texts", () => {
    expect([hasPairs(SIDE, SIDE), hasPairs(SIDE, PLAIN), hasPairs(PLAIN, SIDE)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("filterRow", () => {
  it("changes no weight that stays, and leaves what is out of reach out of reach", () => {
    const row = [0.5, 0.25, 0.125, M, Number.NaN];
    expect([...filterRow(row, 1, rule({ special: false }))]).toEqual([H, 0.25, H, M, Number.NaN]);
  });

  it("keeps the strongest of what other filters leave, equal ones together", () => {
    const row = [0.4, 0.1, 0.3, 0.1, 0.1];
    expect(kinds(filterRow(row, 1, rule({ special: false, top: 1 })))).toBe("h.h..");
    expect(kinds(filterRow([0.1, 0.2, 0.3, 0.25, 0.15], 1, rule({ top: 2 })))).toBe("hh..h");
    expect(kinds(filterRow([0.5, 0.5, M, M, M], 1, rule({ top: 9 })))).toBe("..---");
  });
});

function kinds(row: Float32Array): string {
  return [...row].map((weight) => (isHidden(weight) ? "h" : isOutOfReach(weight) ? "-" : ".")).join("");
}

it("filterWeights says of every cell what filterRow says of its row", () => {
  const random = randomFrom(7);
  const rows = Array.from({ length: 5 }, (_, query) =>
    Array.from({ length: 5 }, (_, key) => (key > query ? M : random() < 0.1 ? Number.NaN : random())),
  );
  const source = weightsOf(rows);
  for (const filters of [
    { top: 2 },
    { special: false },
    { pair: "ba" },
    { special: false, top: 1 },
  ] as const) {
    const made = rule(filters);
    const shown = { ...source, ...filterWeights(source, made) };
    rows.forEach((_, query) => {
      const row = readRow(source, query);
      expect([...readRow(shown, query)]).toEqual([...filterRow(row, query, made)]);
    });
  }
});

it("a filter leaves the sink as it is, known or missing of one", () => {
  const made = rule({ special: false });
  const rows = Array.from({ length: 5 }, () => [0.5, 0.25, 0, 0, 0]);
  expect(filterWeights(weightsOf(rows), made).sink?.(1)).toBeCloseTo(0.25);
  expect(filterWeights(weightsOf(rows, [0, 0.2, 0, 0, 0]), made).sink?.(1)).toBe(0.2);
});

describe("several heads as one", () => {
  const one = [0.5, M, 0.25, 0, Number.NaN];
  const two = [0.25, M, M, 0.5, 0.1];

  it("mean and maximum count the heads that can reach a key; NaN stays", () => {
    expect([...combineRows([one, two], "mean")]).toEqual([0.375, M, 0.25, 0.25, Number.NaN]);
    expect([...combineRows([one, two], "max")]).toEqual([0.5, M, 0.25, 0.5, Number.NaN]);
  });

  it("cell by cell as row by row, sinks included", () => {
    for (const how of ["mean", "max"] as const) {
      const sources = [weightsOf([one], [0.25]), weightsOf([two], [0.05])];
      const made = combineWeights(sources, how);
      const both = { queries: 1, keys: 5, ...made };
      expect([...readRow(both, 0)]).toEqual([...combineRows([one, two], how)]);
      expect(made.sink(0)).toBeCloseTo(how === "max" ? 0.25 : 0.15);
    }
  });

  it("a mean of nothing but hidden weights is hidden, not out of reach", () => {
    expect([
      ...meanRows([
        [H, M, H],
        [M, M, 0.5],
      ]),
    ]).toEqual([H, M, 0.5]);
  });
});

describe("undrawn", () => {
  it("is the share of all weight in hidden cells", () => {
    const rows = Array.from({ length: 5 }, () => [0.4, 0.1, 0.2, 0.2, 0.1]);
    const source = weightsOf(rows);
    const shown = { ...source, ...filterWeights(source, rule({ special: false })) };
    // Rows 0 and 2 are special: all of them; the other three lose .6.
    expect(undrawn([source], [shown]).share).toBeCloseTo((2 + 3 * 0.6) / 5);
    expect(undrawn([source], [source]).share).toBe(0);
  });

  it("says from how many queries it was read", () => {
    const source = weightsOf(Array.from({ length: 50 }, () => [0.5, 0.5]));
    expect(undrawn([source], [source], 20)).toEqual({ share: 0, sampled: 10, queries: 50 });
  });
});
