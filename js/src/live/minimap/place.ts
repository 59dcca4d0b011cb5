// Where tokens lie on a map of the prompt, and which of them are in sight beside it.
import type { Range } from "../../math/lines";
import type { TokenFlow } from "../../panes/text/flow";

/** The token at a height of the map. */
export function tokenAt(y: number, height: number, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor((y / Math.max(1, height)) * count)));
}

/** The height at which a token begins. */
export function heightOf(token: number, height: number, count: number): number {
  return (token / Math.max(1, count)) * height;
}

/** The frame around the tokens in sight: never so low that it could not be seen. */
export function frameOf(
  { start, end }: Range,
  height: number,
  count: number,
  least = 8,
): { top: number; height: number } {
  const tall = Math.max(least, heightOf(end - start, height, count));
  const top = heightOf((start + end) / 2, height, count) - tall / 2;
  return { top: Math.min(Math.max(0, height - tall), Math.max(0, top)), height: tall };
}

/** Tokens in sight, to about a line: blocks of the text tell where they begin, within them lines are even. */
export function inSight(flow: TokenFlow, scroller: HTMLElement, count: number): Range {
  const blocks = flow.root.children;
  const { top, bottom } = scroller.getBoundingClientRect();
  const rect = (at: number) => (blocks[at] as HTMLElement).getBoundingClientRect();
  const startOf = (at: number) =>
    at < blocks.length ? Number((blocks[at] as HTMLElement).dataset.start ?? 0) : count;
  const at = (y: number) => {
    let [from, to] = [0, blocks.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (rect(middle).bottom > y) to = middle;
      else from = middle + 1;
    }
    if (from === blocks.length) return count;
    const block = rect(from);
    const share = Math.min(1, Math.max(0, (y - block.top) / Math.max(1, block.height)));
    return Math.round(startOf(from) + share * (startOf(from + 1) - startOf(from)));
  };
  const start = Math.min(at(top), Math.max(0, count - 1));
  return { start, end: Math.max(start + 1, at(bottom)) };
}

/** Brings a token into the middle of what is in sight. */
export function centre(flow: TokenFlow, scroller: HTMLElement, token: number): void {
  flow.reveal(token, scroller);
  const word = flow.words.get(token)?.getBoundingClientRect();
  if (word === undefined) return;
  const sight = scroller.getBoundingClientRect();
  scroller.scrollTop += (word.top + word.bottom - sight.top - sight.bottom) / 2;
}
