// The line over the text in which words are looked for: how many there are, and which of them is shown.
import type { Range } from "../../math/lines";
import { el, setAttribute, setText } from "../../ui/dom";
import { findText, joinTokens, nextMatch, type Prompt } from "./find";

export interface FindEvents {
  /** Other matches, or another of them, are to be marked; `at` is -1 where none is shown. */
  changed(matches: readonly Range[], at: number): void;
  /** This match is to be brought into sight. */
  show(match: Range): void;
  /** The attention into and out of this match is asked for. */
  search(match: Range): void;
  closed(): void;
  /** The token from which on the first match is sought. */
  from(): number;
}

function button(label: string, text: string, title = label): HTMLButtonElement {
  return el("button", { type: "button", class: "al-find-button", "aria-label": label, title }, text);
}

export class FindBar {
  readonly root: HTMLElement;
  readonly #input = el("input", {
    type: "text",
    class: "al-find-input",
    "aria-label": "Find in the prompt",
    placeholder: "Find in the prompt",
    spellcheck: "false",
    autocomplete: "off",
    dir: "auto",
  });
  readonly #exact = button("Match case", "Aa");
  readonly #count = el("span", { class: "al-find-count", role: "status", "aria-live": "polite" });
  readonly #before = button("Previous match", "↑", "Previous match (Shift+Enter)");
  readonly #after = button("Next match", "↓", "Next match (Enter)");
  readonly #search = el(
    "button",
    {
      type: "button",
      class: "al-find-button",
      title: "Which heads look from elsewhere at these words, or from them elsewhere",
    },
    "Search attention",
  );
  readonly #events: FindEvents;
  #texts: readonly string[] = [];
  #prompt: Prompt | null = null;
  #matches: readonly Range[] = [];
  #at = -1;

  constructor(events: FindEvents, signal: AbortSignal) {
    this.#events = events;
    const close = button("Close the search of the prompt", "×", "Close (Esc)");
    setAttribute(this.#exact, "aria-pressed", "false");
    this.root = el(
      "div",
      { class: "al-find", role: "search", "aria-label": "Find in the prompt", hidden: true },
      this.#input,
      this.#exact,
      this.#count,
      this.#before,
      this.#after,
      this.#search,
      close,
    );
    const listen = { signal };
    this.#input.addEventListener("input", () => this.#find(true), listen);
    this.#exact.addEventListener(
      "click",
      () => {
        setAttribute(
          this.#exact,
          "aria-pressed",
          String(this.#exact.getAttribute("aria-pressed") !== "true"),
        );
        this.#find(true);
      },
      listen,
    );
    this.#before.addEventListener("click", () => this.step(-1), listen);
    this.#after.addEventListener("click", () => this.step(1), listen);
    close.addEventListener("click", () => this.close(), listen);
    this.#search.addEventListener(
      "click",
      () => {
        const match = this.#matches[this.#at];
        if (match !== undefined) events.search(match);
      },
      listen,
    );
    this.root.addEventListener("keydown", (event) => this.#onKey(event), listen);
    this.#write();
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(): void {
    this.root.hidden = false;
    this.#input.focus();
    this.#input.select();
    this.#find(false);
  }

  close(): void {
    if (!this.isOpen) return;
    this.root.hidden = true;
    this.#matches = [];
    this.#at = -1;
    this.#events.changed([], -1);
    this.#events.closed();
  }

  /** The prompt that is on screen now. */
  setTokens(texts: readonly string[]): void {
    if (texts === this.#texts) return;
    this.#texts = texts;
    this.#prompt = null;
    if (this.isOpen) this.#find(false);
  }

  /** Shows the next match, or the one before. */
  step(by: 1 | -1): void {
    const { length } = this.#matches;
    if (length === 0) return;
    this.#show((this.#at + by + length) % length);
  }

  #find(show: boolean): void {
    this.#prompt ??= joinTokens(this.#texts);
    this.#matches = findText(
      this.#prompt,
      this.#input.value,
      this.#exact.getAttribute("aria-pressed") === "true",
    );
    this.#at = this.#matches.length === 0 ? -1 : nextMatch(this.#matches, this.#events.from());
    if (show && this.#at >= 0) this.#show(this.#at);
    else {
      this.#events.changed(this.#matches, this.#at);
      this.#write();
    }
  }

  #show(at: number): void {
    this.#at = at;
    this.#events.changed(this.#matches, at);
    this.#events.show(this.#matches[at] as Range);
    this.#write();
  }

  #write(): void {
    const { length } = this.#matches;
    const none = this.#input.value.trim() === "" ? "" : "not found";
    setText(this.#count, length === 0 ? none : `${this.#at + 1} of ${length}`);
    for (const one of [this.#before, this.#after, this.#search]) one.disabled = length === 0;
  }

  #onKey(event: KeyboardEvent): void {
    // Enter that ends an input method's composition chooses a character.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && event.target === this.#input) this.step(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
