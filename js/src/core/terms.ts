// How one query's scores come about, as the kernel sends it.
import { readArray } from "../wire/arrays";
import type { ArraySpec, NeuronMeta } from "../wire/schema.gen";
import type { Focus, LayerData, ScoreTerms } from "./types";

/** The query whose scores are asked for: the one in focus, else the last. */
export function queryAsked(data: LayerData, focus: Focus): number {
  const last = data.queryTokens.label.length - 1;
  return Math.min(last, focus.query ?? last);
}

export function readTerms(record: string, meta: NeuronMeta, buffers: readonly DataView[]): ScoreTerms {
  const read = (spec: ArraySpec | null) => (spec === null ? null : readArray(spec, buffers, "f4"));
  const { weights, q, k, bias, scores, ...rest } = meta;
  return {
    ...rest,
    record,
    weights: readArray(weights, buffers, "f4"),
    q: read(q),
    k: read(k),
    bias: read(bias),
    scores: read(scores),
  };
}
