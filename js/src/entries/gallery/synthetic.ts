// Attention that looks like attention, made by rule: deterministic, and the softmax of known scores.
import { MASKED } from "../../wire/schema.gen";

/** Score (before softmax) that a query gives to a key, before noise. */
export type HeadRule = (query: number, key: number, words: readonly string[]) => number;

const STRONG = 7;

function clean(word: string | undefined): string {
  return (word ?? "").trim().toLowerCase();
}

export const previousToken: HeadRule = (query, key) => (key === Math.max(0, query - 1) ? STRONG : 0);

export const firstToken: HeadRule = (_, key) => (key === 0 ? STRONG : 0);

export const sameWord: HeadRule = (query, key, words) => {
  if (key === 0) return 3;
  return key < query && clean(words[key]) === clean(words[query]) ? STRONG : 0;
};

export const induction: HeadRule = (query, key, words) => {
  if (key === 0) return 3;
  return key > 0 && key < query && clean(words[key - 1]) === clean(words[query]) ? STRONG : 0;
};

export const nearby: HeadRule = (query, key) => 3 - 0.35 * Math.abs(query - key);

export const broad: HeadRule = () => 0;

/** Looks from one named token at others; elsewhere at the first token. */
export function named(links: Readonly<Record<number, readonly [key: number, score: number][]>>): HeadRule {
  return (query, key) => {
    const link = links[query]?.find(([at]) => at === key);
    if (link !== undefined) return link[1];
    return key === 0 ? 4.5 : 0;
  };
}

const RULES: readonly HeadRule[] = [previousToken, firstToken, sameWord, induction, nearby, broad];

/** A rule for heads that need no particular one: all kinds take turns. */
export function anyRule(layer: number, head: number): HeadRule {
  return RULES[(layer * 5 + head) % RULES.length] as HeadRule;
}

/** Uniform noise from 0 to 1 that depends on its arguments alone. */
export function noise(...parts: readonly number[]): number {
  let hash = 2166136261;
  for (const part of parts) {
    hash = Math.imul(hash ^ (part + 0x9e37), 16777619);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

export interface Matrix {
  readonly queries: number;
  readonly keys: number;
  /** Weights, MASKED where a key is out of reach. */
  readonly weights: Float32Array;
  /** Scores, not a number where a key is out of reach. */
  readonly scores: Float32Array;
}

export interface MatrixOptions {
  readonly queries: readonly string[];
  readonly keys: readonly string[];
  readonly rule: HeadRule;
  readonly seed: number;
  readonly causal: boolean;
  /** Score of a learned sink, which takes part in the softmax and is no key. */
  readonly sink?: number;
}

/** One head's scores and their softmax. */
export function createMatrix(options: MatrixOptions): Matrix {
  const { queries, keys, rule, seed, causal, sink } = options;
  const weights = new Float32Array(queries.length * keys.length).fill(MASKED);
  const scores = new Float32Array(weights.length).fill(Number.NaN);
  for (let query = 0; query < queries.length; query++) {
    const reach = causal ? query + 1 : keys.length;
    const row = Array.from(
      { length: reach },
      (_, key) => rule(query, key, keys) + 1.6 * noise(seed, query, key) - 0.8,
    );
    const most = Math.max(...row, sink ?? Number.NEGATIVE_INFINITY);
    const exps = row.map((score) => Math.exp(score - most));
    const rest = sink === undefined ? 0 : Math.exp(sink - most);
    const total = exps.reduce((sum, value) => sum + value, rest);
    const start = query * keys.length;
    exps.forEach((value, key) => {
      weights[start + key] = value / total;
      scores[start + key] = row[key] as number;
    });
  }
  return { queries: queries.length, keys: keys.length, weights, scores };
}
