// Metrics of a small model for tests of panes: written-out values.
import type { HeadMetrics, Measured } from "../../src/core/types";
import type { MetricInfo } from "../../src/wire/schema.gen";

export function infoOf(name: string, more: Partial<MetricInfo> = {}): MetricInfo {
  return {
    name,
    title: name.toUpperCase(),
    formula: `formula of ${name}`,
    eligible: `eligible for ${name}`,
    source: `source of ${name}`,
    sinks: `sinks of ${name}`,
    unit: "share",
    low: 0,
    high: 1,
    counted: "queries",
    own: false,
    ...more,
  };
}

const N = Number.NaN;

/** By metric, layer and head. */
const VALUES: readonly (readonly (readonly number[])[])[] = [
  [
    [0.1, 0.2, 0.3, 0.4],
    [0.5, 0.6, 0.7, 0.8],
    [0.9, 0.05, 0.15],
  ],
  [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [9, 10, 11],
  ],
  [
    [N, N, N, N],
    [0.3, N, N, N],
    [0.6, N, N],
  ],
];

/** Layers 1, 2 and 5 with 4, 4 and 3 heads; the third metric applies to two of them. */
export function sampleMetrics(more: Partial<HeadMetrics> = {}): HeadMetrics {
  return {
    record: "r",
    site: "decoder",
    layers: [1, 2, 5],
    heads: [4, 4, 3],
    metrics: [infoOf("share"), infoOf("far", { unit: "tokens", high: null }), infoOf("mine", { own: true })],
    queries: 3,
    sampled: 3,
    of(metric, row, head): Measured {
      const value = VALUES[metric]?.[row]?.[head] ?? N;
      return Number.isNaN(value)
        ? { value, baseline: N, count: 0 }
        : { value, baseline: metric === 1 ? 1.5 : 0.25, count: metric === 2 ? 1 : 2 };
    },
    ...more,
  };
}
