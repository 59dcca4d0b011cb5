// Cutting a long text into blocks that the browser can lay out and skip one by one.
import type { Range } from "./lines";

/**
 * Cuts token texts into blocks of about `size` tokens.
 *
 * A text of at most `whole` tokens stays in one block. Longer ones are cut after a newline where one is near,
 * else before a token that starts with a space, else where it falls.
 */
export function cutText(texts: readonly string[], size = 256, whole = 800): Range[] {
  const count = texts.length;
  if (count === 0) return [];
  if (count <= whole) return [{ start: 0, end: count }];
  const blocks: Range[] = [];
  let start = 0;
  while (start < count) {
    const end = count - start <= size * 1.5 ? count : cutNear(texts, start + size, Math.floor(size / 2));
    blocks.push({ start, end });
    start = end;
  }
  return blocks;
}

/** A good place to cut within `slack` of `target`: the position of the first token of the next block. */
function cutNear(texts: readonly string[], target: number, slack: number): number {
  for (let d = 0; d < slack; d++) {
    for (const at of [target + d, target - d]) {
      if (texts[at - 1]?.includes("\n")) return Math.min(at, texts.length);
    }
  }
  for (let d = 0; d < slack; d++) if (/^\s/.test(texts[target + d] ?? "")) return target + d;
  return Math.min(target, texts.length);
}
