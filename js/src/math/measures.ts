// Values of a metric as they are coloured, cut and written.
import type { MetricInfo, Scale } from "../wire/schema.gen";
import { decimal } from "./format";
import { type Tick, toScale } from "./scale";

/** From where to where a metric is coloured. */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** The metric's own range; where it has no end, that of the values. */
export function spanOf(info: Pick<MetricInfo, "low" | "high">, values: Iterable<number>): Span {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const low = info.low ?? (least < most ? least : 0);
  const high = info.high ?? (Number.isFinite(most) ? most : low + 1);
  return { low, high: high > low ? high : low + 1 };
}

/** How far a value is along the span, 0 to 1. */
export function shareOf(value: number, { low, high }: Span): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** Where on the colour scale a value stands, 0 to 1; not a number stays so. */
export function positionOf(value: number, span: Span, scale: Scale): number {
  return Number.isNaN(value) ? value : toScale(shareOf(value, span), scale);
}

/** A value in few characters; "n/a" where nothing is eligible. */
export function formatMeasure(value: number, unit: string): string {
  if (Number.isNaN(value)) return "n/a";
  const large = Math.abs(value);
  if (value === 0) return "0";
  if (unit === "share") return large < 0.0005 ? "<.001" : decimal(value, large < 0.005 ? 3 : 2);
  return value.toFixed(large < 10 ? 2 : large < 1000 ? 1 : 0);
}

/** A value with its 95 % confidence interval, where it is an estimate that has one. */
export function formatEstimate(
  { value, margin }: { readonly value: number; readonly margin?: number },
  unit: string,
): string {
  const text = formatMeasure(value, unit);
  return margin ? `${text} ± ${formatMeasure(margin, unit)}` : text;
}

/** Labelled places of a legend, ends included. */
export function spanTicks(span: Span, unit: string, scale: Scale): readonly Tick[] {
  const shares = scale === "log" ? [0, 0.01, 1] : scale === "sqrt" ? [0, 0.25, 1] : [0, 0.5, 1];
  return shares.map((share) => {
    const value = span.low + share * (span.high - span.low);
    const text = unit === "share" && Number.isInteger(value) ? String(value) : formatMeasure(value, unit);
    return { position: toScale(share, scale), label: text };
  });
}

/** Mean of what is a number; not a number where nothing is. */
export function meanOf(values: Iterable<number>): number {
  let [sum, count] = [0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? Number.NaN : sum / count;
}
