// All that is worked out once for an answer of the kernel, and once for an order of its dimensions.
import type { ScoreTerms } from "../../core/types";
import {
  addsUp,
  allFinite,
  dimensionStrengths,
  extent,
  type KnownTerms,
  type Ranges,
  rangesOf,
  strongestFirst,
} from "../../math/terms";
import { isMasked, topIndices } from "../../math/weights";

export interface Reading {
  readonly terms: ScoreTerms;
  /** Null where only weights are known. */
  readonly known: KnownTerms | null;
  readonly ranges: Ranges;
  readonly scores: readonly [low: number, high: number];
  readonly heaviest: number;
  /** The key with the largest weight. */
  readonly best: number;
  /** Keys whose score is not what q and k add up to. */
  readonly off: number;
  readonly masked: boolean;
  readonly nan: boolean;
}

export function readingOf(terms: ScoreTerms): Reading {
  const { q, k, scaling, scores, weights, sink, sink_score } = terms;
  const known = q && k && scores && scaling !== null ? { ...terms, q, k, scores, scaling } : null;
  const best = topIndices(weights, 1)[0] ?? 0;
  let off = 0;
  if (known !== null) for (let key = 0; key < weights.length; key++) if (!addsUp(known, key)) off++;
  return {
    terms,
    known,
    ranges: known === null ? { q: 0, k: 0, product: 0 } : rangesOf(known),
    scores: extent(scores ?? [], sink_score ?? 0),
    heaviest: Math.max(sink, weights[best] ?? 0),
    best,
    off,
    masked: weights.some(isMasked),
    nan: known !== null && !(allFinite(known.q) && allFinite(known.k)),
  };
}

/** Dimensions in the order in which they are drawn; worked out again only when something of it is another. */
export class DimensionOrder {
  order: ArrayLike<number> = [];
  /** The key whose products decide, or null for the average over the keys in reach. */
  key: number | null = null;
  sorted = true;
  #known: KnownTerms | null = null;

  /** Returns whether anything is another than before. */
  update(known: KnownTerms, sorted: boolean, key: number | null): boolean {
    if (known === this.#known && sorted === this.sorted && key === this.key) return false;
    Object.assign(this, { sorted, key });
    this.#known = known;
    this.order = sorted
      ? strongestFirst(dimensionStrengths(known, key))
      : Uint16Array.from(known.q, (_, dimension) => dimension);
    return true;
  }

  /** What decides the order, in words. */
  get name(): string {
    if (!this.sorted) return "dimensions in the model's order";
    return `dimensions by ${this.key === null ? "mean |q × k|" : "|q × k| of the held key"}`;
  }
}
