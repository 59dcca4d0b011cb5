// What the text pane shows, worked out from the focus: which token it is about, and the value of every other one.
import type { ExactRow, Focus, LayerData } from "../../core/types";
import { formatCount, formatList, formatWeight } from "../../math/format";
import { isolate, labelUnits } from "../../math/labels";
import { isMasked, meanReceived, meanRows, readColumn, topIndices } from "../../math/weights";
import type { Direction } from "../../wire/schema.gen";
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

export function headsName(data: LayerData): string {
  const heads = data.patterns.map((pattern) => pattern.head);
  if (heads.length === 1) return `head ${heads[0]}`;
  return heads.length > 6 ? `mean of ${heads.length} heads` : `mean of heads ${formatList(heads)}`;
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
    return {
      subject,
      side: "key",
      values: mean,
      error: worst,
      title: "mean weight that each token gets from those that can see it",
      note: sampled < queries ? `sampled ${formatCount(sampled)} of ${formatCount(queries)} queries` : "",
    };
  }
  if (subject.side === "query") {
    const rows = data.patterns.map((pattern) => readingOf(data, pattern, subject.index, exact));
    const sinks = rows.map((row) => row.sink ?? 0);
    const sink = sinks.reduce((sum, one) => sum + one, 0) / Math.max(1, sinks.length);
    const error = Math.max(0, ...rows.map((row) => row.error));
    return {
      subject,
      side: "key",
      values: meanRows(rows.map((row) => row.weights)),
      error,
      title: `what “${isolate(labelOf(data.queryTokens, subject.index))}” looks at`,
      note: data.info.sinks ? `sink ${formatWeight(sink, error)}` : "",
    };
  }
  return {
    subject,
    side: "query",
    values: meanRows(data.patterns.map((pattern) => readColumn(pattern, subject.index))),
    error: worst,
    title: `what looks at “${isolate(labelOf(data.keyTokens, subject.index))}”`,
    note: "",
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

/** The shade of a value: 0 to `STEPS`, or a code of its own where it is no weight. */
export function shadeCode(value: number, position: (value: number) => number): number {
  if (Number.isNaN(value)) return NAN_CODE;
  if (isMasked(value)) return MASKED_CODE;
  return Math.round(position(value) * STEPS);
}
