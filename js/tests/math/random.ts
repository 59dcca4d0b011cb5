// Repeatable random numbers for tests that try many cases.

import type { Weights } from "../../src/math/weights";
import { MASKED } from "../../src/wire/schema.gen";

/** Numbers from 0 to 1 that depend on the seed alone (multiplicative congruence of Park and Miller). */
export function randomFrom(seed: number): () => number {
  let state = (seed * 7919 + 1) % 2147483647;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

export function integer(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** A causal (or full) pattern whose rows sum to 1. */
export function randomPattern(random: () => number, queries: number, keys: number, causal: boolean): Weights {
  const values = new Float64Array(queries * keys).fill(MASKED);
  for (let query = 0; query < queries; query++) {
    const reach = causal ? Math.min(keys, query + 1) : keys;
    let sum = 0;
    for (let key = 0; key < reach; key++) {
      const value = random() ** 3 + 1e-6;
      values[query * keys + key] = value;
      sum += value;
    }
    for (let key = 0; key < reach; key++)
      values[query * keys + key] = (values[query * keys + key] as number) / sum;
  }
  return { queries, keys, weight: (query, key) => values[query * keys + key] as number };
}

/** A pattern of written-out rows. */
export function patternOf(rows: readonly (readonly number[])[]): Weights {
  return {
    queries: rows.length,
    keys: rows[0]?.length ?? 0,
    weight: (query, key) => rows[query]?.[key] ?? Number.NaN,
  };
}
