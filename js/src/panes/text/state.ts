// What the text pane shows, worked out from the focus: which token it is about, and the value of every other one.
import { describeCombined, measureOf, nameOf, present, presentRows, unitOf } from "../../core/shown";
import type { ExactRow, Focus, LayerData } from "../../core/types";
import { formatCount, formatWeight } from "../../math/format";
import { isolate, labelUnits } from "../../math/labels";
import {
  HIDDEN,
  isHidden,
  isMasked,
  isUnread,
  isWeight,
  meanReceived,
  meanRows,
  readColumn,
  sinkOf,
  topIndices,
} from "../../math/weights";
import type { Direction, Filters } from "../../wire/schema.gen";
import { isSelf, readingOf } from "../kit/readings";
import { labelOf } from "../kit/tokens";

/** Weights below this one are not worth a number in the text. */
const LEAST_NUMBER = 0.02;
/** Tokens of fewer characters are narrower than their number. */
const SHORT_LABEL = 3;

export type Side = "query" | "key";

export interface Shading {
  /** The token that the colours are about; null where they are means over all queries. */
  readonly subject: { readonly side: Side; readonly index: number } | null;
  /** Which tokens are coloured. */
  readonly side: Side;
  /** A weight per token; negative where out of reach, NaN where the model gave none. */
  readonly values: Float32Array;
  readonly error: number;
  /** What the colours are, in words. */
  readonly title: string;
  readonly note: string;
  /** What goes to the learned sink; null where there is none, or where the colours are what is received. */
  readonly sink: number | null;
}

/** The token that the focus stands for. Where both streams are one, the direction says in which role it is meant. */
export function subjectOf(
  data: LayerData,
  focus: Focus,
  direction: Direction,
): { side: Side; index: number } | null {
  const within = (index: number | null, side: Side) => {
    const count = (side === "query" ? data.queryTokens : data.keyTokens).label.length;
    return index !== null && index >= 0 && index < count ? index : null;
  };
  const query = within(focus.query, "query");
  const key = within(focus.key, "key");
  if (isSelf(data)) {
    const side: Side = direction === "from" ? "query" : "key";
    const index = side === "query" ? (query ?? key) : (key ?? query);
    return index === null ? null : { side, index };
  }
  if (query !== null && (key === null || direction === "from")) return { side: "query", index: query };
  return key === null ? null : { side: "key", index: key };
}

/** Which heads the colours are of, and what is hidden of them. */
export function headsName(data: LayerData): string {
  const [pattern] = data.patterns;
  if (pattern === undefined) return "no heads";
  const name = describeCombined(data) || nameOf(data, pattern.head);
  return data.record.weighting === "norms" ? `${measureOf(data.record)}, ${name}` : name;
}

/** A text has one colour per token: heads that stand side by side elsewhere are shown by their mean. */
export function asText(data: LayerData, filters: Filters): LayerData {
  return data.patterns.length > 1 ? present(data.shown?.whole ?? data, filters, "mean") : data;
}

/** A token of which every cell that could be read is hidden is hidden itself, not out of reach. */
function hideUnread(mean: Float32Array, { patterns, shown }: LayerData): void {
  if (shown?.rule === null || shown === undefined) return;
  const [pattern] = patterns;
  mean.forEach((value, key) => {
    if (!isMasked(value) || pattern === undefined) return;
    for (let query = pattern.queries - 1; query >= 0; query--) {
      const weight = pattern.weight(query, key);
      if (isHidden(weight)) mean[key] = HIDDEN;
      if (isHidden(weight) || isWeight(weight)) return;
    }
  });
}

/** Sink of all queries together. */
function meanSink(data: LayerData): number | null {
  const [pattern] = data.patterns;
  if (!data.info.sinks || pattern === undefined) return null;
  const sampled = Math.min(pattern.queries, 256);
  let sum = 0;
  for (let s = 0; s < sampled; s++)
    sum += sinkOf(pattern, Math.floor(((s + 0.5) * pattern.queries) / sampled));
  return sum / sampled;
}

/** Values of every token for what is in focus. */
export function shade(
  data: LayerData,
  focus: Focus,
  direction: Direction,
  exact: readonly ExactRow[],
): Shading {
  const subject = subjectOf(data, focus, direction);
  const worst = Math.max(0, ...data.patterns.map((pattern) => pattern.error));
  if (subject === null) {
    const { mean, sampled, queries } = meanReceived(data.patterns);
    hideUnread(mean, data);
    return {
      subject,
      side: "key",
      values: mean,
      error: worst,
      title: `mean ${measureOf(data.record)} that each ${unitOf(data.record)} gets from those that can see it`,
      sink: meanSink(data),
      note: sampled < queries ? `sampled ${formatCount(sampled)} of ${formatCount(queries)} queries` : "",
    };
  }
  if (subject.side === "query") {
    const known = data.shown === undefined ? exact : presentRows(exact, data);
    const rows = data.patterns.map((pattern) => readingOf(data, pattern, subject.index, known));
    const sinks = rows.map((row) => row.sink ?? 0);
    const sink = sinks.reduce((sum, one) => sum + one, 0) / Math.max(1, sinks.length);
    const error = Math.max(0, ...rows.map((row) => row.error));
    return {
      subject,
      side: "key",
      values: meanRows(rows.map((row) => row.weights)),
      error,
      title: `what “${isolate(labelOf(data.queryTokens, subject.index))}” looks at`,
      note: "",
      sink: data.info.sinks ? sink : null,
    };
  }
  return {
    subject,
    side: "query",
    values: meanRows(data.patterns.map((pattern) => readColumn(pattern, subject.index))),
    error: worst,
    title: `what looks at “${isolate(labelOf(data.keyTokens, subject.index))}”`,
    note: "",
    sink: null,
  };
}

/** The strongest tokens, strongest first, each with its number. */
export function strongest(shading: Shading, count: number): Map<number, string> {
  const { values, error } = shading;
  const top = topIndices(values, count).filter((index) => (values[index] as number) >= LEAST_NUMBER);
  return new Map(top.map((index) => [index, formatWeight(values[index] as number, error)]));
}

/** Those numbers that find room under their tokens: of two short neighbours only the stronger gets one. */
export function roomy(numbers: ReadonlyMap<number, string>, labels: readonly string[]): Map<number, string> {
  const kept = new Map<number, string>();
  const short = (index: number) => labelUnits(labels[index] ?? "") < SHORT_LABEL;
  for (const [index, number] of numbers) {
    const crowded = [index - 1, index + 1].some((other) => kept.has(other) && (short(index) || short(other)));
    if (!crowded) kept.set(index, number);
  }
  return kept;
}

/** Shade steps; the last codes are not weights. */
export const STEPS = 48;
export const MASKED_CODE = STEPS + 1;
export const NAN_CODE = STEPS + 2;
export const PLAIN_CODE = STEPS + 3;
export const HIDDEN_CODE = STEPS + 4;

/** The shade of a value: 0 to `STEPS`, or a code of its own where it is no weight. */
export function shadeCode(value: number, position: (value: number) => number): number {
  if (Number.isNaN(value)) return NAN_CODE;
  if (isUnread(value)) return PLAIN_CODE;
  if (isHidden(value)) return HIDDEN_CODE;
  if (isMasked(value)) return MASKED_CODE;
  return Math.round(position(value) * STEPS);
}
