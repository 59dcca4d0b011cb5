// The model pane: every head of every layer as a small picture; one of them opens in place.
import { createPattern } from "../../core/pattern";
import type { CreatePane, Explorer, ModelThumbnails, Pattern } from "../../core/types";
import { drawHatchArea } from "../../draw/hatch";
import { codeColours, drawOverview, paintCodes, type Strip } from "../../draw/overview";
import { prepare } from "../../draw/surface";
import { decimal, formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import {
  cornerOf,
  layOut,
  type Overview,
  type Spot,
  scrollTo,
  shrink,
  spotAt,
  stepTo,
} from "../../math/overview";
import { createIds, follow } from "../../ui/dom";
import { MAX_SEARCH, strongestLinks } from "../../ui/reading";
import { U8_LEVELS, U8_MASKED, U8_NAN } from "../../wire/schema.gen";
import { element, onFrame, onResize, setAttribute, setText } from "../kit/dom";
import { Legend } from "../kit/legend";
import { labelOf } from "../kit/tokens";
import { HeadCard } from "./card";

/** Largest error of a weight read from its code. */
const CODE_ERROR = 1 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2;
const CARD_GAP = 16;

export const createModelPane: CreatePane = (host, explorer) => {
  const pane = new ModelPane(host, explorer);
  return { destroy: () => pane.destroy() };
};

class ModelPane {
  readonly #explorer: Explorer;
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-model");
  readonly #readout = element("span", "ap-readout");
  readonly #canvas = element("canvas", "ap-model-canvas", { "aria-hidden": true });
  readonly #cell = element("div", "ap-model-cell", { role: "gridcell" });
  readonly #line = element("div", "", { role: "row" }, this.#cell);
  readonly #extent = element("div", "ap-model-extent", { role: "presentation" }, this.#canvas, this.#line);
  readonly #scroller = element(
    "div",
    "ap-model-scroll",
    { role: "grid", tabindex: 0, "aria-label": "Heads of all layers", "aria-readonly": true },
    this.#extent,
  );
  readonly #stage;
  readonly #card: HeadCard;
  readonly #legend = new Legend();
  readonly #frameTask;
  readonly #strips = new Map<number, Strip>();
  #ground: HTMLCanvasElement | null = null;
  #grid: Overview | null = null;
  #pointed: Spot | null = null;
  #cursor: Spot = { row: 0, head: 0 };
  /** Whether the card is wanted; null until someone says so: then it shows where there is room beside the grid. */
  #wanted: boolean | null = null;
  #nan = false;
  #masked = false;
  #dirty = { layout: true, pictures: true, place: true };

  constructor(host: HTMLElement, explorer: Explorer) {
    this.#explorer = explorer;
    const { signal } = this.#abort;
    this.#cell.id = createIds()("cell");
    this.#scroller.setAttribute("aria-activedescendant", this.#cell.id);
    this.#card = new HeadCard(explorer, () => this.#open(false), signal);
    this.#stage = element("div", "ap-model-stage", {}, this.#scroller, this.#card.root);
    this.#root.append(element("div", "ap-toolbar", {}, this.#readout), this.#stage, this.#legend.root);
    host.append(this.#root);
    this.#frameTask = onFrame(() => this.#work(), signal);
    onResize(this.#stage, () => this.#redraw("layout"), signal);
    this.#listen(signal);
    follow(signal, () => {
      explorer.model.value;
      this.#redraw("pictures", "layout", "place");
    });
    follow(signal, () => {
      explorer.palette.value;
      explorer.scale.value;
      this.#redraw("pictures");
    });
    follow(signal, () => {
      explorer.layer.value;
      explorer.heads.value;
      this.#redraw("place");
    });
    follow(signal, () => {
      explorer.data.value;
      this.#redraw();
    });
  }

  destroy(): void {
    this.#abort.abort();
    this.#strips.clear();
    this.#root.remove();
  }

  #redraw(...what: ("layout" | "pictures" | "place")[]): void {
    for (const name of what) this.#dirty[name] = true;
    this.#frameTask.request();
  }

  // --- Pointer and keyboard ------------------------------------------------------------------------------

  #listen(signal: AbortSignal): void {
    const scroller = this.#scroller;
    const under = (event: MouseEvent): Spot | null => {
      const box = scroller.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      if (this.#grid === null || x < this.#grid.left || y < this.#grid.top) return null;
      if (x >= scroller.clientWidth || y >= scroller.clientHeight) return null;
      return spotAt(this.#grid, x + scroller.scrollLeft, y + scroller.scrollTop);
    };
    scroller.addEventListener("pointermove", (event) => this.#point(under(event)), { signal });
    scroller.addEventListener("pointerleave", () => this.#point(null), { signal });
    scroller.addEventListener("scroll", () => this.#redraw(), { signal, passive: true });
    for (const type of ["focus", "blur"]) scroller.addEventListener(type, () => this.#redraw(), { signal });
    scroller.addEventListener(
      "click",
      (event) => {
        const spot = under(event);
        if (spot === null) return;
        this.#choose(spot);
        this.#open(true);
      },
      { signal },
    );
    scroller.addEventListener(
      "dblclick",
      (event) => {
        if (under(event) !== null) this.#explorer.view.value = "head";
      },
      { signal },
    );
    scroller.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    this.#root.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || this.#card.root.hidden) return;
        event.preventDefault();
        this.#open(false);
        scroller.focus({ preventScroll: true });
      },
      { signal },
    );
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#grid === null) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(this.#cursor);
      if (event.key === "Enter") this.#explorer.view.value = "head";
      else this.#open(true);
      return;
    }
    const page = Math.max(
      1,
      Math.floor((this.#scroller.clientHeight - this.#grid.top) / this.#grid.pitch) - 1,
    );
    const next = stepTo(this.#grid, this.#cursor, event.key, page);
    if (next === null) return;
    event.preventDefault();
    this.#cursor = next;
    this.#pointed = null;
    this.#reveal(next);
    this.#redraw();
  }

  #point(spot: Spot | null): void {
    if (spot?.row === this.#pointed?.row && spot?.head === this.#pointed?.head) return;
    this.#pointed = spot;
    this.#scroller.style.cursor = spot === null ? "" : "pointer";
    this.#redraw();
  }

  #choose(spot: Spot): void {
    const layer = this.#explorer.model.peek()?.layers[spot.row];
    if (layer === undefined) return;
    this.#cursor = spot;
    this.#explorer.layer.value = layer;
    this.#explorer.heads.value = [spot.head];
  }

  #open(wanted: boolean): void {
    this.#wanted = wanted;
    this.#redraw("layout");
  }

  #reveal(spot: Spot): void {
    if (this.#grid === null) return;
    const to = scrollTo(this.#grid, spot, this.#window());
    this.#scroller.scrollTo(to.x, to.y);
  }

  #window() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.#scroller;
    return { x: scrollLeft, y: scrollTop, width: clientWidth, height: clientHeight };
  }

  // --- Drawing -------------------------------------------------------------------------------------------

  #work(): boolean {
    const model = this.#explorer.model.peek();
    const { clientWidth: width, clientHeight: height } = this.#stage;
    this.#root.toggleAttribute("data-waiting", model === null);
    if (model === null || width === 0) {
      setText(this.#readout, "Computing every head …");
      return false;
    }
    if (this.#dirty.layout) this.#layout(model, width, height);
    if (this.#dirty.pictures || this.#dirty.layout) this.#forget(model);
    if (this.#dirty.place) this.#followPlace(model);
    this.#dirty = { layout: false, pictures: false, place: false };
    this.#draw(model);
    this.#drawCard(model);
    this.#speak(model);
    this.#root.dataset.drawn = "1";
    return false;
  }

  #layout(model: ModelThumbnails, width: number, height: number): void {
    const shape = { layers: model.layers, heads: model.heads, aspect: this.#aspect(model) };
    const grid = layOut(shape, { width, height });
    this.#grid = grid;
    this.#extent.style.width = `${grid.extent.width}px`;
    this.#extent.style.height = `${grid.extent.height}px`;
    setAttribute(this.#scroller, "aria-rowcount", String(model.layers.length));
    setAttribute(this.#scroller, "aria-colcount", String(grid.columns));
    const beside = grid.extent.width + CARD_GAP + HeadCard.LEAST <= width;
    this.#card.root.hidden = !(this.#wanted ?? beside);
    this.#card.root.dataset.place = beside ? "beside" : "over";
    this.#dirty.pictures = true;
  }

  #aspect(model: ModelThumbnails): number {
    const data = this.#explorer.data.peek();
    if (data === null || data.site.kind !== model.site) return model.size[1] / model.size[0];
    return data.keyTokens.label.length / Math.max(1, data.queryTokens.label.length);
  }

  /** Drops pictures that were painted for another size, scale or theme. */
  #forget(model: ModelThumbnails): void {
    const grid = this.#grid;
    if (grid === null) return;
    const theme = this.#explorer.palette.peek();
    const ratio = window.devicePixelRatio || 1;
    this.#strips.clear();
    this.#ground = document.createElement("canvas");
    const context = prepare(this.#ground, grid.width, grid.height, ratio);
    if (context !== null)
      drawHatchArea(context, null, { x: 0, y: 0, width: grid.width, height: grid.height }, theme);
    const first = model.heads.length === 0 ? [] : [...model.codes(0, 0)];
    this.#masked = first.includes(U8_MASKED);
    this.#nan = model.layers.some((_, row) =>
      Array.from({ length: model.heads[row] as number }, (_, head) => model.codes(row, head)).some((codes) =>
        codes.includes(U8_NAN),
      ),
    );
    const notes: string[] = [];
    const [queries, keys] = model.pooled;
    if (model.sampled < model.queries) {
      notes.push(`sampled ${formatCount(model.sampled)} of ${formatCount(model.queries)} queries`);
    }
    if (Math.max(queries, keys) > 1) notes.push(`a dot is the largest of ${queries} × ${keys} cells`);
    const look = {
      title: "weight",
      scale: this.#explorer.scale.peek(),
      colour: theme.ramp,
      masked: this.#masked,
      nan: this.#nan,
      note: notes.join(" · "),
    };
    this.#legend.update(look, theme, ratio);
  }

  /** The cursor goes where the explorer is, unless a key has taken it elsewhere since. */
  #followPlace(model: ModelThumbnails): void {
    const row = model.layers.indexOf(this.#explorer.layer.peek());
    const head = this.#explorer.heads.peek()[0];
    if (row < 0) return;
    const most = (model.heads[row] as number) - 1;
    this.#cursor = { row, head: Math.min(most, head ?? this.#cursor.head) };
    this.#reveal(this.#cursor);
  }

  #strip(model: ModelThumbnails, row: number): Strip | null {
    const known = this.#strips.get(row);
    if (known !== undefined) return known;
    const [rows, columns] = model.size;
    const device = (this.#grid?.width ?? columns) * (window.devicePixelRatio || 1);
    const block = Math.max(1, Math.floor(columns / device));
    const [h, w] = [Math.ceil(rows / block), Math.ceil(columns / block)];
    const heads = model.heads[row] as number;
    const image = document.createElement("canvas");
    // A clear pixel between two heads, so that scaling never mixes them.
    const step = w + 1;
    const context = prepare(image, heads * step, h, 1);
    if (context === null) return null;
    const theme = this.#explorer.palette.peek();
    const colours = codeColours(this.#explorer.scale.peek(), theme);
    for (let head = 0; head < heads; head++) {
      const small = shrink(model.codes(row, head), rows, columns, block, U8_MASKED);
      paintCodes(context, small, { x: head * step, y: 0, colours }, theme);
    }
    const made = { image, rows: h, columns: w, step };
    this.#strips.set(row, made);
    return made;
  }

  #draw(model: ModelThumbnails): void {
    const grid = this.#grid;
    if (grid === null) return;
    const sight = this.#window();
    const theme = this.#explorer.palette.peek();
    this.#canvas.style.width = `${sight.width}px`;
    this.#canvas.style.height = `${sight.height}px`;
    const context = prepare(this.#canvas, sight.width, sight.height, window.devicePixelRatio || 1);
    if (context === null) return;
    const current = model.layers.indexOf(this.#explorer.layer.peek());
    const chosen = current < 0 ? [] : this.#explorer.heads.peek().map((head) => ({ row: current, head }));
    const data = {
      layers: model.layers,
      strip: (row: number) => this.#strip(model, row),
      ground: this.#masked ? this.#ground : null,
      noted: (row: number, head: number) =>
        this.#explorer.headNote(model.layers[row] as number, head) !== null,
      chosen: chosen.filter(({ head }) => head < (model.heads[current] as number)),
      current,
      pointed: this.#pointed,
      cursor: this.#scroller.matches(":focus-visible") ? this.#cursor : null,
    };
    drawOverview(context, data, { grid, ...sight }, theme);
  }

  #drawCard(model: ModelThumbnails): void {
    if (this.#card.root.hidden) return;
    const layer = this.#explorer.layer.peek();
    const row = model.layers.indexOf(layer);
    const head = this.#explorer.heads.peek()[0];
    if (row < 0 || head === undefined || head >= (model.heads[row] as number)) {
      this.#card.root.hidden = true;
      this.#dirty.layout = true;
      return;
    }
    const pattern = this.#patternOf(layer, head);
    const beside = this.#card.root.dataset.place === "beside";
    const taken = beside && this.#grid !== null ? this.#grid.extent.width + CARD_GAP : 16;
    const room = { width: this.#stage.clientWidth - taken, height: this.#stage.clientHeight };
    const [rows, columns] = model.size;
    const small = { codes: model.codes(row, head), rows, columns };
    const remark = this.#linkOf(model, { row, head });
    this.#card.show(
      { layer, head, remark, pattern, small, aspect: this.#aspect(model), room },
      this.#explorer.palette.peek(),
      window.devicePixelRatio || 1,
    );
    this.#keepClear({ row, head });
  }

  /** Where the card lies over the grid, it leaves the head that it shows in sight. */
  #keepClear(spot: Spot): void {
    const grid = this.#grid;
    const beside = this.#card.root.dataset.place === "beside";
    this.#card.root.style.left = beside && grid !== null ? `${grid.extent.width + CARD_GAP}px` : "";
    this.#card.root.dataset.side = "right";
    if (grid === null || beside) return;
    const at = cornerOf(grid, spot).x + grid.width - this.#scroller.scrollLeft;
    const free = this.#stage.clientWidth - this.#card.root.offsetWidth - 12;
    this.#card.root.dataset.side = at > free ? "left" : "right";
  }

  // --- Words ---------------------------------------------------------------------------------------------

  #speak(model: ModelThumbnails): void {
    const grid = this.#grid;
    if (grid === null) return;
    const cursor = this.#cursor;
    const { x, y } = cornerOf(grid, cursor);
    Object.assign(this.#cell.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${grid.width}px`,
      height: `${grid.height}px`,
    });
    setAttribute(this.#line, "aria-rowindex", String(cursor.row + 1));
    setAttribute(this.#cell, "aria-colindex", String(cursor.head + 1));
    setAttribute(this.#cell, "aria-label", this.#nameOf(model, cursor));
    const chosen =
      model.layers[cursor.row] === this.#explorer.layer.peek() &&
      this.#explorer.heads.peek().includes(cursor.head);
    setAttribute(this.#cell, "aria-selected", String(chosen));
    const spot = this.#pointed ?? (this.#scroller.matches(":focus-visible") ? cursor : null);
    if (spot !== null) {
      const link = this.#linkOf(model, spot);
      setText(this.#readout, [this.#nameOf(model, spot), link].filter(Boolean).join(" · "));
      return;
    }
    const total = model.heads.reduce((sum, heads) => sum + heads, 0);
    const layers = model.layers.length === 1 ? "1 layer" : `${model.layers.length} layers`;
    const noted = model.layers.some((layer, row) =>
      Array.from({ length: model.heads[row] as number }).some(
        (_, head) => this.#explorer.headNote(layer, head) !== null,
      ),
    );
    const what = `${formatCount(total)} ${total === 1 ? "head" : "heads"} in ${layers}`;
    const dots = noted ? " · a dot marks a note" : "";
    setText(this.#readout, `${what}${dots} · click opens one, double-click goes to it`);
  }

  #nameOf(model: ModelThumbnails, spot: Spot): string {
    const layer = model.layers[spot.row] as number;
    const known = this.#explorer.headNote(layer, spot.head);
    const about = known === null ? "" : `, ${known.title} ${decimal(known.score, 2)}`;
    return `Layer ${layer}, head ${spot.head}${about}`;
  }

  /** The strongest link of a head whose picture shows every cell; of blocks of cells nothing is said. */
  #linkOf(model: ModelThumbnails, { row, head }: Spot): string {
    const data = this.#explorer.data.peek();
    if (data === null || data.site.kind !== model.site || data.record.record !== model.record) return "";
    const [rows, columns] = model.size;
    const whole = model.sampled === model.queries && Math.max(...model.pooled) === 1;
    const shown = this.#patternOf(model.layers[row] as number, head);
    if (shown === null && !whole) return "";
    if (shown !== null && shown.queries * shown.keys > MAX_SEARCH) return "";
    const pattern = shown ?? createPattern(head, rows, columns, model.codes(row, head), CODE_ERROR);
    const [best] = strongestLinks(pattern, data, 1);
    if (best === undefined) return "";
    const query = isolate(labelOf(data.queryTokens, best.query));
    const key = isolate(labelOf(data.keyTokens, best.key));
    return `strongest: ${query} → ${key} ${formatWeight(best.weight, pattern.error)}`;
  }

  /** The whole pattern of a head, where the explorer shows it. */
  #patternOf(layer: number, head: number): Pattern | null {
    const data = this.#explorer.data.peek();
    const model = this.#explorer.model.peek();
    if (data?.info.layer !== layer || data.site.kind !== model?.site) return null;
    return data.patterns.find((candidate) => candidate.head === head) ?? null;
  }
}
