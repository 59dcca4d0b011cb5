// One token of running text: its element, and the white space around it.
import type { Tokens } from "../../wire/schema.gen";
import { element } from "../kit/dom";
import { labelOf, tokenTitle } from "../kit/tokens";

export function makeToken(tokens: Tokens, index: number): HTMLElement {
  const span = element("span", "ap-word", {
    "data-index": index,
    role: "option",
    "aria-selected": "false",
    "aria-posinset": index + 1,
    "aria-setsize": tokens.text.length,
    tabindex: -1,
    title: tokenTitle(tokens, index),
  });
  const body = visibleBody(tokens, index);
  span.textContent = body;
  if (tokens.special[index]) {
    span.classList.add("ap-special");
    // Its own direction, so that the name of a marker does not decide that of the text.
    span.dir = "ltr";
  }
  if (!tokens.special[index] && body !== (tokens.text[index] ?? "").trim()) span.classList.add("ap-sign");
  return span;
}

/** What stands in the text for the token: its own letters, or its label where it has none. */
function visibleBody(tokens: Tokens, index: number): string {
  const body = (tokens.text[index] ?? "").trim();
  return tokens.special[index] || body === "" ? labelOf(tokens, index) : body;
}

/** Appends the token with the white space around it; that belongs to no token on screen, so that words stay apart. */
export function appendToken(block: HTMLElement, span: HTMLElement, tokens: Tokens, index: number): void {
  const text = tokens.text[index] ?? "";
  const blank = text.trim() === "";
  const before = blank ? "" : text.slice(0, text.length - text.trimStart().length);
  const after = blank ? text : text.slice(text.trimEnd().length);
  if (before !== "") block.append(before);
  block.append(span);
  if (after !== "") block.append(after);
  if (tokens.special[index]) block.append(" ");
}
