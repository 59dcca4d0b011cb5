// Which tokens of a text carry a mark: found words, the one that is shown, and what is chosen.
import type { Range } from "../../math/lines";

export const NO_MARK = 0;
const NAMES = [null, "hit", "now", "span"] as const;

/** A mark's code per token: what is shown wins over what is found, and that over what is chosen. */
export function markTokens(
  count: number,
  hits: readonly Range[],
  now: Range | null,
  span: Range | null,
): Uint8Array {
  const codes = new Uint8Array(count);
  if (span !== null) codes.fill(3, span.start, span.end);
  for (const { start, end } of hits) codes.fill(1, start, end);
  if (now !== null) codes.fill(2, now.start, now.end);
  return codes;
}

/** Gives each word that is there its mark. */
export function applyMarks(words: ReadonlyMap<number, HTMLElement>, codes: Uint8Array): void {
  for (const [token, word] of words) {
    const name = NAMES[codes[token] ?? NO_MARK] ?? undefined;
    if (word.dataset.mark === name) continue;
    if (name === undefined) delete word.dataset.mark;
    else word.dataset.mark = name;
  }
}
