// One panel of the matrix pane: the heat map of one head with its axes and its pointer.
import type { LayerData, Palette, Pattern } from "../../core/types";
import { type AxesData, drawAxes, drawAxisFocus } from "../../draw/axes";
import { drawCrosshair } from "../../draw/crosshair";
import { drawSegments } from "../../draw/segments";
import { drawSink, SINK_GAP, SINK_WIDTH } from "../../draw/sink";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { cellAt, type Frame, type Viewport } from "../../math/viewport";
import { sinkOf } from "../../math/weights";
import type { Scale } from "../../wire/schema.gen";
import { element, setAttribute, setText } from "../kit/dom";
import { segmentsOf } from "../kit/tokens";
import type { CellPainter } from "./cells";

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

/** Of a long prompt only single rows are known with what goes to their sink. */
export function hasSinkColumn({ info }: LayerData): boolean {
  return info.sinks && !info.tiled;
}

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
  readonly cells: CellPainter;

  readonly #handlers: PanelHandlers;

  constructor(cells: CellPainter, handlers: PanelHandlers, signal: AbortSignal) {
    this.cells = cells;
    this.#handlers = handlers;
    this.#stage = element("div", "ap-stage", {}, this.surface, this.#overlay);
    const caption = element("figcaption", "ap-panel-name", {}, this.#swatch, this.#name);
    this.root = element("figure", "ap-panel", {}, caption, this.#stage);
    this.#listen(signal);
  }

  /** Takes a pattern and its place. */
  show(pattern: Pattern, name: string, place: PanelPlace, data: LayerData, theme: Palette): void {
    this.cells.show(pattern, data);
    this.#pattern = pattern;
    this.#place = place;
    this.root.style.width = `${place.width}px`;
    this.#stage.style.height = `${place.height}px`;
    this.#swatch.style.background = css(theme.head(pattern.head));
    setText(this.#name, name);
  }

  draw(data: LayerData, viewport: Viewport, scale: Scale, theme: Palette, ratio: number): void {
    const place = this.#place;
    const pattern = this.#pattern;
    if (place === null || pattern === null) return;
    this.#sinks = hasSinkColumn(data);
    const context = prepare(this.surface, place.width, place.height, ratio);
    if (context === null) return;
    context.translate(place.left, place.top);
    const { frame } = place;
    this.cells.draw(context, { frame, viewport, scale, ratio }, theme);
    if (this.#sinks)
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
    /** Fingers on the panel: two of them pinch. */
    const fingers = new Map<number, { x: number; y: number }>();
    const pinch = (event: PointerEvent): boolean => {
      const before = fingers.get(event.pointerId);
      const now = { x: event.offsetX, y: event.offsetY };
      const [other] = [...fingers].flatMap(([id, at]) => (id === event.pointerId ? [] : [at]));
      const place = this.#place;
      if (before === undefined || other === undefined || place === null) return false;
      fingers.set(event.pointerId, now);
      const apart = (at: { x: number; y: number }) => Math.max(8, Math.hypot(at.x - other.x, at.y - other.y));
      handlers.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
      const [x, y] = [(now.x + other.x) / 2, (now.y + other.y) / 2];
      handlers.zoom(apart(now) / apart(before), x - place.left, y - place.top);
      return true;
    };
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
        if (pinch(event)) return;
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
        fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
        drag = { x: event.offsetX, y: event.offsetY, moved: fingers.size > 1 };
        surface.setPointerCapture(event.pointerId);
      },
      { signal },
    );
    surface.addEventListener(
      "pointerup",
      (event) => {
        const moved = drag?.moved ?? true;
        drag = null;
        fingers.delete(event.pointerId);
        const at = cell(event, this.viewport());
        if (!moved && at !== null) handlers.hold(at);
      },
      { signal },
    );
    surface.addEventListener(
      "pointercancel",
      (event) => {
        drag = null;
        fingers.delete(event.pointerId);
      },
      { signal },
    );
    surface.addEventListener(
      "wheel",
      (event) => {
        const place = this.#place;
        if (place === null) return;
        if (!event.ctrlKey) {
          // Only a matrix that one works in: else the page scrolls, as over anything.
          if (!handlers.zoomed() || !surface.matches(":focus")) return;
          event.preventDefault();
          handlers.pan(-event.deltaX, -event.deltaY);
          return;
        }
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
