// What filters leave of a pattern, and several patterns put together into one. Nothing is ever renormalised.
import type { Combine, Filters, Tokens } from "../wire/schema.gen";
import { MASKED, UNREAD } from "../wire/schema.gen";
import { HIDDEN, isMasked, isUnread, isWeight, meanRows, sinkOf, type Weights } from "./weights";

/** What the filters mean for the tokens of one layer. */
export interface Rule {
  hides(query: number, key: number): boolean;
  /** Queries, and keys, of which nothing is shown. */
  readonly queryOff: readonly boolean[];
  readonly keyOff: readonly boolean[];
  /** Strongest weights kept of each query; 0 keeps all. */
  readonly top: number;
  /** What is hidden, in words; empty where nothing is. */
  readonly words: readonly string[];
}

type Sided = Pick<Tokens, "special" | "segment">;

/** Whether both axes carry the two texts of a pair. */
export function hasPairs(queries: Sided, keys: Sided): boolean {
  return queries.segment.includes(1) && keys.segment.includes(1);
}

/** The rule of these filters; null where they hide nothing. */
export function ruleOf({ pair, special, top }: Filters, queries: Sided, keys: Sided): Rule | null {
  const from = pair.charCodeAt(0) - 97;
  const to = pair.charCodeAt(1) - 97;
  const paired = pair !== "all" && hasPairs(queries, keys);
  const unspecial = !special && (queries.special.includes(true) || keys.special.includes(true));
  if (!paired && !unspecial && top <= 0) return null;
  const off = (side: Sided, segment: number) =>
    side.segment.map((own, at) => (paired && own !== segment) || (unspecial && side.special[at] === true));
  const queryOff = off(queries, from);
  const keyOff = off(keys, to);
  const words: string[] = [];
  if (paired) words.push(`all but ${pair[0]?.toUpperCase()} → ${pair[1]?.toUpperCase()} hidden`);
  if (unspecial) words.push("special tokens hidden");
  if (top > 0) words.push(`only the ${top} strongest of each query shown`);
  const hides = (query: number, key: number) => queryOff[query] === true || keyOff[key] === true;
  return { hides, queryOff, keyOff, top, words };
}

/** The least weight that is among the `top` largest; equal ones all stay. `UNREAD` where some weight is not here yet. */
function cutoff(row: ArrayLike<number>, top: number): number {
  const best: number[] = [];
  for (let i = 0; i < row.length; i++) {
    const weight = row[i] as number;
    if (isUnread(weight)) return UNREAD;
    if (!isWeight(weight) || (best.length === top && weight <= (best[top - 1] as number))) continue;
    let at = best.length;
    while (at > 0 && (best[at - 1] as number) < weight) at--;
    best.splice(at, 0, weight);
    if (best.length > top) best.pop();
  }
  return best.length < top ? 0 : (best[top - 1] as number);
}

/** Whether the rule hides a cell that is in reach. */
function hidden(weight: number, query: number, key: number, rule: Rule): boolean {
  return (!isMasked(weight) || isUnread(weight)) && rule.hides(query, key);
}

/** One query's row with `HIDDEN` where the rule hides a key; what is out of reach stays so. */
export function filterRow(row: ArrayLike<number>, query: number, rule: Rule): Float32Array {
  const kept = Float32Array.from(row, (weight, key) => (hidden(weight, query, key, rule) ? HIDDEN : weight));
  if (rule.top <= 0) return kept;
  const least = cutoff(kept, rule.top);
  return kept.map((weight) => (isWeight(weight) && weight < least ? HIDDEN : weight));
}

/** A pattern with `HIDDEN` where the rule hides a cell; cells are worked out when they are read. */
export function filterWeights(source: Weights, rule: Rule): Pick<Weights, "weight" | "sink"> {
  const { queries, keys } = source;
  const cuts = new Float32Array(rule.top > 0 ? queries : 0).fill(Number.NaN);
  const least = (query: number) => {
    if (Number.isNaN(cuts[query] as number)) {
      const row = new Float32Array(keys);
      for (let key = 0; key < keys; key++)
        row[key] = rule.hides(query, key) ? HIDDEN : source.weight(query, key);
      const cut = cutoff(row, rule.top);
      // A row that is not whole yet may be so later.
      if (isUnread(cut)) return cut;
      cuts[query] = cut;
    }
    return cuts[query] as number;
  };
  return {
    weight(query, key) {
      const weight = source.weight(query, key);
      if (hidden(weight, query, key, rule)) return HIDDEN;
      if (rule.top <= 0 || !isWeight(weight)) return weight;
      const cut = least(query);
      // What the strongest are, only a whole row tells.
      return isUnread(cut) ? cut : weight < cut ? HIDDEN : weight;
    },
    sink: (query) => sinkOf(source, query),
  };
}

/** Mean or maximum of several numbers that are weights; masked only where all are; NaN, or not read, where any is. */
function together(how: Combine, count: number, at: (index: number) => number): number {
  let sum = 0;
  let most = MASKED;
  let seen = 0;
  for (let index = 0; index < count; index++) {
    const weight = at(index);
    if (isUnread(weight)) return weight;
    if (isMasked(weight)) continue;
    seen++;
    sum += weight;
    // NaN wins over every number.
    if (!(weight <= most)) most = weight;
    if (Number.isNaN(sum)) return sum;
  }
  return how === "max" || seen === 0 ? most : sum / seen;
}

/** Several rows as one. */
export function combineRows(rows: readonly ArrayLike<number>[], how: Combine): Float32Array {
  if (how === "mean") return meanRows(rows);
  return Float32Array.from({ length: rows[0]?.length ?? 0 }, (_, key) =>
    together(how, rows.length, (index) => rows[index]?.[key] as number),
  );
}

/** Several patterns as one; cells are worked out when they are read. */
export function combineWeights(
  sources: readonly Weights[],
  how: Combine,
): Required<Pick<Weights, "weight" | "sink">> {
  return {
    weight: (query, key) =>
      together(how, sources.length, (index) => (sources[index] as Weights).weight(query, key)),
    sink: (query) => together(how, sources.length, (index) => sinkOf(sources[index] as Weights, query)),
  };
}

/** How much of the weight is not drawn, and how many of the queries that was read from. */
export interface Undrawn {
  readonly share: number;
  readonly sampled: number;
  readonly queries: number;
}

/** Share of all weight that lies in cells that the filter hides; reads at most `cells` cells, of evenly spaced queries. */
export function undrawn(whole: readonly Weights[], shown: readonly Weights[], cells = 1_000_000): Undrawn {
  const queries = whole[0]?.queries ?? 0;
  const keys = whole[0]?.keys ?? 0;
  const sampled = Math.min(queries, Math.max(1, Math.floor(cells / Math.max(1, keys * whole.length))));
  let total = 0;
  let lost = 0;
  for (let s = 0; s < sampled; s++) {
    const query = Math.floor(((s + 0.5) * queries) / sampled);
    whole.forEach((source, index) => {
      for (let key = 0; key < keys; key++) {
        const weight = source.weight(query, key);
        if (!isWeight(weight)) continue;
        total += weight;
        if (isMasked(shown[index]?.weight(query, key) ?? 0)) lost += weight;
      }
    });
  }
  return { share: total > 0 ? lost / total : 0, sampled, queries };
}
