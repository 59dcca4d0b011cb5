// One panel of the matrix pane: the heat map of one head with its axes and its pointer.
import type { LayerData, Palette, Pattern } from "../../core/types";
import { type AxesData, drawAxes, drawAxisFocus } from "../../draw/axes";
import { drawCrosshair } from "../../draw/crosshair";
import { drawHeat, paintCells } from "../../draw/heatmap";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { type Pooled, poolBlock, poolMax } from "../../math/pool";
import { cellAt, type Frame, type Viewport } from "../../math/viewport";
import type { Scale } from "../../wire/schema.gen";
import { element, setAttribute, setText } from "../kit/dom";

export interface PanelPlace {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly frame: Frame;
}

export interface PanelHandlers {
  hover(cell: { query: number; key: number } | null): void;
  hold(cell: { query: number; key: number }): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  key(event: KeyboardEvent): void;
  /** Whether there is anything to drag. */
  zoomed(): boolean;
}

export class MatrixPanel {
  readonly root: HTMLElement;
  readonly surface = element("canvas", "ap-heat", {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "matrix",
  });
  private readonly swatch = element("span", "ap-swatch");
  private readonly name = element("span");
  private readonly overlay = element("canvas", "ap-layer", { "aria-hidden": true });
  private readonly stage: HTMLElement;
  private place: PanelPlace | null = null;
  private pattern: Pattern | null = null;
  private pooled: Pooled | null = null;
  private image: HTMLCanvasElement | null = null;
  private painted: { scale: Scale; theme: Palette; pooled: Pooled } | null = null;

  constructor(
    private readonly handlers: PanelHandlers,
    signal: AbortSignal,
  ) {
    this.stage = element("div", "ap-stage", {}, this.surface, this.overlay);
    const caption = element("figcaption", "ap-panel-name", {}, this.swatch, this.name);
    this.root = element("figure", "ap-panel", {}, caption, this.stage);
    this.listen(signal);
  }

  /** Reads the pattern anew only when it, or the room for it, changed. */
  show(pattern: Pattern, place: PanelPlace, theme: Palette, ratio: number): void {
    const block = poolBlock(Math.min(place.frame.cellWidth, place.frame.cellHeight), ratio);
    if (pattern !== this.pattern) this.pooled = null;
    this.pattern = pattern;
    this.place = place;
    if (this.pooled === null || this.pooled.block !== block) this.pooled = poolMax(pattern, block);
    this.root.style.width = `${place.width}px`;
    this.stage.style.height = `${place.height}px`;
    this.swatch.style.background = css(theme.head(pattern.head));
    setText(this.name, `Head ${pattern.head}`);
  }

  get current(): Pooled | null {
    return this.pooled;
  }

  /** At a zoom where cells are larger than a pixel, pooled blocks would hide them: reads the cells themselves. */
  private detail(viewport: Viewport, ratio: number): Pooled | null {
    const { pooled, pattern, place } = this;
    if (pooled === null || pattern === null || place === null) return null;
    const cell = Math.min(place.frame.cellWidth, place.frame.cellHeight) * viewport.zoom;
    const block = poolBlock(cell, ratio);
    if (block !== pooled.block) this.pooled = poolMax(pattern, block);
    return this.pooled;
  }

  draw(data: LayerData, viewport: Viewport, scale: Scale, theme: Palette, ratio: number): void {
    const { place, pattern } = this;
    const pooled = this.detail(viewport, ratio);
    if (place === null || pattern === null || pooled === null) return;
    const image = this.paint(pooled, scale, theme);
    const context = prepare(this.surface, place.width, place.height, ratio);
    if (context === null || image === null) return;
    context.translate(place.left, place.top);
    const { frame } = place;
    drawHeat(
      context,
      { image, pooled, weights: pattern, error: pattern.error },
      { frame, viewport, scale },
      theme,
    );
    drawAxes(
      context,
      { queries: data.queryTokens.label, keys: data.keyTokens.label, query: null, key: null },
      { frame, viewport, left: place.left, top: place.top },
      theme,
    );
  }

  drawFocus(axes: AxesData, viewport: Viewport, theme: Palette, ratio: number): void {
    const { place } = this;
    if (place === null) return;
    const context = prepare(this.overlay, place.width, place.height, ratio);
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

  private paint(pooled: Pooled, scale: Scale, theme: Palette): HTMLCanvasElement | null {
    const { painted } = this;
    if (this.image !== null && painted !== null) {
      if (painted.scale === scale && painted.theme === theme && painted.pooled === pooled) return this.image;
    }
    const image = this.image ?? document.createElement("canvas");
    const context = prepare(image, pooled.columns, pooled.rows, 1);
    if (context === null) return null;
    paintCells(context, pooled, { scale }, theme);
    this.image = image;
    this.painted = { scale, theme, pooled };
    return image;
  }

  private listen(signal: AbortSignal): void {
    const { surface, handlers } = this;
    let drag: { x: number; y: number; moved: boolean } | null = null;
    const cell = (event: MouseEvent, viewport: Viewport) => {
      const { place } = this;
      if (place === null) return null;
      return cellAt(viewport, place.frame, event.offsetX - place.left, event.offsetY - place.top);
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
        const { place } = this;
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
