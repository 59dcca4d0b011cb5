// Metrics of a gallery's record, computed here from its matrices: some of those that a kernel has, and one detector.
import type { Reply } from "../../transport/types";
import { type ArraySpec, MASKED, type MetricInfo, type SiteInfo } from "../../wire/schema.gen";
import type { Matrix } from "./synthetic";

interface Adding {
  readonly views: DataView[];
  add(array: Float32Array | Int32Array, shape: number[]): ArraySpec;
}

export interface MetricsSpec {
  readonly matrix: (layer: number, head: number) => Matrix;
  readonly queries: readonly string[];
  readonly keys: readonly string[];
  /** How many evenly spaced queries are read. */
  readonly sampled: number;
  readonly detectors: readonly string[];
}

/** One query's number for given weights over its visible keys, or null where it has none. */
type Rule = (
  query: number,
  seen: readonly number[],
  weights: readonly number[],
  words: readonly string[],
) => number | null;

const QUERIES = "Queries that see such a key and another one.";

export function info(
  name: string,
  title: string,
  formula: string,
  more: Partial<MetricInfo> = {},
): MetricInfo {
  return {
    name,
    title,
    formula,
    eligible: QUERIES,
    source: "Made by rule for this gallery",
    sinks: "Adds nothing; weights are not renormalised.",
    unit: "share",
    low: 0,
    high: 1,
    counted: "queries",
    own: false,
    ...more,
  };
}

/** The weight on keys that a target names; queries whose keys are all named, or none, have no choice. */
function onto(target: (query: number, key: number, words: readonly string[]) => boolean): Rule {
  return (query, seen, weights, words) => {
    const hit = seen.map((key) => target(query, key, words));
    if (hit.every((one) => one === hit[0])) return null;
    return weights.reduce((sum, weight, index) => sum + (hit[index] ? weight : 0), 0);
  };
}

function clean(word: string | undefined): string {
  return (word ?? "").trim().toLowerCase();
}

const entropy: Rule = (_, seen, weights) => {
  if (seen.length < 2) return null;
  const surprise = weights.reduce((sum, weight) => (weight > 0 ? sum - weight * Math.log(weight) : sum), 0);
  return surprise / Math.log(seen.length);
};

const distance: Rule = (query, seen, weights) =>
  seen.length < 2
    ? null
    : weights.reduce((sum, weight, index) => sum + weight * Math.abs(query - (seen[index] as number)), 0);

const METRICS: readonly (readonly [MetricInfo, Rule])[] = [
  [
    info("entropy", "Entropy", "mean over q of −Σₖ w ln w / ln(number of visible keys)", {
      eligible: "Queries that see at least two keys.",
    }),
    entropy,
  ],
  [
    info("distance", "Mean distance", "mean over q of Σₖ w(q, k) · |q − k|", { unit: "tokens", high: null }),
    distance,
  ],
  [info("previous", "Previous token", "mean over q of w(q, q − 1)"), onto((query, key) => key === query - 1)],
  [info("current", "Current token", "mean over q of w(q, q)"), onto((query, key) => key === query)],
  [info("next", "Next token", "mean over q of w(q, q + 1)"), onto((query, key) => key === query + 1)],
  [info("first", "First token", "mean over q of w(q, 0)"), onto((query, key) => key === 0 && query > 0)],
  [
    info("induction", "Induction", "mean over q of Σₖ w(q, k) where k < q and k − 1 has the same text as q"),
    onto((query, key, words) => key > 0 && key < query && clean(words[key - 1]) === clean(words[query])),
  ],
];

const OWN: Readonly<Record<string, readonly [MetricInfo, Rule]>> = {
  nouns: [
    info("nouns", "Onto nouns", "mean over q of Σₖ w(q, k) · target(q, k)", { source: "you", own: true }),
    onto((_, key, words) => /^(cat|dog|town|home|rain)$/.test(clean(words[key]))),
  ],
};

export function answerMetrics(spec: MetricsSpec, site: SiteInfo, buffers: Adding): Reply<"metrics"> {
  const own = spec.detectors.map((name) => OWN[name]).filter((one) => one !== undefined);
  const all = [...METRICS, ...own];
  const self = site.query_stream === site.key_stream;
  const total = site.layers.reduce((sum, layer) => sum + layer.heads, 0);
  const values = new Float32Array(all.length * total).fill(Number.NaN);
  const baselines = values.slice();
  const counts = new Int32Array(values.length);
  const chosen = Array.from({ length: spec.sampled }, (_, at) =>
    spec.sampled < 2 ? 0 : Math.round((at * (spec.queries.length - 1)) / (spec.sampled - 1)),
  );
  let at = 0;
  for (const { layer, heads } of site.layers) {
    for (let head = 0; head < heads; head++, at++) {
      const { weights, keys } = spec.matrix(layer, head);
      const sums = all.map(() => [0, 0, 0] as [value: number, baseline: number, count: number]);
      for (const query of chosen) {
        const row = weights.subarray(query * keys, (query + 1) * keys);
        const seen = [...row.keys()].filter((key) => row[key] !== MASKED);
        const given = seen.map((key) => row[key] as number);
        if (given.some(Number.isNaN)) continue;
        const even = seen.map(() => 1 / seen.length);
        all.forEach(([{ name }, rule], index) => {
          if (!self && !["entropy", "first"].includes(name)) return;
          const value = rule(query, seen, given, spec.keys);
          const sum = sums[index];
          if (value === null || sum === undefined) return;
          sum[0] += value;
          sum[1] += rule(query, seen, even, spec.keys) ?? 0;
          sum[2] += 1;
        });
      }
      sums.forEach(([value, baseline, count], index) => {
        if (count === 0) return;
        values[index * total + at] = value / count;
        baselines[index * total + at] = baseline / count;
        counts[index * total + at] = count;
      });
    }
  }
  const shape = [all.length, total];
  return {
    meta: {
      site: site.kind,
      layers: site.layers.map(({ layer }) => layer),
      heads: site.layers.map(({ heads }) => heads),
      metrics: all.map(([one]) => one),
      values: buffers.add(values, shape),
      baselines: buffers.add(baselines, shape),
      counts: buffers.add(counts, shape),
      queries: spec.queries.length,
      sampled: spec.sampled,
    },
    buffers: buffers.views,
  };
}
