// What the neuron view says in words: what is particular of a head, why there is nothing to see, what a cell holds.
import type { LayerData, ScoreTerms } from "../../core/types";
import { formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import { formatTerm, type KnownTerms, productAt } from "../../math/terms";
import { isMasked } from "../../math/weights";
import { labelOf } from "../kit/tokens";

/** What the kernel says when it is asked about words. */
export const MERGED = "Merged words have no queries and keys of their own.";

/** "2", "0 and 3", "4–7". */
export function formatHeads(heads: readonly number[]): string {
  const [first, last] = [heads[0] as number, heads[heads.length - 1] as number];
  if (heads.length < 3 || last - first + 1 !== heads.length)
    return heads.join(heads.length === 2 ? " and " : ", ");
  return `${first}–${last}`;
}

/** What a reader must know of this head before the numbers mean anything. */
export function factsOf(data: LayerData, terms: ScoreTerms, chosen: number): readonly string[] {
  const facts: string[] = [];
  if (terms.q === null && terms.kept === undefined)
    facts.push("Only the weights of this head are known: its queries and keys were not recorded.");
  if (chosen > 1) facts.push(`head ${terms.head}, the first of ${chosen} chosen`);
  if (terms.shared.length > 1) {
    facts.push(`key-value head ${terms.kv_head} is shared by heads ${formatHeads(terms.shared)}`);
  }
  if (terms.rotary) facts.push("q and k are after rotation (RoPE)");
  const window = data.info.layer === terms.layer ? data.info.window : null;
  if (window !== null) facts.push(`sliding window of ${formatCount(window)} keys`);
  if (data.record.weighting === "norms") facts.push("plain weights here, without the norms of values");
  // Last: the pane goes on with what is kept.
  if (terms.q === null && terms.kept !== undefined)
    facts.push("The snapshot keeps no queries and keys of this head.");
  return facts;
}

/** "it → cat", each kept from turning the other around. */
export function pairOf(data: LayerData, query: number, key: number): string {
  return `${isolate(labelOf(data.queryTokens, query))} → ${isolate(labelOf(data.keyTokens, key))}`;
}

/** The dimensions behind a stripe, and what they hold. */
export function stripeText(terms: KnownTerms, key: number, dimensions: readonly number[]): string {
  const [first] = dimensions;
  if (first === undefined) return "";
  if (dimensions.length === 1) {
    const [q, k] = [terms.q[first] as number, terms.k[key * terms.q.length + first] as number];
    return `dim ${first}: q ${formatTerm(q)} × k ${formatTerm(k)} = ${formatTerm(q * k)}`;
  }
  const sum = dimensions.reduce((total, dimension) => total + productAt(terms, key, dimension), 0);
  return `dims ${dimensions.join(", ")}: q × k ${formatTerm(sum)} together`;
}

/** A key's row for screen readers. */
export function rowText(data: LayerData, terms: ScoreTerms, key: number): string {
  const { error, floor } = terms;
  const name = `key ${key} ${labelOf(data.keyTokens, key)}`;
  const weight = terms.weights[key] as number;
  if (isMasked(weight)) return `${name}: out of reach`;
  const score = terms.scores === null ? "" : `score ${formatTerm(terms.scores[key] as number)}, `;
  return `${name}: ${score}weight ${formatWeight(weight, error, floor)}`;
}
