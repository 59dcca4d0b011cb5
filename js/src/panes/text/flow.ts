// Tokens as running text: one inline element per token, of those around what is in sight where the text is long.
import { cutText } from "../../math/chunks";
import type { Range } from "../../math/lines";
import type { Tokens } from "../../wire/schema.gen";
import { element, setAttribute } from "../kit/dom";
import { segmentCaption } from "../kit/tokens";
import { Blocks } from "./blocks";
import { HIDDEN_CODE, MASKED_CODE, NAN_CODE, PLAIN_CODE } from "./state";
import { appendToken, makeToken } from "./token";

export interface FlowHandlers {
  hover(index: number | null): void;
  hold(index: number): void;
}

/** Background and text colour of one shade. */
export interface Shade {
  readonly background: string;
  readonly ink: string;
}

const STATES: Readonly<Record<number, string>> = {
  [MASKED_CODE]: "masked",
  [NAN_CODE]: "nan",
  [HIDDEN_CODE]: "hidden",
};

/** Pixels left free beyond a word that was brought into sight. */
const REVEAL_MARGIN = 24;
/** Tokens of a block. */
const BLOCK = 128;

export class TokenFlow {
  readonly root: HTMLElement;
  /** The elements of those tokens that have one now. */
  readonly words = new Map<number, HTMLElement>();
  readonly #blocks: Blocks;
  #code: (index: number) => number = () => PLAIN_CODE;
  #codes = new Uint8Array(0);
  #table: readonly Shade[] = [];
  #tokens: Tokens | null = null;
  #segments: readonly number[] | null = null;
  #current = 0;
  #focus: number | null = null;
  #echo: number | null = null;
  #held: number | null = null;
  #numbers: ReadonlyMap<number, string> = new Map();

  #pointer = "";

  readonly #handlers: FlowHandlers;

  constructor(name: string, handlers: FlowHandlers, signal: AbortSignal) {
    this.#handlers = handlers;
    this.root = element("div", "ap-flow", { role: "listbox", "aria-label": name, dir: "auto" });
    this.#blocks = new Blocks(
      this.root,
      (node, tokens) => this.#fill(node, tokens),
      ({ start, end }) => {
        for (let index = start; index < end; index++) this.words.delete(index);
      },
    );
    const listen = { signal };
    this.root.addEventListener("pointerover", (event) => this.#onHover(event), listen);
    this.root.addEventListener("pointerleave", () => handlers.hover(null), listen);
    this.root.addEventListener(
      "click",
      (event) => {
        const index = this.#indexOf(event.target);
        if (index === null) return;
        this.#makeCurrent(index);
        handlers.hold(index);
      },
      listen,
    );
    this.root.addEventListener("keydown", (event) => this.#onKey(event), listen);
    this.root.addEventListener("focusin", (event) => this.#onFocus(event.target), listen);
    this.root.addEventListener("focusout", () => handlers.hover(null), listen);
  }

  setTokens(tokens: Tokens, segments: readonly number[] | null = null): void {
    if (tokens === this.#tokens) return;
    this.#tokens = tokens;
    this.#segments = segments;
    const count = tokens.text.length;
    this.root.dataset.size = count <= 60 ? "large" : count <= 300 ? "medium" : "small";
    this.words.clear();
    this.#codes = new Uint8Array(count);
    this.#code = () => PLAIN_CODE;
    this.#focus = null;
    this.#echo = null;
    this.#held = null;
    this.#numbers = new Map();
    this.#current = 0;
    this.#blocks.set(tokens.text, cutText(tokens.text, BLOCK));
  }

  /** Makes the tokens around what is in sight, and lets the others go; true while more of them are to come. */
  render(): boolean {
    return this.#blocks.render(this.#current);
  }

  /** Gives every token its shade; touches only those whose shade is another than before. */
  paint(code: (index: number) => number, table: readonly Shade[]): void {
    const all = table !== this.#table;
    this.#table = table;
    this.#code = code;
    for (const [index, span] of this.words) this.#shade(span, index, all);
  }

  /** Writes numbers under a few tokens. */
  label(numbers: ReadonlyMap<number, string>): void {
    const before = this.#numbers;
    this.#numbers = numbers;
    for (const index of [...before.keys(), ...numbers.keys()]) this.#dress(index);
  }

  /** Boxes the token in focus, marks the other token of a cell, and the one that is held. */
  mark(focus: number | null, echo: number | null, held: number | null): void {
    const before = [this.#focus, this.#echo, this.#held];
    this.#focus = focus;
    this.#echo = echo;
    this.#held = held;
    for (const index of [...before, focus, echo, held]) if (index !== null) this.#dress(index);
  }

  /** Brings a word into sight, without moving the page around the pane. */
  reveal(index: number, scroller: HTMLElement): void {
    this.#blocks.ensure(index);
    const word = this.words.get(index)?.getBoundingClientRect();
    if (word === undefined) return;
    const sight = scroller.getBoundingClientRect();
    const above = word.top - sight.top;
    const below = word.bottom - sight.bottom;
    // What is far comes with the text around it.
    if (Math.max(-above, below) > sight.height) scroller.scrollTop += above - sight.height / 3;
    else if (above < 0) scroller.scrollTop += above - REVEAL_MARGIN;
    else if (below > 0) scroller.scrollTop += below + REVEAL_MARGIN;
    this.#blocks.render(this.#current, index);
  }

  #fill(block: HTMLElement, { start, end }: Range): void {
    const tokens = this.#tokens as Tokens;
    const segments = this.#segments;
    for (let index = start; index < end; index++) {
      const span = makeToken(tokens, index);
      if (segments !== null) {
        span.dataset.segment = String(segments[index]);
        const caption = segmentCaption(segments, index);
        if (caption !== null) block.append(element("span", "ap-segment", {}, caption));
      }
      appendToken(block, span, tokens, index);
      this.words.set(index, span);
      this.#codes[index] = PLAIN_CODE;
      if (index === this.#current) span.tabIndex = 0;
      this.#shade(span, index, false);
    }
    for (const index of [this.#focus, this.#echo, this.#held, ...this.#numbers.keys()])
      if (index !== null) this.#dress(index);
  }

  #shade(span: HTMLElement, index: number, all: boolean): void {
    const next = this.#code(index);
    if (!all && this.#codes[index] === next) return;
    this.#codes[index] = next;
    const shade = this.#table[next];
    span.style.backgroundColor = shade?.background ?? "";
    span.style.color = shade?.ink ?? "";
    setAttribute(span, "data-state", STATES[next] ?? null);
  }

  #dress(index: number): void {
    const span = this.words.get(index);
    if (span === undefined) return;
    span.classList.toggle("ap-focus", index === this.#focus);
    span.classList.toggle("ap-echo", index === this.#echo);
    setAttribute(span, "aria-selected", String(index === this.#held));
    setAttribute(span, "data-weight", this.#numbers.get(index) ?? null);
  }

  #makeCurrent(index: number): void {
    const before = this.words.get(this.#current);
    if (before !== undefined) before.tabIndex = -1;
    this.#current = index;
    const now = this.words.get(index);
    if (now !== undefined) now.tabIndex = 0;
  }

  #indexOf(target: EventTarget | null): number | null {
    const span = target instanceof Element ? target.closest<HTMLElement>(".ap-word") : null;
    return span?.dataset.index === undefined ? null : Number(span.dataset.index);
  }

  #onHover({ target, clientX, clientY }: PointerEvent): void {
    const index = this.#indexOf(target);
    // What moves under a pointer that rests is not pointed at.
    const place = `${clientX} ${clientY}`;
    if (place === this.#pointer) return;
    this.#pointer = place;
    // Between two words of a line the last word stays, so that the picture does not flicker.
    if (index !== null) this.#handlers.hover(index);
  }

  #onFocus(target: EventTarget | null): void {
    const index = this.#indexOf(target);
    if (index === null) return;
    this.#makeCurrent(index);
    if (target instanceof Element && target.matches(":focus-visible")) this.#handlers.hover(index);
  }

  #onKey(event: KeyboardEvent): void {
    const index = this.#indexOf(event.target);
    if (index === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.#handlers.hold(index);
    else {
      const scroller = this.root.parentElement as HTMLElement;
      this.reveal(index, scroller);
      const to = this.#goal(event.key, index, scroller);
      if (to === null) return;
      this.#blocks.ensure(to);
      this.#makeCurrent(to);
      this.reveal(to, scroller);
      this.words.get(to)?.focus({ preventScroll: true });
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #goal(key: string, index: number, scroller: HTMLElement): number | null {
    const last = this.#codes.length - 1;
    const page = scroller.clientHeight;
    if (key === "ArrowRight") return Math.min(last, index + 1);
    if (key === "ArrowLeft") return Math.max(0, index - 1);
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key === "ArrowDown") return this.#below(index, 1, 0);
    if (key === "ArrowUp") return this.#below(index, -1, 0);
    if (key === "PageDown") return this.#below(index, 1, page);
    return key === "PageUp" ? this.#below(index, -1, page) : null;
  }

  /** The token nearest below (or above) this one: on the next line, or on the last one not further than `away`. */
  #below(index: number, step: 1 | -1, away: number): number {
    const own = this.words.get(index);
    if (own === undefined) return index;
    let best = index;
    let bestDistance = Number.POSITIVE_INFINITY;
    let line: number | null = null;
    for (let at = index + step; at >= 0 && at < this.#codes.length; at += step) {
      this.#blocks.ensure(at);
      const from = own.getBoundingClientRect();
      const rect = (this.words.get(at) as HTMLElement).getBoundingClientRect();
      const moved = (rect.top - from.top) * step;
      if (moved < from.height / 2) continue;
      if (line === null || Math.abs(moved - line) > from.height / 2) {
        if (line !== null && moved > away) break;
        line = moved;
        bestDistance = Number.POSITIVE_INFINITY;
      }
      const distance = Math.abs(rect.left + rect.right - from.left - from.right);
      if (distance < bestDistance) {
        bestDistance = distance;
        best = at;
      }
    }
    return best;
  }
}
