// Metrics of every head, as the kernel sends them.
import { readArray } from "../wire/arrays";
import type { MetricInfo, MetricsMeta, SiteKind } from "../wire/schema.gen";
import type { HeadMetrics, Measured } from "./types";

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
  const margins = meta.margins && readArray(meta.margins, buffers, "f4");
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
        ...(margins && { margin: margins[at] as number }),
      };
    },
  };
}

/** A metric of one head, with what a reader must know of it. */
export interface HeadMeasure extends Measured {
  readonly info: MetricInfo;
}

/** Whether this is what was there before, of as many queries or more. */
export function isRefined(now: Sampled | null, before: Sampled | null): boolean {
  return (
    now !== null &&
    before?.record === now.record &&
    before.site === now.site &&
    before.metrics?.length === now.metrics?.length &&
    before.sampled <= now.sampled
  );
}

/** What is known of the heads of a record from some of its queries. */
type Sampled = Pick<HeadMetrics, "record" | "site" | "sampled"> & Partial<Pick<HeadMetrics, "metrics">>;

/** Whether the metrics are of what is on screen. */
export function areOf(
  metrics: HeadMetrics | null,
  of: { record: string; site: SiteKind },
): metrics is HeadMetrics {
  return metrics !== null && metrics.record === of.record && metrics.site === of.site;
}

/** Every metric of a head that something was eligible for, in order; none where the head was not measured. */
export function measuresOf(metrics: HeadMetrics, layer: number, head: number): readonly HeadMeasure[] {
  const row = metrics.layers.indexOf(layer);
  if (row < 0 || head >= (metrics.heads[row] as number)) return [];
  return metrics.metrics
    .map((info, index) => ({ info, ...metrics.of(index, row, head) }))
    .filter(({ count, value }) => count > 0 && !Number.isNaN(value));
}

/** What a head does most above what an even spread would give: shares of attention over queries, strongest first. */
export function strongestMeasures(
  metrics: HeadMetrics,
  layer: number,
  head: number,
  most: number,
): readonly HeadMeasure[] {
  return measuresOf(metrics, layer, head)
    .filter(({ info, value, baseline }) => {
      return info.unit === "share" && info.counted === "queries" && value > baseline + 0.01;
    })
    .sort((a, b) => b.value - b.baseline - (a.value - a.baseline))
    .slice(0, most);
}

/** The chosen metric's place; the first where it is not there. */
export function metricIndex(metrics: HeadMetrics, name: string): number {
  return Math.max(
    0,
    metrics.metrics.findIndex((info) => info.name === name),
  );
}
