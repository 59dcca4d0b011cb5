// The map of the whole prompt: where every head looks, what is in sight of the text, and what was found.
import { signal } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import { prepare } from "../../draw/surface";
import { formatCount } from "../../math/format";
import type { Range } from "../../math/lines";
import { onFrame, onResize } from "../../panes/kit/dom";
import { el, follow, setAttribute, setText } from "../../ui/dom";
import { createSwitch } from "../../ui/switch";
import type { Tokens } from "../../wire/schema.gen";
import { drawTicks } from "./paint";
import { StripPicture } from "./picture";
import { frameOf, tokenAt } from "./place";
import { followStrips } from "./reader";
import { layColumns, type Strips, strongestAt } from "./strips";
import { describe, describePixel, describeToken } from "./words";

const GUTTER = 8;
/** Heights that differ by less ask for the same strips. */
const HEIGHT_STEP = 32;

/** What the map shows beside the heads. */
export interface MapMarks {
  readonly hits: readonly number[];
  readonly found: readonly number[];
  readonly span: Range | null;
}

export interface MapEvents {
  /** This token is to come into the middle of what is in sight. */
  scrollTo(token: number): void;
  /** As many screens on, or back. */
  page(by: number): void;
}

export class PromptMap {
  readonly root: HTMLElement;
  readonly state;
  readonly #base = el("canvas", { class: "al-map-canvas", "aria-hidden": "true" });
  readonly #ticks = el("canvas", { class: "al-map-canvas", "aria-hidden": "true" });
  readonly #frame = el("div", { class: "al-map-frame" });
  readonly #track = el("div", { class: "al-map-track", role: "slider", tabindex: "0" });
  readonly #note = el("div", { class: "al-map-note" });
  readonly #tip = el("div", { class: "al-map-tip", hidden: true });
  readonly #all = signal(false);
  readonly #pixels = signal(0);
  readonly #host: LiveHost;
  readonly #events: MapEvents;
  readonly #task;
  #marks: MapMarks = { hits: [], found: [], span: null };
  #sight: Range = { start: 0, end: 1 };
  #tokens: Tokens = { text: [], label: [], id: [], special: [], continued: [], segment: [] };
  readonly #picture = new StripPicture();

  constructor(host: LiveHost, events: MapEvents, abort: AbortSignal) {
    this.#host = host;
    this.#events = events;
    const { app } = host;
    this.state = followStrips(host, this.#pixels, abort);
    this.#track.append(this.#base, this.#ticks, this.#frame);
    const which = createSwitch(
      "Heads on the map",
      () => [
        { value: "layer", text: "layer" },
        { value: "all", text: "all" },
      ],
      () => (this.#all.value ? "all" : "layer"),
      (value) => {
        this.#all.value = value === "all";
      },
      abort,
    );
    this.root = el(
      "div",
      { class: "al-map" },
      el("div", { class: "al-map-head" }, which),
      this.#track,
      this.#note,
      this.#tip,
    );
    this.#task = onFrame(() => this.#draw(), abort);
    onResize(this.#track, () => this.#task.request(), abort);
    follow(abort, () => {
      app.palette.value;
      app.scale.value;
      app.data.value;
      app.selection.value;
      app.direction.value;
      this.#all.value;
      this.state.value;
      this.#task.request();
    });
    this.#listen(abort);
  }

  setTokens(tokens: Tokens): void {
    if (this.#tokens === tokens) return;
    this.#tokens = tokens;
    this.#task.request();
  }

  setMarks(marks: MapMarks): void {
    this.#marks = marks;
    this.#task.request();
  }

  setSight(sight: Range): void {
    if (sight.start === this.#sight.start && sight.end === this.#sight.end) return;
    this.#sight = sight;
    this.#place();
  }

  get #count(): number {
    return this.#tokens.label.length;
  }

  #listen(abort: AbortSignal): void {
    const track = this.#track;
    const listen = { signal: abort };
    const tokenOf = (event: PointerEvent) => {
      const { top, height } = track.getBoundingClientRect();
      return tokenAt(event.clientY - top, height, this.#count);
    };
    track.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        track.setPointerCapture(event.pointerId);
        this.#events.scrollTo(tokenOf(event));
      },
      listen,
    );
    track.addEventListener(
      "pointermove",
      (event) => {
        if (track.hasPointerCapture(event.pointerId)) this.#events.scrollTo(tokenOf(event));
        this.#point(event);
      },
      listen,
    );
    track.addEventListener(
      "pointerleave",
      () => {
        this.#tip.hidden = true;
      },
      listen,
    );
    track.addEventListener(
      "dblclick",
      (event) => {
        const place = this.#headAt(event);
        const site = this.#host.app.data.peek()?.site.kind;
        if (place !== null && site !== undefined) this.#host.app.goTo({ site, ...place });
      },
      listen,
    );
    track.addEventListener(
      "keydown",
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const { page, scrollTo } = this.#events;
        const act = {
          PageDown: () => page(0.9),
          PageUp: () => page(-0.9),
          ArrowDown: () => page(0.15),
          ArrowRight: () => page(0.15),
          ArrowUp: () => page(-0.15),
          ArrowLeft: () => page(-0.15),
          Home: () => scrollTo(0),
          End: () => scrollTo(this.#count - 1),
        }[event.key];
        if (act === undefined) return;
        act();
        event.preventDefault();
        event.stopPropagation();
      },
      listen,
    );
  }

  /** The strips on the map, and the columns that they make. */
  #columns(strips: Strips) {
    const layer = this.#host.app.data.peek()?.info.layer;
    const width = this.#track.clientWidth - 2 * GUTTER;
    const all = strips.places.map((_, at) => at);
    const some = this.#all.peek() ? all : all.filter((at) => strips.places[at]?.layer === layer);
    return layColumns(some, width);
  }

  #draw(): boolean {
    const { app } = this.#host;
    const [width, height] = [this.#track.clientWidth, this.#track.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    if (width > 0 && height > 0) {
      const steps = Math.ceil((height * ratio) / HEIGHT_STEP) * HEIGHT_STEP;
      const [wanted, now] = [Math.max(1, Math.min(1024, this.#count, steps)), this.#pixels.peek()];
      // What strips bring below the map takes of its height, which must not ask for other strips.
      if (wanted > now || 2 * wanted < now || now > this.#count) this.#pixels.value = wanted;
    }
    const palette = app.palette.peek();
    const state = this.state.peek();
    const base = prepare(this.#base, width, height, ratio);
    if (base !== null && state.strips !== null) {
      const look = { palette, scale: app.scale.peek(), all: this.#all.peek() };
      const place = { left: GUTTER, height, count: this.#count };
      this.#picture.draw(base, state.strips, this.#columns(state.strips), look, place);
    }
    const ticks = prepare(this.#ticks, width, height, ratio);
    const { hits, found, span } = this.#marks;
    const { locked, query, key } = app.selection.peek();
    const data = app.data.peek();
    const self = data !== null && data.site.query_stream === data.site.key_stream;
    const other = app.direction.peek() === "from" ? key : query;
    const held = !locked ? null : self ? (state.strips?.position ?? query ?? key) : other;
    if (ticks !== null)
      drawTicks(
        ticks,
        { held, hits, found, span },
        { width, height, gutter: GUTTER, count: this.#count },
        palette,
      );
    setText(this.#note, describe(state, data, this.#all.peek()));
    this.#place();
    return false;
  }

  /** Puts the frame around what is in sight, and says so. */
  #place(): void {
    const { start, end } = this.#sight;
    const { top, height } = frameOf(this.#sight, this.#track.clientHeight, this.#count);
    this.#frame.style.transform = `translateY(${top}px)`;
    this.#frame.style.height = `${height}px`;
    const count = this.#count;
    const values = {
      "aria-label": "Map of the prompt",
      "aria-orientation": "vertical",
      "aria-valuemin": "0",
      "aria-valuemax": String(Math.max(0, count - 1)),
      "aria-valuenow": String(start),
      "aria-valuetext": `tokens ${formatCount(start)} to ${formatCount(end - 1)} of ${formatCount(count)} in sight`,
    };
    for (const [name, value] of Object.entries(values)) setAttribute(this.#track, name, value);
  }

  #columnAt(event: MouseEvent, strips: Strips): readonly number[] | null {
    const { strips: columns, width } = this.#columns(strips);
    const at = Math.floor((event.clientX - this.#track.getBoundingClientRect().left - GUTTER) / width);
    return columns[at] ?? null;
  }

  #pixelAt(event: MouseEvent, strips: Strips): number {
    const { top, height } = this.#track.getBoundingClientRect();
    return Math.min(
      strips.pixels - 1,
      Math.floor(tokenAt(event.clientY - top, height, this.#count) / strips.pooled),
    );
  }

  #headAt(event: MouseEvent): Strips["places"][number] | null {
    const { strips } = this.state.peek();
    const column = strips === null ? null : this.#columnAt(event, strips);
    if (strips === null || column === null) return null;
    return strips.places[strongestAt(strips, column, this.#pixelAt(event, strips))] ?? null;
  }

  /** Says what lies under the pointer. */
  #point(event: PointerEvent): void {
    const { strips } = this.state.peek();
    const { top, height } = this.#track.getBoundingClientRect();
    const token = tokenAt(event.clientY - top, height, this.#count);
    const words = [describeToken(this.#tokens, token)];
    const column = strips === null ? null : this.#columnAt(event, strips);
    if (strips !== null && column !== null)
      words.push(describePixel(strips, column, this.#pixelAt(event, strips), this.#count));
    setText(this.#tip, words.join("\n"));
    this.#tip.hidden = false;
    const { top: above } = this.root.getBoundingClientRect();
    const y = event.clientY - above;
    this.#tip.style.top = `${Math.min(this.root.clientHeight - this.#tip.offsetHeight, Math.max(0, y + 12))}px`;
  }
}
