// A small layer of data for tests of panes: real types, written-out weights.
import type { LayerData, Pattern } from "../../src/core/types";
import { MASKED, type Tokens } from "../../src/wire/schema.gen";

export function tokensOf(texts: readonly string[], special: readonly number[] = []): Tokens {
  return {
    text: [...texts],
    label: texts.map((text) => text.replace(/^ /, "")),
    id: texts.map((_, index) => 100 + index),
    special: texts.map((_, index) => special.includes(index)),
    continued: texts.map(() => false),
    segment: texts.map(() => 0),
  };
}

export function patternOf(head: number, rows: readonly (readonly number[])[], error = 0): Pattern {
  return {
    head,
    queries: rows.length,
    keys: rows[0]?.length ?? 0,
    error,
    weight: (query, key) => rows[query]?.[key] ?? Number.NaN,
  };
}

export interface SampleOptions {
  readonly error?: number;
  readonly sinks?: boolean;
}

const M = MASKED;

/** Three tokens, two causal heads. */
export function selfData({ error = 0, sinks = false }: SampleOptions = {}): LayerData {
  const tokens = tokensOf(["The", " cat", " sat"]);
  const patterns = [
    patternOf(
      0,
      [
        [1, M, M],
        [0.25, 0.75, M],
        [0.5, 0.25, 0.25],
      ],
      error,
    ),
    patternOf(
      3,
      [
        [0.5, M, M],
        [0.5, 0.25, M],
        [0, 0.75, 0.125],
      ],
      error,
    ),
  ];
  return make(tokens, tokens, patterns, sinks, true);
}

/** Two queries over three other tokens. */
export function crossData(): LayerData {
  const patterns = [
    patternOf(1, [
      [0.5, 0.25, 0.25],
      [0.125, 0.75, 0.125],
    ]),
  ];
  return make(tokensOf(["Die", " Katze"]), tokensOf(["The", " cat", " sat"]), patterns, false, false);
}

function make(
  queryTokens: Tokens,
  keyTokens: Tokens,
  patterns: readonly Pattern[],
  sinks: boolean,
  causal: boolean,
): LayerData {
  const self = queryTokens === keyTokens;
  const info = {
    layer: 2,
    heads: 4,
    kv_heads: 4,
    causal,
    window: null,
    route: "given",
    scores: false,
    sinks,
    rotary: false,
    fidelity: null,
  } as const;
  const site = {
    kind: self ? "decoder" : "cross",
    query_stream: "decoder",
    key_stream: self ? "decoder" : "encoder",
    layers: [info],
  } as const;
  return {
    record: {
      record: "r",
      model: {
        name: "given",
        architecture: "",
        embedded: false,
        dtype: "",
        device: "",
        parameters: null,
      },
      streams: { decoder: queryTokens },
      sites: [{ ...site, layers: [info] }],
      fidelity: null,
      exact: true,
      notes: [],
      head_notes: [],
      predictions: false,
      words: false,
      weighting: "weights",
      can_merge: false,
      can_weigh: false,
    },
    site: { ...site, layers: [info] },
    info,
    queryTokens,
    keyTokens,
    patterns,
    thumbnails: { heads: 4, size: [1, 1], pooled: 3, codes: () => new Uint8Array(1) },
  };
}
