// The grid of all heads as an element: it scrolls, is pointed at, and is moved over by keys.

import type { Palette } from "../../core/types";
import { drawOverview, type OverviewData } from "../../draw/overview";
import { prepare } from "../../draw/surface";
import type { Arrangement, Place } from "../../math/arrange";
import { cornerOf, type Overview, type Spot, scrollTo, spotAt, stepTo } from "../../math/overview";
import { createIds } from "../../ui/dom";
import { element, setAttribute } from "./dom";

export interface GridActions {
  /** A click or the space bar. */
  open(place: Place): void;
  /** A double click or Enter. */
  enter(place: Place): void;
  /** Shift and click, or "p". */
  pin(place: Place): void;
  redraw(): void;
}

export class HeadGrid {
  readonly root: HTMLElement;
  readonly canvas = element("canvas", "ap-model-canvas", { "aria-hidden": true });
  readonly #cell = element("div", "ap-model-cell", { role: "gridcell" });
  readonly #line = element("div", "", { role: "row" }, this.#cell);
  readonly #extent = element("div", "ap-model-extent", { role: "presentation" }, this.canvas, this.#line);
  readonly #actions: GridActions;
  #arrangement: Arrangement | null = null;
  #grid: Overview | null = null;
  #pointed: Spot | null = null;
  #cursor: Spot = { row: 0, head: 0 };

  constructor(label: string, actions: GridActions, signal: AbortSignal) {
    this.#actions = actions;
    this.#cell.id = createIds()("cell");
    this.root = element(
      "div",
      "ap-model-scroll",
      {
        role: "grid",
        tabindex: 0,
        "aria-label": label,
        "aria-readonly": true,
        "aria-activedescendant": this.#cell.id,
      },
      this.#extent,
    );
    this.#listen(signal);
  }

  get grid(): Overview | null {
    return this.#grid;
  }

  get arrangement(): Arrangement | null {
    return this.#arrangement;
  }

  /** The head under the pointer. */
  get pointed(): Place | null {
    return this.#placeOf(this.#pointed);
  }

  /** The head under the pointer, or at the cursor while keys are used; null while neither is. */
  get looked(): Place | null {
    return this.pointed ?? (this.#keyed() ? this.cursor : null);
  }

  get cursor(): Place | null {
    return this.#placeOf(this.#cursor);
  }

  set(arrangement: Arrangement, grid: Overview): void {
    const was = this.cursor;
    this.#arrangement = arrangement;
    this.#grid = grid;
    this.#pointed = null;
    // The cursor stays on its head when heads change places; where that is gone, in its layer.
    const row = arrangement.layers === null ? 0 : Math.min(was?.row ?? 0, arrangement.counts.length - 1);
    this.#cursor = (was && arrangement.find(was)) ?? { row: Math.max(0, row), head: 0 };
    this.#extent.style.width = `${grid.extent.width}px`;
    this.#extent.style.height = `${grid.extent.height}px`;
    setAttribute(this.root, "aria-rowcount", String(arrangement.counts.length));
    setAttribute(this.root, "aria-colcount", String(grid.columns));
  }

  /** Moves the cursor to a head and brings it into sight; nothing where it is not shown. */
  goTo(place: Place): void {
    const spot = this.#arrangement?.find(place) ?? null;
    if (spot === null) return;
    this.#cursor = spot;
    this.#reveal(spot);
  }

  draw(data: Omit<OverviewData, "layers" | "columns" | "pointed" | "cursor">, theme: Palette): void {
    const [grid, arrangement] = [this.#grid, this.#arrangement];
    if (grid === null || arrangement === null) return;
    const sight = this.#window();
    this.canvas.style.width = `${sight.width}px`;
    this.canvas.style.height = `${sight.height}px`;
    const context = prepare(this.canvas, sight.width, sight.height, window.devicePixelRatio || 1);
    if (context === null) return;
    const { layers, columns } = arrangement;
    const cursor = this.#keyed() && arrangement.total > 0 ? this.#cursor : null;
    drawOverview(
      context,
      { ...data, layers, columns, pointed: this.#pointed, cursor },
      { grid, ...sight },
      theme,
    );
  }

  /** Gives the cell at the cursor its place and its words. */
  speak(name: string, description: string, selected: boolean): void {
    const grid = this.#grid;
    if (grid === null) return;
    const { row, head } = this.#cursor;
    const { x, y } = cornerOf(grid, this.#cursor);
    Object.assign(this.#cell.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${grid.width}px`,
      height: `${grid.height}px`,
    });
    setAttribute(this.#line, "aria-rowindex", String(row + 1));
    setAttribute(this.#cell, "aria-colindex", String(head + 1));
    setAttribute(this.#cell, "aria-label", name);
    setAttribute(this.#cell, "aria-description", description === "" ? null : description);
    setAttribute(this.#cell, "aria-selected", String(selected));
  }

  focus(): void {
    this.root.focus({ preventScroll: true });
  }

  #placeOf(spot: Spot | null): Place | null {
    return spot && (this.#arrangement?.at(spot) ?? null);
  }

  #keyed(): boolean {
    return this.root.matches(":focus-visible");
  }

  #window() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.root;
    return { x: scrollLeft, y: scrollTop, width: clientWidth, height: clientHeight };
  }

  #reveal(spot: Spot): void {
    if (this.#grid === null) return;
    const to = scrollTo(this.#grid, spot, this.#window());
    this.root.scrollTo(to.x, to.y);
  }

  #point(spot: Spot | null): void {
    if (spot?.row === this.#pointed?.row && spot?.head === this.#pointed?.head) return;
    this.#pointed = spot;
    this.root.style.cursor = spot === null ? "" : "pointer";
    this.#actions.redraw();
  }

  #under(event: MouseEvent): Spot | null {
    const { root } = this;
    const box = root.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (this.#grid === null || x < this.#grid.left || y < this.#grid.top) return null;
    if (x >= root.clientWidth || y >= root.clientHeight) return null;
    return spotAt(this.#grid, x + root.scrollLeft, y + root.scrollTop);
  }

  #listen(signal: AbortSignal): void {
    const { root } = this;
    const { open, enter, pin, redraw } = this.#actions;
    root.addEventListener("pointermove", (event) => this.#point(this.#under(event)), { signal });
    root.addEventListener("pointerleave", () => this.#point(null), { signal });
    root.addEventListener("scroll", redraw, { signal, passive: true });
    for (const type of ["focus", "blur"]) root.addEventListener(type, redraw, { signal });
    root.addEventListener(
      "click",
      (event) => {
        const spot = this.#under(event);
        const place = this.#placeOf(spot);
        if (spot === null || place === null) return;
        this.#cursor = spot;
        (event.shiftKey ? pin : open)(place);
      },
      { signal },
    );
    root.addEventListener(
      "dblclick",
      (event) => {
        const place = this.#placeOf(this.#under(event));
        if (place !== null && !event.shiftKey) enter(place);
      },
      { signal },
    );
    root.addEventListener("keydown", (event) => this.#onKey(event), { signal });
  }

  #onKey(event: KeyboardEvent): void {
    const grid = this.#grid;
    if (event.ctrlKey || event.metaKey || event.altKey || grid === null) return;
    const { open, enter, pin, redraw } = this.#actions;
    const act = { Enter: enter, " ": open, p: pin }[event.key];
    if (act !== undefined) {
      event.preventDefault();
      const place = this.cursor;
      if (place !== null) act(place);
      return;
    }
    const page = Math.floor((this.root.clientHeight - grid.top) / (grid.height + grid.below + 4)) - 1;
    const next = stepTo(grid, this.#cursor, event.key, Math.max(1, page));
    if (next === null) return;
    event.preventDefault();
    this.#cursor = next;
    this.#pointed = null;
    this.#reveal(next);
    redraw();
  }
}
