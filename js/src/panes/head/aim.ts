// What the head pane is about, worked out from the focus: rows, columns, numbers, words. No DOM, no canvas.
import { describeLeftOut } from "../../core/fidelity";
import { describeCombined } from "../../core/shown";
import type { ExactRow, Focus, LayerData } from "../../core/types";
import { formatCount, formatLimit, formatShare, formatWeight } from "../../math/format";
import { hiddenBelow, type LineSet, linesFromQuery, linesToKey, type Range } from "../../math/lines";
import { isHidden, isMasked, isOutOfReach, isUnread, readColumn, topIndices } from "../../math/weights";
import { MASKED } from "../../wire/schema.gen";
import { type RowReading, readingOf } from "../kit/readings";

export type Side = "query" | "key";

export interface Aim {
  readonly query: number | null;
  readonly key: number | null;
  /** Each chosen head's row of the query in focus; empty without one. */
  readonly rows: readonly RowReading[];
  /** What each chosen head's queries give to the key in focus; empty while a query is in focus. */
  readonly columns: readonly Float32Array[];
  /** Largest absolute error of each head's weights. */
  readonly errors: readonly number[];
  /** The most that a weight which a snapshot left out can be, in each head's row. */
  readonly floors: readonly number[];
  /** What the tokens across get (or give), and which of them get a number. */
  readonly best: Strongest;
  readonly numbered: ReadonlySet<number>;
}

/** Largest weight over the heads at each position, and which head has it. */
export interface Strongest {
  readonly weights: Float32Array;
  readonly slot: Uint8Array;
  readonly nan: Uint8Array;
}

const TOP = 4;
const LEAST_NUMBER = 0.005;
const STRONG = 0.3;
/** Tokens out of sight are pointed to from this weight on. */
const LEAST_HINT = 0.05;

/** What each chosen head's queries give to a key, as far as it is on screen. */
function columnsOf({ patterns }: LayerData, key: number): readonly Float32Array[] {
  return patterns.map((pattern) => readColumn(pattern, key));
}

/** What the focus means for this data; a focus outside the tokens is none. `columnsAt` reads the columns of a key. */
export function aimAt(
  data: LayerData,
  focus: Focus,
  exact: readonly ExactRow[],
  columnsAt: typeof columnsOf = columnsOf,
): Aim {
  const within = (index: number | null, count: number) =>
    index !== null && index >= 0 && index < count ? index : null;
  const query = within(focus.query, data.queryTokens.label.length);
  const key = within(focus.key, data.keyTokens.label.length);
  const rows = query === null ? [] : data.patterns.map((pattern) => readingOf(data, pattern, query, exact));
  const columns = query !== null || key === null ? [] : columnsAt(data, key);
  const best = strongest(query === null ? columns : rows.map((row) => row.weights));
  const numbered = new Set(
    topIndices(best.weights, TOP).filter((index) => (best.weights[index] as number) >= LEAST_NUMBER),
  );
  if (query !== null && key !== null) numbered.add(key);
  // Columns that do not come from what is on screen are exact.
  const sure = columns.length > 0 && columnsAt !== columnsOf;
  const errors = data.patterns.map((pattern, slot) => rows[slot]?.error ?? (sure ? 0 : pattern.error));
  const floors = data.patterns.map((_, slot) => rows[slot]?.floor ?? 0);
  return { query, key, rows, columns, errors, floors, best, numbered };
}

/** Whose tokens the numbers stand beside: those across from the token in focus; null without one. */
export function across(aim: Aim): Side | null {
  if (aim.query !== null) return "key";
  return aim.key === null ? null : "query";
}

function strongest(rows: readonly Float32Array[]): Strongest {
  const length = rows[0]?.length ?? 0;
  const weights = new Float32Array(length).fill(MASKED);
  const slot = new Uint8Array(length);
  const nan = new Uint8Array(length);
  rows.forEach((row, s) => {
    for (let i = 0; i < length; i++) {
      const weight = row[i] as number;
      if (Number.isNaN(weight)) nan[i] = 1;
      else if (isMasked(weight)) {
        if (weight !== MASKED && isMasked(weights[i] as number)) weights[i] = weight;
      } else if (weight > (weights[i] as number)) {
        weights[i] = weight;
        slot[i] = s;
      }
    }
  });
  return { weights, slot, nan };
}

/** Lines of the token in focus; null without one. */
export function linesOf(aim: Aim, threshold: number, most: number): LineSet | null {
  if (aim.query !== null) {
    const rows = aim.rows.map((row) => (row.sink === null ? row.weights : withSink(row.weights, row.sink)));
    return linesFromQuery(rows, aim.query, threshold, most);
  }
  return aim.key === null ? null : linesToKey(aim.columns, aim.key, threshold, most);
}

function withSink(weights: Float32Array, sink: number): Float32Array {
  const row = new Float32Array(weights.length + 1);
  row.set(weights);
  row[weights.length] = sink;
  return row;
}

export interface TokenReading {
  readonly tone: "plain" | "strong" | "masked" | "hidden";
  /** The weight, written out; empty for tokens of little weight. */
  readonly number: string;
  /** The head that the number belongs to. */
  readonly slot: number | null;
}

/** How a token across from the focus is shown. */
export function readToken(aim: Aim, index: number): TokenReading {
  const weight = aim.best.weights[index];
  if (weight === undefined) return { tone: "plain", number: "", slot: null };
  if (aim.best.nan[index]) return { tone: "plain", number: "NaN", slot: null };
  if (isUnread(weight)) return { tone: "plain", number: "", slot: null };
  if (isHidden(weight)) return { tone: "hidden", number: "", slot: null };
  if (isMasked(weight)) return { tone: "masked", number: "", slot: null };
  const tone = weight > STRONG ? "strong" : "plain";
  if (!aim.numbered.has(index)) return { tone, number: "", slot: null };
  const slot = aim.best.slot[index] as number;
  return { tone, number: formatWeight(weight, aim.errors[slot] ?? 0, Math.max(...aim.floors)), slot };
}

/** The largest share that a head leaves to its sink, written out; empty without a query in focus. */
export function readSink(aim: Aim): string {
  const sinks = aim.rows.map((row) => row.sink ?? Number.NaN);
  const [slot] = topIndices(sinks, 1);
  return slot === undefined ? "" : formatWeight(sinks[slot] as number, aim.errors[slot] ?? 0);
}

/** The strongest token of a stretch that is out of sight, if it is worth pointing to. */
export function strongestIn({ best }: Aim, { start, end }: Range): number | null {
  let found: number | null = null;
  let most = 0;
  for (let index = start; index < Math.min(end, best.weights.length); index++) {
    const weight = best.weights[index] as number;
    if (weight >= LEAST_HINT && weight > most) {
      found = index;
      most = weight;
    }
  }
  return found;
}

export interface Drawn {
  readonly threshold: number;
  /** Share of what the queries in sight give that the threshold hides. */
  readonly hiddenShare: number;
  /** All lines, and those of the token in focus. */
  readonly all: LineSet;
  readonly focused: LineSet | null;
}

/** What is left out and how sure the numbers are, in one line. */
export function noteOf(data: LayerData, aim: Aim, drawn: Drawn): string {
  const kind = data.record.weighting === "norms" ? "norms" : "weight";
  const parts = [describeCombined(data), hiddenNote(aim, drawn, kind), cutNote(drawn.focused ?? drawn.all)];
  const error = Math.max(0, ...aim.errors);
  if (error > 0) parts.push(`≈ within ${formatWeight(error)}`);
  if (aim.query === null || aim.floors.some((floor) => floor > 0)) parts.push(describeLeftOut(data));
  const all = [...aim.rows.map((row) => row.weights), ...aim.columns];
  if (data.info.causal || all.some((row) => row.some(isOutOfReach))) parts.push("/// out of reach");
  if (all.some((row) => row.some(isHidden))) parts.push("⁘ hidden by a filter");
  if (all.some((row) => row.some(isUnread))) {
    parts.push(data.record.precision ? "not all kept in the snapshot" : "… not all computed yet");
  }
  return parts.filter((part) => part !== "").join(" · ");
}

function hiddenNote(aim: Aim, { threshold, hiddenShare }: Drawn, kind: string): string {
  const limit = formatLimit(threshold);
  if (across(aim) === null) {
    return hiddenShare > 0 ? `lines below ${limit} hidden, ${formatShare(hiddenShare)} of the ${kind}` : "";
  }
  const shown = aim.query === null ? aim.columns : aim.rows.map((row) => row.weights);
  const { count, mass } = hiddenBelow(shown, threshold);
  if (count === 0) return "";
  const lines = `${count === 1 ? "1 line" : `${formatCount(count)} lines`} below ${limit} hidden`;
  // What queries give to one key is no whole of which there could be a share.
  return aim.query === null ? lines : `${lines}, ${formatShare(mass)} of the ${kind}`;
}

function cutNote({ count, found }: LineSet): string {
  return found > count ? `the strongest ${formatCount(count)} of ${formatCount(found)} lines` : "";
}
