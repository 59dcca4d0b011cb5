// The list of hits: head, bar, value, tokens in their context; one is gone to by a click, Enter, or the next-hit keys.
import type { Palette } from "../../core/types";
import { css } from "../../math/colour";
import { formatCount, formatWeight } from "../../math/format";
import { el, setAttribute, setText } from "../../ui/dom";
import type { Searched, Tokens } from "../../wire/schema.gen";
import type { Found, Hit } from "./searcher";
import { type Context, contextOf, describeHit, writeValue } from "./words";

export interface HitsView {
  readonly found: Found;
  readonly queries: Tokens;
  readonly keys: Tokens;
  readonly palette: Palette;
}

interface Row {
  readonly root: HTMLElement;
  readonly name: HTMLElement;
  readonly swatch: HTMLElement;
  readonly bar: HTMLElement;
  readonly even: HTMLElement;
  readonly value: HTMLElement;
  readonly from: HTMLElement;
  readonly to: HTMLElement;
}

function createRow(): Row {
  const name = el("span", { class: "al-hit-head" });
  const swatch = el("span", { class: "al-hit-swatch", "aria-hidden": "true" });
  const bar = el("span", { class: "al-hit-bar" });
  const even = el("span", { class: "al-hit-even" });
  const value = el("span", { class: "al-hit-value" });
  const from = el("span", { class: "al-hit-words" });
  const to = el("span", { class: "al-hit-words" });
  const root = el(
    "div",
    { class: "al-hit", role: "option", tabindex: "-1", "aria-selected": "false" },
    swatch,
    name,
    el("span", { class: "al-hit-meter", "aria-hidden": "true" }, bar, even),
    value,
    from,
    el("span", { class: "al-hit-arrow", "aria-hidden": "true" }, "→"),
    to,
  );
  return { root, name, swatch, bar, even, value, from, to };
}

function writeWords(
  host: HTMLElement,
  { before, word, after }: Context,
  position: number,
  strong: boolean,
): void {
  const text = `${position} ${before}${word}${after}${strong}`;
  if (host.dataset.text === text) return;
  host.dataset.text = text;
  host.replaceChildren(
    el("span", { class: "al-hit-at" }, formatCount(position)),
    el("bdi", {}, before),
    el(strong ? "b" : "span", { class: "al-hit-word" }, word),
    el("bdi", {}, after),
  );
}

function percent(share: number): string {
  return `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`;
}

export class HitList {
  readonly root = el("div", {
    class: "al-hits",
    role: "listbox",
    "aria-label": "Where the most attention is",
  });
  readonly #rows: Row[] = [];
  readonly #go: (hit: Hit) => void;
  #shown: readonly Hit[] = [];
  #waiting: HitsView | null = null;
  #at = -1;

  constructor(go: (hit: Hit) => void, signal: AbortSignal) {
    this.#go = go;
    const listen = { signal };
    this.root.addEventListener("click", (event) => this.#choose(this.#rowOf(event.target)), listen);
    this.root.addEventListener("keydown", (event) => this.#onKey(event), listen);
    // What one points at must not move away; the newest order comes when the pointer or the focus has left.
    for (const name of ["pointerleave", "focusout"] as const) {
      this.root.addEventListener(name, () => setTimeout(() => this.#catchUp()), listen);
    }
  }

  /** Hits that are shown, and the newest that wait until nothing in the list is pointed at. */
  get waits(): boolean {
    return this.#waiting !== null;
  }

  show(view: HitsView | null): void {
    const same = view !== null && this.#shown.length > 0 && this.#isBusy();
    this.#waiting = same && !this.#isAlike(view.found.hits) ? view : null;
    if (this.#waiting === null) this.#write(view);
  }

  /** Goes to the next hit, or the one before. */
  step(by: 1 | -1): void {
    const { length } = this.#shown;
    if (length === 0) return;
    const from = this.#at < 0 && by < 0 ? 0 : this.#at;
    this.#choose((from + by + length) % length);
  }

  #isBusy(): boolean {
    return this.root.matches(":hover") || this.root.querySelector(":focus") !== null;
  }

  /** Whether the same tokens of the same heads are in the same places. */
  #isAlike(hits: readonly Hit[]): boolean {
    return (
      hits.length === this.#shown.length && hits.every((hit, index) => isSame(hit, this.#shown[index] as Hit))
    );
  }

  #catchUp(): void {
    if (this.#waiting === null || this.#isBusy()) return;
    const view = this.#waiting;
    this.#waiting = null;
    this.#write(view);
  }

  #write(view: HitsView | null): void {
    const chosen = this.#shown[this.#at];
    const hits = view?.found.hits ?? [];
    this.#shown = hits;
    this.#at = chosen === undefined ? -1 : hits.findIndex((hit) => isSame(hit, chosen));
    while (this.#rows.length < hits.length) {
      const row = createRow();
      this.#rows.push(row);
      this.root.append(row.root);
    }
    for (const row of this.#rows.splice(hits.length)) row.root.remove();
    if (view === null) return;
    const { by, flow } = view.found.asked.args;
    const most = Math.max(...hits.map(({ value }) => value), 1e-9);
    hits.forEach((hit, index) => {
      this.#writeRow(this.#rows[index] as Row, hit, view, by, flow, most);
    });
    this.#mark();
  }

  #writeRow(row: Row, hit: Hit, view: HitsView, by: Searched, flow: string, most: number): void {
    const sentence = describeHit(hit, by, view.queries, view.keys);
    setText(row.name, `L${hit.layer} H${hit.head}`);
    row.swatch.style.background = css(view.palette.head(hit.head));
    row.bar.style.width = percent(hit.value / most);
    row.even.style.left = percent(hit.baseline / most);
    row.even.hidden = hit.baseline > most;
    setText(row.value, writeValue(hit, by));
    writeWords(row.from, contextOf(view.queries, hit.query), hit.query, flow === "into" || by === "query");
    writeWords(row.to, contextOf(view.keys, hit.key), hit.key, flow === "out" || by === "key");
    setAttribute(row.root, "aria-label", sentence);
    row.root.title = `${sentence} The tick is at ${formatWeight(hit.baseline)}.`;
  }

  #mark(): void {
    this.#rows.forEach(({ root }, index) => {
      root.setAttribute("aria-selected", String(index === this.#at));
      root.tabIndex = index === Math.max(0, this.#at) ? 0 : -1;
    });
  }

  #rowOf(target: EventTarget | null): number {
    const row = target instanceof Element ? target.closest(".al-hit") : null;
    return this.#rows.findIndex(({ root }) => root === row);
  }

  #choose(index: number): void {
    const hit = this.#shown[index];
    if (hit === undefined) return;
    this.#at = index;
    this.#mark();
    this.#rows[index]?.root.scrollIntoView?.({ block: "nearest" });
    this.#go(hit);
  }

  #onKey(event: KeyboardEvent): void {
    const at = this.#rowOf(event.target);
    const last = this.#rows.length - 1;
    const to = {
      ArrowDown: Math.min(last, at + 1),
      ArrowUp: Math.max(0, at - 1),
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") this.#choose(at);
    else if (to !== undefined) {
      this.#rows.forEach(({ root }, index) => {
        root.tabIndex = index === to ? 0 : -1;
      });
      this.#rows[to]?.root.focus();
    } else return;
    event.preventDefault();
  }
}

function isSame(a: Hit, b: Hit): boolean {
  return a.layer === b.layer && a.head === b.head && a.query === b.query && a.key === b.key;
}
