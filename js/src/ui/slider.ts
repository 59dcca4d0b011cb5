// A labelled slider with its value beside it.
import { el, follow, setAttribute, setText } from "./dom";

export interface SliderState {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  /** What stands beside the slider, and what a screen reader says. */
  readonly text: string;
  readonly disabled?: boolean;
}

export interface SliderOptions {
  readonly name: string;
  readonly label?: string;
  readonly className?: string;
  readonly state: () => SliderState;
  readonly onInput: (value: number) => void;
}

export function createSlider(options: SliderOptions, abort: AbortSignal): HTMLElement {
  const { name, label = name, className = "", state, onInput } = options;
  const input = el("input", { type: "range", "aria-label": name, class: "aw-range" });
  const value = el("output", { class: "aw-num", "aria-hidden": "true" });
  const root = el(
    "label",
    { class: `aw-slider ${className}`.trim() },
    el("span", { class: "aw-label" }, label),
    input,
    value,
  );
  input.addEventListener("input", () => onInput(input.valueAsNumber), { signal: abort });
  follow(abort, () => {
    const now = state();
    setAttribute(input, "min", now.min);
    setAttribute(input, "max", now.max);
    setAttribute(input, "step", now.step);
    setAttribute(input, "aria-valuetext", now.text);
    input.disabled = now.disabled === true || now.max <= now.min;
    if (input.valueAsNumber !== now.value) input.value = String(now.value);
    const share = now.max > now.min ? (now.value - now.min) / (now.max - now.min) : 0;
    input.style.setProperty("--filled", `${(share * 100).toFixed(2)}%`);
    setText(value, now.text);
  });
  return root;
}
