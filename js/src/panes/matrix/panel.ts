// One panel of the matrix pane: the heat map of one head with its axes and its pointer.
import type { LayerData, Palette, Pattern } from "../../core/types";
import { type AxesData, drawAxes, drawAxisFocus } from "../../draw/axes";
import { drawCrosshair } from "../../draw/crosshair";
import { drawHeat, paintCells } from "../../draw/heatmap";
import { drawSegments } from "../../draw/segments";
import { drawSink, SINK_GAP, SINK_WIDTH } from "../../draw/sink";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { type Pooled, poolBlock, poolMax } from "../../math/pool";
import { cellAt, type Frame, type Viewport } from "../../math/viewport";
import { sinkOf } from "../../math/weights";
import type { Scale } from "../../wire/schema.gen";
import { element, setAttribute, setText } from "../kit/dom";
import { segmentsOf } from "../kit/tokens";

export interface PanelPlace {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly frame: Frame;
}

/** A cell, or what a query gives to its sink (no key). */
export interface PanelCell {
  readonly query: number;
  readonly key: number | null;
}

export interface PanelHandlers {
  hover(cell: PanelCell | null): void;
  hold(cell: PanelCell): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  key(event: KeyboardEvent): void;
  /** Whether there is anything to drag. */
  zoomed(): boolean;
}

/** A pattern read at some coarseness, with its picture in the scale and theme that it was last painted in. */
interface Reading {
  readonly pooled: Pooled;
  image: HTMLCanvasElement | null;
  scale: Scale | null;
  theme: Palette | null;
}

/** Coarsenesses kept of one pattern. */
const KEPT = 4;

export class MatrixPanel {
  readonly root: HTMLElement;
  readonly surface = element("canvas", "ap-heat", {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "matrix",
  });
  readonly #swatch = element("span", "ap-swatch");
  readonly #name = element("span");
  readonly #overlay = element("canvas", "ap-layer", { "aria-hidden": true });
  readonly #stage: HTMLElement;
  #place: PanelPlace | null = null;
  #pattern: Pattern | null = null;
  #sinks = false;
  readonly #readings = new Map<number, Reading>();
  /** What is on screen. */
  current: Pooled | null = null;

  readonly #handlers: PanelHandlers;

  constructor(handlers: PanelHandlers, signal: AbortSignal) {
    this.#handlers = handlers;
    this.#stage = element("div", "ap-stage", {}, this.surface, this.#overlay);
    const caption = element("figcaption", "ap-panel-name", {}, this.#swatch, this.#name);
    this.root = element("figure", "ap-panel", {}, caption, this.#stage);
    this.#listen(signal);
  }

  /** Takes a pattern and its place; what was read of the same pattern before is kept. */
  show(pattern: Pattern, name: string, place: PanelPlace, theme: Palette): void {
    if (pattern !== this.#pattern) {
      this.#readings.clear();
      this.current = null;
    }
    this.#pattern = pattern;
    this.#place = place;
    this.root.style.width = `${place.width}px`;
    this.#stage.style.height = `${place.height}px`;
    this.#swatch.style.background = css(theme.head(pattern.head));
    setText(this.#name, name);
  }

  /** The pattern in blocks that are no smaller than a pixel at this zoom: the nearer one looks, the finer. */
  #readingAt(pattern: Pattern, frame: Frame, viewport: Viewport, ratio: number): Reading {
    const block = poolBlock(Math.min(frame.cellWidth, frame.cellHeight) * viewport.zoom, ratio);
    const known = this.#readings.get(block);
    if (known !== undefined) return known;
    if (this.#readings.size >= KEPT) this.#readings.clear();
    const made = { pooled: poolMax(pattern, block), image: null, scale: null, theme: null };
    this.#readings.set(block, made);
    return made;
  }

  draw(data: LayerData, viewport: Viewport, scale: Scale, theme: Palette, ratio: number): void {
    const place = this.#place;
    const pattern = this.#pattern;
    if (place === null || pattern === null) return;
    const reading = this.#readingAt(pattern, place.frame, viewport, ratio);
    this.current = reading.pooled;
    this.#sinks = data.info.sinks;
    const image = paint(reading, scale, theme);
    const context = prepare(this.surface, place.width, place.height, ratio);
    if (context === null || image === null) return;
    context.translate(place.left, place.top);
    const { frame } = place;
    drawHeat(
      context,
      { image, pooled: reading.pooled, weights: pattern, error: pattern.error },
      { frame, viewport, scale },
      theme,
    );
    if (data.info.sinks)
      drawSink(context, { sink: (query) => sinkOf(pattern, query) }, { frame, viewport, scale }, theme);
    const segments = segmentsOf(data);
    if (segments !== null) {
      const style = getComputedStyle(this.root);
      const colour = (name: string) => style.getPropertyValue(name) || theme.faint;
      const colours = [colour("--seg-a"), colour("--seg-b")] as const;
      const room = { frame, viewport, left: place.left, top: place.top };
      drawSegments(context, { ...segments, colours }, room, theme);
    }
    drawAxes(
      context,
      { queries: data.queryTokens.label, keys: data.keyTokens.label, query: null, key: null },
      { frame, viewport, left: place.left, top: place.top },
      theme,
    );
  }

  drawFocus(axes: AxesData, viewport: Viewport, theme: Palette, ratio: number): void {
    const place = this.#place;
    if (place === null) return;
    const context = prepare(this.#overlay, place.width, place.height, ratio);
    if (context === null) return;
    context.translate(place.left, place.top);
    const view = { frame: place.frame, viewport, left: place.left, top: place.top };
    drawCrosshair(context, axes, view, theme);
    drawAxisFocus(context, axes, view, theme);
  }

  /** What a screen reader says of the panel. */
  describe(text: string): void {
    setAttribute(this.surface, "aria-label", text);
  }

  #listen(signal: AbortSignal): void {
    const { surface } = this;
    const handlers = this.#handlers;
    let drag: { x: number; y: number; moved: boolean } | null = null;
    const cell = (event: MouseEvent, viewport: Viewport): PanelCell | null => {
      const place = this.#place;
      if (place === null) return null;
      const [x, y] = [event.offsetX - place.left, event.offsetY - place.top];
      const past = x - place.frame.width - SINK_GAP;
      if (!this.#sinks || past < 0 || past >= SINK_WIDTH) return cellAt(viewport, place.frame, x, y);
      const row = cellAt(viewport, place.frame, 0, y);
      return row === null ? null : { query: row.query, key: null };
    };
    surface.addEventListener(
      "pointermove",
      (event) => {
        if (drag !== null && handlers.zoomed()) {
          const dx = event.offsetX - drag.x;
          const dy = event.offsetY - drag.y;
          if (drag.moved || Math.hypot(dx, dy) > 3) {
            handlers.pan(dx, dy);
            drag = { x: event.offsetX, y: event.offsetY, moved: true };
            return;
          }
        }
        handlers.hover(cell(event, this.viewport()));
      },
      { signal },
    );
    surface.addEventListener("pointerleave", () => drag === null && handlers.hover(null), { signal });
    surface.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        drag = { x: event.offsetX, y: event.offsetY, moved: false };
        surface.setPointerCapture(event.pointerId);
      },
      { signal },
    );
    surface.addEventListener(
      "pointerup",
      (event) => {
        const moved = drag?.moved ?? true;
        drag = null;
        const at = cell(event, this.viewport());
        if (!moved && at !== null) handlers.hold(at);
      },
      { signal },
    );
    surface.addEventListener(
      "pointercancel",
      () => {
        drag = null;
      },
      { signal },
    );
    surface.addEventListener(
      "wheel",
      (event) => {
        const place = this.#place;
        if (!event.ctrlKey || place === null) return;
        event.preventDefault();
        const factor = Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * 0.01);
        handlers.zoom(factor, event.offsetX - place.left, event.offsetY - place.top);
      },
      { signal, passive: false },
    );
    surface.addEventListener("keydown", (event) => handlers.key(event), { signal });
    surface.addEventListener("blur", () => handlers.hover(null), { signal });
  }

  /** Set by the pane: what is in sight now. */
  viewport: () => Viewport = () => ({ query: 0, key: 0, zoom: 1 });
}

/** The reading's picture, painted anew only for another scale or theme. */
function paint(reading: Reading, scale: Scale, theme: Palette): HTMLCanvasElement | null {
  const { pooled } = reading;
  if (reading.image !== null && reading.scale === scale && reading.theme === theme) return reading.image;
  const image = reading.image ?? document.createElement("canvas");
  const context = prepare(image, pooled.columns, pooled.rows, 1);
  if (context === null) return null;
  paintCells(context, pooled, { scale }, theme);
  reading.image = image;
  reading.scale = scale;
  reading.theme = theme;
  return image;
}
