// Metrics of every head, as the kernel sends them.
import { readArray } from "../wire/arrays";
import type { MetricsMeta } from "../wire/schema.gen";
import type { HeadMetrics } from "./types";

export function readMetrics(record: string, meta: MetricsMeta, buffers: readonly DataView[]): HeadMetrics {
  const [metrics = 0, count = 0] = meta.values.shape;
  const firsts: number[] = [];
  let first = 0;
  for (const heads of meta.heads) {
    firsts.push(first);
    first += heads;
  }
  if (metrics !== meta.metrics.length || first !== count || meta.heads.length !== meta.layers.length) {
    throw new RangeError(
      `The reply names ${first} heads and ${meta.metrics.length} metrics and holds others.`,
    );
  }
  const values = readArray(meta.values, buffers, "f4");
  const baselines = readArray(meta.baselines, buffers, "f4");
  const counts = readArray(meta.counts, buffers, "i4");
  return {
    record,
    site: meta.site,
    layers: meta.layers,
    heads: meta.heads,
    metrics: meta.metrics,
    queries: meta.queries,
    sampled: meta.sampled,
    of(metric, row, head) {
      const at = metric * count + (firsts[row] as number) + head;
      return {
        value: values[at] as number,
        baseline: baselines[at] as number,
        count: counts[at] as number,
      };
    },
  };
}
