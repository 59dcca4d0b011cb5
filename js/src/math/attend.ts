// One row of attention from its query and the keys, as the model computes it.
import { MASKED } from "../wire/schema.gen";

/** What the scores of a row are made of; see `NeuronMeta`. */
export interface RowTerms {
  /** [d] */
  readonly q: Float32Array;
  /** [keys, d] */
  readonly k: Float32Array;
  /** [keys] */
  readonly bias: Float32Array | null;
  readonly scaling: number;
  readonly softcap: number | null;
  readonly sinkScore: number | null;
}

export interface AttendedRow {
  /** [keys]; not a number where the key is out of reach. */
  readonly scores: Float32Array;
  /** [keys]; MASKED where the key is out of reach. */
  readonly weights: Float32Array;
  /** What goes to the learned sink. */
  readonly sink: number;
}

/** Scores and weights over the keys that are `visible`; added up in double precision. */
export function attend(terms: RowTerms, visible: (key: number) => boolean): AttendedRow {
  const { q, k, bias, scaling, softcap } = terms;
  const keys = k.length / q.length;
  const scores = new Float32Array(keys).fill(Number.NaN);
  const sink = terms.sinkScore ?? Number.NEGATIVE_INFINITY;
  let top = sink;
  for (let key = 0; key < keys; key++) {
    if (!visible(key)) continue;
    let score = 0;
    for (let d = 0; d < q.length; d++) score += (q[d] as number) * (k[key * q.length + d] as number);
    score *= scaling;
    if (softcap !== null) score = softcap * Math.tanh(score / softcap);
    score += bias?.[key] ?? 0;
    scores[key] = score;
    // A score that is not a number makes the whole row so, as in the model.
    top = Math.max(top, score);
  }
  const weights = new Float32Array(keys).fill(MASKED);
  let total = Math.exp(sink - top);
  for (let key = 0; key < keys; key++) {
    if (!visible(key)) continue;
    const power = Math.exp((scores[key] as number) - top);
    weights[key] = power;
    total += power;
  }
  for (let key = 0; key < keys; key++)
    if (weights[key] !== MASKED) weights[key] = (weights[key] as number) / total;
  return { scores, weights, sink: Math.exp(sink - top) / total };
}
