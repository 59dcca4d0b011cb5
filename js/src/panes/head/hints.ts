// Points to the strongest tokens that are scrolled out of sight; a click brings them there.

import { element, setAttribute, setText } from "../kit/dom";
import type { Side } from "./aim";

export interface Hint {
  readonly index: number;
  readonly label: string;
  readonly number: string;
}

/** Distance from the pane's edge on the column's side, from its top and bottom, and the largest width. */
export interface HintPlace {
  readonly edge: number;
  readonly top: number;
  readonly bottom: number;
  readonly most: number;
}

export class Hints {
  readonly elements: readonly HTMLElement[];
  readonly #above = element("button", "ap-hint", { type: "button" });
  readonly #below = element("button", "ap-hint", { type: "button" });
  readonly #goals = new Map<HTMLElement, number>();
  #places: Readonly<Record<Side, HintPlace>> | null = null;
  #side: Side = "key";

  constructor(go: (side: Side, index: number) => void, signal: AbortSignal) {
    this.elements = [this.#above, this.#below];
    for (const button of [this.#above, this.#below]) {
      button.hidden = true;
      button.addEventListener(
        "click",
        () => {
          const goal = this.#goals.get(button);
          if (goal !== undefined) go(this.#side, goal);
        },
        { signal },
      );
    }
  }

  place(query: HintPlace, key: HintPlace): void {
    this.#places = { query, key };
  }

  show(side: Side, above: Hint | null, below: Hint | null): void {
    this.#side = side;
    this.#write(this.#above, above, "↑");
    this.#write(this.#below, below, "↓");
    const place = this.#places?.[side];
    if (place === undefined) return;
    this.#above.style.top = `${place.top}px`;
    this.#below.style.bottom = `${place.bottom}px`;
    for (const { style } of [this.#above, this.#below]) {
      style.left = side === "query" ? `${place.edge}px` : "";
      style.right = side === "key" ? `${place.edge}px` : "";
      style.maxWidth = `${place.most}px`;
    }
  }

  #write(button: HTMLElement, hint: Hint | null, arrow: "↑" | "↓"): void {
    button.hidden = hint === null;
    if (hint === null) return;
    this.#goals.set(button, hint.index);
    setText(button, `${arrow} ${hint.label} ${hint.number}`);
    const where = arrow === "↑" ? "above" : "below";
    setAttribute(
      button,
      "aria-label",
      `Show ${this.#side} ${hint.index} ${where}: ${hint.label} ${hint.number}`,
    );
    setAttribute(button, "title", `${this.#side} ${hint.index}, out of sight`);
  }
}
