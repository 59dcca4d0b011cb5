// How true the numbers on screen are, in words.
import { decimal, formatShare } from "../math/format";
import type { Source } from "../transport/types";
import type { OpenMeta, Precision } from "../wire/schema.gen";
import type { LayerData, Pattern } from "./types";

export interface Exactness {
  readonly strong: string;
  readonly text: string;
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

/** A snapshot's weights in a few words: "8-bit snapshot, within .004"; "" where a kernel's are on screen. */
export function describePrecision({ precision }: OpenMeta): string {
  if (precision === undefined) return "";
  const { strong, text } = lossOf(precision);
  return strong + text;
}

function lossOf({ form, error, kept, dropped, dropped_most }: Precision): Exactness {
  if (form === "exact") return { strong: "exact", text: ", from a snapshot" };
  const within = `within ${formatError(error)}`;
  if (form === "dense") return { strong: "8-bit snapshot", text: `, ${within}` };
  const lost = `${formatShare(dropped)} of the weight left out (worst row ${formatShare(dropped_most)})`;
  return { strong: `top-${kept} snapshot`, text: `, ${lost}; the others ${within}` };
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
const PATTERNS = { all: "", some: " · patterns of some heads", none: " · no patterns" } as const;
const TERMS = {
  all: " · rows pointed at are computed exactly",
  some: " · heads with their queries and keys are computed exactly",
  none: "",
} as const;

/** What may be claimed of the numbers on screen. */
export function describeExactness(data: LayerData, source: Source): Exactness {
  const { info, record } = data;
  const { precision } = record;
  const error = Math.max(0, ...data.patterns.map((pattern) => pattern.error));
  const coarse = error > 0 ? ` · drawn in 8 bits, within ${formatError(error)} (≈)` : "";
  const { strong, text } =
    precision === undefined
      ? { strong: "exact", text: source === "live" ? ", from the kernel" : ", recorded, no kernel" }
      : lossOf(precision);
  const lost = precision !== undefined && precision.form !== "exact";
  const end = lost ? PATTERNS[precision.patterns] + TERMS[precision.terms] : coarse;
  if (info.route === "given") {
    const given = "weights from tensors, not recomputed";
    return lost ? { strong, text: `${text} · ${given}` } : { strong: "as given", text: `: ${given}${end}` };
  }
  if (record.exact) return { strong, text: `${text} · eager run: weights equal output_attentions${end}` };
  const fidelity = info.fidelity ?? record.fidelity;
  if (fidelity === null) return { strong: lost ? strong : "unchecked", text: text + end };
  return { strong, text: `${text} · recomputed output within ${formatError(fidelity)} of the model's${end}` };
}
