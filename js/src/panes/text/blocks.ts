// A long text as blocks, one below the other: those around what is in sight have content, the others only their height.
import type { Range } from "../../math/lines";
import { element } from "../kit/dom";

/** Blocks that are filled in one go at most, whatever the layout says. */
const MOST = 12;
/** Letters that a line break is worth, when heights are guessed. */
const LINE = 40;

interface Block extends Range {
  readonly node: HTMLElement;
  /** Letters in it, about. */
  readonly size: number;
}

export class Blocks {
  #blocks: readonly Block[] = [];
  readonly #full = new Set<Block>();
  #width = 0;

  readonly #root: HTMLElement;
  readonly #fill: (node: HTMLElement, tokens: Range) => void;
  readonly #drop: (tokens: Range) => void;

  /** `fill` puts tokens into a block's element, `drop` hears of those that are gone again. */
  constructor(
    root: HTMLElement,
    fill: (node: HTMLElement, tokens: Range) => void,
    drop: (tokens: Range) => void,
  ) {
    this.#root = root;
    this.#fill = fill;
    this.#drop = drop;
  }

  /** Begins anew, with the first block alone filled. */
  set(texts: readonly string[], cuts: readonly Range[]): void {
    this.#full.clear();
    this.#width = 0;
    this.#blocks = cuts.map(({ start, end }) => {
      const node = element("div", "ap-block", { role: "presentation" });
      if (cuts.length > 1) node.dataset.start = String(start);
      let size = LINE;
      for (let at = start; at < end; at++) {
        const text = texts[at] as string;
        size += text.includes("\n") ? LINE : text.length;
      }
      return { start, end, node, size };
    });
    this.#root.replaceChildren(...this.#blocks.map(({ node }) => node));
    this.ensure(0);
  }

  /** Makes sure that the token has its element. */
  ensure(token: number): void {
    const block = this.#blocks[this.#where((one) => one.end > token)];
    if (block !== undefined) this.#show(block);
  }

  /**
   * Fills what is in sight and one block more on each side, and empties what is far; true while more is to come.
   *
   * The first block in sight, or that of the token `anchor`, stays where it is on screen. The block of `keep` stays.
   */
  render(keep: number, anchor?: number): boolean {
    const scroller = this.#root.parentElement;
    if (scroller === null || this.#blocks.length < 2) return false;
    const sight = scroller.getBoundingClientRect();
    const first = this.#where(({ node }) => node.getBoundingClientRect().bottom > sight.top);
    const kept = this.#where(({ end }) => end > keep);
    const fixed = this.#blocks[anchor === undefined ? first : this.#where(({ end }) => end > anchor)];
    const top = fixed?.node.getBoundingClientRect().top ?? 0;
    if (this.#width !== this.#root.clientWidth) this.#guess();
    const isNear = (block: Block | undefined, reach: number): boolean => {
      if (block === undefined) return false;
      const { top: from, bottom } = block.node.getBoundingClientRect();
      return from < sight.bottom + reach && bottom > sight.top - reach;
    };
    let last = first;
    while (last < first + MOST && isNear(this.#blocks[last], 0)) {
      this.#show(this.#blocks[last] as Block);
      last++;
    }
    let more = false;
    for (const beside of [this.#blocks[last], this.#blocks[first - 1]])
      if (isNear(beside, sight.height)) more = this.#show(beside as Block) || more;
    for (const block of [...this.#full]) {
      if (block === this.#blocks[kept] || isNear(block, 2 * sight.height)) continue;
      this.#full.delete(block);
      block.node.style.height = `${block.node.getBoundingClientRect().height}px`;
      block.node.replaceChildren();
      this.#drop(block);
    }
    const moved = (fixed?.node.getBoundingClientRect().top ?? 0) - top;
    if (moved !== 0) scroller.scrollTop += moved;
    return more;
  }

  /** The first block of which `is` holds; it holds of all behind it. */
  #where(is: (block: Block) => boolean): number {
    let [from, to] = [0, this.#blocks.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (is(this.#blocks[middle] as Block)) to = middle;
      else from = middle + 1;
    }
    return from;
  }

  #show(block: Block): boolean {
    if (this.#full.has(block)) return false;
    this.#full.add(block);
    block.node.style.height = "";
    this.#fill(block.node, block);
    return true;
  }

  /** Heights of empty blocks, from those that are filled. */
  #guess(): void {
    this.#width = this.#root.clientWidth;
    let [height, size] = [0, 0];
    for (const block of this.#full) {
      height += block.node.getBoundingClientRect().height;
      size += block.size;
    }
    for (const { node, size: own } of this.#blocks)
      if (node.firstChild === null) node.style.height = `${(own * height) / size}px`;
  }
}
