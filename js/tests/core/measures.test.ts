// Metrics on the way to the screen: what a head does most, and whose numbers they are.
import { describe, expect, it } from "vitest";
import {
  areOf,
  isRefined,
  measuresOf,
  metricIndex,
  readMetrics,
  strongestMeasures,
} from "../../src/core/measures";
import { formatEstimate } from "../../src/math/measures";
import type { ArraySpec, MetricsMeta } from "../../src/wire/schema.gen";
import { infoOf, sampleMetrics } from "../panes/metrics-sample";

describe("measures of a head", () => {
  const metrics = sampleMetrics();

  it("leave out what nothing was eligible for", () => {
    expect(measuresOf(metrics, 5, 0).map(({ info, value }) => [info.name, value])).toEqual([
      ["share", 0.9],
      ["far", 9],
      ["mine", 0.6],
    ]);
    expect(measuresOf(metrics, 1, 0).map(({ info }) => info.name)).toEqual(["share", "far"]);
    expect([measuresOf(metrics, 3, 0), measuresOf(metrics, 5, 3)]).toEqual([[], []]);
  });

  it("are strongest where they are furthest above an even spread; only shares are compared", () => {
    expect(strongestMeasures(metrics, 5, 0, 3).map(({ info }) => info.name)).toEqual(["share", "mine"]);
    expect(strongestMeasures(metrics, 5, 0, 1)).toHaveLength(1);
    expect(strongestMeasures(metrics, 1, 0, 3)).toEqual([]);
  });

  it("belong to one record and kind of attention", () => {
    expect(areOf(metrics, { record: "r", site: "decoder" })).toBe(true);
    expect(areOf(metrics, { record: "r", site: "cross" })).toBe(false);
    expect(areOf(null, { record: "r", site: "decoder" })).toBe(false);
    expect([metricIndex(metrics, "mine"), metricIndex(metrics, "gone")]).toEqual([2, 0]);
  });
});

describe("metrics of sampled queries", () => {
  const spec = (buffer: number, dtype: "f4" | "i4"): ArraySpec => ({ buffer, dtype, shape: [1, 2] });
  const views = [
    Float32Array.of(0.5, 0.25),
    Float32Array.of(0.1, 0.1),
    Int32Array.of(8, 8),
    Float32Array.of(0.125, Number.NaN),
  ].map(({ buffer }) => new DataView(buffer));
  const meta: MetricsMeta = {
    site: "decoder",
    layers: [0],
    heads: [2],
    metrics: [infoOf("share")],
    values: spec(0, "f4"),
    baselines: spec(1, "f4"),
    counts: spec(2, "i4"),
    queries: 64,
    sampled: 8,
  };

  it("have a margin where one was sent, and it is written beside the value", () => {
    const read = readMetrics("r", { ...meta, margins: spec(3, "f4") }, views);
    const written = [0, 1].map((head) => formatEstimate(read.of(0, 0, head), "share"));
    expect(written).toEqual([".50 ± .13", ".25"]);
    expect(readMetrics("r", meta, views).of(0, 0, 0)).toEqual({
      value: 0.5,
      baseline: Math.fround(0.1),
      count: 8,
    });
  });

  it("go on from what was read of the same before", () => {
    const [some, more] = [8, 16].map((sampled) => readMetrics("r", { ...meta, sampled }, views));
    if (some === undefined || more === undefined) throw new Error("two were read");
    expect([isRefined(more, some), isRefined(some, more), isRefined(some, some)]).toEqual([
      true,
      false,
      true,
    ]);
    expect([isRefined(more, null), isRefined(null, more)]).toEqual([false, false]);
    expect(isRefined({ ...more, metrics: [] }, some)).toBe(false);
    expect([isRefined({ ...more, record: "x" }, some), isRefined({ ...more, site: "cross" }, some)]).toEqual([
      false,
      false,
    ]);
  });
});
