// What the map of the prompt says: of what it is, and what lies under the pointer.
import type { LayerData } from "../../core/types";
import { formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import { decodeWeight } from "../../math/weights";
import { labelOf } from "../../panes/kit/tokens";
import { type Tokens, U8_LEVELS, U8_MASKED } from "../../wire/schema.gen";
import type { StripsState } from "./reader";
import { codeAt, type Strips, strongestAt } from "./strips";

/** The token whose strips these are. */
function sourceOf(strips: Strips, data: LayerData): string {
  const [tokens, verb] =
    strips.direction === "from" ? [data.queryTokens, "From"] : ([data.keyTokens, "To"] as const);
  return `${verb} “${isolate(labelOf(tokens, strips.position))}” ${formatCount(strips.position)}: `;
}

/** What the columns are: of one layer, or of all. */
export function describe(
  { strips, waiting, failed }: StripsState,
  data: LayerData | null,
  all: boolean,
): string {
  if (failed !== "") return failed;
  if (waiting && strips === null) return "reading every head …";
  if (strips === null || data === null) return "Click a word: each column here is a head.";
  const heads = strips.places.filter(({ layer }) => all || layer === data.info.layer).length;
  const dot =
    strips.pooled > 1 ? `a dot: largest of ${formatCount(strips.pooled)} tokens` : "a dot: one token";
  const read =
    strips.read < strips.of ? ` · read ${formatCount(strips.read)} of ${formatCount(strips.of)} queries` : "";
  return `${sourceOf(strips, data)}${heads} ${heads === 1 ? "head" : "heads"} · ${dot}${read}`;
}

/** The token at a place. */
export function describeToken(tokens: Tokens, token: number): string {
  return `token ${formatCount(token)} “${isolate(labelOf(tokens, token))}”`;
}

/** Of the heads behind a column, the one with the largest weight at a pixel, and that weight as far as codes tell. */
export function describePixel(
  strips: Strips,
  column: readonly number[],
  pixel: number,
  count: number,
): string {
  const place = strips.places[strongestAt(strips, column, pixel)];
  const code = codeAt(strips, column, pixel);
  const weight = decodeWeight(code);
  const from = formatCount(pixel * strips.pooled);
  const to = formatCount(Math.min(count, (pixel + 1) * strips.pooled) - 1);
  const where = strips.pooled > 1 ? `largest of tokens ${from} to ${to}` : `token ${from}`;
  const value =
    code === U8_MASKED ? "out of reach" : formatWeight(weight, (Math.sqrt(weight) + 0.002) / U8_LEVELS);
  return `layer ${place?.layer}, head ${place?.head}: ${value} (${where})`;
}
