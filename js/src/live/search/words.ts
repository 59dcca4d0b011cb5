// What a search says: how far it is, what a hit is, in words that are true of it.
import { formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import type { Searched, Tokens } from "../../wire/schema.gen";
import type { Found, Hit, Progress } from "./searcher";

/** Tokens before and after the one in question that are written beside it. */
const BEFORE = 4;
const AFTER = 3;
const LONGEST = 40;

export function isEstimate({ read, of }: Hit): boolean {
  return read < of;
}

/** The value of a hit, behind "≈" where only a sample stands behind it. */
export function writeValue(hit: Hit, by: Searched): string {
  // A single query's mass is exact, also where other queries of its head were not read yet.
  return `${isEstimate(hit) && by !== "query" ? "≈" : ""}${formatWeight(hit.value)}`;
}

/** How far the search is. */
export function describeProgress({ phase, found }: Progress): string {
  if (found === null) return phase === "working" ? "Searching …" : "";
  const { sampled, done, total, hits } = found;
  const all = `${formatCount(total)} ${total === 1 ? "head" : "heads"}`;
  if (phase === "done") return `Searched ${all}: exact`;
  const estimate = hits.find(isEstimate);
  const sign = found.asked.args.by === "query" ? "" : " (≈)";
  const others = done === 0 ? "" : "of the others, ";
  const beside =
    estimate === undefined
      ? ""
      : ` · ${others}${formatCount(estimate.read)} of ${formatCount(estimate.of)} queries each${sign}`;
  const so =
    done === 0 && sampled < total
      ? `Sampled ${formatCount(sampled)} of ${all}`
      : `Searched ${formatCount(done)} of ${all}`;
  return `${so}${beside}${phase === "stopped" ? " · stopped" : ""}`;
}

/** What is worth saying aloud: not every slice, only when the sample is through and when all is. */
export function milestone({ phase, found, failed }: Progress): string {
  if (failed !== "") return failed;
  const [best] = found?.hits ?? [];
  if (found === null || phase === "idle") return "";
  if (phase === "done" && best === undefined) return "The search is done: nothing counts.";
  if (best === undefined || found.sampled < found.total) return "";
  const first = `layer ${best.layer}, head ${best.head}`;
  if (phase === "done") return `The search is done. First: ${first}, ${formatWeight(best.value)}.`;
  return `All heads are sampled. First so far: ${first}.`;
}

export interface Context {
  readonly before: string;
  readonly word: string;
  readonly after: string;
}

function clip(text: string, end: "start" | "end"): string {
  const plain = text.replace(/\s+/gu, " ");
  const characters = [...plain];
  if (characters.length <= LONGEST) return plain;
  return end === "start"
    ? `…${characters.slice(-LONGEST).join("")}`
    : `${characters.slice(0, LONGEST).join("")}…`;
}

/** A token with the words around it. */
export function contextOf(tokens: Tokens, index: number): Context {
  const text = (from: number, to: number) =>
    tokens.text
      .slice(Math.max(0, from), to)
      .map((piece, place) => (tokens.special[Math.max(0, from) + place] ? "" : piece))
      .join("");
  const own = tokens.text[index] ?? "";
  const lead = !tokens.special[index] && /^\s/u.test(own) ? " " : "";
  const trail = /^\s/u.test(tokens.text[index + 1] ?? "") ? " " : "";
  return {
    before: `${clip(text(index - BEFORE, index), "start").trimStart()}${lead}`,
    word: isolate(tokens.label[index] ?? ""),
    after: `${trail}${clip(text(index + 1, index + 1 + AFTER), "end").trim()}`,
  };
}

/** A hit in one sentence, for its name and its tooltip. */
export function describeHit(hit: Hit, by: Searched, queries: Tokens, keys: Tokens): string {
  const query = `“${isolate(queries.label[hit.query] ?? "")}” (${formatCount(hit.query)})`;
  const key = `“${isolate(keys.label[hit.key] ?? "")}” (${formatCount(hit.key)})`;
  const head = `Layer ${hit.layer}, head ${hit.head}`;
  const value = writeValue(hit, by);
  const even = `evenly spread it would be ${formatWeight(hit.baseline)}`;
  const sample = isEstimate(hit)
    ? `, sampled ${formatCount(hit.read)} of ${formatCount(hit.of)} queries`
    : "";
  if (by === "query") return `${head}: ${query} gives ${value}, most to ${key}; ${even}${sample}.`;
  const mean = `mean of ${formatCount(hit.count)} ${hit.count === 1 ? "query" : "queries"}`;
  if (by === "key") return `${head}: ${key} gets ${value}, ${mean}, most from ${query}; ${even}${sample}.`;
  const sure = Number.isNaN(hit.margin) ? "" : ` ± ${formatWeight(hit.margin)} at 95 %`;
  return `${head}: ${value}${sure}, ${mean}; most from ${query} to ${key}; ${even}${sample}.`;
}

/** The positions that the hits are at, on the side that was searched. */
export function positionsOf({ hits, asked }: Found): readonly number[] {
  return [...new Set(hits.map(({ query, key }) => (asked.args.flow === "into" ? query : key)))];
}
