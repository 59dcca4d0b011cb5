// Metrics on the way to the screen: what a head does most, and whose numbers they are.
import { describe, expect, it } from "vitest";
import { areOf, measuresOf, metricIndex, strongestMeasures } from "../../src/core/measures";
import { sampleMetrics } from "../panes/metrics-sample";

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
