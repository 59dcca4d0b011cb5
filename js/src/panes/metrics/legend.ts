// The legend of the metrics map: colours with their values, the mark of an even spread, what has no value.
import type { Palette } from "../../core/types";
import { drawHatchArea } from "../../draw/hatch";
import { drawRamp } from "../../draw/ramp";
import { prepare } from "../../draw/surface";
import { formatMeasure, positionOf, type Span, spanTicks } from "../../math/measures";
import { scaleName } from "../../math/scale";
import type { MetricInfo, Scale } from "../../wire/schema.gen";
import { element, setText } from "../kit/dom";

const WIDTH = 150;
const HEIGHT = 9;

export interface MapLegendLook {
  readonly info: MetricInfo;
  readonly span: Span;
  readonly scale: Scale;
  /** Smallest and largest of what an even spread gives; not a number where nothing is eligible. */
  readonly even: Span;
  /** Whether some head has no value. */
  readonly empty: boolean;
  readonly note: string;
}

export class MapLegend {
  readonly #title = element("span", "ap-legend-title");
  readonly #strip = element("canvas", "ap-legend-strip", { "aria-hidden": true });
  readonly #mark = element("span", "ap-even-mark", { "aria-hidden": true }, "▼");
  readonly #ticks = element("span", "ap-legend-ticks");
  readonly #even = element("span", "ap-legend-item");
  readonly #hatch = element("canvas", "ap-legend-swatch", { "aria-hidden": true });
  readonly #empty = element("span", "ap-legend-item", {}, this.#hatch, "n/a: nothing eligible");
  readonly #note = element("span", "ap-legend-note");
  readonly root = element(
    "div",
    "ap-legend",
    {},
    this.#title,
    element("span", "ap-legend-bar", {}, this.#strip, this.#mark, this.#ticks),
    this.#even,
    this.#empty,
    this.#note,
  );

  update({ info, span, scale, even, empty, note }: MapLegendLook, theme: Palette, ratio: number): void {
    const unit = info.unit === "share" ? "" : `, ${info.unit}`;
    setText(this.#title, `${info.title}${unit}, ${scaleName(scale)}`);
    this.#strip.style.width = `${WIDTH}px`;
    this.#strip.style.height = `${HEIGHT}px`;
    this.#ticks.style.width = `${WIDTH}px`;
    const strip = prepare(this.#strip, WIDTH, HEIGHT, ratio);
    if (strip !== null) drawRamp(strip, { colour: theme.ramp }, { width: WIDTH, height: HEIGHT }, theme);
    const ticks = spanTicks(span, info.unit, scale);
    this.#ticks.replaceChildren(
      ...ticks.map(({ position, label }, index) => {
        const tick = element("span", "", {}, label);
        tick.style.left = `${position * 100}%`;
        tick.style.transform = `translateX(${index === 0 ? 0 : index === ticks.length - 1 ? -100 : -50}%)`;
        return tick;
      }),
    );
    const known = !Number.isNaN(even.low);
    this.#mark.hidden = !known;
    this.#even.hidden = !known;
    if (known) {
      const at = positionOf((even.low + even.high) / 2, span, scale);
      this.#mark.style.left = `${8 + at * WIDTH}px`;
      const ends = [...new Set([even.low, even.high].map((value) => formatMeasure(value, info.unit)))];
      setText(this.#even, `▼ even spread ${ends.join(" to ")}`);
    }
    this.#empty.hidden = !empty;
    const hatch = prepare(this.#hatch, 16, 11, ratio);
    if (hatch !== null) drawHatchArea(hatch, null, { x: 0, y: 0, width: 16, height: 11 }, theme);
    setText(this.#note, note);
  }
}
