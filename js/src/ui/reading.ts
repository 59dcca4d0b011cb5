// What the inspector says, as data: pure functions of what is on screen.
import { mostLeftOut } from "../core/fidelity";
import { COMBINED, nameOf, unitOf } from "../core/shown";
import type {
  ExactColumn,
  ExactRow,
  Focus,
  HeadMetrics,
  LayerData,
  Pattern,
  Prediction,
} from "../core/types";
import { decimal, formatCount, formatWeight } from "../math/format";
import { formatEstimate } from "../math/measures";
import {
  isHidden,
  isUnread,
  isWeight,
  rankOf,
  readColumn,
  readRow,
  sinkOf,
  topIndices,
} from "../math/weights";
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
  readonly name: string;
  readonly title: string;
  /** How sure the bars are: "exact", "8-bit", "8-bit, largest only". */
  readonly surety: string;
  readonly bars: readonly Bar[];
  /** Mass of a learned sink, where the head has one. */
  readonly sink: Bar | null;
  /** What a filter hides of the row, where one does. */
  readonly hidden: Bar | null;
  /** What a snapshot left out of the row, where it kept the largest weights only. */
  readonly left: Bar | null;
  /** Who else looks at the key of the focused cell. */
  readonly column: Column | null;
  /** What the head does in this prompt, next to weights that are spread evenly. */
  readonly measures: readonly string[];
  /** About the focused cell: weight, rank, score. */
  readonly cell: string | null;
  /** What keeps the bars from being the whole story: masked, not a number, all zero. */
  readonly remark: string | null;
}

export interface Column {
  readonly title: string;
  readonly surety: string;
  readonly bars: readonly Bar[];
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
  readonly columns?: readonly ExactColumn[];
  readonly predictions: readonly Prediction[];
  readonly metrics?: HeadMetrics | null;
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
  { error, floor }: { readonly error: number; readonly floor: number },
  score: number | null,
  hidden: boolean,
  unread: string,
): string | null {
  const weight = values[index];
  if (weight === undefined) return null;
  if (isUnread(weight)) return unread;
  if (!isWeight(weight))
    return Number.isNaN(weight) ? "NaN: the model gave no number" : "masked: out of reach";
  const leftOut = weight === 0 && floor > 0;
  const rank = leftOut ? null : rankOf(values, index);
  const parts = [formatWeight(weight, error, floor)];
  if (leftOut) parts.push("left out of the snapshot");
  if (rank !== null) parts.push(`${error > 0 ? "about " : ""}${ordinal(rank.rank)} of ${rank.of}`);
  if (score !== null) parts.push(`score ${formatScore(score)}`);
  if (hidden) parts.push("hidden by a filter");
  return parts.join(" · ");
}

/** What is said of a weight that is not there: a snapshot has no kernel that could still compute it. */
function unreadText(data: LayerData): string {
  return data.record.precision ? "not kept in the snapshot" : "not computed yet …";
}

export function ordinal(rank: number): string {
  const tens = rank % 100;
  const suffix = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][rank % 10] ?? "th");
  return `${rank}${suffix}`;
}

function remarkOf(values: Float32Array, noun: string, unread: string): string | null {
  const unknown = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  if (unknown > 0) return `NaN for ${unknown} of ${values.length} ${noun}s`;
  if (values.some(isUnread)) return unread;
  if (values.every((value) => value < 0))
    return values.some(isHidden) ? `all ${noun}s in reach are hidden by a filter` : `no ${noun} in reach`;
  return null;
}

const MOST_MEASURES = 3;

/** The shares in which a head exceeds evenly spread weights most; empty where metrics are of something else. */
export function measuresOf(data: LayerData, head: number, metrics: HeadMetrics | null): string[] {
  const row = metrics?.layers.indexOf(data.info.layer) ?? -1;
  if (metrics === null || row < 0 || head === COMBINED) return [];
  if (metrics.record !== data.record.record || metrics.site !== data.site.kind) return [];
  const found = metrics.metrics.flatMap(({ title, low, high }, index) => {
    const measured = metrics.of(index, row, head);
    const above = measured.value - measured.baseline;
    return low === 0 && high === 1 && above > 0.05 ? [{ title, measured, above }] : [];
  });
  const read =
    metrics.sampled < metrics.queries
      ? [`over ${formatCount(metrics.sampled)} of ${formatCount(metrics.queries)} queries`]
      : [];
  const lines = found
    .sort((a, b) => b.above - a.above)
    .slice(0, MOST_MEASURES)
    .map(
      ({ title, measured }) =>
        `${title} ${formatEstimate(measured, "share")} (even spread ${decimal(measured.baseline, 2)})`,
    );
  return lines.length > 0 ? [...lines, ...read] : [];
}

function barsOf(
  values: ArrayLike<number>,
  tokens: Tokens,
  count: number,
  error: number,
  marked: number | null,
): Bar[] {
  return topIndices(values, count)
    .filter((index, rank) => (values[index] as number) > (rank < FIRST ? NOTHING : NEGLIGIBLE))
    .map((index) => ({
      index,
      label: tokenLabel(tokens, index),
      position: isRepeated(tokens, index) ? index : null,
      weight: values[index] as number,
      text: formatWeight(values[index] as number, error),
      current: index === marked,
    }));
}

/** A bar that stands for no token. */
function massBar(label: string, weight: number, error: number, sign = ""): Bar {
  const text = sign + formatWeight(weight, error);
  return { index: -1, label, position: null, weight, text, current: false };
}

/** What a row's weights, and its sink if there is one, lack of 1. */
function missing(row: Float32Array, sink: number): number {
  return row.reduce((rest, weight) => rest - Math.max(0, weight), 1 - (sink || 0));
}

/** Sum of the weights that are hidden; null where none is. */
function hiddenMass(values: Float32Array, whole: Float32Array): number | null {
  let mass: number | null = null;
  values.forEach((value, index) => {
    if (isHidden(value) && isWeight(whole[index] as number)) mass = (mass ?? 0) + (whole[index] as number);
  });
  return mass;
}

const COLUMN_BARS = 4;

/** How much of a long prompt's column is there, while not all of it is. */
function readSoFar(column: ExactColumn | undefined): string {
  return column === undefined || column.read >= column.of
    ? ""
    : `${formatCount(column.read)} of ${formatCount(column.of)} queries so far`;
}

function readHead(
  slot: number,
  input: ReadingInput,
  query: number | null,
  key: number | null,
  count: number,
): HeadReading {
  const { data, exact } = input;
  const pattern = data.patterns[slot] as Pattern;
  const full = data.shown?.whole.patterns[slot] ?? pattern;
  const byQuery = query !== null;
  const row = exact.find((item) => item.head === pattern.head && item.query === query);
  const columned = input.columns?.find(
    (item) => item.head === pattern.head && item.key === key && item.layer === data.info.layer,
  );
  const column = key === null ? null : (columned?.weights ?? readColumn(pattern, key));
  const values = byQuery ? (row?.weights ?? readRow(pattern, query)) : (column as Float32Array);
  const columnError = columned === undefined ? pattern.error : 0;
  const whole = byQuery ? (row === undefined ? readRow(full, query) : (row.whole ?? row.weights)) : values;
  const error = byQuery && row !== undefined ? (row.error ?? 0) : columnError;
  const floor = byQuery ? (row?.floor ?? full.floor?.(query) ?? 0) : 0;
  const tokens = byQuery ? data.keyTokens : data.queryTokens;
  const marked = byQuery ? key : null;
  const unread = values.some(isUnread);
  const mass = byQuery && data.info.sinks && !unread ? (row?.sink ?? sinkOf(full, query)) : Number.NaN;
  const lost = byQuery ? hiddenMass(values, whole) : null;
  const shares = data.record.weighting === "norms" ? " (share of norms)" : "";
  const looks = (from: boolean) =>
    `Layer ${data.info.layer}, ${nameOf(data, pattern.head)} ${from ? "looks at" : "gets looked at from"}${shares}`;
  const cut = byQuery ? floor > 0 : mostLeftOut(full) > 0;
  const surety = (some: number, largest: boolean) =>
    mostLeftOut(full) === 1 && largest
      ? "not kept"
      : [some > 0 ? "8-bit" : "exact", ...(largest ? ["largest only"] : [])].join(", ");
  return {
    head: pattern.head,
    name: nameOf(data, pattern.head),
    title: looks(byQuery),
    surety: unread
      ? data.record.precision
        ? "not kept"
        : readSoFar(byQuery ? undefined : columned) || "on its way"
      : surety(error, cut),
    bars: barsOf(values, tokens, count, error, marked),
    sink: Number.isNaN(mass) ? null : massBar("sink", mass, error),
    hidden: lost === null ? null : massBar("hidden", lost, error, floor > 0 ? "≥" : ""),
    left:
      byQuery && floor > 0 ? massBar("left out", full.rest?.(query) ?? missing(whole, mass), error) : null,
    column:
      query === null || key === null || column === null
        ? null
        : {
            title: `“${tokenLabel(data.keyTokens, key)}” is looked at most from`,
            surety: readSoFar(columned) || surety(columnError, mostLeftOut(full) > 0),
            bars: barsOf(column, data.queryTokens, COLUMN_BARS, columnError, query),
          },
    measures: measuresOf(data, pattern.head, input.metrics ?? null),
    cell:
      marked === null
        ? null
        : describeCell(
            whole,
            marked,
            { error, floor },
            row?.scores?.[marked] ?? null,
            isHidden(values[marked] ?? 0),
            unreadText(data),
          ),
    remark: remarkOf(values, byQuery ? "key" : "query", unreadText(data)),
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
    return `${cross ? `${stream} ` : ""}${unitOf(data.record)} ${index}`;
  };
  const count = barCount(data.patterns.length);
  const heads =
    query === null && key === null
      ? []
      : data.patterns.map((_, slot) => readHead(slot, input, query, key, count));
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
    if (head.cell !== null) return `${head.name}: ${head.cell}`;
    const bars = head.bars.slice(0, 3).map((bar) => {
      const where = bar.position === null ? "" : ` at ${bar.position}`;
      return `${bar.label}${where} ${bar.text}`;
    });
    return `${head.title}: ${bars.length > 0 ? bars.join(", ") : (head.remark ?? "nothing")}`;
  });
  return `${subject}, ${reading.where}. ${heads.join(". ")}.`;
}

/** The reading as plain text, to be copied. */
export function writeReading(reading: Reading): string {
  if (reading.token === null) return "";
  const subject = reading.other === null ? reading.token : `${reading.token} → ${reading.other}`;
  const list = (bars: readonly (Bar | null)[]) =>
    bars.flatMap((bar) => {
      if (bar === null) return [];
      const at = bar.position === null ? "" : ` (${bar.position})`;
      return [`  ${bar.label}${at}\t${bar.text}`];
    });
  const heads = reading.heads.flatMap((head) => [
    "",
    `${head.title} (${head.surety})`,
    ...[head.cell, head.remark].flatMap((line) => (line === null ? [] : [`  ${line}`])),
    ...list([...head.bars, head.sink, head.hidden, head.left]),
    ...(head.column === null
      ? []
      : [`${head.column.title} (${head.column.surety})`, ...list(head.column.bars)]),
    ...head.measures,
  ]);
  const next = reading.predictions.slice(0, 3).map(({ label, prob }) => `  ${label}\t${decimal(prob, 2)}`);
  const expects = next.length > 0 ? ["", "The model expects next", ...next] : [];
  return [`${subject}, ${reading.where}`, ...heads, ...expects, ""].join("\n");
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
