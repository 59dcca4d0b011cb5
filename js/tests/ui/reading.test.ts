// What the inspector and the bars say.

import { describe, expect, it } from "vitest";
import { describeExactness, describeLeftOut, formatError } from "../../src/core/fidelity";
import { createPattern } from "../../src/core/pattern";
import { present } from "../../src/core/shown";
import type { ExactRow, Focus, HeadMetrics, LayerData } from "../../src/core/types";
import { createOpen, createSite, createTokens } from "../../src/entries/gallery/record";
import { formatThreshold, nearestThreshold, THRESHOLDS } from "../../src/ui/controls";
import { describeModel, describeSize, shortName } from "../../src/ui/header";
import {
  createReading,
  measuresOf,
  ordinal,
  speak,
  strongestLinks,
  writeReading,
} from "../../src/ui/reading";
import { MASKED, type Precision, type SiteInfo } from "../../src/wire/schema.gen";

const WORDS = ["<s>", " the", " cat", " saw", " the"];
const ROWS = [
  [1, MASKED, MASKED, MASKED, MASKED],
  [0.5, 0.5, MASKED, MASKED, MASKED],
  [0.25, 0.25, 0.5, MASKED, MASKED],
  [0.1, 0.2, 0.3, 0.4, MASKED],
  [0.05, 0.6, 0.25, 0.1, 0],
];

function layer(values: number[][], more: Partial<SiteInfo["layers"][number]> = {}, error = 0): LayerData {
  const site = createSite("decoder", 1, 2, more);
  const tokens = createTokens(WORDS);
  const record = createOpen("r", "owner/model", { decoder: tokens }, [site]);
  return {
    record,
    site,
    info: site.layers[0] as SiteInfo["layers"][number],
    queryTokens: tokens,
    keyTokens: tokens,
    patterns: [createPattern(1, 5, 5, Float32Array.from(values.flat()), error)],
    thumbnails: { heads: 2, size: [5, 5], pooled: 1, codes: () => new Uint8Array(25) },
  };
}

function read(data: LayerData, focus: Focus, exact: ExactRow[] = [], held = false) {
  return createReading({ data, focus, held, exact, predictions: [] });
}

describe("createReading", () => {
  it("says nothing of nothing, nor of tokens that are not there", () => {
    const none = read(layer(ROWS), { query: null, key: null });
    expect([none.token, none.heads, speak(none)]).toEqual([null, [], ""]);
    expect(read(layer(ROWS), { query: 9, key: null }).token).toBeNull();
  });

  it("lists the top keys of a query, with positions where labels repeat", () => {
    const reading = read(layer(ROWS), { query: 4, key: null }, [], true);
    expect([reading.token, reading.where]).toEqual(["the", "token 4 · held"]);
    const [head] = reading.heads;
    expect(head?.title).toBe("Layer 0, head 1 looks at");
    expect(head?.bars.map(({ label, position, text }) => [label, position, text])).toEqual([
      ["the", 1, ".600"],
      ["cat", null, ".250"],
      ["saw", null, ".100"],
      ["⟨s⟩", null, ".050"],
    ]);
    expect(speak(reading)).toBe(
      "the, token 4 · held. Layer 0, head 1 looks at: the at 1 .600, cat .250, saw .100.",
    );
  });

  it("lists who looks at a key", () => {
    const reading = read(layer(ROWS), { query: null, key: 2 });
    expect(reading.where).toBe("token 2, as key");
    expect(reading.heads[0]?.bars.map(({ index, weight }) => [index, Number(weight.toFixed(3))])).toEqual([
      [2, 0.5],
      [3, 0.3],
      [4, 0.25],
    ]);
  });

  it("gives weight, rank and score of a cell", () => {
    const row: ExactRow = {
      site: "decoder",
      layer: 0,
      head: 1,
      query: 4,
      weights: Float32Array.from(ROWS[4] as number[]),
      scores: Float32Array.of(-3, 2.5, 1, 0, -9),
      sink: 0,
    };
    const cell = (key: number, exact: ExactRow[]) =>
      read(layer(ROWS, {}, 0.004), { query: 4, key }, exact).heads[0]?.cell;
    expect(cell(2, [row])).toBe(".250 · 2nd of 5 · score 1.00");
    expect(cell(0, [row])).toBe(".050 · 4th of 5 · score −3.00");
    expect(cell(2, [])).toBe("≈.25 · about 2nd of 5");
    expect(cell(2, [{ ...row, scores: null, error: 0.004 }])).toBe("≈.25 · about 2nd of 5");
  });

  it("tells masked and missing cells from zero", () => {
    expect(read(layer(ROWS), { query: 1, key: 3 }).heads[0]?.cell).toBe("masked: out of reach");
    const broken = ROWS.map((row) => [...row]);
    (broken[3] as number[])[1] = Number.NaN;
    const reading = read(layer(broken), { query: 3, key: 1 });
    expect(reading.heads[0]?.cell).toMatch(/^NaN/);
    expect(reading.heads[0]?.remark).toBe("NaN for 1 of 5 keys");
    const blind = ROWS.map((row, query) => (query === 2 ? row.map(() => MASKED) : row));
    expect(read(layer(blind), { query: 2, key: null }).heads[0]?.remark).toBe("no key in reach");
  });

  it("shows what a learned sink takes, and only where there is one", () => {
    const halved = ROWS.map((row) => row.map((weight) => (weight > 0 ? weight / 2 : weight)));
    expect(read(layer(halved, { sinks: true }), { query: 3, key: null }).heads[0]?.sink).toMatchObject({
      label: "sink",
      text: ".500",
    });
    expect(read(layer(halved), { query: 3, key: null }).heads[0]?.sink).toBeNull();
  });

  it("marks approximate numbers until the exact row is there", () => {
    const bars = read(layer(ROWS, {}, 0.004), { query: 4, key: null }).heads[0]?.bars;
    expect(bars?.every(({ text }) => text.startsWith("≈"))).toBe(true);
  });

  it("names the streams where they differ", () => {
    const base = layer(ROWS);
    const data = { ...base, site: { ...base.site, key_stream: "encoder" as const } };
    expect(read(data, { query: 1, key: null }).where).toBe("decoder token 1");
    expect(read(data, { query: 1, key: 3 }).where).toBe("decoder token 1 → encoder token 3");
  });
});

describe("filters, heads together, and what a head does", () => {
  const ALL = { pair: "all", special: true, top: 0, heads: null } as const;
  const hidden = () => present(layer(ROWS), { ...ALL, special: false }, "each");

  it("lists what is shown, and tells the mass of what is hidden", () => {
    const [head] = read(hidden(), { query: 4, key: null }).heads;
    expect(head?.bars.map(({ label }) => label)).toEqual(["the", "cat", "saw"]);
    expect(head?.hidden).toMatchObject({ label: "hidden", text: ".050" });
    expect(read(layer(ROWS), { query: 4, key: null }).heads[0]?.hidden).toBeNull();
  });

  it("gives the weight and the rank of a hidden cell in the whole row, and says that it is hidden", () => {
    const reading = read(hidden(), { query: 2, key: 0 });
    expect(reading.heads[0]?.cell).toBe(".250 · 2nd of 3 · hidden by a filter");
    const blind = read(hidden(), { query: 0, key: null });
    expect(blind.heads[0]?.remark).toBe("all keys in reach are hidden by a filter");
  });

  it("lists who else looks at the key of a cell, as sure as the pattern is", () => {
    const cell = read(layer(ROWS, {}, 0.004), { query: 4, key: 2 }).heads[0];
    expect(cell?.column).toMatchObject({ title: "“cat” is looked at most from", surety: "8-bit" });
    expect(cell?.column?.bars.map(({ index, current }) => [index, current])).toEqual([
      [2, false],
      [3, false],
      [4, true],
    ]);
    expect(read(layer(ROWS), { query: 4, key: null }).heads[0]?.column).toBeNull();
  });

  it("names a mean, without scores", () => {
    const data = layer(ROWS);
    const [one] = data.patterns;
    if (one === undefined) throw new Error("the sample has a head");
    const both = present({ ...data, patterns: [one, { ...one, head: 7 }] }, ALL, "mean");
    const [head] = read(both, { query: 4, key: 1 }).heads;
    expect(head?.title).toBe("Layer 0, mean of heads 1 and 7 looks at");
    expect(head?.cell).toBe(".600 · 1st of 5");
  });

  it("says in what a head exceeds evenly spread weights, of this record only", () => {
    const info = { formula: "", eligible: "", source: "", sinks: "", unit: "", counted: "", own: false };
    const values = [
      { value: 0.91, baseline: 0.07, count: 9 },
      { value: 0.4, baseline: 0.38, count: 9 },
      { value: 3, baseline: 1, count: 9 },
    ];
    const metrics: HeadMetrics = {
      record: "r",
      site: "decoder",
      layers: [0],
      heads: [2],
      metrics: [
        { ...info, name: "induction", title: "Induction", low: 0, high: 1 },
        { ...info, name: "first", title: "First token", low: 0, high: 1 },
        { ...info, name: "distance", title: "Mean distance", low: 0, high: null },
      ],
      queries: 5,
      sampled: 5,
      of: (metric) => values[metric] as (typeof values)[number],
    };
    expect(measuresOf(layer(ROWS), 1, metrics)).toEqual(["Induction .91 (even spread .07)"]);
    const some = { ...metrics, sampled: 3, of: (at: number) => ({ ...metrics.of(at, 0, 0), margin: 0.08 }) };
    expect(measuresOf(layer(ROWS), 1, some)).toEqual([
      "Induction .91 ± .08 (even spread .07)",
      "over 3 of 5 queries",
    ]);
    expect(measuresOf(layer(ROWS), 1, { ...metrics, record: "other" })).toEqual([]);
    expect(measuresOf(layer(ROWS), 1, null)).toEqual([]);
  });

  it("is copied as plain text, all that is shown", () => {
    const data = hidden();
    const predictions = [{ label: "ran", prob: 0.25 }];
    const focus = { query: 4, key: 2 };
    const text = writeReading(createReading({ data, focus, held: true, exact: [], predictions }));
    expect(text.split("\n")).toEqual([
      "the → cat, token 4 → token 2 · held",
      "",
      "Layer 0, head 1 looks at (exact)",
      "  .250 · 2nd of 5",
      "  the (1)\t.600",
      "  cat\t.250",
      "  saw\t.100",
      "  hidden\t.050",
      "“cat” is looked at most from (exact)",
      "  cat\t.500",
      "  saw\t.300",
      "  the (4)\t.250",
      "",
      "The model expects next",
      "  ran\t.25",
      "",
    ]);
    expect(writeReading(read(data, { query: null, key: null }))).toBe("");
  });
});

describe("strongestLinks", () => {
  it("leaves out special tokens, the token itself and the first one", () => {
    const data = layer(ROWS);
    const links = strongestLinks(data.patterns[0] as LayerData["patterns"][number], data, 9);
    expect(links.map(({ query, key }) => [query, key])).toEqual([
      [4, 1],
      [3, 2],
      [2, 1],
    ]);
  });
});

describe("a row of which a snapshot kept the largest weights", () => {
  const kept = ROWS.map((row) => row.map((weight) => (weight > 0 && weight < 0.2 ? 0 : weight)));
  const rest = Float32Array.of(0, 0, 0, 0.1, 0.15);
  const floor = Float32Array.of(0, 0, 0, 0.2, 0.1234);
  const whole = layer(kept, {}, 0.004);
  const pattern = createPattern(1, 5, 5, Float32Array.from(kept.flat()), 0.004, { rest, floor });
  const data: LayerData = { ...whole, patterns: [pattern] };

  it("never shows what was left out as zero, nor claims a place for it", () => {
    const [head] = read(data, { query: 4, key: 3 }).heads;
    expect(head?.cell).toBe("≤.124 · left out of the snapshot");
    expect(head?.surety).toBe("8-bit, largest only");
    expect([head?.left?.label, head?.left?.text]).toEqual(["left out", "≈.15"]);
    expect(head?.bars.map(({ index }) => index)).toEqual([1, 2]);
    expect(read(data, { query: 4, key: 1 }).heads[0]?.cell).toBe("≈.60 · about 1st of 5");
    expect(writeReading(read(data, { query: 4, key: null }))).toContain("left out\t≈.15");
  });

  it("is whole where all of it was kept, or its exact row is known", () => {
    expect(read(data, { query: 1, key: 0 }).heads[0]).toMatchObject({ left: null, surety: "8-bit" });
    const row = { site: "decoder", layer: 0, head: 1, query: 4, scores: null, sink: 0 } as const;
    const exact = [{ ...row, weights: Float32Array.from(ROWS[4] as number[]), error: 0, floor: 0 }];
    const [head] = read(data, { query: 4, key: 3 }, exact).heads;
    expect([head?.cell, head?.left, head?.surety]).toEqual([".100 · 3rd of 5", null, "exact"]);
  });

  it("is summed up for all rows that are on screen", () => {
    expect(describeLeftOut(whole)).toBe("");
    const precision = { kept: 2 } as Precision;
    expect(describeLeftOut({ ...data, record: { ...data.record, precision } })).toBe(
      "the 2 largest of each row kept, 5.0 % of the weight left out",
    );
  });

  it("several together are as far off as what was left out of one", () => {
    const other = { ...pattern, head: 0 };
    const both = present(
      { ...data, patterns: [other, pattern] },
      { pair: "all", special: true, top: 0, heads: null },
      "mean",
    );
    expect(both.patterns[0]?.error).toBeCloseTo(0.204, 6);
    expect(both.patterns[0]?.rest).toBeUndefined();
  });
});

describe("claims", () => {
  it("are no stronger than what is known", () => {
    expect(describeExactness(layer(ROWS), "live")).toEqual({
      strong: "exact",
      text: ", from the kernel · recomputed output within 4e-7 of the model's",
    });
    expect(describeExactness(layer(ROWS), "fixture").text).toContain("no kernel");
    expect(describeExactness(layer(ROWS, {}, 0.0039), "live").text).toContain("8 bits, within .004 (≈)");
    const given = layer(ROWS, { route: "given", fidelity: null });
    expect(describeExactness(given, "live").strong).toBe("as given");
    const eager = layer(ROWS, { fidelity: null });
    const exact = { ...eager, record: { ...eager.record, exact: true } };
    expect(describeExactness(exact, "live").text).toContain("equal output_attentions");
    const unchecked = layer(ROWS, { fidelity: null });
    const data = { ...unchecked, record: { ...unchecked.record, fidelity: null } };
    expect(describeExactness(data, "live").strong).toBe("unchecked");
  });

  it("of a snapshot say what was lost, and what of it is not on screen in their title", () => {
    const top: Precision = {
      form: "top",
      error: 0.0039,
      kept: 16,
      dropped: 0.04,
      dropped_most: 0.31,
      patterns: "all",
      terms: "some",
    };
    const claim = (precision: Precision, error = 0, more: Partial<LayerData["info"]> = {}) => {
      const data = layer(ROWS, more, error);
      const found = describeExactness({ ...data, record: { ...data.record, precision } }, "snapshot");
      return [found.strong + found.text, found.more];
    };
    const [short, long] = claim(top, 0.0039);
    expect(short).toBe("top-16 snapshot, 4.0 % left out (worst row 31 %)");
    expect(long).toContain("within .004");
    expect(long).toContain("computed exactly");
    expect(claim({ ...top, form: "dense", terms: "none" }, 0.0039)[0]).toBe("8-bit snapshot, within .004");
    expect(claim(top)[0]).toBe("exact for these heads, in a top-16 snapshot");
    expect(claim({ ...top, form: "exact" })[0]).toBe("exact, from a snapshot");
    expect(claim({ ...top, form: "exact" }, 0, { route: "given" })[0]).toBe("as given, from a snapshot");
    expect(claim({ ...top, patterns: "none" }, 0.0039)[0]).toMatch(/^no patterns/);
  });

  it("errors in few characters", () => {
    expect([0, 4.2e-7, 0.0039, 0.02].map(formatError)).toEqual(["0", "4e-7", ".004", ".02"]);
  });

  it("ordinals", () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal)).toEqual([
      "1st",
      "2nd",
      "3rd",
      "4th",
      "11th",
      "12th",
      "13th",
      "21st",
      "102nd",
      "111th",
    ]);
  });
});

describe("the bars above", () => {
  it("count layers and heads", () => {
    expect(describeSize(createSite("decoder", 1, 1))).toBe("1 layer × 1 head");
    const mixed = createSite("decoder", 2, 4);
    (mixed.layers[0] as SiteInfo["layers"][number]).heads = 2;
    expect(describeSize(mixed)).toBe("2 layers × up to 4 heads");
  });
  it("describe the model with what is known of it", () => {
    const site = createSite("decoder", 2, 4, { kv_heads: 2 });
    const open = createOpen("r", "owner/model", {}, [site]);
    expect(describeModel(open, site)).toBe(
      "owner/model\nGPT2LMHeadModel\n724,992 parameters\nfloat32 on cpu\n" +
        "decoder attention: 2 layers × 4 heads, 2 key-value heads",
    );
    expect(["owner/model", "/path/to/model/", "gpt2"].map(shortName)).toEqual(["model", "model", "gpt2"]);
  });
  it("offer thresholds that grow, and find the nearest", () => {
    expect([...THRESHOLDS].sort((a, b) => a - b)).toEqual(THRESHOLDS);
    THRESHOLDS.forEach((value, index) => {
      expect(nearestThreshold(value)).toBe(index);
    });
    expect(THRESHOLDS[nearestThreshold(0.024)]).toBe(0.02);
    expect([0, 0.005, 0.02, 0.3].map(formatThreshold)).toEqual(["0", ".005", ".02", ".30"]);
  });
});
