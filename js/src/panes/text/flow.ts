// Tokens as running text: one inline element per token, cut into blocks where the text is long.
import { cutText } from "../../math/chunks";
import type { Tokens } from "../../wire/schema.gen";
import { element, setAttribute } from "../kit/dom";
import { labelOf, segmentCaption, tokenTitle } from "../kit/tokens";
import { HIDDEN_CODE, MASKED_CODE, NAN_CODE, PLAIN_CODE } from "./state";

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

export class TokenFlow {
  readonly root: HTMLElement;
  #spans: HTMLElement[] = [];
  #codes = new Uint8Array(0);
  #table: readonly Shade[] | null = null;
  #tokens: Tokens | null = null;
  #current = 0;
  #boxed: HTMLElement | null = null;
  #echoed: HTMLElement | null = null;
  #held: HTMLElement | null = null;
  #labelled: number[] = [];

  readonly #handlers: FlowHandlers;

  constructor(name: string, handlers: FlowHandlers, signal: AbortSignal) {
    this.#handlers = handlers;
    this.root = element("div", "ap-flow", { role: "listbox", "aria-label": name, dir: "auto" });
    const listen = { signal };
    this.root.addEventListener("pointerover", (event) => this.#onHover(event.target), listen);
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
    this.#spans = tokens.text.map((_, index) => makeToken(tokens, index));
    const blocks = cutText(tokens.text);
    this.root.dataset.size =
      this.#spans.length <= 60 ? "large" : this.#spans.length <= 300 ? "medium" : "small";
    this.root.replaceChildren(
      ...blocks.map(({ start, end }) => {
        const block = element("div", "ap-block", { role: "presentation" });
        if (blocks.length > 1) block.dataset.start = String(start);
        for (let index = start; index < end; index++) {
          const span = this.#spans[index];
          if (span === undefined) continue;
          if (segments !== null) {
            span.dataset.segment = String(segments[index]);
            const caption = segmentCaption(segments, index);
            if (caption !== null) block.append(element("span", "ap-segment", {}, caption));
          }
          appendToken(block, span, tokens, index);
        }
        return block;
      }),
    );
    this.#codes = new Uint8Array(this.#spans.length).fill(PLAIN_CODE);
    this.#table = null;
    this.#boxed = null;
    this.#echoed = null;
    this.#held = null;
    this.#labelled = [];
    this.#current = 0;
    this.#makeCurrent(0);
  }

  /** Gives every token its shade; touches only those whose shade is another than before. */
  paint(code: (index: number) => number, table: readonly Shade[]): void {
    const all = table !== this.#table;
    this.#table = table;
    for (let index = 0; index < this.#spans.length; index++) {
      const next = code(index);
      if (!all && this.#codes[index] === next) continue;
      this.#codes[index] = next;
      const span = this.#spans[index] as HTMLElement;
      const shade = table[next];
      span.style.backgroundColor = shade?.background ?? "";
      span.style.color = shade?.ink ?? "";
      setAttribute(span, "data-state", STATES[next] ?? null);
    }
  }

  /** Writes numbers under a few tokens. */
  label(numbers: ReadonlyMap<number, string>): void {
    for (const index of this.#labelled) if (!numbers.has(index)) delete this.#spans[index]?.dataset.weight;
    for (const [index, number] of numbers) {
      const span = this.#spans[index];
      if (span !== undefined) setAttribute(span, "data-weight", number);
    }
    this.#labelled = [...numbers.keys()];
  }

  /** Boxes the token in focus, marks the other token of a cell, and the one that is held. */
  mark(focus: number | null, echo: number | null, held: number | null): void {
    this.#boxed = this.#swap(this.#boxed, focus, "ap-focus");
    this.#echoed = this.#swap(this.#echoed, echo, "ap-echo");
    this.#held?.setAttribute("aria-selected", "false");
    this.#held = held === null ? null : (this.#spans[held] ?? null);
    this.#held?.setAttribute("aria-selected", "true");
  }

  /** Brings a word into sight, without moving the page around the pane. */
  reveal(index: number, scroller: HTMLElement): void {
    const word = this.#spans[index]?.getBoundingClientRect();
    if (word === undefined) return;
    const sight = scroller.getBoundingClientRect();
    if (word.top < sight.top) scroller.scrollTop -= sight.top - word.top + REVEAL_MARGIN;
    else if (word.bottom > sight.bottom) scroller.scrollTop += word.bottom - sight.bottom + REVEAL_MARGIN;
  }

  #swap(before: HTMLElement | null, index: number | null, name: string): HTMLElement | null {
    const now = index === null ? null : (this.#spans[index] ?? null);
    if (now === before) return before;
    before?.classList.remove(name);
    now?.classList.add(name);
    return now;
  }

  #makeCurrent(index: number): void {
    const before = this.#spans[this.#current];
    if (before !== undefined) before.tabIndex = -1;
    this.#current = index;
    const now = this.#spans[index];
    if (now !== undefined) now.tabIndex = 0;
  }

  #indexOf(target: EventTarget | null): number | null {
    const span = target instanceof Element ? target.closest<HTMLElement>(".ap-word") : null;
    return span?.dataset.index === undefined ? null : Number(span.dataset.index);
  }

  #onHover(target: EventTarget | null): void {
    const index = this.#indexOf(target);
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
      const to = this.#goal(event.key, index);
      if (to === null) return;
      this.#makeCurrent(to);
      this.#spans[to]?.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #goal(key: string, index: number): number | null {
    const last = this.#spans.length - 1;
    if (key === "ArrowRight") return Math.min(last, index + 1);
    if (key === "ArrowLeft") return Math.max(0, index - 1);
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key === "ArrowDown") return this.#nextLine(index, 1);
    return key === "ArrowUp" ? this.#nextLine(index, -1) : null;
  }

  /** The token of the next line that lies nearest below (or above) this one. */
  #nextLine(index: number, step: 1 | -1): number {
    const from = this.#spans[index]?.getBoundingClientRect();
    if (from === undefined) return index;
    const middle = (from.left + from.right) / 2;
    let best = index;
    let bestDistance = Number.POSITIVE_INFINITY;
    let line: number | null = null;
    for (let at = index + step; at >= 0 && at < this.#spans.length; at += step) {
      const rect = this.#spans[at]?.getBoundingClientRect();
      if (rect === undefined || (rect.top - from.top) * step < from.height / 2) continue;
      line ??= rect.top;
      if (Math.abs(rect.top - line) > from.height / 2) break;
      const distance = Math.abs((rect.left + rect.right) / 2 - middle);
      if (distance < bestDistance) {
        bestDistance = distance;
        best = at;
      }
    }
    return best;
  }
}

function makeToken(tokens: Tokens, index: number): HTMLElement {
  const span = element("span", "ap-word", {
    "data-index": index,
    role: "option",
    "aria-selected": "false",
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
function appendToken(block: HTMLElement, span: HTMLElement, tokens: Tokens, index: number): void {
  const text = tokens.text[index] ?? "";
  const blank = text.trim() === "";
  const before = blank ? "" : text.slice(0, text.length - text.trimStart().length);
  const after = blank ? text : text.slice(text.trimEnd().length);
  if (before !== "") block.append(before);
  block.append(span);
  if (after !== "") block.append(after);
  if (tokens.special[index]) block.append(" ");
}
