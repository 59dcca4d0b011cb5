// What the inspector says, as data: pure functions of what is on screen.
import type { ExactRow, Focus, LayerData, Pattern, Prediction } from "../core/types";
import { formatWeight } from "../math/format";
import { isWeight, rankOf, readColumn, readRow, rowMass, topIndices } from "../math/weights";
import type { Tokens } from "../wire/schema.gen";

export interface Bar {
  readonly index: number;
  readonly label: string;
  /** Position of the token where several have this label, else null. */
  readonly position: number | null;
  readonly weight: number;
  readonly text: string;
  readonly current: boolean;
}

/** One head's part of the inspector. */
export interface HeadReading {
  readonly head: number;
  readonly title: string;
  readonly bars: readonly Bar[];
  /** Mass of a learned sink, where the head has one. */
  readonly sink: Bar | null;
  /** About the focused cell: weight, rank, score. */
  readonly cell: string | null;
  /** What keeps the bars from being the whole story: masked, not a number, all zero. */
  readonly remark: string | null;
}

export interface Reading {
  readonly token: string | null;
  /** The other token, when a cell is in focus. */
  readonly other: string | null;
  readonly where: string;
  readonly heads: readonly HeadReading[];
  readonly predictions: readonly Prediction[];
}

export interface ReadingInput {
  readonly data: LayerData;
  readonly focus: Focus;
  readonly held: boolean;
  readonly exact: readonly ExactRow[];
  readonly predictions: readonly Prediction[];
}

/** Bars per head: fewer when many heads share the room. */
export function barCount(heads: number): number {
  if (heads <= 1) return 8;
  if (heads === 2) return 5;
  return heads <= 4 ? 4 : 3;
}

/** Weights at and below this are not listed; behind the first two bars of a head, nor is what shows as .000. */
const NOTHING = 1e-6;
const NEGLIGIBLE = 5e-4;
const FIRST = 2;

export function tokenLabel(tokens: Tokens, index: number): string {
  const label = tokens.label[index] ?? "";
  return label === "" ? "∅" : label;
}

/** Whether another token has the same label. */
export function isRepeated(tokens: Tokens, index: number): boolean {
  const label = tokens.label[index];
  return label !== undefined && tokens.label.indexOf(label) !== tokens.label.lastIndexOf(label);
}

function inside(index: number | null, length: number): index is number {
  return index !== null && index >= 0 && index < length;
}

function formatScore(score: number): string {
  if (Number.isNaN(score)) return "NaN";
  return score.toFixed(Math.abs(score) >= 100 ? 0 : 2).replace("-", "−");
}

function describeCell(
  values: Float32Array,
  index: number,
  error: number,
  score: number | null,
): string | null {
  const weight = values[index];
  if (weight === undefined) return null;
  if (!isWeight(weight))
    return Number.isNaN(weight) ? "NaN: the model gave no number" : "masked: out of reach";
  const rank = rankOf(values, index);
  const parts = [formatWeight(weight, error)];
  if (rank !== null) parts.push(`${error > 0 ? "about " : ""}${ordinal(rank.rank)} of ${rank.of}`);
  if (score !== null) parts.push(`score ${formatScore(score)}`);
  return parts.join(" · ");
}

export function ordinal(rank: number): string {
  const tens = rank % 100;
  const suffix = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][rank % 10] ?? "th");
  return `${rank}${suffix}`;
}

function remarkOf(values: Float32Array, noun: string): string | null {
  const unknown = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  if (unknown > 0) return `NaN for ${unknown} of ${values.length} ${noun}s`;
  if (values.every((value) => value < 0)) return `no ${noun} in reach`;
  return null;
}

function readHead(
  pattern: Pattern,
  input: ReadingInput,
  query: number | null,
  key: number | null,
  count: number,
): HeadReading {
  const { data, exact } = input;
  const byQuery = query !== null;
  const row = exact.find((item) => item.head === pattern.head && item.query === query);
  const values = byQuery ? (row?.weights ?? readRow(pattern, query)) : readColumn(pattern, key as number);
  const error = byQuery && row !== undefined ? (row.error ?? 0) : pattern.error;
  const tokens = byQuery ? data.keyTokens : data.queryTokens;
  const marked = byQuery ? key : null;
  const bars = topIndices(values, count)
    .filter((index, rank) => (values[index] as number) > (rank < FIRST ? NOTHING : NEGLIGIBLE))
    .map((index) => ({
      index,
      label: tokenLabel(tokens, index),
      position: isRepeated(tokens, index) ? index : null,
      weight: values[index] as number,
      text: formatWeight(values[index] as number, error),
      current: index === marked,
    }));
  const mass = row?.sink ?? Math.max(0, 1 - rowMass(values));
  const sink =
    byQuery && data.info.sinks && !Number.isNaN(mass)
      ? {
          index: -1,
          label: "sink",
          position: null,
          weight: mass,
          text: formatWeight(mass, error),
          current: false,
        }
      : null;
  const looks = byQuery ? "looks at" : "gets looked at from";
  return {
    head: pattern.head,
    title: `Layer ${data.info.layer}, head ${pattern.head} ${looks}`,
    bars,
    sink,
    cell: marked === null ? null : describeCell(values, marked, error, row?.scores?.[marked] ?? null),
    remark: remarkOf(values, byQuery ? "key" : "query"),
  };
}

/** What is to be said of the focus; an empty focus gives a reading without heads. */
export function createReading(input: ReadingInput): Reading {
  const { data, held } = input;
  const query = inside(input.focus.query, data.queryTokens.label.length) ? input.focus.query : null;
  const key = inside(input.focus.key, data.keyTokens.label.length) ? input.focus.key : null;
  const cross = data.site.query_stream !== data.site.key_stream;
  const place = (kind: "query" | "key", index: number) => {
    const stream = kind === "query" ? data.site.query_stream : data.site.key_stream;
    return `${cross ? `${stream} ` : ""}token ${index}`;
  };
  const count = barCount(data.patterns.length);
  const heads =
    query === null && key === null
      ? []
      : data.patterns.map((pattern) => readHead(pattern, input, query, key, count));
  const suffix = held ? " · held" : "";
  if (query !== null && key !== null) {
    return {
      token: tokenLabel(data.queryTokens, query),
      other: tokenLabel(data.keyTokens, key),
      where: `${place("query", query)} → ${place("key", key)}${suffix}`,
      heads,
      predictions: input.predictions,
    };
  }
  if (query !== null) {
    return {
      token: tokenLabel(data.queryTokens, query),
      other: null,
      where: `${place("query", query)}${suffix}`,
      heads,
      predictions: input.predictions,
    };
  }
  if (key !== null) {
    return {
      token: tokenLabel(data.keyTokens, key),
      other: null,
      where: `${place("key", key)}, as key${suffix}`,
      heads,
      predictions: [],
    };
  }
  return { token: null, other: null, where: "", heads: [], predictions: [] };
}

/** The reading as one sentence per head, for the live region. */
export function speak(reading: Reading): string {
  if (reading.token === null) return "";
  const subject = reading.other === null ? reading.token : `${reading.token} to ${reading.other}`;
  const heads = reading.heads.slice(0, 4).map((head) => {
    if (head.cell !== null) return `head ${head.head}: ${head.cell}`;
    const bars = head.bars.slice(0, 3).map((bar) => {
      const where = bar.position === null ? "" : ` at ${bar.position}`;
      return `${bar.label}${where} ${bar.text}`;
    });
    return `${head.title}: ${bars.length > 0 ? bars.join(", ") : (head.remark ?? "nothing")}`;
  });
  return `${subject}, ${reading.where}. ${heads.join(". ")}.`;
}

export interface Link {
  readonly query: number;
  readonly key: number;
  readonly weight: number;
}

/** Cells looked at when the strongest links of the chosen heads are sought; what lies past them is not searched. */
export const MAX_SEARCH = 600_000;

/** The strongest links of one head that do not end at a special token or at the token itself; at most one per query. */
export function strongestLinks(pattern: Pattern, data: LayerData, count: number): readonly Link[] {
  const same = data.site.query_stream === data.site.key_stream;
  const links: Link[] = [];
  for (let query = 0; query < pattern.queries; query++) {
    let best: Link | null = null;
    for (let key = 0; key < pattern.keys; key++) {
      if ((same && key === query) || data.keyTokens.special[key]) continue;
      const weight = pattern.weight(query, key);
      if (weight > (best?.weight ?? 0)) best = { query, key, weight };
    }
    // The first token of a sequence is where heads rest, special or not; it says nothing of the words.
    if (best !== null && !(same && best.key === 0)) links.push(best);
  }
  return links.sort((a, b) => b.weight - a.weight).slice(0, count);
}
