// What is beside the tabs: which site, layer and head, and the settings of the pane on screen.
import type { ExplorerApp } from "../core/explorer";
import { headsOffered } from "../core/shown";
import { decimal } from "../math/format";
import type { Direction, Scale, SiteKind, View } from "../wire/schema.gen";
import { el, follow } from "./dom";
import { createFilter } from "./filter";
import { createSlider } from "./slider";
import { type Choice, createSwitch } from "./switch";

export { createSwitch } from "./switch";

const SITE_NAMES: Record<SiteKind, string> = { encoder: "Encoder", decoder: "Decoder", cross: "Cross" };

function createScale(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const names: readonly Choice<Scale>[] = [
    { value: "linear", text: "linear" },
    { value: "sqrt", text: "square root" },
    { value: "log", text: "log" },
  ];
  const select = el(
    "select",
    { class: "aw-select", "aria-label": "Scale" },
    ...names.map(({ value, text }) => el("option", { value }, text)),
  );
  select.addEventListener(
    "change",
    () => {
      app.scale.value = select.value as Scale;
    },
    { signal: abort },
  );
  follow(abort, () => {
    select.value = app.scale.value;
  });
  return el("label", { class: "aw-field" }, el("span", { class: "aw-label" }, "Scale"), select);
}

/** Slider positions of the threshold: finer near zero, where weights crowd. */
export const THRESHOLDS: readonly number[] = [
  0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8,
  0.9,
];

/** The slider position whose threshold is nearest. */
export function nearestThreshold(value: number): number {
  let best = 0;
  THRESHOLDS.forEach((threshold, index) => {
    if (Math.abs(threshold - value) < Math.abs((THRESHOLDS[best] as number) - value)) best = index;
  });
  return best;
}

export function formatThreshold(value: number): string {
  return value === 0 ? "0" : decimal(value, value < 0.01 ? 3 : 2);
}

/** Which kind of attention, where a record has more than one. */
export function createSites(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const sites = createSwitch<SiteKind>(
    "Attention",
    () => (app.data.value?.record.sites ?? []).map(({ kind }) => ({ value: kind, text: SITE_NAMES[kind] })),
    () => app.site.value,
    (kind) => {
      app.site.value = kind;
    },
    abort,
  );
  follow(abort, () => {
    sites.hidden = (app.data.value?.record.sites.length ?? 0) < 2;
  });
  return sites;
}

export function createControls(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const layer = createSlider(
    {
      name: "Layer",
      state: () => {
        const layers = app.data.value?.site.layers ?? [];
        const index = layers.findIndex((info) => info.layer === app.layer.value);
        return {
          min: 0,
          max: Math.max(0, layers.length - 1),
          step: 1,
          value: Math.max(0, index),
          text: String(app.layer.value),
        };
      },
      onInput: (index) => {
        const info = app.data.peek()?.site.layers[index];
        if (info !== undefined) app.layer.value = info.layer;
      },
    },
    abort,
  );
  const head = createSlider(
    {
      name: "Head",
      className: "aw-which",
      state: () => {
        const count = app.data.value?.info.heads ?? 1;
        const offered = headsOffered(count, app.filters.value);
        const chosen = app.heads.value;
        const text = chosen.length === 1 ? String(chosen[0]) : `${chosen.length} of ${count}`;
        const at = Math.max(0, offered.indexOf(chosen[0] ?? 0));
        return { min: 0, max: offered.length - 1, step: 1, value: at, text };
      },
      onInput: (index) => {
        const count = app.data.peek()?.info.heads ?? 1;
        app.soloHead(headsOffered(count, app.filters.peek())[index] ?? 0);
      },
    },
    abort,
  );
  const threshold = createSlider(
    {
      name: "Hide weights below",
      className: "aw-threshold",
      state: () => ({
        min: 0,
        max: THRESHOLDS.length - 1,
        step: 1,
        value: nearestThreshold(app.threshold.value),
        text: formatThreshold(app.threshold.value),
      }),
      onInput: (index) => {
        app.threshold.value = THRESHOLDS[index] ?? 0;
      },
    },
    abort,
  );
  const direction = createSwitch<Direction>(
    "Direction",
    () => [
      { value: "from", text: "looks at" },
      { value: "to", text: "is looked at by" },
    ],
    () => app.direction.value,
    (value) => {
      app.direction.value = value;
    },
    abort,
  );
  const scale = createScale(app, abort);

  const only = (element: HTMLElement, ...views: View[]) =>
    follow(abort, () => {
      element.hidden = !views.includes(app.view.value);
    });
  only(threshold, "head");
  only(direction, "text");
  only(scale, "model", "neuron", "matrix", "text", "metrics");
  const filter = createFilter(app, abort);
  return el("div", { class: "aw-controls" }, layer, head, threshold, direction, scale, filter);
}
