// From the heads' patterns to what is on screen: heads put together, cells hidden by filters, and the words for both.
import {
  combineRows,
  combineWeights,
  filterRow,
  filterWeights,
  type Rule,
  ruleOf,
  undrawn,
} from "../math/filters";
import { formatCount, formatList, formatShare } from "../math/format";
import type { Combine, Filters, OpenMeta } from "../wire/schema.gen";
import { mostLeftOut } from "./fidelity";
import type { ExactRow, LayerData, Pattern } from "./types";

/** In place of a head's number where a pattern is that of several heads. */
export const COMBINED = -1;

/** How the patterns on screen came about. */
export interface Shown {
  readonly combine: Combine;
  /** The heads that were put together, or stand side by side. */
  readonly heads: readonly number[];
  /** The same with nothing hidden. */
  readonly whole: LayerData;
  readonly rule: Rule | null;
}

/** Puts heads together and hides what the filters hide; the layer itself where there is nothing to do. */
export function present(raw: LayerData, filters: Filters, wanted: Combine): LayerData {
  const combine = raw.patterns.length > 1 ? wanted : "each";
  const rule = ruleOf(filters, raw.queryTokens, raw.keyTokens);
  if (combine === "each" && rule === null) return raw;
  const heads = raw.patterns.map(({ head }) => head);
  const whole = combine === "each" ? raw : combined(raw, combine, heads);
  const patterns =
    rule === null
      ? whole.patterns
      : whole.patterns.map((pattern) => ({ ...pattern, ...filterWeights(pattern, rule) }));
  return { ...whole, patterns, shown: { combine, heads, whole, rule } };
}

function combined(raw: LayerData, combine: Combine, heads: readonly number[]): LayerData {
  const [first] = raw.patterns as readonly [Pattern, ...Pattern[]];
  const error = Math.max(...raw.patterns.map((pattern) => pattern.error + mostLeftOut(pattern)));
  const { queries, keys } = first;
  const one: Pattern = { head: COMBINED, queries, keys, error, ...combineWeights(raw.patterns, combine) };
  const whole: LayerData = { ...raw, patterns: [one] };
  return { ...whole, shown: { combine, heads, whole, rule: null } };
}

/** Exact rows of the heads, put together and filtered as the patterns of `data` are. */
export function presentRows(rows: readonly ExactRow[], data: LayerData): readonly ExactRow[] {
  const { shown } = data;
  const [first] = rows;
  if (shown === undefined || first === undefined) return rows;
  const { combine, rule } = shown;
  const { whole: _, ...place } = first;
  const wholes = rows.map((row) => row.whole ?? row.weights);
  const sinks = rows.map((row) => [row.sink]);
  const made =
    combine === "each"
      ? rows
      : [
          {
            ...place,
            head: COMBINED,
            weights: combineRows(wholes, combine),
            scores: null,
            sink: combineRows(sinks, combine)[0] as number,
            error: Math.max(...rows.map((row) => (row.error ?? 0) + (row.floor ?? 0))),
            floor: 0,
          },
        ];
  if (rule === null) return made;
  return made.map((row) => {
    const whole = row.whole ?? row.weights;
    return { ...row, whole, weights: filterRow(whole, row.query, rule) };
  });
}

/** The heads that may be chosen, ascending. */
export function headsOffered(count: number, { heads }: Filters): number[] {
  const all = Array.from({ length: count }, (_, head) => head);
  const some = heads === null ? all : all.filter((head) => heads.includes(head));
  return some.length > 0 ? some : all;
}

/** "head 3", "mean of heads 0 and 3". */
export function nameOf(data: LayerData, head: number): string {
  const { shown } = data;
  if (head !== COMBINED || shown === undefined) return `head ${head}`;
  const { combine, heads } = shown;
  return `${combine} of ${heads.length > 6 ? `${heads.length} heads` : `heads ${formatList(heads)}`}`;
}

/** `nameOf` at the start of a line. */
export function titleOf(data: LayerData, head: number): string {
  const name = nameOf(data, head);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** What the numbers of a record measure. */
export function measureOf(record: OpenMeta): string {
  return record.weighting === "norms" ? "share of norms" : "weight";
}

/** What the record's positions are. */
export function unitOf(record: OpenMeta): "word" | "token" {
  return record.words ? "word" : "token";
}

const known = new WeakMap<LayerData, string>();

/** What is hidden, with its share of the weight; "" where nothing is. */
export function describeHidden(data: LayerData): string {
  const { shown, patterns } = data;
  if (shown === undefined || shown.rule === null || patterns.length === 0) return "";
  const before = known.get(data);
  if (before !== undefined) return before;
  const words = shown.rule.words.join(", ");
  // Of a long prompt too few weights are here to tell their share.
  if (data.info.tiled) return `${words}, nothing is renormalised`;
  const { share, sampled, queries } = undrawn(shown.whole.patterns, patterns);
  const kind = data.record.weighting === "norms" ? "shares of norms" : "weight";
  const read =
    sampled < queries ? ` (sampled ${formatCount(sampled)} of ${formatCount(queries)} queries)` : "";
  const text = `${words}: ${formatShare(share)} of the ${kind}${read} is not drawn, nothing is renormalised`;
  known.set(data, text);
  return text;
}

/** How heads were put together; "" where each is for itself. */
export function describeCombined(data: LayerData): string {
  const { shown } = data;
  if (shown === undefined || shown.combine === "each") return "";
  const name = nameOf(data, COMBINED);
  return shown.combine === "max" ? `${name}: rows do not sum to 1` : name;
}
