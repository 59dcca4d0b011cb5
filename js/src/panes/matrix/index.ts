// The matrix pane: queries x keys heat maps of the chosen heads, with zoom and pan down to the cell.
import type { ReadonlySignal } from "@preact/signals-core";
import { describeLeftOut } from "../../core/fidelity";
import { COMBINED, describeCombined, measureOf, nameOf, titleOf } from "../../core/shown";
import type { CreatePane, Explorer, Focus, LayerData, Pattern } from "../../core/types";
import { CHARACTER } from "../../draw/axes";
import { SEGMENT_ROOM } from "../../draw/segments";
import { SINK_GAP, SINK_WIDTH } from "../../draw/sink";
import { formatWeight } from "../../math/format";
import { isolate, widestLabel } from "../../math/labels";
import { packPanels } from "../../math/panels";
import {
  cellCorner,
  clampView,
  type Frame,
  fitMatrix,
  panBy,
  reveal,
  type Viewport,
  WHOLE,
  zoomAt,
  zoomMax,
} from "../../math/viewport";
import { isHidden, isOutOfReach, isUnread } from "../../math/weights";
import { follow } from "../../ui/dom";
import type { Tokens } from "../../wire/schema.gen";
import { element, onFrame, onResize, setText } from "../kit/dom";
import { Legend } from "../kit/legend";
import { readingOf } from "../kit/readings";
import { labelOf, segmentsOf } from "../kit/tokens";
import { type CellPainter, type Drawn, WholeCells } from "./cells";
import { hasSinkColumn, MatrixPanel, type PanelCell, type PanelPlace } from "./panel";

const MOST_PANELS = 4;
const TITLE = 22;
const GAP = 14;
/** Cells at least this large have room for the letters of a token beside them. */
const TOKEN_CELL = 12;
const ZOOM_STEP = 1.6;

/** What differs between patterns that are here whole and those that come in tiles. */
export interface MatrixKind {
  cells(): CellPainter;
  /** What the legend says of the dots on screen. */
  describe(drawn: readonly Drawn[], data: LayerData): readonly string[];
  /** Redraws the cells when it changes. */
  readonly changed?: ReadonlySignal<unknown>;
  /** Keys beside those of the pane; true where it took one. */
  key?(event: KeyboardEvent): boolean;
}

const WHOLE_PATTERNS: MatrixKind = {
  cells: () => new WholeCells(),
  describe(drawn, { patterns }) {
    const block = Math.max(1, ...drawn.map((one) => one.block));
    const error = Math.max(0, ...patterns.map((pattern) => pattern.error));
    return [
      block > 1 ? `a dot is the largest of ${block} × ${block} cells` : "",
      error > 0 ? `colours within ${formatWeight(error)}` : "",
    ];
  },
};

export const createMatrixPane: CreatePane = (host, explorer) => new MatrixPane(host, explorer);

export class MatrixPane {
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-matrix");
  readonly toolbar = element("div", "ap-toolbar");
  readonly #readout = element("span", "ap-readout");
  readonly #zoomOut = button("Zoom out", "−");
  readonly #zoomReset = button("Whole matrix", "1×");
  readonly #zoomIn = button("Zoom in", "+");
  readonly #grid = element("div", "ap-panels");
  readonly #legend = new Legend();
  readonly #panels: MatrixPanel[] = [];
  readonly #frameTask;
  #viewport: Viewport = WHOLE;
  #place: PanelPlace | null = null;
  #record = "";
  #dirty = { layout: true, cells: true };

  readonly #explorer: Explorer;
  readonly #kind: MatrixKind;

  constructor(host: HTMLElement, explorer: Explorer, kind = WHOLE_PATTERNS) {
    this.#explorer = explorer;
    this.#kind = kind;
    const { signal } = this.#abort;
    const zoom = element(
      "div",
      "ap-zoom",
      { role: "group", "aria-label": "Zoom" },
      this.#zoomOut,
      this.#zoomReset,
      this.#zoomIn,
    );
    this.toolbar.append(this.#readout, zoom);
    this.#root.append(this.toolbar, this.#grid, this.#legend.root);
    host.append(this.#root);
    this.#zoomOut.addEventListener("click", () => this.#zoomMiddle(1 / ZOOM_STEP), { signal });
    this.#zoomIn.addEventListener("click", () => this.#zoomMiddle(ZOOM_STEP), { signal });
    this.#zoomReset.addEventListener("click", () => this.look(WHOLE), { signal });
    this.#frameTask = onFrame(() => this.#work(), signal);
    onResize(this.#grid, () => this.#redraw("layout"), signal);
    follow(signal, () => {
      explorer.data.value;
      this.#redraw("layout");
    });
    follow(signal, () => {
      explorer.palette.value;
      explorer.scale.value;
      this.#redraw("layout");
    });
    const { changed } = kind;
    if (changed !== undefined) {
      // Not `?.`: the minifier drops the read of a value that is not used.
      follow(signal, () => {
        changed.value;
        this.#redraw("cells");
      });
    }
    follow(signal, () => {
      explorer.focus.value;
      explorer.exact.value;
      this.#redraw("focus");
    });
  }

  destroy(): void {
    this.#abort.abort();
    this.#explorer.hover.value = null;
    this.#root.remove();
  }

  #redraw(what: "layout" | "cells" | "focus"): void {
    if (what !== "focus") this.#dirty.cells = true;
    if (what === "layout") this.#dirty.layout = true;
    this.#frameTask.request();
  }

  #work(): boolean {
    const data = this.#explorer.data.peek();
    if (data === null || this.#grid.clientWidth === 0) return false;
    const ratio = window.devicePixelRatio || 1;
    const theme = this.#explorer.palette.peek();
    const scale = this.#explorer.scale.peek();
    if (this.#dirty.layout) this.#layout(data);
    if (this.#dirty.cells) {
      for (const panel of this.#panels) panel.draw(data, this.#viewport, scale, theme, ratio);
      this.#describeZoom(data, ratio);
    }
    this.#dirty = { layout: false, cells: false };
    this.#drawFocus(data, ratio);
    this.#root.dataset.drawn = "1";
    return false;
  }

  #layout(data: LayerData): void {
    const theme = this.#explorer.palette.peek();
    const shown = data.patterns.slice(0, MOST_PANELS);
    while (this.#panels.length > shown.length) {
      const panel = this.#panels.pop();
      panel?.cells.rest?.();
      panel?.root.remove();
    }
    while (this.#panels.length < shown.length) this.#addPanel();
    const [first] = shown;
    if (first === undefined) return;
    const { columns, width, frame, left, top, sink } = this.#fit(data, first, shown.length);
    this.#place = {
      width: Math.ceil(Math.min(width, frame.width + left + sink + 4)),
      height: Math.ceil(frame.height + top + 4),
      left,
      top,
      frame,
    };
    this.#grid.style.gridTemplateColumns = `repeat(${columns}, max-content)`;
    if (data.record.record !== this.#record) this.#viewport = WHOLE;
    this.#record = data.record.record;
    this.#viewport = clampView(this.#viewport, frame);
    const place = this.#place;
    shown.forEach((pattern, index) => {
      this.#panels[index]?.show(pattern, titleOf(data, pattern.head), place, data, theme);
    });
  }

  /**
   * The room for cells and labels. Tokens get room where cells are as large as their letters; else the axes carry
   * positions, which need less.
   */
  #fit(data: LayerData, first: Pattern, count: number) {
    const characters = (labels: readonly string[]) => widestLabel(labels, 10) * CHARACTER + 16;
    const extra = segmentsOf(data) === null ? 0 : SEGMENT_ROOM;
    const sink = hasSinkColumn(data) ? SINK_GAP + SINK_WIDTH : 0;
    const left = Math.round(Math.max(36, characters(data.queryTokens.label))) + extra;
    const top = Math.round(Math.max(sink > 0 ? 40 : 24, characters(data.keyTokens.label))) + extra;
    const [bareLeft, bareTop] = [Math.min(left, 52 + extra), (sink > 0 ? 40 : 24) + extra];
    const { zoom } = this.#viewport;
    // Each axis carries tokens where its own cells are large enough; rows give way first.
    for (const [l, t] of [
      [left, top],
      [bareLeft, top],
      [left, bareTop],
    ] as const) {
      const packed = this.#pack(first, count, l, t, sink);
      const { cellWidth, cellHeight } = packed.frame;
      const rowsFit = l === bareLeft || cellHeight * zoom >= TOKEN_CELL;
      const columnsFit = t === bareTop || cellWidth * zoom >= TOKEN_CELL;
      if (rowsFit && columnsFit) return packed;
    }
    return this.#pack(first, count, bareLeft, bareTop, sink);
  }

  #pack(first: Pattern, count: number, left: number, top: number, sink: number) {
    const { clientWidth, clientHeight } = this.#grid;
    const margin = { x: left + 4 + sink, y: top + TITLE + 4 };
    const grid = packPanels(count, clientWidth, clientHeight, margin, GAP, first.keys / first.queries);
    const frame = fitMatrix(
      first.queries,
      first.keys,
      Math.max(40, grid.width - margin.x),
      Math.max(40, grid.height - margin.y),
    );
    return { columns: grid.columns, width: grid.width, frame, left, top, sink };
  }

  #addPanel(): void {
    const panel = new MatrixPanel(
      this.#kind.cells(),
      {
        hover: (cell) => this.#hover(cell),
        hold: (cell) => this.#hold(cell),
        pan: (dx, dy) => this.#place !== null && this.look(panBy(this.#viewport, this.#place.frame, dx, dy)),
        zoom: (factor, x, y) =>
          this.#place !== null && this.look(zoomAt(this.#viewport, this.#place.frame, factor, x, y)),
        key: (event) => this.#onKey(event),
        zoomed: () => this.#viewport.zoom > 1,
      },
      this.#abort.signal,
    );
    panel.viewport = () => this.#viewport;
    this.#panels.push(panel);
    this.#grid.append(panel.root);
  }

  /** What is in sight, and in which frame; null before anything is laid out. */
  get sight(): { readonly viewport: Viewport; readonly frame: Frame } | null {
    return this.#place && { viewport: this.#viewport, frame: this.#place.frame };
  }

  get legend(): HTMLElement {
    return this.#legend.root;
  }

  look(viewport: Viewport): void {
    if (this.#place === null) return;
    this.#viewport = clampView(viewport, this.#place.frame);
    // The room for labels depends on the zoom.
    this.#redraw("layout");
  }

  #zoomMiddle(factor: number): void {
    if (this.#place === null) return;
    const { frame } = this.#place;
    const cell = this.cell();
    const at =
      cell === null
        ? { x: frame.width / 2, y: frame.height / 2 }
        : cellCorner(this.#viewport, frame, cell.query + 0.5, cell.key + 0.5);
    const inside = at.x >= 0 && at.y >= 0 && at.x <= frame.width && at.y <= frame.height;
    this.look(
      zoomAt(
        this.#viewport,
        frame,
        factor,
        inside ? at.x : frame.width / 2,
        inside ? at.y : frame.height / 2,
      ),
    );
  }

  #hover(cell: PanelCell | null): void {
    const now = this.#explorer.hover.peek();
    if (cell === null ? now === null : now?.query === cell.query && now.key === cell.key) return;
    this.#explorer.hover.value = cell;
  }

  #hold(cell: PanelCell): void {
    const { query, key, locked } = this.#explorer.selection.peek();
    const same = locked && query === cell.query && key === cell.key;
    this.#explorer.hold(same ? null : cell);
  }

  /** The cell in focus, if all of it is known. */
  cell(): { query: number; key: number } | null {
    const { query, key } = this.#explorer.focus.peek();
    return query === null || key === null ? null : { query, key };
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#place === null) return;
    const { frame } = this.#place;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-10, 0],
      PageDown: [10, 0],
      Home: [0, -frame.keys],
      End: [0, frame.keys],
    };
    const move = moves[event.key];
    if (move !== undefined) {
      if (event.shiftKey)
        this.look(panBy(this.#viewport, frame, -40 * Math.sign(move[1]), -40 * Math.sign(move[0])));
      else this.#step(frame, move);
    } else if (event.key === "+" || event.key === "=") this.#zoomMiddle(ZOOM_STEP);
    else if (event.key === "-") this.#zoomMiddle(1 / ZOOM_STEP);
    else if (event.key === "0") this.look(WHOLE);
    else if (event.key === "Enter" || event.key === " ") {
      const cell = this.cell();
      if (cell !== null) this.#hold(cell);
    } else if (this.#kind.key?.(event) !== true) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step(frame: Frame, [down, right]: readonly [number, number]): void {
    const focus = this.#explorer.focus.peek();
    const fresh = focus.query === null && focus.key === null;
    const clamp = (at: number, count: number) => Math.min(count - 1, Math.max(0, at));
    const query = fresh ? Math.floor(this.#viewport.query) : clamp((focus.query ?? 0) + down, frame.queries);
    const key = fresh ? Math.floor(this.#viewport.key) : clamp((focus.key ?? 0) + right, frame.keys);
    this.#hover({ query, key });
    this.look(reveal(this.#viewport, frame, query, key));
  }

  #drawFocus(data: LayerData, ratio: number): void {
    const theme = this.#explorer.palette.peek();
    const focus = inside(this.#explorer.focus.peek(), data);
    const axes = { queries: data.queryTokens.label, keys: data.keyTokens.label, ...focus };
    const weights = this.#weights(data, focus);
    this.#panels.forEach((panel, index) => {
      panel.drawFocus(axes, this.#viewport, theme, ratio);
      const pattern = data.patterns[index];
      if (pattern === undefined) return;
      const size = `${pattern.queries} queries by ${pattern.keys} keys`;
      panel.describe(`${titleOf(data, pattern.head)}, ${size}${cellText(data, focus, weights[index])}`);
    });
    const quoted = (tokens: Tokens, at: number) => `“${isolate(labelOf(tokens, at))}”`;
    const key = focus.key === null ? "" : ` → ${quoted(data.keyTokens, focus.key)}`;
    const cell =
      focus.query === null || weights.length === 0 ? null : `${quoted(data.queryTokens, focus.query)}${key}`;
    const numbers = weights
      .slice(0, MOST_PANELS)
      .map((text, i) => `${nameOf(data, data.patterns[i]?.head ?? COMBINED)} ${text}`);
    const more = data.patterns.length > MOST_PANELS;
    const heads = more ? `showing ${MOST_PANELS} of ${data.patterns.length} chosen heads · ` : "";
    setText(
      this.#readout,
      cell === null
        ? `${heads}queries down, keys across · + and − zoom, drag to move`
        : `${cell}: ${numbers.join(", ")}`,
    );
    // Narrow panes cut the line off.
    this.#readout.title = cell === null ? "" : (this.#readout.textContent ?? "");
  }

  /** The weight of the cell in focus in each chosen head, and what goes to the sink, written out; empty without a focus. */
  #weights(data: LayerData, { query, key }: Focus): string[] {
    if (query === null || (key === null && !data.info.sinks)) return [];
    const exact = this.#explorer.exact.peek();
    return data.patterns.slice(0, MOST_PANELS).map((pattern) => {
      const { weights, error, floor, sink } = readingOf(data, pattern, query, exact);
      if (key === null) return sink === null ? "" : `sink ${formatWeight(sink, error)}`;
      const weight = weights[key] ?? Number.NaN;
      if (isOutOfReach(weight)) return "out of reach";
      if (isUnread(weight)) return "…";
      const hidden = isHidden(weight) ? "hidden by a filter" : formatWeight(weight, error, floor);
      return sink === null ? hidden : `${hidden}, sink ${formatWeight(sink, error)}`;
    });
  }

  #describeZoom(data: LayerData, ratio: number): void {
    const theme = this.#explorer.palette.peek();
    const scale = this.#explorer.scale.peek();
    const drawn = this.#panels.flatMap((panel) => panel.cells.drawn ?? []);
    const notes = [...this.#kind.describe(drawn, data), describeLeftOut(data)];
    this.#legend.update(
      {
        title: [measureOf(data.record), describeCombined(data)].filter(Boolean).join(", "),
        scale,
        colour: (position) => theme.ramp(position),
        masked: drawn.some((one) => one.masked),
        hidden: drawn.some((one) => one.hidden),
        nan: drawn.some((one) => one.nan),
        note: notes.filter(Boolean).join(" · "),
      },
      theme,
      ratio,
    );
    const most = this.#place === null ? 1 : zoomMax(this.#place.frame);
    this.#zoomOut.disabled = this.#viewport.zoom <= 1;
    this.#zoomIn.disabled = this.#viewport.zoom >= most - 1e-9;
    setText(this.#zoomReset, `${Number(this.#viewport.zoom.toFixed(this.#viewport.zoom < 100 ? 1 : 0))}×`);
    this.#root.classList.toggle("ap-zoomed", this.#viewport.zoom > 1);
  }
}

function button(name: string, text: string): HTMLButtonElement {
  return element("button", "ap-button", { type: "button", "aria-label": name, title: name }, text);
}

/** The focus as far as it lies within the tokens. */
function inside(focus: Focus, data: LayerData): Focus {
  const within = (index: number | null, count: number) => (index !== null && index < count ? index : null);
  return {
    query: within(focus.query, data.queryTokens.label.length),
    key: within(focus.key, data.keyTokens.label.length),
  };
}

function cellText(data: LayerData, { query, key }: Focus, weight: string | undefined): string {
  if (query === null || weight === undefined) return "";
  const from = `query ${query} ${labelOf(data.queryTokens, query)}`;
  if (key === null) return `. ${from}: ${weight}`;
  return `. ${from}, key ${key} ${labelOf(data.keyTokens, key)}: ${weight}`;
}
