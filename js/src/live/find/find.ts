// Finding words in the prompt: matches in its text, as ranges of tokens.
import type { Range } from "../../math/lines";

/** The prompt's text, and where each token begins in it. */
export interface Prompt {
  readonly text: string;
  readonly starts: Uint32Array;
}

export function joinTokens(texts: readonly string[]): Prompt {
  const starts = new Uint32Array(texts.length);
  let at = 0;
  texts.forEach((text, token) => {
    starts[token] = at;
    at += text.length;
  });
  return { text: texts.join(""), starts };
}

/** The token that holds the character at `at`: the last that begins there or before, those without text left out. */
function tokenOf(starts: Uint32Array, at: number): number {
  let [from, to] = [0, starts.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((starts[middle] as number) > at) to = middle;
    else from = middle + 1;
  }
  return Math.max(0, from - 1);
}

/**
 * Where the words stand: half-open ranges of tokens, each with at least a part of a match in it, in order.
 *
 * White space in the words matches any white space; letters match both cases unless `exact`. Two matches within one
 * token are one range each.
 */
export function findText({ text, starts }: Prompt, words: string, exact: boolean): readonly Range[] {
  const parts = words.split(/\s+/u).map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const pattern = parts.join("\\s+");
  if (words.trim() === "" || pattern === "") return [];
  const ranges: Range[] = [];
  for (const match of text.matchAll(new RegExp(pattern, exact ? "gu" : "giu"))) {
    const inner = match[0];
    // A space before a word often belongs to its token; it does not make the token before it a part of the match.
    const lead = inner.length - inner.trimStart().length;
    const end = match.index + inner.trimEnd().length;
    ranges.push({ start: tokenOf(starts, match.index + lead), end: tokenOf(starts, end - 1) + 1 });
  }
  return ranges;
}

/** The match at or after a token, the first where there is none behind it. */
export function nextMatch(matches: readonly Range[], token: number): number {
  const at = matches.findIndex(({ end }) => end > token);
  return Math.max(0, at);
}
