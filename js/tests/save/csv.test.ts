// Tables: what is on screen, to the last digit, in a form that any reader of RFC 4180 takes.
import { describe, expect, it } from "vitest";
import { present } from "../../src/core/shown";
import type { LayerData, ScoreTerms } from "../../src/core/types";
import { guard, tableOf, writeCsv } from "../../src/save/csv";
import { MASKED, type View } from "../../src/wire/schema.gen";
import { testExplorer } from "../panes/explorer";
import { sampleMetrics } from "../panes/metrics-sample";
import { crossData, patternOf, selfData, tokensOf } from "../panes/sample";

/** A reader of RFC 4180, written from the standard. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  const fields = text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy);
  for (const [, quoted, plain, end] of fields) {
    rows[rows.length - 1]?.push(quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

function table(data: LayerData | null, view: View, more: Partial<Record<"threshold", number>> = {}) {
  const explorer = testExplorer(data);
  explorer.view.value = view;
  explorer.threshold.value = more.threshold ?? 0;
  const text = tableOf(explorer);
  return text === null ? null : parse(text);
}

describe("writeCsv", () => {
  it("quotes what has to be quoted", () => {
    const odd = ['say "hi"', "a,b", "two\r\nlines", " padded ", "", "中🐶"];
    const text = writeCsv(["x"], [odd]);
    expect(parse(text)).toEqual([["x"], odd]);
    expect(text.endsWith("\r\n")).toBe(true);
  });

  it("writes numbers that are the same float32 again", () => {
    const values = Float32Array.from([0.1, 1 / 3, 1e-30, 0.955123, 1, 0, Math.PI]);
    const [, row] = parse(writeCsv(["v"], [[...values]]));
    expect(Float32Array.from(row as string[], Number)).toEqual(values);
    expect(writeCsv(["v"], [[Number.NaN, null]])).toBe("v\r\nNaN,\r\n");
  });

  it("refuses tables that nothing reads", () => {
    const rows = [[1], [2], [3]];
    expect(() => writeCsv(["v"], rows, 2)).toThrow(RangeError);
    expect(parse(writeCsv(["v"], rows, 3))).toHaveLength(4);
  });
});

describe("guard", () => {
  it("keeps spreadsheets from running tokens, and gives every token back", () => {
    const tokens = ["=1+1", "+", "-", "@x", "'=", "''@", "'s", "cat", "a=b", "", "\t", "−"];
    const guarded = tokens.map(guard);
    for (const text of guarded) expect(text).not.toMatch(/^[=+\-@\t\r]/);
    expect(guarded.filter((text, at) => text !== tokens[at]).length).toBe(7);
    expect(new Set(guarded).size).toBe(tokens.length);
    expect(guarded.map((text) => (/^'+[=+\-@\t\r]/.test(text) ? text.slice(1) : text))).toEqual(tokens);
  });
});

describe("weights", () => {
  it("are those in reach, head by head", () => {
    const rows = table(selfData(), "matrix");
    expect(rows?.[0]).toEqual("layer,head,query,query_token,key,key_token,weight,error".split(","));
    expect(rows?.slice(1)).toHaveLength(12);
    expect(rows?.[2]).toEqual(["2", "0", "1", "cat", "0", "The", "0.25", "0"]);
    expect(rows?.filter(([, head]) => head === "3").map((row) => Number(row[6]))).toEqual([
      0.5, 0.5, 0.25, 0, 0.75, 0.125,
    ]);
  });

  it("say how sure they are", () => {
    expect(table(selfData({ error: 0.004 }), "text")?.[1]?.at(-1)).toBe("0.004");
  });

  it("leave out what the screen hides: below the threshold in the head view, by filters everywhere", () => {
    const weights = (rows: string[][] | null) => rows?.slice(1).map((row) => Number(row[6]));
    expect(weights(table(selfData(), "head", { threshold: 0.3 }))).toEqual([1, 0.75, 0.5, 0.5, 0.5, 0.75]);
    expect(weights(table(selfData(), "matrix", { threshold: 0.3 }))).toHaveLength(12);
    const top = present(selfData(), { pair: "all", special: true, top: 1, heads: null }, "each");
    expect(weights(table(top, "matrix"))).toEqual([1, 0.75, 0.5, 0.5, 0.5, 0.75]);
  });

  it("name heads that are put together", () => {
    const mean = present(selfData(), { pair: "all", special: true, top: 0, heads: null }, "mean");
    expect(table(mean, "matrix")?.[1]?.slice(0, 2)).toEqual(["2", "mean of heads 0 and 3"]);
  });

  it("give what goes to a sink a row without a key", () => {
    const data = selfData({ sinks: true });
    const sinks = table(data, "matrix")?.filter((row) => row[5] === "sink" && row[4] === "");
    expect(sinks?.map((row) => Number(row[6]))).toEqual([0, 0, 0, 0.5, 0.25, 0.125]);
  });

  it("keep NaN, and leave out what a snapshot left out", () => {
    const data = selfData();
    const odd = { ...data, patterns: [patternOf(0, [[Number.NaN, 0, MASKED]])] };
    expect(
      table(odd, "matrix")
        ?.slice(1)
        .map((row) => row[6]),
    ).toEqual(["NaN", "0"]);
    const none = { ...odd, patterns: [patternOf(0, [[MASKED, MASKED, MASKED]])] };
    expect(table(none, "matrix")).toBeNull();
    const holes = { ...odd, patterns: odd.patterns.map((pattern) => ({ ...pattern, floor: () => 0.01 })) };
    expect(
      table(holes, "matrix")
        ?.slice(1)
        .map((row) => row[6]),
    ).toEqual(["NaN"]);
  });

  it("are of both sides of cross attention, and of all heads side by side", () => {
    expect(table(crossData(), "matrix")?.[2]).toEqual(["2", "1", "0", "Die", "1", "cat", "0.25", "0"]);
    const explorer = testExplorer(selfData());
    explorer.threshold.value = 0;
    explorer.comparing.value = true;
    const other = { ...crossData(), info: { ...crossData().info, layer: 4 } };
    explorer.compared.value = [
      { key: "a", layer: 2, heads: [0, 3], data: selfData(), pinned: false },
      { key: "b", layer: 4, heads: [1], data: other, pinned: true },
    ];
    const rows = parse(tableOf(explorer) as string).slice(1);
    expect(rows.map((row) => row[0])).toEqual([...Array(12).fill("2"), ...Array(6).fill("4")]);
  });
});

describe("other views", () => {
  it("the model and the metrics view give every metric of the heads on offer", () => {
    for (const view of ["model", "metrics"] as const) {
      const explorer = testExplorer(selfData());
      explorer.view.value = view;
      expect(tableOf(explorer)).toBeNull();
      explorer.metrics.value = sampleMetrics({ record: "another" });
      expect(tableOf(explorer)).toBeNull();
      explorer.metrics.value = sampleMetrics({ record: selfData().record.record, sampled: 2 });
      const rows = parse(tableOf(explorer) as string);
      expect(rows[0]).toEqual(["layer", "head", "share", "far", "mine", "queries_read", "queries"]);
      expect(rows).toHaveLength(12);
      expect(rows[1]).toEqual(["1", "0", "0.1", "1", "", "2", "3"]);
      expect(rows[5]).toEqual(["2", "0", "0.5", "5", "0.3", "2", "3"]);
      explorer.filters.value = { ...explorer.filters.value, heads: [1] };
      expect(parse(tableOf(explorer) as string).map((row) => row[1])).toEqual(["head", "1", "1", "1"]);
    }
  });

  it("the neuron view gives what scores are made of, dimension by dimension", () => {
    const explorer = testExplorer({ ...selfData(), queryTokens: tokensOf(["=", "b", "c"]) });
    explorer.view.value = "neuron";
    expect(tableOf(explorer)).toBeNull();
    const q = Float32Array.of(1, -2);
    const k = Float32Array.of(0.5, 0.25, 3, 4, 0, 0);
    const terms = {
      record: selfData().record.record,
      layer: 2,
      head: 3,
      query: 0,
      q,
      k,
      sink: 0.125,
      sink_score: -1,
    };
    const known = {
      ...terms,
      scores: Float32Array.of(0, -5, Number.NaN),
      weights: Float32Array.of(0.75, 0.125, MASKED),
    } as unknown as ScoreTerms;
    explorer.terms.value = known;
    const rows = parse(tableOf(explorer) as string);
    expect(rows[0]?.slice(6)).toEqual(["dimension", "q", "k", "product", "score", "weight", "error"]);
    expect(rows.slice(1).map((row) => row.slice(2).join(" "))).toEqual([
      "0 '= 0 The 0 1 0.5 0.5 0 0.75 0",
      "0 '= 0 The 1 -2 0.25 -0.5 0 0.75 0",
      "0 '= 1 cat 0 1 3 3 -5 0.125 0",
      "0 '= 1 cat 1 -2 4 -8 -5 0.125 0",
      "0 '=  sink     -1 0.125 0",
    ]);
    explorer.terms.value = { ...known, q: null, k: null };
    const bare = parse(tableOf(explorer) as string);
    expect(bare[1]?.slice(4)).toEqual(["0", "The", "", "", "", "", "0", "0.75", "0"]);
  });
});
