// What orders and thins out the grid of heads: a metric, the order, and a limit.
import type { Explorer } from "../../core/types";
import { formatMeasure } from "../../math/measures";
import { createSwitch } from "../../ui/controls";
import { createSlider } from "../../ui/slider";
import type { Order } from "../../wire/schema.gen";
import { element } from "../kit/dom";
import type { Chosen } from "../kit/metric-chosen";
import { createMetricSelect } from "../kit/metric-select";

const STEPS = 100;

export function createOrderControls(
  explorer: Explorer,
  chosen: () => Chosen | null,
  signal: AbortSignal,
): HTMLElement {
  const order = createSwitch<Order>(
    "Order",
    () => [
      { value: "layer", text: "by layer" },
      { value: "metric", text: "by metric" },
    ],
    () => explorer.order.value,
    (value) => {
      explorer.order.value = value;
    },
    signal,
  );
  const cut = createSlider(
    {
      name: "Fade heads below",
      label: "Cut",
      className: "aw-threshold",
      state: () => {
        const now = chosen();
        const limit = explorer.cut.value;
        const { low, high } = now?.span ?? { low: 0, high: 1 };
        const text = limit === null ? "off" : formatMeasure(limit, now?.info.unit ?? "share");
        const value = limit === null ? 0 : Math.round((STEPS * (limit - low)) / (high - low));
        return {
          min: 0,
          max: STEPS,
          step: 1,
          value: Math.min(STEPS, Math.max(0, value)),
          text,
          disabled: now === null,
        };
      },
      onInput: (step) => {
        const span = chosen()?.span;
        if (span === undefined) return;
        const limit = span.low + ((span.high - span.low) * step) / STEPS;
        explorer.cut.value = step === 0 ? null : Number(limit.toPrecision(3));
      },
    },
    signal,
  );
  return element("div", "ap-orders", {}, createMetricSelect(explorer, signal), order, cut);
}
