// The neuron pane: how one query's scores come about, dimension by dimension, for every key.
import { batch, signal as createSignal } from "@preact/signals-core";
import { isSnapshot } from "../../core/fidelity";
import { queryAsked } from "../../core/terms";
import type { CreatePane, Explorer, LayerData, ScoreTerms } from "../../core/types";
import { createDiverging } from "../../draw/diverging";
import { formatCount, formatWeight } from "../../math/format";
import { widestLabel } from "../../math/labels";
import { layStrips, placesOf, type Strips, scrollToRow, stripeAt } from "../../math/strips";
import { equationOf, formatScaling, formatTerm, partsExtent } from "../../math/terms";
import { isMasked } from "../../math/weights";
import { createSwitch } from "../../ui/controls";
import { createIds, follow } from "../../ui/dom";
import type { HeadRef } from "../../wire/schema.gen";
import { element, onFrame, onResize, setAttribute, setText } from "../kit/dom";
import { Legend } from "../kit/legend";
import { ROW, StripPainter } from "./painter";
import { QueryRow } from "./queries";
import { DimensionOrder, type Reading, readingOf } from "./reading";
import { factsOf, MERGED, pairOf, rowText, stripeText } from "./words";

/** Heads that are named where a snapshot keeps only some queries and keys. */
const MOST_OFFERED = 6;

const TICKS = [
  { position: 0, label: "−range" },
  { position: 0.5, label: "0" },
  { position: 1, label: "+range" },
];

function offOf(off: number, keys: number): string {
  return `${formatCount(off)} of ${formatCount(keys)} scores ${off === 1 ? "is" : "are"}`;
}

export const createNeuronPane: CreatePane = (host, explorer) => {
  const pane = new NeuronPane(host, explorer);
  return { destroy: () => pane.destroy() };
};

class NeuronPane {
  readonly #explorer: Explorer;
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-neuron");
  readonly #readout = element("span", "ap-readout");
  readonly #clear = element("button", "ap-clear", { type: "button", hidden: true }, "Clear brush");
  readonly #sorted = createSignal(true);
  readonly #switch: HTMLElement;
  readonly #queries: QueryRow;
  readonly #facts = element("p", "ap-facts");
  readonly #captions = ["label", "k", "product", "score", "weight"].map(() => element("span"));
  readonly #top = element("canvas", "ap-strip-head", { "aria-hidden": true });
  readonly #canvas = element("canvas", "ap-strip-canvas", { "aria-hidden": true });
  readonly #cell = element("div", "", { role: "gridcell" });
  readonly #line = element("div", "ap-strip-cell", { role: "row" }, this.#cell);
  readonly #extent = element("div", "ap-strip-extent", { role: "presentation" }, this.#canvas, this.#line);
  readonly #scroller = element(
    "div",
    "ap-strip-scroll",
    { role: "grid", tabindex: 0, "aria-label": "Keys", "aria-readonly": true },
    this.#extent,
  );
  readonly #equation = element("p", "ap-equation");
  readonly #legend = new Legend();
  readonly #message = element("div", "ap-message", { hidden: true });
  readonly #body: readonly HTMLElement[];
  readonly #frameTask;
  readonly #painter = new StripPainter(this.#top, this.#canvas);
  readonly #order = new DimensionOrder();
  #reading: Reading | null = null;
  #strips: Strips | null = null;
  /** First and last brushed place of the order. */
  #brush: readonly [number, number] | null = null;
  /** The place of the order under the pointer, or reached by keys. */
  #place: number | null = null;
  #parts: { readonly basis: readonly unknown[]; readonly extent: readonly [number, number] } = {
    basis: [],
    extent: [0, 0],
  };
  #pointed = false;
  #revealed: ScoreTerms | null = null;
  #dirty = true;

  constructor(host: HTMLElement, explorer: Explorer) {
    this.#explorer = explorer;
    const { signal } = this.#abort;
    this.#queries = new QueryRow(
      {
        hover: (query) => this.#hover(query, null),
        hold: (query) => this.#hold(query, null),
      },
      signal,
    );
    this.#cell.id = createIds()("cell");
    this.#scroller.setAttribute("aria-activedescendant", this.#cell.id);
    const order = createSwitch<"strongest" | "model">(
      "Order of dimensions",
      () => [
        { value: "strongest", text: "strongest first" },
        { value: "model", text: "model's order" },
      ],
      () => (this.#sorted.value ? "strongest" : "model"),
      (value) => {
        this.#sorted.value = value === "strongest";
        this.#setBrush(null);
      },
      signal,
    );
    this.#switch = order;
    this.#body = [
      element("div", "ap-toolbar", {}, this.#readout, this.#clear, order),
      this.#queries.root,
      this.#facts,
      element("div", "ap-captions-row", { "aria-hidden": true }, ...this.#captions),
      this.#top,
      this.#scroller,
      this.#equation,
      this.#legend.root,
    ];
    this.#root.append(...this.#body, this.#message);
    host.append(this.#root);
    this.#frameTask = onFrame(() => this.#work(), signal);
    onResize(this.#root, () => this.#redraw(true), signal);
    this.#listen(signal);
    follow(signal, () => {
      explorer.data.value;
      explorer.terms.value;
      explorer.palette.value;
      explorer.scale.value;
      explorer.heads.value;
      this.#redraw(true);
    });
    follow(signal, () => {
      explorer.focus.value;
      explorer.selection.value;
      this.#sorted.value;
      this.#redraw();
    });
  }

  destroy(): void {
    this.#abort.abort();
    this.#explorer.hover.value = null;
    this.#root.remove();
  }

  #redraw(all = false): void {
    this.#dirty ||= all;
    this.#frameTask.request();
  }

  // --- Pointer and keyboard ------------------------------------------------------------------------------

  #listen(signal: AbortSignal): void {
    const root = this.#root;
    const leave = (event: PointerEvent | FocusEvent) => {
      if (event.relatedTarget instanceof Node && root.contains(event.relatedTarget)) return;
      this.#pointed = false;
      this.#place = null;
      this.#explorer.hover.value = null;
      this.#redraw();
    };
    root.addEventListener("pointerleave", leave, { signal });
    root.addEventListener("focusout", leave, { signal });
    root.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || this.#brush === null) return;
        event.preventDefault();
        this.#setBrush(null);
      },
      { signal },
    );
    this.#clear.addEventListener(
      "click",
      () => {
        this.#setBrush(null);
        this.#scroller.focus({ preventScroll: true });
      },
      { signal },
    );
    this.#brushOn(this.#canvas, signal);
    this.#brushOn(this.#top, signal);
    const scroller = this.#scroller;
    scroller.addEventListener("scroll", () => this.#redraw(), { signal, passive: true });
    for (const type of ["focus", "blur"]) scroller.addEventListener(type, () => this.#redraw(), { signal });
    scroller.addEventListener("keydown", (event) => this.#onKey(event), { signal });
  }

  /** Pointing reads out, dragging along the stripes brushes, a click holds the row. */
  #brushOn(canvas: HTMLCanvasElement, signal: AbortSignal): void {
    let drag: { readonly x: number; readonly stripe: number | null; moved: boolean } | null = null;
    const keyAt = (event: PointerEvent): number | null => {
      if (canvas === this.#top) return null;
      const row = Math.floor((event.offsetY + this.#scroller.scrollTop) / ROW);
      return row >= 0 && row < (this.#reading?.terms.weights.length ?? 0) ? row : null;
    };
    canvas.addEventListener(
      "pointermove",
      (event) => {
        const strips = this.#strips;
        if (strips === null) return;
        if (drag?.stripe != null && (drag.moved || Math.abs(event.offsetX - drag.x) > 3)) {
          drag.moved = true;
          const other = this.#reading?.known ? stripeAt(strips, event.offsetX, true) : null;
          if (other !== null) this.#brushStripes(strips, drag.stripe, other);
          return;
        }
        this.#pointed = true;
        const stripe = stripeAt(strips, event.offsetX);
        this.#place = stripe === null ? null : placesOf(strips, stripe).start;
        const key = keyAt(event);
        if (canvas === this.#canvas || key !== null) this.#hover(this.#query(), key);
        this.#redraw();
      },
      { signal },
    );
    canvas.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || this.#strips === null) return;
        drag = { x: event.offsetX, stripe: stripeAt(this.#strips, event.offsetX), moved: false };
        canvas.setPointerCapture(event.pointerId);
      },
      { signal },
    );
    canvas.addEventListener(
      "pointerup",
      (event) => {
        const key = keyAt(event);
        if (drag !== null && !drag.moved && key !== null) this.#hold(this.#query(), key);
        drag = null;
      },
      { signal },
    );
    canvas.addEventListener(
      "pointercancel",
      () => {
        drag = null;
      },
      { signal },
    );
  }

  #onKey(event: KeyboardEvent): void {
    const reading = this.#reading;
    const strips = this.#strips;
    if (event.ctrlKey || event.metaKey || event.altKey || reading === null || strips === null) return;
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / ROW) - 1);
    const last = reading.terms.weights.length - 1;
    const rows = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -last, End: last }[
      event.key
    ];
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (rows !== undefined) {
      const key = Math.min(last, Math.max(0, this.#key(reading) + rows));
      this.#hover(this.#query(), key);
      this.#reveal(key);
    } else if (along !== undefined && strips.stripes > 0) {
      const now = this.#place === null ? null : Math.floor(this.#place / strips.per);
      const next = now === null ? 0 : Math.min(strips.stripes - 1, Math.max(0, now + along));
      if (event.shiftKey) this.#stretch(strips, now ?? next, next);
      this.#place = next * strips.per;
      // A row that is only the default one becomes the one that is read out.
      if (this.#explorer.focus.peek().key === null) this.#hover(this.#query(), this.#key(reading));
    } else if (event.key === "Enter" || event.key === " ") this.#hold(this.#query(), this.#key(reading));
    else return;
    this.#pointed = false;
    event.preventDefault();
    event.stopPropagation();
    this.#redraw();
  }

  /** Moves the end of the brush at `from` to `to`; where there is none, one begins. */
  #stretch(strips: Strips, from: number, to: number): void {
    const brush = this.#brush?.map((place) => Math.floor(place / strips.per)) as [number, number] | undefined;
    const anchor =
      brush === undefined ? from : brush[0] === from ? brush[1] : brush[1] === from ? brush[0] : from;
    this.#brushStripes(strips, anchor, to);
  }

  #brushStripes(strips: Strips, one: number, other: number): void {
    const [first, last] = [Math.min(one, other), Math.max(one, other)];
    this.#setBrush([placesOf(strips, first).start, placesOf(strips, last).end - 1]);
  }

  #setBrush(brush: readonly [number, number] | null): void {
    this.#brush = brush;
    this.#redraw();
  }

  #query(): number {
    const data = this.#explorer.data.peek();
    return data === null ? 0 : queryAsked(data, this.#explorer.focus.peek());
  }

  /** The key that is spoken of: the one in focus, else the one with the largest weight. */
  #key(reading: Reading): number {
    const { key } = this.#explorer.focus.peek();
    return key !== null && key < reading.terms.weights.length ? key : reading.best;
  }

  #hover(query: number, key: number | null): void {
    const now = this.#explorer.hover.peek();
    if (now?.query !== query || now.key !== key) this.#explorer.hover.value = { query, key };
  }

  #hold(query: number, key: number | null): void {
    const held = this.#explorer.selection.peek();
    const same = held.locked && held.query === query && held.key === key;
    this.#explorer.hold(same ? null : { query, key });
  }

  #reveal(key: number): void {
    const { scrollTop, clientHeight } = this.#scroller;
    this.#scroller.scrollTop = scrollToRow(key, ROW, scrollTop, clientHeight);
  }

  // --- What there is to show -----------------------------------------------------------------------------

  #work(): boolean {
    const data = this.#explorer.data.peek();
    if (data === null || this.#root.clientWidth === 0) return false;
    const reading = this.#read(data);
    const message = this.#messageOf(data, reading);
    this.#message.hidden = message === null;
    for (const part of this.#body) part.hidden = message !== null;
    if (message !== null || reading === null) {
      this.#say(message ?? "", data.record.words);
      return false;
    }
    const query = this.#query();
    const held = this.#explorer.selection.peek();
    this.#queries.show(data.queryTokens, query, held.locked ? held.query : null);
    if (this.#sort(reading)) this.#dirty = true;
    if (this.#dirty) this.#layout(data, reading);
    this.#dirty = false;
    if (this.#revealed !== reading.terms) {
      this.#revealed = reading.terms;
      if (!this.#pointed) this.#reveal(this.#key(reading));
    }
    this.#draw(data, reading);
    this.#speak(data, reading);
    this.#root.dataset.drawn = "1";
    return false;
  }

  /** The kernel's answer, if it is about the record on screen. */
  #read(data: LayerData): Reading | null {
    const terms = this.#explorer.terms.peek();
    const fits =
      terms !== null &&
      terms.record === data.record.record &&
      terms.site === data.site.kind &&
      terms.weights.length === data.keyTokens.label.length &&
      terms.query < data.queryTokens.label.length;
    if (!fits || data.patterns.length === 0) return null;
    if (this.#reading?.terms !== terms) {
      const reading = readingOf(terms);
      // Places among other dimensions mean nothing.
      if (this.#reading?.known?.q.length !== reading.known?.q.length) this.#brush = this.#place = null;
      this.#reading = reading;
    }
    return this.#reading;
  }

  #messageOf(data: LayerData, reading: Reading | null): string | null {
    if (data.record.words) return MERGED;
    if (data.patterns.length === 0) return "No head is chosen. Press one of the heads above.";
    return reading === null ? "Computing queries and keys …" : null;
  }

  #say(text: string, words: boolean): void {
    if (this.#message.firstChild?.textContent === text) return;
    this.#message.replaceChildren(element("p", "", {}, text));
    const record = this.#explorer.data.peek()?.record;
    if (!words || record === undefined || isSnapshot(record)) return;
    const show = element("button", "ap-clear", { type: "button" }, "Show tokens");
    show.addEventListener("click", () => {
      this.#explorer.words.value = false;
    });
    this.#message.append(show);
  }

  /** Ways to the heads whose queries and keys a snapshot keeps. */
  #offer(kept: readonly HeadRef[]): (string | HTMLElement)[] {
    const buttons = kept.slice(0, MOST_OFFERED).flatMap(({ layer, head }) => {
      const name = `Go to layer ${layer}, head ${head}`;
      const go = element("button", "ap-clear", { type: "button", "aria-label": name }, `${layer}.${head}`);
      go.addEventListener("click", () =>
        batch(() => {
          this.#explorer.layer.value = layer;
          this.#explorer.heads.value = [head];
        }),
      );
      return [" ", go];
    });
    return buttons.length > 0 ? [" It has those of", ...buttons] : [];
  }

  #layout(data: LayerData, reading: Reading): void {
    const { terms, known } = reading;
    const keys = terms.weights.length;
    this.#extent.style.height = `${keys * ROW}px`;
    setAttribute(this.#scroller, "aria-rowcount", String(keys));
    const facts = factsOf(data, terms, this.#explorer.heads.peek().length);
    this.#facts.replaceChildren(facts.join(" · "), ...this.#offer(terms.kept ?? []));
    this.#facts.hidden = facts.length === 0;
    const ratio = window.devicePixelRatio || 1;
    const wish = 30 + 7.3 * widestLabel(data.keyTokens.label, 14);
    const dims = known?.q.length ?? 0;
    const strips = layStrips(this.#scroller.clientWidth, dims, wish, ratio, known !== null);
    this.#strips = strips;
    const spans = [strips.label, strips.k, strips.product, strips.score, strips.weight];
    this.#captions.forEach((caption, at) => {
      const span = spans[at] ?? strips.label;
      Object.assign(caption.style, { left: `${span.x}px`, width: `${span.width}px` });
      caption.hidden = span.width === 0;
    });
    this.#legend.root.hidden = known === null;
    this.#switch.hidden = known === null;
    if (known !== null) this.#explain(reading, strips, ratio);
    // The rows' room depends on all that stands above and below.
    this.#painter.place(reading, strips.width, this.#scroller.clientHeight);
    this.#painter.place(reading, strips.width, this.#scroller.clientHeight);
  }

  #explain({ ranges, masked, nan, off, terms }: Reading, { per }: Strips, ratio: number): void {
    const notes = [this.#order.name];
    if (per > 1) notes.push(`a stripe is the strongest of ${per}`);
    if (off > 0) notes.push(`${offOf(off, terms.weights.length)} not what q and k add up to`);
    const theme = this.#explorer.palette.peek();
    const diverging = createDiverging(theme);
    const [q, k, product] = [ranges.q, ranges.k, ranges.product].map((range) => `±${formatTerm(range)}`);
    const look = {
      title: `q ${q} · k ${k} · q × k ${product}`,
      scale: this.#explorer.scale.peek(),
      colour: (position: number) => diverging(2 * position - 1),
      masked,
      nan,
      note: notes.join(" · "),
      ticks: TICKS,
    };
    this.#legend.update(look, theme, ratio);
  }

  /** Orders the dimensions; returns whether they stand in another order than before. */
  #sort({ known }: Reading): boolean {
    if (known === null) return false;
    const { locked, key, query } = this.#explorer.selection.peek();
    const held = locked && (query === null || query === this.#query()) ? key : null;
    const by = held !== null && held < known.weights.length ? held : null;
    return this.#order.update(known, this.#sorted.peek(), by);
  }

  /** The brushed dimensions. */
  #brushed(): readonly number[] | null {
    if (this.#brush === null) return null;
    const [first, last] = this.#brush;
    const { order } = this.#order;
    const most = Math.min(last, order.length - 1);
    return Array.from({ length: Math.max(0, most - first + 1) }, (_, at) => order[first + at] as number);
  }

  /** Between which the bars lie; worked out again when the brush or the order changes. */
  #extentOf({ known, scores, terms }: Reading, brushed: readonly number[] | null): readonly [number, number] {
    if (known === null || brushed === null) return scores;
    const basis = [this.#order.order, ...(this.#brush ?? [])];
    if (!basis.every((part, at) => part === this.#parts.basis[at]))
      this.#parts = { basis, extent: partsExtent(known, brushed, terms.sink_score ?? 0) };
    return this.#parts.extent;
  }

  #draw(data: LayerData, reading: Reading): void {
    const strips = this.#strips;
    if (strips === null) return;
    const explorer = this.#explorer;
    const brush = this.#brush?.map((place) => Math.floor(place / strips.per)) as [number, number] | undefined;
    const byKeys = this.#scroller.matches(":focus-visible");
    const brushed = this.#brushed();
    this.#painter.draw({
      data,
      reading,
      strips,
      order: this.#order.order,
      brushed,
      scores: this.#extentOf(reading, brushed),
      brush: brush ?? null,
      stripe: this.#place === null || strips.stripes === 0 ? null : Math.floor(this.#place / strips.per),
      key: byKeys ? this.#key(reading) : explorer.focus.peek().key,
      scroll: this.#scroller.scrollTop,
      height: this.#scroller.clientHeight,
      scale: explorer.scale.peek(),
      theme: explorer.palette.peek(),
      ratio: window.devicePixelRatio || 1,
    });
  }

  // --- Words ---------------------------------------------------------------------------------------------

  #speak(data: LayerData, reading: Reading): void {
    const { terms, known } = reading;
    const strips = this.#strips;
    const key = this.#key(reading);
    const brushed = this.#brushed();
    this.#clear.hidden = brushed === null;
    const dims =
      known === null || this.#place === null || strips === null
        ? []
        : this.#dimensionsAt(strips, Math.floor(this.#place / strips.per));
    const cell = known === null ? "" : stripeText(known, key, dims);
    const where = `Layer ${terms.layer}, head ${terms.head}`;
    const size = `${formatCount(terms.weights.length)} keys${known === null ? "" : ` × ${known.q.length} dimensions`}`;
    const pair = pairOf(data, terms.query, key);
    setText(this.#readout, cell === "" ? `${where} · ${size}` : `${pair} · ${cell}`);
    this.#readout.title = this.#readout.textContent ?? "";
    this.#caption(reading, brushed !== null);
    this.#write(data, reading, key, brushed);
    this.#line.style.top = `${key * ROW}px`;
    this.#line.style.height = `${ROW}px`;
    setAttribute(this.#line, "aria-rowindex", String(key + 1));
    const { locked, query, key: held } = this.#explorer.selection.peek();
    setAttribute(this.#cell, "aria-selected", String(locked && held === key && query === terms.query));
    setAttribute(this.#cell, "aria-label", [rowText(data, terms, key), cell].filter(Boolean).join("; "));
  }

  #dimensionsAt(strips: Strips, stripe: number): number[] {
    const { start, end } = placesOf(strips, stripe);
    return Array.from(
      { length: Math.max(0, end - start) },
      (_, at) => this.#order.order[start + at] as number,
    );
  }

  #caption(reading: Reading, brushed: boolean): void {
    const { heaviest, known } = reading;
    const strips = this.#strips;
    const [low, high] = this.#extentOf(reading, this.#brushed());
    const words: readonly (readonly [name: string, more: string, room: number])[] = [
      ["key", "", 0],
      ["k", "", 0],
      ["q × k", "", 0],
      [brushed ? "brushed" : "score", ` ${formatTerm(low)} … ${formatTerm(high)}`, strips?.score.width ?? 0],
      ["weight", ` to ${formatWeight(heaviest, reading.terms.error)}`, strips?.weight.width ?? 0],
    ];
    this.#captions.forEach((caption, at) => {
      const [name, more, room] = words[at] as readonly [string, string, number];
      // The range of the bars is said where there is room for all of it.
      const tail = 6.2 * (name.length + more.length) <= room ? more : "";
      caption.title =
        at === 3 && brushed ? `brushed part of q · k × ${formatScaling(known?.scaling ?? 1)}` : name + more;
      if (caption.textContent !== name + tail) caption.replaceChildren(element("b", "", {}, name), tail);
    });
  }

  /** The equation of the key in focus. */
  #write(data: LayerData, { terms, known }: Reading, key: number, brushed: readonly number[] | null): void {
    const pair = element("bdi", "", {}, `${pairOf(data, terms.query, key)}:`);
    const sink = terms.sink_score !== null;
    if (known === null) {
      const weight = terms.weights[key] as number;
      const text = isMasked(weight)
        ? "out of reach"
        : `weight ${formatWeight(weight, terms.error, terms.floor)}`;
      this.#equation.replaceChildren(pair, " ", element("span", "ap-step", {}, text));
      return;
    }
    const steps = equationOf(known, key, brushed, sink).map(({ kind, sign, value }) =>
      element("span", "ap-step", { "data-kind": kind }, `${sign} `, element("b", "", {}, value)),
    );
    this.#equation.replaceChildren(pair, " ", ...steps.flatMap((step) => [step, " "]));
  }
}
