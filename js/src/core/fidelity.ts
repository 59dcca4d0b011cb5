// How true the numbers on screen are, in words.
import { decimal, formatShare } from "../math/format";
import type { Source } from "../transport/types";
import type { OpenMeta, Precision } from "../wire/schema.gen";
import type { LayerData, Pattern } from "./types";

export interface Exactness {
  readonly strong: string;
  readonly text: string;
  /** What there is no room for. */
  readonly more?: string;
}

/** "4e-7", ".02". */
export function formatError(error: number): string {
  if (error === 0) return "0";
  return error < 0.001 ? error.toExponential(0) : decimal(error, 3).replace(/0+$/, "");
}

/** Whether a snapshot answers: what needs a kernel cannot be had then. */
export function isSnapshot({ precision }: OpenMeta): boolean {
  return precision !== undefined;
}

function lossOf(precision: Precision): Exactness {
  const { form, error, kept, dropped, dropped_most, patterns, rows, sampled } = precision;
  if (rows)
    return {
      strong: "long prompt",
      text: `: a snapshot of thumbnails (${sampled} queries sampled) and the rows of tokens ${rows.join(", ")}`,
      more: ` (the ${kept} largest weights of each, exactly); the rest needs a kernel`,
    };
  if (patterns === "none") return { strong: "no patterns", text: ": a snapshot of thumbnails and metrics" };
  if (form === "exact") return { strong: "exact", text: ", from a snapshot" };
  const within = `within ${formatError(error)}`;
  if (form === "dense") return { strong: "8-bit snapshot", text: `, ${within}` };
  const text = `, ${formatShare(dropped)} left out (worst row ${formatShare(dropped_most)})`;
  return { strong: `top-${kept} snapshot`, text, more: `; the others ${within}` };
}

const floors = new WeakMap<Pattern, number>();

/** The most that any weight which a snapshot left out of a pattern can be; 0 where it is whole. */
export function mostLeftOut(pattern: Pattern): number {
  const { floor, queries } = pattern;
  if (floor === undefined) return 0;
  let most = floors.get(pattern) ?? -1;
  if (most < 0) for (let query = 0; query < queries; query++) most = Math.max(most, floor(query));
  floors.set(pattern, most);
  return most;
}

/** What a snapshot left out of the patterns on screen, in a few words; "" where they are whole. */
export function describeLeftOut({ patterns, record }: LayerData): string {
  if (record.precision?.rows) return "patterns of long prompts need a kernel";
  let lost = 0;
  let rows = 0;
  for (const pattern of patterns) {
    const { rest, queries } = pattern;
    if (rest === undefined || mostLeftOut(pattern) === 0) continue;
    rows += queries;
    for (let query = 0; query < queries; query++) lost += rest(query);
  }
  if (rows === 0 || lost === 0) return "";
  if (patterns.every((pattern) => mostLeftOut(pattern) === 1))
    return "the snapshot has no pattern of this head";
  const kept = record.precision?.kept;
  return `the ${kept} largest of each row kept, ${formatShare(lost / rows)} of the weight left out`;
}

/** Of how many heads a snapshot has patterns, and computes rows anew. */
const PATTERNS = { all: "", some: " · patterns of some heads only", none: "" } as const;
const TERMS = {
  all: " · rows pointed at are computed exactly",
  some: " · heads with their queries and keys are computed exactly",
  none: "",
} as const;

/** What may be claimed of a snapshot's numbers on screen. */
function describeSnapshot({ patterns }: LayerData, precision: Precision): Exactness {
  const { strong, text, more = "" } = lossOf(precision);
  const also = PATTERNS[precision.patterns] + TERMS[precision.terms];
  const whole = patterns.every((pattern) => pattern.error + mostLeftOut(pattern) === 0);
  if (strong === "exact" || !whole || patterns.length === 0 || precision.rows)
    return { strong, text, more: more + also };
  return { strong: "exact", text: ` for these heads, in a ${strong}`, more: text + more + also };
}

/** What may be claimed of the numbers on screen. */
export function describeExactness(data: LayerData, source: Source): Exactness {
  const { info, record } = data;
  const { precision } = record;
  const error = Math.max(0, ...data.patterns.map((pattern) => pattern.error));
  const coarse = error > 0 ? ` · drawn in 8 bits, within ${formatError(error)} (≈)` : "";
  const given = info.route === "given";
  const fidelity = info.fidelity ?? record.fidelity;
  const origin = given
    ? "weights from tensors, not recomputed"
    : record.exact
      ? "eager run: weights equal output_attentions"
      : fidelity === null
        ? ""
        : `recomputed output within ${formatError(fidelity)} of the model's`;
  const run = origin && ` · ${origin}`;
  if (precision !== undefined) {
    const { strong, text, more = "" } = describeSnapshot(data, precision);
    const claim = strong !== "exact" ? strong : given ? "as given" : run === "" ? "unchecked" : strong;
    return { strong: claim, text, more: more + run };
  }
  if (given) return { strong: "as given", text: `: ${origin}${coarse}` };
  const from = source === "live" ? ", from the kernel" : ", recorded, no kernel";
  return { strong: run === "" ? "unchecked" : "exact", text: from + run + coarse };
}
