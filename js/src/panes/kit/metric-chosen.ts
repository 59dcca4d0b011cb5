// The metric that heads are shown by, with the range of its values.
import { metricIndex } from "../../core/measures";
import type { HeadMetrics } from "../../core/types";
import { type Span, spanOf } from "../../math/measures";
import type { MetricInfo } from "../../wire/schema.gen";

/** The chosen metric of all heads. */
export interface Chosen {
  readonly info: MetricInfo;
  readonly index: number;
  readonly span: Span;
}

export function chosenMetric(metrics: HeadMetrics, name: string): Chosen | null {
  const index = metricIndex(metrics, name);
  const info = metrics.metrics[index];
  if (info === undefined) return null;
  const values = metrics.layers.flatMap((_, row) =>
    Array.from({ length: metrics.heads[row] as number }, (_, head) => metrics.of(index, row, head).value),
  );
  return { info, index, span: spanOf(info, values) };
}
