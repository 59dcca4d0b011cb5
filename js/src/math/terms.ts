// How a score comes about from a query and its keys: products, their sums, their order, and what the equation says.
import { formatLimit, formatWeight } from "./format";
import { isMasked } from "./weights";

/** What the scores of one query are made of: cap(q · k x scaling) + bias. */
export interface KnownTerms {
  /** [d] */
  readonly q: Float32Array;
  /** [keys, d] */
  readonly k: Float32Array;
  readonly scaling: number;
  /** cap(x) is softcap x tanh(x / softcap), or x where there is none. */
  readonly softcap: number | null;
  /** [keys] */
  readonly bias: Float32Array | null;
  /** [keys], from the kernel; not a number where a key is out of reach. */
  readonly scores: Float32Array;
  /** [keys]; masked where a key is out of reach. */
  readonly weights: Float32Array;
}

/** Product of one dimension of the query with that of a key. */
export function productAt({ q, k }: KnownTerms, key: number, dimension: number): number {
  return (q[dimension] as number) * (k[key * q.length + dimension] as number);
}

/** Sum of the products of some dimensions; of all of them if none are named. */
export function sumProducts(terms: KnownTerms, key: number, dimensions?: ArrayLike<number>): number {
  let sum = 0;
  const count = dimensions?.length ?? terms.q.length;
  for (let at = 0; at < count; at++) sum += productAt(terms, key, dimensions?.[at] ?? at);
  return sum;
}

/** What some dimensions, or all, bring to the score: cap and bias come after. */
export function scaledProducts(terms: KnownTerms, key: number, dimensions?: ArrayLike<number>): number {
  return terms.scaling * sumProducts(terms, key, dimensions);
}

/** The score that a sum of products leads to. */
export function scoreFrom(terms: KnownTerms, sum: number, key: number): number {
  const scaled = sum * terms.scaling;
  const { softcap, bias } = terms;
  const capped = softcap === null ? scaled : softcap * Math.tanh(scaled / softcap);
  return capped + (bias?.[key] ?? 0);
}

/** How strong each dimension's product is: of one key, or (`key` null) on average over the keys in reach. */
export function dimensionStrengths(terms: KnownTerms, key: number | null): Float64Array {
  const { q, k, weights } = terms;
  const sums = new Float64Array(q.length);
  for (let at = 0; at < weights.length; at++) {
    if (key === null ? isMasked(weights[at] as number) : at !== key) continue;
    const row = at * q.length;
    for (let d = 0; d < q.length; d++) sums[d] = (sums[d] as number) + Math.abs(k[row + d] as number);
  }
  return sums.map((sum, d) => sum * Math.abs(q[d] as number));
}

/** Dimensions, strongest first; equal ones, and those that are not numbers, in the model's order. */
export function strongestFirst(strengths: ArrayLike<number>): Uint16Array {
  const rank = (d: number) => {
    const strength = strengths[d] as number;
    return Number.isNaN(strength) ? -1 : strength;
  };
  const order = Array.from(strengths, (_, d) => d);
  return Uint16Array.from(order.sort((a, b) => rank(b) - rank(a) || a - b));
}

/** Largest magnitudes of what is drawn; what is not a finite number does not count. */
export interface Ranges {
  readonly q: number;
  readonly k: number;
  readonly product: number;
}

/** The keys' range is over all of them, so that it stays while one walks over queries; the products' over those in reach. */
export function rangesOf({ q, k, weights }: KnownTerms): Ranges {
  // Millions of numbers in a long prompt: plain loops.
  const larger = (most: number, value: number) => {
    const size = Math.abs(value);
    return size > most && size < Number.POSITIVE_INFINITY ? size : most;
  };
  let [forK, product] = [0, 0];
  for (let key = 0; key < weights.length; key++) {
    const reached = !isMasked(weights[key] as number);
    for (let d = 0; d < q.length; d++) {
      const value = k[key * q.length + d] as number;
      forK = larger(forK, value);
      if (reached) product = larger(product, value * (q[d] as number));
    }
  }
  return { q: q.reduce(larger, 0), k: forK, product };
}

export function allFinite(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) if (!Number.isFinite(values[at])) return false;
  return true;
}

/**
 * Relative slack between a score added up here, in double precision, and the kernel's, in float32: rounding of both grows
 * with the products that make the sum up, however much they cancel.
 */
const SLACK = 2e-5;

/** Whether the kernel's score is the one that its terms add up to, as closely as float32 can tell. */
export function addsUp(terms: KnownTerms, key: number): boolean {
  const score = terms.scores[key] as number;
  if (isMasked(terms.weights[key] as number) || Number.isNaN(score)) return true;
  const { q, k } = terms;
  const row = key * q.length;
  let [sum, size] = [0, 0];
  for (let d = 0; d < q.length; d++) {
    const product = (q[d] as number) * (k[row + d] as number);
    sum += product;
    size += Math.abs(product);
  }
  const own = scoreFrom(terms, sum, key);
  const scale = size * Math.abs(terms.scaling) + Math.abs(terms.bias?.[key] ?? 0) + 1;
  return Math.abs(own - score) <= SLACK * scale;
}

/** Lowest and highest of the numbers that count, zero and `also` included. */
export function extent(values: ArrayLike<number>, also = 0): readonly [low: number, high: number] {
  let low = Math.min(0, also);
  let high = Math.max(0, also);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < low && value > Number.NEGATIVE_INFINITY) low = value;
    if (value > high && value < Number.POSITIVE_INFINITY) high = value;
  }
  return [low, high];
}

/** Lowest and highest of the products of all keys in reach, and of the parts that some dimensions have in them. */
export function partsExtent(
  terms: KnownTerms,
  dimensions: ArrayLike<number>,
  also = 0,
): readonly [low: number, high: number] {
  const both: number[] = [];
  for (let key = 0; key < terms.weights.length; key++) {
    if (isMasked(terms.weights[key] as number)) continue;
    both.push(scaledProducts(terms, key), scaledProducts(terms, key, dimensions));
  }
  return extent(both, also);
}

/** A score or one of its terms, with a true minus sign; decimals fewer as it grows. */
export function formatTerm(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  const tiny = size > 0 && size < 0.005;
  const text = tiny ? value.toExponential(0) : value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : 2);
  return text.replaceAll("-", "−");
}

/** The factor on q · k: "1/√64" where it is one over the root of a whole number, else the number. */
export function formatScaling(scaling: number): string {
  const under = 1 / scaling ** 2;
  const whole = Math.round(under);
  if (whole > 1 && Math.abs(under - whole) < 1e-4 * whole && whole <= 65536) return `1/√${whole}`;
  return formatLimit(scaling);
}

/** One step of the equation. */
export interface Step {
  readonly kind: "sum" | "part" | "step" | "score" | "weight" | "warning" | "remark";
  /** What is done, as it is written before the number. */
  readonly sign: string;
  readonly value: string;
}

/** How a key's weight comes about, step by step, each only where the model has it. */
export function equationOf(
  terms: KnownTerms,
  key: number,
  brushed: ArrayLike<number> | null,
  sink: boolean,
): readonly Step[] {
  const sum = sumProducts(terms, key);
  const steps: Step[] = [{ kind: "sum", sign: "Σ q·k", value: formatTerm(sum) }];
  const masked = isMasked(terms.weights[key] as number);
  if (masked) {
    return [...steps, { kind: "remark", sign: "out of reach: masked before the softmax", value: "" }];
  }
  const { scaling, softcap, bias } = terms;
  const step = (sign: string, value: string) => steps.push({ kind: "step", sign, value });
  const capped = scoreFrom({ ...terms, bias: null }, sum, key);
  const score = capped + (bias?.[key] ?? 0);
  if (scaling !== 1) {
    const last = softcap === null && bias === null;
    step(`× ${formatScaling(scaling)}${last ? "" : " ="}`, last ? "" : formatTerm(sum * scaling));
  }
  if (softcap !== null) {
    const last = bias === null;
    step(`→ soft cap ${formatLimit(softcap)}${last ? "" : " ="}`, last ? "" : formatTerm(capped));
  }
  if (bias !== null) {
    const added = bias[key] as number;
    step(`${added < 0 ? "−" : "+"} bias`, formatTerm(Math.abs(added)));
  }
  steps.push({ kind: "score", sign: "= score", value: formatTerm(score) });
  if (!addsUp(terms, key)) {
    const run = formatTerm(terms.scores[key] as number);
    steps.push({ kind: "warning", sign: "but the run's own score is", value: run });
  }
  const weight = formatWeight(terms.weights[key] as number);
  steps.push({ kind: "weight", sign: `→ softmax${sink ? " with sink" : ""}`, value: weight });
  if (brushed !== null) {
    const part = `${formatTerm(scaledProducts(terms, key, brushed))} of ${formatTerm(sum * scaling)}`;
    steps.push({ kind: "part", sign: `· brushed ${brushed.length} of ${terms.q.length} dims:`, value: part });
  }
  return steps;
}
