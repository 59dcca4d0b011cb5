// A legend: what the colours of a pane stand for, with the values at both ends.
import type { Palette } from "../../core/types";
import { drawDots, drawHatchArea } from "../../draw/hatch";
import { nanColour } from "../../draw/heatmap";
import { drawRamp } from "../../draw/ramp";
import { prepare } from "../../draw/surface";
import { css, type Rgb } from "../../math/colour";
import { scaleName, scaleTicks, type Tick } from "../../math/scale";
import type { Scale } from "../../wire/schema.gen";
import { element, setText } from "./dom";

const WIDTH = 140;
const HEIGHT = 9;

export interface LegendLook {
  /** What the colours measure, such as "weight" or "mean of heads 0 and 1". */
  readonly title: string;
  readonly scale: Scale;
  readonly colour: (position: number) => Rgb;
  readonly masked: boolean;
  readonly hidden?: boolean;
  readonly nan: boolean;
  readonly note: string;
  /** Labelled places; those of weights on the scale if not given. */
  readonly ticks?: readonly Tick[];
}

export class Legend {
  readonly root: HTMLElement;
  readonly #title = element("span", "ap-legend-title");
  readonly #strip = element("canvas", "ap-legend-strip", { "aria-hidden": true });
  readonly #ticks = element("span", "ap-legend-ticks");
  readonly #hatch = element("canvas", "ap-legend-swatch", { "aria-hidden": true });
  readonly #masked: HTMLElement;
  readonly #dots = element("canvas", "ap-legend-swatch", { "aria-hidden": true });
  readonly #hidden: HTMLElement;
  readonly #nanSwatch = element("span", "ap-legend-swatch");
  readonly #nan: HTMLElement;
  readonly #note = element("span", "ap-legend-note");

  constructor() {
    const bar = element("span", "ap-legend-bar", {}, this.#strip, this.#ticks);
    this.#masked = element("span", "ap-legend-item", {}, this.#hatch, "out of reach");
    this.#hidden = element("span", "ap-legend-item", {}, this.#dots, "hidden by a filter");
    this.#nan = element("span", "ap-legend-item", {}, this.#nanSwatch, "not a number");
    this.root = element(
      "div",
      "ap-legend",
      {},
      this.#title,
      bar,
      this.#masked,
      this.#hidden,
      this.#nan,
      this.#note,
    );
    this.#strip.style.width = `${WIDTH}px`;
    this.#strip.style.height = `${HEIGHT}px`;
    this.#ticks.style.width = `${WIDTH}px`;
  }

  update(look: LegendLook, theme: Palette, ratio: number): void {
    setText(this.#title, `${look.title}, ${scaleName(look.scale)}`);
    const context = prepare(this.#strip, WIDTH, HEIGHT, ratio);
    if (context !== null) {
      drawRamp(context, { colour: look.colour }, { width: WIDTH, height: HEIGHT }, theme);
    }
    const marks = look.ticks ?? scaleTicks(look.scale);
    this.#ticks.replaceChildren(
      ...marks.map(({ position, label }, index) => {
        const tick = element("span", "", {}, label);
        tick.style.left = `${position * 100}%`;
        const shift = index === 0 ? 0 : index === marks.length - 1 ? -100 : -50;
        tick.style.transform = `translateX(${shift}%)`;
        return tick;
      }),
    );
    this.#masked.hidden = !look.masked;
    const hatch = prepare(this.#hatch, 16, 11, ratio);
    if (hatch !== null) drawHatchArea(hatch, null, { x: 0, y: 0, width: 16, height: 11 }, theme);
    this.#hidden.hidden = look.hidden !== true;
    const dots = prepare(this.#dots, 16, 11, ratio);
    if (dots !== null) drawDots(dots, null, { x: 0, y: 0, width: 16, height: 11 }, theme);
    this.#nan.hidden = !look.nan;
    this.#nanSwatch.style.background = css(nanColour(theme));
    setText(this.#note, look.note);
  }
}
