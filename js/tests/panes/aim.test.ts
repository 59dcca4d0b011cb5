import { describe, expect, it } from "vitest";
import type { LineSet } from "../../src/math/lines";
import {
  type Aim,
  across,
  aimAt,
  linesOf,
  noteOf,
  readSink,
  readToken,
  strongestIn,
} from "../../src/panes/head/aim";
import { crossData, patternOf, type SampleOptions, selfData } from "./sample";

function aim(query: number | null, key: number | null, options: SampleOptions = {}): Aim {
  return aimAt(selfData(options), { query, key }, []);
}

function lines(count: number, found: number): LineSet {
  const empty = new Uint32Array(count);
  return {
    count,
    found,
    slot: new Uint8Array(count),
    query: empty,
    key: empty,
    weight: new Float32Array(count),
  };
}

describe("aimAt", () => {
  it("reads rows for a query, columns for a key, rows for a cell, nothing for nothing", () => {
    expect(across(aim(1, null))).toBe("key");
    expect(across(aim(null, 1))).toBe("query");
    expect(across(aim(1, 1))).toBe("key");
    expect(across(aim(null, null))).toBeNull();
    expect(aim(2, null).rows).toHaveLength(2);
    expect(aim(null, 0).columns.map((column) => [...column])).toEqual([
      [1, 0.25, 0.5],
      [0.5, 0.5, 0],
    ]);
  });

  it("takes a focus outside the tokens for none", () => {
    expect(aimAt(crossData(), { query: 2, key: 3 }, [])).toMatchObject({ query: null, key: null });
    expect(aimAt(crossData(), { query: 2, key: 2 }, [])).toMatchObject({ query: null, key: 2 });
  });
});

describe("readToken", () => {
  it("gives the strongest head's weight and names the head by its slot", () => {
    expect(readToken(aim(2, null), 1)).toEqual({ tone: "strong", number: ".750", slot: 1 });
    expect(readToken(aim(2, null), 0)).toEqual({ tone: "strong", number: ".500", slot: 0 });
    expect(readToken(aim(1, null), 2)).toEqual({ tone: "masked", number: "", slot: null });
    expect(readToken(aim(null, null), 0)).toEqual({ tone: "plain", number: "", slot: null });
  });

  it("says NaN where any head has one, and ≈ while the row is not exact", () => {
    const data = selfData();
    const broken = { ...data, patterns: [...data.patterns, patternOf(1, [[Number.NaN, -1, -1]])] };
    expect(readToken(aimAt(broken, { query: 0, key: null }, []), 0).number).toBe("NaN");
    expect(readToken(aim(2, null, { error: 0.004 }), 1).number).toBe("≈.75");
  });

  it("numbers the cell in focus, however small", () => {
    expect(readToken(aim(2, 2), 2).number).toBe(".250");
    const data = selfData();
    const tiny = {
      ...data,
      patterns: [
        patternOf(0, [
          [1, -1, -1],
          [1, 0, -1],
          [0.9999, 0, 0.0001],
        ]),
      ],
    };
    expect(readToken(aimAt(tiny, { query: 2, key: null }, []), 2).number).toBe("");
    expect(readToken(aimAt(tiny, { query: 2, key: 2 }, []), 2).number).toBe("1e-4");
  });
});

describe("the sink", () => {
  it("has a line and a number of its own, and neither where there is none", () => {
    const withSink = aim(0, null, { sinks: true });
    expect(readSink(withSink)).toBe(".500");
    expect(Array.from(linesOf(withSink, 0.02, 100)?.key ?? []).sort()).toEqual([0, 0, 3]);
    expect(readSink(aim(0, null))).toBe("");
    expect(Array.from(linesOf(aim(0, null), 0.02, 100)?.key ?? [])).toEqual([0, 0]);
  });
});

it("strongestIn points to the strongest token of a stretch, if it has some weight", () => {
  expect(strongestIn(aim(2, null), { start: 0, end: 3 })).toBe(1);
  expect(strongestIn(aim(2, null), { start: 2, end: 99 })).toBe(2);
  expect(strongestIn(aim(2, null), { start: 0, end: 0 })).toBeNull();
  expect(strongestIn(aim(1, null), { start: 2, end: 3 })).toBeNull();
});

describe("noteOf", () => {
  const drawn = { threshold: 0.3, hiddenShare: 0.057, all: lines(10, 10), focused: null };
  const of = (about: Aim, changes: Partial<Parameters<typeof noteOf>[2]> = {}, options: SampleOptions = {}) =>
    noteOf(selfData(options), about, { ...drawn, ...changes });

  it("says what the threshold hides: of everything in sight, of a row, of a column", () => {
    expect(of(aim(null, null))).toBe("lines below .3 hidden, 5.7 % of the weight · /// out of reach");
    expect(of(aim(2, null))).toBe("3 lines below .3 hidden, 31 % of the weight · /// out of reach");
    expect(of(aim(null, 0))).toBe("1 line below .3 hidden · /// out of reach");
  });

  it("says how many lines were left out, of everything or of the token in focus", () => {
    expect(of(aim(null, null), { all: lines(40_000, 66_805) })).toContain(
      "the strongest 40,000 of 66,805 lines",
    );
    expect(of(aim(null, 0), { focused: lines(4000, 6000) })).toContain("the strongest 4,000 of 6,000 lines");
  });

  it("says how far off approximate numbers can be", () => {
    const rough = { error: 0.004 };
    expect(of(aim(2, null, rough), {}, rough)).toContain("≈ within .004");
    expect(of(aim(2, null))).not.toContain("≈");
  });

  it("has nothing to say where nothing is left out", () => {
    const data = crossData();
    const about = aimAt(data, { query: 0, key: null }, []);
    expect(noteOf(data, about, { ...drawn, threshold: 0, hiddenShare: 0 })).toBe("");
  });
});
