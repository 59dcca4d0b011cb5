// One column of tokens: buttons in a list, of which only those in sight exist; roving keyboard focus.
import { COLUMN_PAD, columnHeight, rowCentre, rowsInSight, scrollTo } from "../../math/columns";
import type { Range } from "../../math/lines";
import type { Tokens } from "../../wire/schema.gen";
import { element, setAttribute, setText } from "../kit/dom";
import { labelOf, segmentCaption, tokenTitle } from "../kit/tokens";
import type { Side } from "./aim";

export interface ColumnHandlers {
  /** The pointer or the keyboard reached a token, or left the column (null). */
  hover(index: number | null): void;
  hold(index: number): void;
  scrolled(): void;
  /** The keyboard moves to the other column. */
  cross(index: number): void;
}

export interface ColumnPlace {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly row: number;
  readonly indexWidth: number;
  readonly numberWidth: number;
}

/** How one row looks now. */
export interface RowLook {
  /** "focus": the token that the view is about; "echo": the same token in the other column. */
  readonly box: "focus" | "echo" | null;
  readonly tone: "plain" | "strong" | "masked" | "hidden";
  readonly number: string;
  /** Colour of the head that the number belongs to, where there are several. */
  readonly swatch: string | null;
  readonly pressed: boolean;
}

interface Row {
  readonly item: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly index: HTMLElement;
  readonly label: HTMLElement;
  readonly number: HTMLElement;
}

export class TokenColumn {
  readonly scroller: HTMLElement;
  readonly #list: HTMLElement;
  readonly #rows = new Map<number, Row>();
  #tokens: Tokens | null = null;
  #segments: readonly number[] | null = null;
  #place: ColumnPlace | null = null;
  #look: (index: number) => RowLook = () => PLAIN;
  /** The one row that Tab reaches. */
  #current = 0;

  readonly #side: Side;
  readonly #handlers: ColumnHandlers;

  constructor(side: Side, name: string, handlers: ColumnHandlers, signal: AbortSignal) {
    this.#side = side;
    this.#handlers = handlers;
    this.#list = element("div", "ap-list", { role: "list", "aria-label": name });
    this.scroller = element("div", `ap-column ap-column-${side}`, {}, this.#list);
    const listen = { signal };
    this.scroller.addEventListener("scroll", () => handlers.scrolled(), { signal, passive: true });
    this.#list.addEventListener("pointerover", (event) => this.#onHover(event.target), listen);
    this.#list.addEventListener("pointerleave", () => handlers.hover(null), listen);
    this.#list.addEventListener("click", (event) => this.#onClick(event.target), listen);
    this.#list.addEventListener("focusin", (event) => this.#onFocus(event.target), listen);
    this.#list.addEventListener("focusout", () => handlers.hover(null), listen);
    this.#list.addEventListener("keydown", (event) => this.#onKey(event), listen);
  }

  get count(): number {
    return this.#tokens?.label.length ?? 0;
  }

  get scroll(): number {
    return this.scroller.scrollTop;
  }

  get height(): number {
    return this.#place?.height ?? 0;
  }

  scrollBy(pixels: number): void {
    this.scroller.scrollTop += pixels;
  }

  scrollToStart(): void {
    this.scroller.scrollTop = 0;
  }

  /** Whether the column has more rows than it can show. */
  get overflows(): boolean {
    return this.#place !== null && columnHeight(this.count, this.#place.row) > this.#place.height + 1;
  }

  inSight(): Range {
    if (this.#place === null) return { start: 0, end: 0 };
    return rowsInSight(this.scroll, this.#place.height, this.#place.row, this.count);
  }

  layout(tokens: Tokens, place: ColumnPlace, segments: readonly number[] | null = null): void {
    this.#segments = segments;
    if (tokens !== this.#tokens) {
      for (const row of this.#rows.values()) row.item.remove();
      this.#rows.clear();
      this.#current = Math.min(this.#current, Math.max(0, tokens.label.length - 1));
    }
    this.#tokens = tokens;
    this.#place = place;
    const style = this.scroller.style;
    style.left = `${place.left}px`;
    style.top = `${place.top}px`;
    style.width = `${place.width}px`;
    style.height = `${place.height}px`;
    style.setProperty("--row", `${place.row}px`);
    style.setProperty("--index", `${place.indexWidth}px`);
    style.setProperty("--number", `${place.numberWidth}px`);
    this.#list.style.height = `${columnHeight(tokens.label.length, place.row)}px`;
    for (const [index, row] of this.#rows) row.item.style.top = `${COLUMN_PAD + index * place.row}px`;
  }

  /** Makes the rows in sight (and the one that holds the keyboard), drops the others, and gives each its look. */
  render(look: (index: number) => RowLook): void {
    const tokens = this.#tokens;
    const place = this.#place;
    if (tokens === null || place === null) return;
    this.#look = look;
    const sight = rowsInSight(this.scroll, place.height, place.row, this.count, 4);
    for (const [index, row] of this.#rows) {
      if ((index >= sight.start && index < sight.end) || index === this.#current) continue;
      row.item.remove();
      this.#rows.delete(index);
    }
    for (let index = sight.start; index < sight.end; index++) this.#show(index, tokens, place);
    if (this.#current < this.count) this.#show(this.#current, tokens, place);
  }

  /** Brings a row into sight and gives it the keyboard. */
  focusRow(index: number): void {
    if (this.count === 0) return;
    const at = Math.min(this.count - 1, Math.max(0, index));
    this.#makeCurrent(at);
    this.reveal(at);
    this.render(this.#look);
    this.#rows.get(at)?.button.focus({ preventScroll: true });
  }

  reveal(index: number): void {
    const place = this.#place;
    if (place === null) return;
    const scroll = scrollTo(index, place.row, this.scroll, place.height, this.count);
    if (scroll !== this.scroll) this.scroller.scrollTop = scroll;
  }

  /** Brings a row into the middle. */
  centre(index: number): void {
    const place = this.#place;
    if (place !== null && index < this.count)
      this.scroller.scrollTop = rowCentre(index, place.row, 0) - place.height / 2;
  }

  #show(index: number, tokens: Tokens, place: ColumnPlace): void {
    let row = this.#rows.get(index);
    if (row === undefined) {
      row = this.#makeRow(index, tokens, place);
      this.#rows.set(index, row);
      this.#insert(index, row);
    }
    const look = this.#look(index);
    setAttribute(row.button, "data-box", look.box);
    setAttribute(row.button, "data-tone", look.tone);
    setAttribute(row.button, "aria-pressed", look.pressed ? "true" : "false");
    setText(row.number, look.number);
    const hidden = look.tone === "hidden" ? ", hidden by a filter" : "";
    const weight = look.number === "" ? hidden : `, weight ${look.number}`;
    setAttribute(row.button, "aria-label", `${this.#side} ${index}: ${labelOf(tokens, index)}${weight}`);
    row.number.style.setProperty("--swatch", look.swatch ?? "transparent");
    setAttribute(row.number, "data-swatch", look.swatch === null ? null : "");
    row.button.tabIndex = index === this.#current ? 0 : -1;
  }

  #makeRow(index: number, tokens: Tokens, place: ColumnPlace): Row {
    const text = labelOf(tokens, index);
    const number = element("span", "ap-number");
    const position = element("span", "ap-index", { "aria-hidden": true }, String(index));
    const label = element("bdi", "ap-label", {}, text);
    const parts = this.#side === "query" ? [number, position, label] : [label, number, position];
    const button = element(
      "button",
      "ap-token",
      {
        type: "button",
        "data-index": index,
        title: tokenTitle(tokens, index),
      },
      ...parts,
    );
    if (tokens.special[index]) button.dataset.special = "";
    if (tokens.continued[index]) button.dataset.continued = "";
    const item = element(
      "div",
      "ap-row",
      {
        role: "listitem",
        "aria-posinset": index + 1,
        "aria-setsize": this.count,
        ...this.#segmentOf(index),
      },
      button,
    );
    item.style.top = `${COLUMN_PAD + index * place.row}px`;
    return { item, button, index: position, label, number };
  }

  /** Which text of a pair a token belongs to. */
  #segmentOf(index: number): Record<string, string> {
    const segments = this.#segments;
    if (segments === null) return {};
    const caption = segmentCaption(segments, index) ?? "";
    return { "data-segment": String(segments[index]), "data-caption": caption };
  }

  /** Keeps the order of the DOM that of the tokens, for readers that walk it. */
  #insert(index: number, row: Row): void {
    const next = this.#rows.get(index + 1)?.item;
    if (next !== undefined) {
      this.#list.insertBefore(row.item, next);
      return;
    }
    let after: { index: number; item: HTMLElement } | null = null;
    for (const [other, { item }] of this.#rows) {
      if (other > index && (after === null || other < after.index)) after = { index: other, item };
    }
    this.#list.insertBefore(row.item, after?.item ?? null);
  }

  #makeCurrent(index: number): void {
    const before = this.#rows.get(this.#current);
    if (before !== undefined) before.button.tabIndex = -1;
    this.#current = index;
    const now = this.#rows.get(index);
    if (now !== undefined) now.button.tabIndex = 0;
  }

  #indexOf(target: EventTarget | null): number | null {
    const button = target instanceof Element ? target.closest<HTMLElement>(".ap-token") : null;
    return button?.dataset.index === undefined ? null : Number(button.dataset.index);
  }

  #onHover(target: EventTarget | null): void {
    this.#handlers.hover(this.#indexOf(target));
  }

  #onClick(target: EventTarget | null): void {
    const index = this.#indexOf(target);
    if (index === null) return;
    this.#makeCurrent(index);
    this.#handlers.hold(index);
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
    const page = Math.max(1, Math.floor(this.height / (this.#place?.row ?? 1)) - 1);
    const goal: Readonly<Record<string, number>> = {
      ArrowUp: index - 1,
      ArrowDown: index + 1,
      PageUp: index - page,
      PageDown: index + page,
      Home: 0,
      End: this.count - 1,
    };
    const to = goal[event.key];
    if (to !== undefined) this.focusRow(to);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if ((event.key === "ArrowRight") === (this.#side === "query")) this.#handlers.cross(index);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const PLAIN: RowLook = { box: null, tone: "plain", number: "", swatch: null, pressed: false };
