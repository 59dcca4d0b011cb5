import { describe, expect, it } from "vitest";
import { present, presentRows } from "../../src/core/shown";
import { HIDDEN } from "../../src/math/weights";
import {
  asText,
  HIDDEN_CODE,
  headsName,
  MASKED_CODE,
  NAN_CODE,
  roomy,
  STEPS,
  shade,
  shadeCode,
  strongest,
  subjectOf,
} from "../../src/panes/text/state";
import { MASKED } from "../../src/wire/schema.gen";
import { crossData, selfData } from "./sample";

const ALL = { pair: "all", special: true, top: 0, heads: null } as const;

describe("subjectOf", () => {
  it("takes a token in the role that the direction asks for, where both streams are one", () => {
    const data = selfData();
    expect(subjectOf(data, { query: 2, key: null }, "from")).toEqual({ side: "query", index: 2 });
    expect(subjectOf(data, { query: 2, key: null }, "to")).toEqual({ side: "key", index: 2 });
    expect(subjectOf(data, { query: null, key: 1 }, "from")).toEqual({ side: "query", index: 1 });
    expect(subjectOf(data, { query: 2, key: 1 }, "to")).toEqual({ side: "key", index: 1 });
  });

  it("keeps the role in cross attention", () => {
    const data = crossData();
    expect(subjectOf(data, { query: 1, key: null }, "to")).toEqual({ side: "query", index: 1 });
    expect(subjectOf(data, { query: null, key: 2 }, "from")).toEqual({ side: "key", index: 2 });
    expect(subjectOf(data, { query: 1, key: 2 }, "to")).toEqual({ side: "key", index: 2 });
  });

  it("is nothing for nothing, and for tokens that do not exist", () => {
    expect(subjectOf(selfData(), { query: null, key: null }, "from")).toBeNull();
    expect(subjectOf(selfData(), { query: 3, key: null }, "from")).toBeNull();
  });
});

describe("shade", () => {
  it("is the mean of the chosen heads' rows, masked where no head can reach", () => {
    const { values, side, title } = shade(selfData(), { query: 1, key: null }, "from", []);
    expect(side).toBe("key");
    expect(values[0]).toBeCloseTo(0.375);
    expect(values[1]).toBeCloseTo(0.5);
    expect(values[2]).toBe(MASKED);
    expect(title).toContain("cat");
  });

  it("turns around with the direction", () => {
    const { values, side } = shade(selfData(), { query: 1, key: null }, "to", []);
    expect(side).toBe("query");
    expect(values[0]).toBe(MASKED);
    expect(values[1]).toBeCloseTo(0.5);
    expect(values[2]).toBeCloseTo(0.5);
  });

  it("without a focus is the mean over the queries in reach, and keeps the patterns' error", () => {
    const { values, subject, error } = shade(
      selfData({ error: 0.004 }),
      { query: null, key: null },
      "from",
      [],
    );
    expect(subject).toBeNull();
    expect(values[2]).toBeCloseTo((0.25 + 0.125) / 2);
    expect(error).toBe(0.004);
  });

  it("tells the sink's mean share", () => {
    const data = selfData({ sinks: true });
    expect(shade(data, { query: 1, key: null }, "from", []).sink).toBeCloseTo(0.125);
    // Sinks of all queries: head 0 gives nothing away; head 3 gives .5, .25 and .125.
    const resting = shade(asText(data, ALL), { query: null, key: null }, "from", []);
    expect(resting.sink).toBeCloseTo((0.25 + 0.125 + 0.0625) / 3);
    expect(shade(data, { query: 1, key: null }, "to", []).sink).toBeNull();
    expect(shade(selfData(), { query: 1, key: null }, "from", []).sink).toBeNull();
  });
});

it("a mean of filtered heads is filtered after the mean, from the exact rows too", () => {
  const filters = { ...ALL, top: 1 };
  const shown = present(selfData(), filters, "each");
  const text = asText(shown, filters);
  // Query 2: head 0 [.5, .25, .25], head 3 [0, .75, .125]; their mean is [.25, .5, .1875].
  expect([...shade(text, { query: 2, key: null }, "from", []).values]).toEqual([HIDDEN, 0.5, HIDDEN]);
  const row = { site: "decoder", layer: 2, query: 2, scores: null, sink: 0 } as const;
  const exact = presentRows(
    [
      { ...row, head: 0, weights: Float32Array.of(0.75, 0.125, 0.125) },
      { ...row, head: 3, weights: Float32Array.of(0, 0.75, 0.25) },
    ],
    shown,
  );
  expect([...shade(text, { query: 2, key: null }, "from", exact).values]).toEqual([HIDDEN, 0.4375, HIDDEN]);
});

it("strongest writes out numbers of some weight, strongest first", () => {
  const shading = shade(selfData(), { query: 2, key: null }, "from", []);
  expect([...strongest(shading, 2)]).toEqual([
    [1, ".500"],
    [0, ".250"],
  ]);
  const none = shade(selfData(), { query: 0, key: null }, "from", []);
  expect([...strongest(none, 5).keys()]).toEqual([0]);
});

it("roomy leaves out numbers that would run into a stronger one's", () => {
  const numbers = new Map([
    [4, ".5"],
    [3, ".3"],
    [7, ".1"],
    [8, ".05"],
  ]);
  expect([...roomy(numbers, ["", "", "", "，", "国", "", "", "meowed", "barked"]).keys()]).toEqual([4, 7, 8]);
});

it("headsName says what is averaged", () => {
  expect(headsName(asText(selfData(), ALL))).toBe("mean of heads 0 and 3");
  expect(headsName(asText(present(selfData(), ALL, "max"), ALL))).toBe(
    "max of heads 0 and 3: rows do not sum to 1",
  );
  const norms = crossData();
  expect(headsName({ ...norms, record: { ...norms.record, weighting: "norms" } })).toBe(
    "share of norms, head 1",
  );
  expect(headsName(crossData())).toBe("head 1");
});

it("shadeCode keeps masked and missing apart from every weight", () => {
  const linear = (value: number) => value;
  expect(shadeCode(HIDDEN, linear)).toBe(HIDDEN_CODE);
  expect(shadeCode(0, linear)).toBe(0);
  expect(shadeCode(1, linear)).toBe(STEPS);
  expect(shadeCode(MASKED, linear)).toBe(MASKED_CODE);
  expect(shadeCode(Number.NaN, linear)).toBe(NAN_CODE);
});
