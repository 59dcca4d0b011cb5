// The map of the whole prompt: where every head looks, what is in sight of the text, and what was found.
import { signal } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import type { LayerData } from "../../core/types";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import type { Range } from "../../math/lines";
import { decodeWeight } from "../../math/weights";
import { onFrame, onResize } from "../../panes/kit/dom";
import { labelOf } from "../../panes/kit/tokens";
import { el, follow, setAttribute, setText } from "../../ui/dom";
import { createSwitch } from "../../ui/switch";
import { type Tokens, U8_LEVELS, U8_MASKED } from "../../wire/schema.gen";
import { drawTicks, type MapLook, paintColumns } from "./paint";
import { frameOf, heightOf, tokenAt } from "./place";
import { followStrips, type StripsState } from "./reader";
import { type Columns, codeAt, layColumns, type Strips, strongest, strongestAt } from "./strips";

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
  #painted: {
    readonly key: readonly unknown[];
    readonly image: HTMLCanvasElement;
    readonly data: ImageData;
  } | null = null;

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
      this.#pixels.value = Math.max(1, Math.min(1024, this.#count, steps));
    }
    const palette = app.palette.peek();
    const state = this.state.peek();
    const base = prepare(this.#base, width, height, ratio);
    if (base !== null && state.strips !== null) this.#drawStrips(base, state.strips, height);
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

  #drawStrips(context: CanvasRenderingContext2D, strips: Strips, height: number): void {
    const { app } = this.#host;
    const all = this.#all.peek();
    const columns = this.#columns(strips);
    const [palette, scale] = [app.palette.peek(), app.scale.peek()];
    const layer = app.data.peek()?.info.layer;
    const key = [strips, palette, scale, all, layer, columns.strips.length, columns.width];
    if (this.#painted === null || !key.every((part, at) => part === this.#painted?.key[at])) {
      const image = document.createElement("canvas");
      const look: MapLook = {
        palette,
        scale,
        colour: (column) => {
          const [only, more] = columns.strips[column] ?? [];
          return all || only === undefined || more !== undefined
            ? null
            : palette.head(strips.places[only]?.head ?? 0);
        },
      };
      const made = paintColumns(strips, columns, look);
      image.width = made.width;
      image.height = made.height;
      image.getContext("2d")?.putImageData(made, 0, 0);
      this.#painted = { key, image, data: made };
    }
    const { image, data } = this.#painted;
    const tall = (strips.pixels * strips.pooled * height) / Math.max(1, this.#count);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, GUTTER, 0, columns.width * columns.strips.length, tall);
    this.#drawPeaks(context, strips, columns, data, height);
  }

  /** Each column's largest weight once more, tall enough to be seen: a dot of a long prompt is a line of one pixel. */
  #drawPeaks(
    context: CanvasRenderingContext2D,
    strips: Strips,
    columns: Columns,
    { data, width }: ImageData,
    height: number,
  ): void {
    columns.strips.forEach((some, column) => {
      const peak = strongest(strips, some);
      if (peak === null) return;
      const pixel = Math.min(strips.pixels - 1, Math.floor(peak.position / strips.pooled));
      const at = 4 * (pixel * width + column);
      context.fillStyle = css([data[at] as number, data[at + 1] as number, data[at + 2] as number]);
      const y = heightOf(peak.position + 0.5, height, this.#count);
      context.fillRect(
        GUTTER + column * columns.width,
        Math.min(height - 3, Math.max(0, y - 1.5)),
        columns.width,
        3,
      );
    });
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
    const words = [`token ${formatCount(token)} “${isolate(labelOf(this.#tokens, token))}”`];
    const column = strips === null ? null : this.#columnAt(event, strips);
    if (strips !== null && column !== null) {
      const pixel = this.#pixelAt(event, strips);
      const place = strips.places[strongestAt(strips, column, pixel)];
      const code = codeAt(strips, column, pixel);
      const weight = decodeWeight(code);
      const from = formatCount(pixel * strips.pooled);
      const to = formatCount(Math.min(this.#count, (pixel + 1) * strips.pooled) - 1);
      const where = strips.pooled > 1 ? `largest of tokens ${from} to ${to}` : `token ${from}`;
      const value =
        code === U8_MASKED ? "out of reach" : formatWeight(weight, (Math.sqrt(weight) + 0.002) / U8_LEVELS);
      words.push(`layer ${place?.layer}, head ${place?.head}: ${value} (${where})`);
    }
    setText(this.#tip, words.join("\n"));
    this.#tip.hidden = false;
    const { top: above } = this.root.getBoundingClientRect();
    const y = event.clientY - above;
    this.#tip.style.top = `${Math.min(this.root.clientHeight - this.#tip.offsetHeight, Math.max(0, y + 12))}px`;
  }
}

/** What the columns are, in words. */
export function describe(
  { strips, waiting, failed }: StripsState,
  data: LayerData | null,
  all: boolean,
): string {
  if (failed !== "") return failed;
  if (waiting && strips === null) return "reading every head …";
  if (strips === null) return "Click a word: each column here is a head.";
  const heads = strips.places.filter(({ layer }) => all || layer === data?.info.layer).length;
  const dot =
    strips.pooled > 1 ? `a dot: largest of ${formatCount(strips.pooled)} tokens` : "a dot: one token";
  const read =
    strips.read < strips.of ? ` · read ${formatCount(strips.read)} of ${formatCount(strips.of)} queries` : "";
  return `${heads} ${heads === 1 ? "head" : "heads"} · ${dot}${read}`;
}
