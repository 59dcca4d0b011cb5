// How a token is named where its label alone is not enough.
import type { Tokens } from "../../wire/schema.gen";

export function labelOf(tokens: Tokens, index: number): string {
  return tokens.label[index] ?? "";
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
