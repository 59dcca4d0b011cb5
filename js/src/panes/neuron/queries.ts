// The row of query tokens of the neuron view: those around the current one, however many there are.
import type { Tokens } from "../../wire/schema.gen";
import { element, setAttribute } from "../kit/dom";
import { labelOf, tokenTitle } from "../kit/tokens";

export interface QueryHandlers {
  hover(index: number): void;
  hold(index: number): void;
}

/** Tokens that are there at a time, and how near to the last of them one may come. */
const WINDOW = 160;
const MARGIN = 12;

export class QueryRow {
  readonly root = element("div", "ap-queries", {}, "Query");
  readonly #list = element("div", "ap-query-list", {
    role: "listbox",
    "aria-label": "Query token",
    "aria-orientation": "horizontal",
  });
  readonly #handlers: QueryHandlers;
  #tokens: Tokens | null = null;
  #start = 0;
  #current = -1;
  #held: number | null = null;

  constructor(handlers: QueryHandlers, signal: AbortSignal) {
    this.#handlers = handlers;
    this.root.append(this.#list);
    const list = this.#list;
    const indexOf = (event: Event) => {
      const at = [...list.children].indexOf(event.target as Element);
      return at < 0 ? null : this.#start + at;
    };
    list.addEventListener(
      "pointerover",
      (event) => {
        const index = indexOf(event);
        if (index !== null) handlers.hover(index);
      },
      { signal },
    );
    list.addEventListener(
      "click",
      (event) => {
        const index = indexOf(event);
        if (index !== null) handlers.hold(index);
      },
      { signal },
    );
    list.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    list.addEventListener("scroll", () => this.#onScroll(), { signal, passive: true });
  }

  /** Shows which token asks, and which is held; brings the first into sight when it is another than before. */
  show(tokens: Tokens, current: number, held: number | null): void {
    if (tokens === this.#tokens && current === this.#current && held === this.#held) return;
    this.#held = held;
    const count = tokens.label.length;
    const moved = tokens !== this.#tokens || current !== this.#current;
    const most = Math.max(0, count - WINDOW);
    const inside =
      current >= this.#start + (this.#start > 0 ? MARGIN : 0) &&
      current < this.#start + WINDOW - (this.#start < most ? MARGIN : 0);
    this.#current = current;
    if (tokens !== this.#tokens || !inside) {
      this.#tokens = tokens;
      this.#fill(Math.min(most, Math.max(0, current - WINDOW / 2)));
    }
    const focused = this.#list.matches(":focus-within");
    this.#mark();
    const option = this.#option(current);
    if (moved && option !== undefined) {
      this.#reveal(option);
      if (focused && !option.matches(":focus")) option.focus({ preventScroll: true });
    }
  }

  #mark(): void {
    [...this.#list.children].forEach((child, at) => {
      const index = this.#start + at;
      child.classList.toggle("ap-shown", index === this.#current);
      setAttribute(child as HTMLElement, "aria-selected", String(index === this.#held));
      (child as HTMLElement).tabIndex = index === this.#current ? 0 : -1;
    });
  }

  #option(index: number): HTMLElement | undefined {
    return this.#list.children[index - this.#start] as HTMLElement | undefined;
  }

  #fill(start: number): void {
    const tokens = this.#tokens;
    if (tokens === null) return;
    this.#start = start;
    const count = tokens.label.length;
    const old = [...this.#list.children];
    const focused = this.#list.matches(":focus-within");
    const fresh = Array.from({ length: Math.min(WINDOW, count - start) }, (_, at) =>
      this.#make(tokens, start + at),
    );
    this.#list.append(...fresh);
    // Before the old ones go: focus that falls out of the page ends what it shows.
    if (focused) fresh[this.#current - start]?.focus({ preventScroll: true });
    for (const option of old) option.remove();
  }

  #make(tokens: Tokens, index: number): HTMLElement {
    const label = labelOf(tokens, index) || "∅";
    const attributes = {
      role: "option",
      tabindex: index === this.#current ? 0 : -1,
      title: tokenTitle(tokens, index),
      dir: "auto",
      "aria-label": `${label}, token ${index}`,
      "aria-posinset": index + 1,
      "aria-setsize": tokens.label.length,
      "aria-selected": false,
    };
    return element("div", "ap-query", attributes, label);
  }

  /** Scrolls the row, and only it. */
  #reveal(option: HTMLElement): void {
    const list = this.#list;
    const left = option.offsetLeft - list.offsetLeft;
    const room = option.offsetWidth + 32;
    if (left - 32 < list.scrollLeft) list.scrollLeft = left - 32;
    else if (left + room > list.scrollLeft + list.clientWidth)
      list.scrollLeft = left + room - list.clientWidth;
  }

  /** Scrolled to an end of what is there: more of it comes, and what is in sight stays where it is. */
  #onScroll(): void {
    const list = this.#list;
    const most = Math.max(0, (this.#tokens?.label.length ?? 0) - WINDOW);
    const atStart = list.scrollLeft < 40 && this.#start > 0;
    const atEnd = list.scrollLeft + list.clientWidth > list.scrollWidth - 40 && this.#start < most;
    if (!atStart && !atEnd) return;
    const anchor = atStart ? this.#start : this.#start + list.children.length - 1;
    const before = (this.#option(anchor)?.offsetLeft ?? 0) - list.scrollLeft;
    this.#fill(Math.min(most, Math.max(0, this.#start + (atStart ? -1 : 1) * Math.floor(WINDOW / 2))));
    this.#mark();
    list.scrollLeft = (this.#option(anchor)?.offsetLeft ?? 0) - before;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = (this.#tokens?.label.length ?? 0) - 1;
    const to = {
      ArrowLeft: this.#current - 1,
      ArrowUp: this.#current - 1,
      ArrowRight: this.#current + 1,
      ArrowDown: this.#current + 1,
      PageUp: this.#current - 10,
      PageDown: this.#current + 10,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") this.#handlers.hold(this.#current);
    else if (to !== undefined) this.#handlers.hover(Math.min(last, Math.max(0, to)));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
