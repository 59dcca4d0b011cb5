// The metrics pane: every head's metrics and detectors, as a map and as a table.

import { signal as createSignal } from "@preact/signals-core";
import { isSnapshot } from "../../core/fidelity";
import { areOf, isRefined } from "../../core/measures";
import { isHead, togglePins } from "../../core/pinned";
import type { CreatePane, Explorer, HeadMetrics } from "../../core/types";
import { drawHatchArea } from "../../draw/hatch";
import { prepare } from "../../draw/surface";
import { byLayer, type Place, ranked } from "../../math/arrange";
import { css, inkOn } from "../../math/colour";
import { decimal, formatCount } from "../../math/format";
import { formatMeasure, meanOf, positionOf, type Span, shareOf } from "../../math/measures";
import { layOut, PICTURES } from "../../math/overview";
import { createSwitch } from "../../ui/controls";
import { follow } from "../../ui/dom";
import { element, isInUse, onFrame, onLeave, onResize, setText } from "../kit/dom";
import { HeadGrid } from "../kit/head-grid";
import { type Chosen, chosenMetric } from "../kit/metric-chosen";
import { createMetricSelect } from "../kit/metric-select";
import { About } from "./about";
import { MapLegend } from "./legend";
import { MetricsTable } from "./table";

type Form = "map" | "table";

/** Cells of the map: smaller than pictures, for a colour is seen where a picture is not. */
const CELLS = { ...PICTURES, least: 13, whole: 14, scrolled: 22, most: 76, right: 66 };
const ASPECT = 1.45;
/** Widths at which the metric is described beside the map, and at which the layers' means are drawn. */
const BESIDE = 600;
/** A cell at least this large holds its value. */
const WRITTEN = [32, 15] as const;

/** Which form an explorer's pane had last, for when it is opened again. */
const forms = new WeakMap<Explorer, Form>();

export const createMetricsPane: CreatePane = (host, explorer) => {
  const pane = new MetricsPane(host, explorer);
  return { destroy: () => pane.destroy() };
};

class MetricsPane {
  readonly #explorer: Explorer;
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-metrics");
  readonly #readout = element("span", "ap-readout");
  readonly #heads: HeadGrid;
  readonly #table: MetricsTable;
  readonly #about: About;
  readonly #stage;
  readonly #map;
  readonly #legend = new MapLegend();
  readonly #form;
  readonly #frameTask;
  readonly #hatch = document.createElement("canvas");
  #ranked: readonly Place[] = [];
  /** What was last shown, and what the table shows: it waits while it is in use. */
  #before: HeadMetrics | null = null;
  #tabled: HeadMetrics | null = null;
  #dirty = { layout: true, look: true, place: true };

  constructor(host: HTMLElement, explorer: Explorer) {
    this.#explorer = explorer;
    const { signal } = this.#abort;
    this.#form = createSignal<Form>(forms.get(explorer) ?? "map");
    this.#heads = new HeadGrid(
      "Metric of all heads",
      {
        open: (place) => this.#go(place, false),
        enter: (place) => this.#go(place, true),
        pin: (place) => this.#pin(place),
        redraw: () => this.#redraw(),
      },
      signal,
    );
    this.#table = new MetricsTable(explorer, (place, open) => this.#go(place, open), signal);
    this.#about = new About(explorer, (place) => this.#go(place, false), signal);
    this.#stage = element("div", "ap-model-stage", {}, this.#heads.root);
    this.#map = element("div", "ap-metrics-map", {}, this.#stage, this.#about.root);
    const form = createSwitch<Form>(
      "Form",
      () => [
        { value: "map", text: "Map" },
        { value: "table", text: "Table" },
      ],
      () => this.#form.value,
      (value) => {
        this.#form.value = value;
        forms.set(explorer, value);
      },
      signal,
    );
    const controls = element("div", "ap-orders", {}, createMetricSelect(explorer, signal), form);
    this.#root.append(
      element("div", "ap-toolbar ap-model-bar", {}, this.#readout, controls),
      this.#map,
      this.#table.root,
      this.#legend.root,
    );
    host.append(this.#root);
    this.#frameTask = onFrame(() => this.#work(), signal);
    onResize(this.#root, () => this.#redraw("layout", "look"), signal);
    follow(signal, () => {
      const table = this.#form.value === "table";
      this.#map.hidden = table;
      this.#legend.root.hidden = table;
      this.#table.root.hidden = !table;
      this.#redraw("layout", "look", "place");
    });
    follow(signal, () => {
      const now = explorer.metrics.value;
      const refined = isRefined(now, this.#before);
      this.#before = now;
      if (!refined) this.#redraw("layout", "look", "place");
      else if (this.#inUse()) this.#redraw("look");
      else this.#redraw("layout", "look");
    });
    for (const form of [this.#map, this.#table.root]) {
      onLeave(form, () => this.#redraw("layout", "look"), signal);
    }
    follow(signal, () => {
      explorer.metric.value;
      explorer.filters.value.heads;
      this.#redraw("layout", "look", "place");
    });
    follow(signal, () => {
      explorer.palette.value;
      explorer.scale.value;
      this.#redraw("look");
    });
    follow(signal, () => {
      explorer.layer.value;
      explorer.heads.value;
      this.#redraw("place");
    });
    follow(signal, () => {
      explorer.data.value;
      explorer.pinned.value;
      this.#redraw();
    });
  }

  destroy(): void {
    this.#abort.abort();
    this.#root.remove();
  }

  #redraw(...what: ("layout" | "look" | "place")[]): void {
    for (const name of what) this.#dirty[name] = true;
    this.#frameTask.request();
  }

  /** Whether someone is at the map or the table. */
  #inUse(): boolean {
    return isInUse(this.#form.peek() === "table" ? this.#table.root : this.#map);
  }

  /** The metrics of what is on screen; those of the record before stay until the next are here. */
  #metrics(): HeadMetrics | null {
    return this.#explorer.metrics.peek();
  }

  #go({ row, head }: Place, open: boolean): void {
    const metrics = this.#metrics();
    const layer = metrics?.layers[row];
    if (layer === undefined) return;
    this.#explorer.layer.value = layer;
    this.#explorer.heads.value = [head];
    if (open) this.#explorer.view.value = "head";
  }

  #pin({ row, head }: Place): void {
    const metrics = this.#metrics();
    if (metrics === null) return;
    const ref = { site: metrics.site, layer: metrics.layers[row] as number, head };
    this.#explorer.pinned.value = togglePins(this.#explorer.pinned.peek(), [ref]);
  }

  // --- Drawing -------------------------------------------------------------------------------------------

  #work(): boolean {
    const metrics = this.#metrics();
    const chosen = metrics && chosenMetric(metrics, this.#explorer.metric.peek());
    const data = this.#explorer.data.peek();
    const current = data === null || areOf(metrics, { record: data.record.record, site: data.site.kind });
    this.#root.toggleAttribute("data-waiting", metrics === null);
    this.#root.toggleAttribute("data-stale", !current);
    if (metrics === null || chosen === null || this.#root.clientWidth === 0) {
      setText(this.#readout, "Measuring every head …");
      return false;
    }
    if (this.#dirty.layout) {
      const offered = this.#explorer.filters.peek().heads;
      this.#ranked = ranked(metrics, offered, ({ row, head }) => metrics.of(chosen.index, row, head).value);
    }
    const held = metrics !== this.#tabled && isRefined(metrics, this.#tabled) && this.#inUse();
    if (!held) this.#tabled = metrics;
    if (this.#form.peek() === "table") {
      if (!held || this.#dirty.place) this.#showTable(this.#tabled as HeadMetrics);
    } else this.#showMap(metrics, chosen);
    this.#dirty = { layout: false, look: false, place: false };
    this.#speak(metrics, chosen);
    this.#root.dataset.drawn = this.#form.peek();
    return false;
  }

  #showTable(metrics: HeadMetrics): void {
    const heads = formatCount(this.#ranked.length);
    const about = [
      `${metrics.metrics.length} metrics of ${heads} heads`,
      this.#reading(),
      this.#sampled(metrics),
    ];
    this.#table.show(metrics, this.#ranked, about.filter(Boolean).join(" · "));
  }

  #showMap(metrics: HeadMetrics, chosen: Chosen): void {
    if (this.#dirty.layout) this.#layout(metrics);
    if (this.#dirty.look || this.#dirty.layout) this.#look(metrics, chosen);
    if (this.#dirty.place) this.#followPlace(metrics);
    this.#draw(metrics, chosen);
  }

  #layout(metrics: HeadMetrics): void {
    const beside = this.#map.clientWidth >= BESIDE;
    const place = beside ? "beside" : "below";
    if (this.#map.dataset.about !== place) {
      this.#map.dataset.about = place;
      this.#about.root.open = beside;
    }
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const rows = byLayer(metrics, this.#explorer.filters.peek().heads);
    const shape = { layers: metrics.layers, heads: rows.counts, aspect: ASPECT };
    this.#heads.set(rows, layOut(shape, { width, height }, CELLS));
  }

  #look(metrics: HeadMetrics, { info, index, span }: Chosen): void {
    const theme = this.#explorer.palette.peek();
    const ratio = window.devicePixelRatio || 1;
    const { grid } = this.#heads;
    if (grid !== null) {
      const context = prepare(this.#hatch, grid.width, grid.height, ratio);
      const area = { x: 0, y: 0, width: grid.width, height: grid.height };
      if (context !== null) drawHatchArea(context, null, area, theme);
    }
    const all = this.#ranked.map(({ row, head }) => metrics.of(index, row, head));
    const bases = all.map(({ baseline }) => baseline).filter((baseline) => !Number.isNaN(baseline));
    const even: Span =
      bases.length === 0
        ? { low: Number.NaN, high: Number.NaN }
        : { low: Math.min(...bases), high: Math.max(...bases) };
    const note = [this.#reading(), this.#sampled(metrics)].filter(Boolean).join(" · ");
    const empty = all.some(({ value }) => Number.isNaN(value));
    const scale = this.#explorer.scale.peek();
    this.#legend.update({ info, span, scale, even, empty, note }, theme, ratio);
  }

  /** What the weights are that were measured, where they are not the model's own. */
  #reading(): string {
    const record = this.#explorer.data.peek()?.record;
    const parts = [record?.words ? "word by word" : "", record?.weighting === "norms" ? "norm-weighted" : ""];
    if (record !== undefined && isSnapshot(record)) parts.push("measured in the run, before it was saved");
    return parts.filter(Boolean).join(", ");
  }

  #sampled({ sampled, queries }: HeadMetrics): string {
    return sampled < queries ? `sampled ${formatCount(sampled)} of ${formatCount(queries)} queries` : "";
  }

  /** The cursor goes where the explorer is, unless a key has taken it elsewhere since. */
  #followPlace(metrics: HeadMetrics): void {
    const row = metrics.layers.indexOf(this.#explorer.layer.peek());
    if (row < 0) return;
    const head = this.#explorer.heads.peek()[0] ?? this.#heads.cursor?.head ?? 0;
    this.#heads.goTo({ row, head: Math.min((metrics.heads[row] as number) - 1, head) });
  }

  #draw(metrics: HeadMetrics, { index, info, span }: Chosen): void {
    const { arrangement, grid } = this.#heads;
    const explorer = this.#explorer;
    if (arrangement === null || grid === null) return;
    const theme = explorer.palette.peek();
    const scale = explorer.scale.peek();
    const row = metrics.layers.indexOf(explorer.layer.peek());
    const pinned = explorer.pinned.peek();
    const written = grid.width >= WRITTEN[0] && grid.height >= WRITTEN[1];
    const layerOf = (place: Place) => metrics.layers[place.row] as number;
    this.#heads.draw(
      {
        cell: (context, spot, x, y) => {
          const place = arrangement.at(spot);
          if (place === null) return;
          const { value } = metrics.of(index, place.row, place.head);
          if (Number.isNaN(value)) {
            context.drawImage(this.#hatch, x, y, grid.width, grid.height);
            return;
          }
          const colour = theme.ramp(positionOf(value, span, scale));
          context.fillStyle = css(colour);
          context.fillRect(x, y, grid.width, grid.height);
          if (!written) return;
          context.fillStyle = css(inkOn(colour));
          context.font = `11px ${theme.sans}`;
          context.textAlign = "center";
          context.textBaseline = "middle";
          context.fillText(formatMeasure(value, info.unit), x + grid.width / 2, y + grid.height / 2 + 1);
        },
        margin: (at) => {
          const heads = Array.from({ length: arrangement.counts[at] as number }, (_, head) =>
            arrangement.at({ row: at, head }),
          );
          const mean = meanOf(
            heads.map((place) => (place ? metrics.of(index, place.row, place.head).value : Number.NaN)),
          );
          if (Number.isNaN(mean)) return null;
          return { share: shareOf(mean, span), text: formatMeasure(mean, info.unit) };
        },
        noted: (spot) => {
          const place = arrangement.at(spot);
          return place !== null && explorer.headNote(layerOf(place), place.head) !== null;
        },
        pinned: (spot) => {
          const place = arrangement.at(spot);
          if (place === null) return false;
          const ref = { site: metrics.site, layer: layerOf(place), head: place.head };
          return pinned.some((other) => isHead(other, ref));
        },
        faded: () => false,
        chosen: explorer.heads.peek().flatMap((head) => {
          const spot = row < 0 ? null : arrangement.find({ row, head });
          return spot === null ? [] : [{ spot, head }];
        }),
        current: row,
      },
      theme,
    );
  }

  // --- Words ---------------------------------------------------------------------------------------------

  #speak(metrics: HeadMetrics, { index }: Chosen): void {
    const { cursor, looked } = this.#heads;
    const explorer = this.#explorer;
    const row = metrics.layers.indexOf(explorer.layer.peek());
    const head = explorer.heads.peek()[0];
    const current =
      row < 0 || head === undefined || head >= (metrics.heads[row] as number) ? null : { row, head };
    this.#about.show({ metrics, index, ranked: this.#ranked, place: looked ?? current });
    if (cursor !== null) {
      const chosen = cursor.row === row && explorer.heads.peek().includes(cursor.head);
      this.#heads.speak(this.#nameOf(metrics, cursor), this.#about.sentence(metrics, index, cursor), chosen);
    }
    const table = this.#form.peek() === "table";
    const hint = table
      ? "click a heading to sort, a row to go to its head"
      : "click goes to a head, double-click opens it";
    const count = `${formatCount(this.#ranked.length)} ${this.#ranked.length === 1 ? "head" : "heads"}`;
    const words =
      looked === null || table
        ? [count, hint]
        : [this.#nameOf(metrics, looked), this.#about.sentence(metrics, index, looked)];
    setText(this.#readout, words.join(" · "));
  }

  #nameOf(metrics: HeadMetrics, { row, head }: Place): string {
    const layer = metrics.layers[row] as number;
    const note = this.#explorer.headNote(layer, head);
    return `Layer ${layer}, head ${head}${note === null ? "" : `, ${note.title} ${decimal(note.score, 2)}`}`;
  }
}
