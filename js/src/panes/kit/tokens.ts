// How a token is named where its label alone is not enough.

import type { LayerData } from "../../core/types";
import { hasPairs } from "../../math/filters";
import type { Tokens } from "../../wire/schema.gen";

export function labelOf(tokens: Tokens, index: number): string {
  return tokens.label[index] ?? "";
}

/** Which text of a pair each position belongs to, 0 or 1; null where there is no pair. */
export interface Segments {
  readonly queries: readonly number[];
  readonly keys: readonly number[];
}

export function segmentsOf({ queryTokens, keyTokens }: LayerData): Segments | null {
  return hasPairs(queryTokens, keyTokens) ? { queries: queryTokens.segment, keys: keyTokens.segment } : null;
}

/** "A" or "B" where a text of the pair begins, else null. */
export function segmentCaption(segments: readonly number[], index: number): string | null {
  if (index > 0 && segments[index] === segments[index - 1]) return null;
  return segments[index] === 1 ? "B" : "A";
}

/** The whole token, for a tooltip: position, label, id and what kind of token it is. */
export function tokenTitle(tokens: Tokens, index: number): string {
  const id = tokens.id[index];
  const kind = tokens.special[index]
    ? " · special token"
    : tokens.continued[index]
      ? " · part of the character before"
      : "";
  return `${labelOf(tokens, index)} · token ${index}${id === null || id === undefined ? "" : ` · id ${id}`}${kind}`;
}
