// How one query's scores come about, as the kernel sends it.
import { readArray } from "../wire/arrays";
import type { ArraySpec, NeuronArgs, NeuronMeta } from "../wire/schema.gen";
import { Lru } from "./lru";
import type { Focus, LayerData, ScoreTerms } from "./types";

/** The query whose scores are asked for: the one in focus, else the last. */
export function queryAsked(data: LayerData, focus: Focus): number {
  const last = data.queryTokens.label.length - 1;
  return Math.min(last, focus.query ?? last);
}

/** Reads answers; keeps the keys of heads, which are the same for every query, so that they travel once. */
export class TermsReader {
  readonly #keys: Lru<Float32Array>;

  /** `budget` is in bytes. */
  constructor(budget: number) {
    this.#keys = new Lru(budget);
  }

  /** The arguments to send: without the keys where they are here. */
  argsFor(record: string, args: NeuronArgs): NeuronArgs {
    return this.#keys.get(nameOf(record, args)) === undefined ? args : { ...args, keys: false };
  }

  read(record: string, meta: NeuronMeta, buffers: readonly DataView[]): ScoreTerms {
    const array = (spec: ArraySpec | null) => (spec === null ? null : readArray(spec, buffers, "f4"));
    const { weights, q, k, bias, scores, ...rest } = meta;
    const name = nameOf(record, meta);
    const sent = array(k);
    if (sent !== null) this.#keys.set(name, sent, sent.byteLength);
    return {
      ...rest,
      record,
      weights: readArray(weights, buffers, "f4"),
      q: array(q),
      k: q === null ? null : (sent ?? this.#keys.get(name) ?? null),
      bias: array(bias),
      scores: array(scores),
    };
  }
}

function nameOf(record: string, { site, layer, head }: Omit<NeuronArgs, "query">): string {
  return `${record} ${site} ${layer} ${head}`;
}
