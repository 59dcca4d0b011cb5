// The model pane: every head of every layer as a small picture, in the model's order or by a metric; one opens in place.
import { areOf, isRefined, measuresOf, strongestMeasures } from "../../core/measures";
import { createPattern } from "../../core/pattern";
import { isHead, togglePins } from "../../core/pinned";
import type { CreatePane, Explorer, HeadMetrics, ModelThumbnails, Pattern } from "../../core/types";
import type { OverviewData } from "../../draw/overview";
import { type Arrangement, byLayer, inLines, type Place, ranked } from "../../math/arrange";
import { decimal, formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import { formatEstimate, formatMeasure, meanOf, shareOf } from "../../math/measures";
import { cornerOf, layOut, layOutLines, type Overview, PICTURES } from "../../math/overview";
import { follow } from "../../ui/dom";
import { MAX_SEARCH, strongestLinks } from "../../ui/reading";
import type { HeadRef } from "../../wire/schema.gen";
import { U8_LEVELS } from "../../wire/schema.gen";
import { element, isInUse, onFrame, onLeave, onResize, setText } from "../kit/dom";
import { HeadGrid } from "../kit/head-grid";
import { Legend } from "../kit/legend";
import { type Chosen, chosenMetric } from "../kit/metric-chosen";
import { labelOf } from "../kit/tokens";
import { HeadCard } from "./card";
import { createOrderControls } from "./controls";
import { Pictures } from "./pictures";

/** Largest error of a weight read from its code. */
const CODE_ERROR = 1 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2;
const CARD_GAP = 16;
const CARD_ROOM = CARD_GAP + HeadCard.LEAST;
/** Room for the mean of each layer, where the pane is wide enough. */
const MARGIN = 66;
const WIDE = 560;
/** Pictures with a name and a value under them. */
const CAPTIONED = { ...PICTURES, least: 58, whole: 58, scrolled: 72, below: 17 };
/** Metrics in the card, the chosen one first. */
const IN_CARD = 3;

/** A metric of the heads on screen. */
interface Measuring extends Chosen {
  readonly metrics: HeadMetrics;
}

export const createModelPane: CreatePane = (host, explorer) => {
  const pane = new ModelPane(host, explorer);
  return { destroy: () => pane.destroy() };
};

class ModelPane {
  readonly #explorer: Explorer;
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-model");
  readonly #readout = element("span", "ap-readout");
  readonly #heads: HeadGrid;
  readonly #stage;
  readonly #card: HeadCard;
  readonly #legend = new Legend();
  readonly #frameTask;
  #pictures: Pictures | null = null;
  #places: readonly Place[] = [];
  /** Whether the layers' means have room. */
  #means = false;
  /** Whether the card is wanted; null until someone says so: then it shows where there is room beside the grid. */
  #wanted: boolean | null = null;
  #dirty = { layout: true, pictures: true, place: true };

  constructor(host: HTMLElement, explorer: Explorer) {
    this.#explorer = explorer;
    const { signal } = this.#abort;
    this.#heads = new HeadGrid(
      "Heads of all layers",
      {
        open: (place) => {
          this.#choose(place);
          this.#open(true);
        },
        enter: (place) => {
          this.#choose(place);
          explorer.view.value = "head";
        },
        pin: (place) => this.#pin(place),
        redraw: () => this.#redraw(),
      },
      signal,
    );
    this.#card = new HeadCard(explorer, () => this.#open(false), signal);
    this.#stage = element("div", "ap-model-stage", {}, this.#heads.root, this.#card.root);
    const orders = createOrderControls(explorer, () => this.#measuring(true), signal);
    this.#root.append(
      element("div", "ap-toolbar ap-model-bar", {}, this.#readout, orders),
      this.#stage,
      this.#legend.root,
    );
    host.append(this.#root);
    this.#frameTask = onFrame(() => this.#work(), signal);
    onResize(this.#stage, () => this.#redraw("layout"), signal);
    this.#root.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || this.#card.root.hidden) return;
        event.preventDefault();
        this.#open(false);
        this.#heads.focus();
      },
      { signal },
    );
    // What is read on changes pictures and values, and no head's place under the pointer.
    let before: ModelThumbnails | null = null;
    follow(signal, () => {
      const now = explorer.model.value;
      if (isRefined(now, before)) this.#redraw("pictures");
      else this.#redraw("pictures", "layout", "place");
      before = now;
    });
    let measured: HeadMetrics | null = null;
    const rearrange = () => {
      if (explorer.order.peek() === "metric" && !isInUse(this.#stage)) this.#redraw("layout");
    };
    follow(signal, () => {
      const now = explorer.metrics.value;
      if (!isRefined(now, measured)) this.#redraw("layout", "place");
      measured = now;
      this.#redraw();
      rearrange();
    });
    onLeave(this.#stage, rearrange, signal);
    follow(signal, () => {
      explorer.metric.value;
      explorer.order.value;
      explorer.filters.value.heads;
      explorer.cut.value;
      this.#redraw("layout", "place");
    });
    follow(signal, () => {
      explorer.palette.value;
      explorer.scale.value;
      this.#redraw("pictures");
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

  #redraw(...what: ("layout" | "pictures" | "place")[]): void {
    for (const name of what) this.#dirty[name] = true;
    this.#frameTask.request();
  }

  #choose({ row, head }: Place): void {
    const layer = this.#explorer.model.peek()?.layers[row];
    if (layer === undefined) return;
    this.#explorer.layer.value = layer;
    this.#explorer.heads.value = [head];
  }

  #open(wanted: boolean): void {
    this.#wanted = wanted;
    this.#redraw("layout");
  }

  #refOf(model: ModelThumbnails, { row, head }: Place): HeadRef {
    return { site: model.site, layer: model.layers[row] as number, head };
  }

  #pin(place: Place): void {
    const model = this.#explorer.model.peek();
    if (model === null) return;
    const { pinned } = this.#explorer;
    pinned.value = togglePins(pinned.peek(), [this.#refOf(model, place)]);
  }

  /** The chosen metric, once the heads on screen are measured. `live` follows the signals that it reads. */
  #measuring(live = false): Measuring | null {
    const { metrics, metric, model } = this.#explorer;
    const [all, name, shown] = live
      ? [metrics.value, metric.value, model.value]
      : [metrics.peek(), metric.peek(), model.peek()];
    if (shown === null || !areOf(all, shown)) return null;
    const chosen = chosenMetric(all, name);
    return chosen && { ...chosen, metrics: all };
  }

  // --- Drawing -------------------------------------------------------------------------------------------

  #work(): boolean {
    const model = this.#explorer.model.peek();
    const { clientWidth: width, clientHeight: height } = this.#stage;
    this.#root.toggleAttribute("data-waiting", model === null);
    if (model === null || width === 0) {
      setText(this.#readout, "Computing every head …");
      return false;
    }
    const measuring = this.#measuring();
    if (this.#dirty.layout) this.#layout(model, measuring, width, height);
    if (this.#dirty.pictures || this.#dirty.layout) this.#repaint(model);
    if (this.#dirty.place) this.#followPlace(model);
    this.#dirty = { layout: false, pictures: false, place: false };
    this.#draw(model, measuring);
    this.#drawCard(model, measuring);
    this.#speak(model, measuring);
    this.#root.dataset.drawn = "1";
    this.#root.dataset.measured = String(measuring !== null);
    return false;
  }

  #valueOf(measuring: Measuring | null, { row, head }: Place): number {
    return measuring === null ? Number.NaN : measuring.metrics.of(measuring.index, row, head).value;
  }

  /** Whether a head is under the limit, or has no value to compare with it. */
  #isCut(measuring: Measuring | null, place: Place): boolean {
    const limit = this.#explorer.cut.peek();
    return measuring !== null && limit !== null && !(this.#valueOf(measuring, place) >= limit);
  }

  #arrange(
    model: ModelThumbnails,
    measuring: Measuring | null,
    room: { width: number; height: number },
  ): [Arrangement, Overview] {
    const { order, filters } = this.#explorer;
    const offered = filters.peek().heads;
    const aspect = this.#aspect(model);
    const rows = byLayer(model, offered);
    this.#places = ranked(model, offered, (place) => this.#valueOf(measuring, place));
    if (order.peek() === "metric" && measuring !== null) {
      const kept = this.#places.filter((place) => !this.#isCut(measuring, place));
      const { grid, columns } = layOutLines(kept.length, aspect, room, CAPTIONED);
      return [inLines(kept, columns), grid];
    }
    const shape = { layers: model.layers, heads: rows.counts, aspect };
    const plain = layOut(shape, room);
    const left = room.width - plain.extent.width;
    // The means take no room that the card would need.
    const margin =
      measuring !== null && room.width >= WIDE && (left < CARD_ROOM || left >= CARD_ROOM + MARGIN);
    this.#means = margin;
    return [rows, margin ? layOut(shape, room, { ...PICTURES, right: MARGIN }) : plain];
  }

  #layout(model: ModelThumbnails, measuring: Measuring | null, width: number, height: number): void {
    const [arrangement, grid] = this.#arrange(model, measuring, { width, height });
    this.#heads.set(arrangement, grid);
    const beside = grid.extent.width + CARD_ROOM <= width;
    this.#card.root.hidden = !(this.#wanted ?? beside);
    this.#card.root.dataset.place = beside ? "beside" : "over";
  }

  #aspect(model: ModelThumbnails): number {
    const data = this.#explorer.data.peek();
    if (data === null || data.site.kind !== model.site) return model.size[1] / model.size[0];
    return data.keyTokens.label.length / Math.max(1, data.queryTokens.label.length);
  }

  /** Starts pictures anew for another size, scale or theme. */
  #repaint(model: ModelThumbnails): void {
    const { grid } = this.#heads;
    if (grid === null) return;
    const theme = this.#explorer.palette.peek();
    const scale = this.#explorer.scale.peek();
    const ratio = window.devicePixelRatio || 1;
    this.#pictures = new Pictures(model, grid, scale, theme, ratio);
    const notes: string[] = [];
    const [queries, keys] = model.pooled;
    if (model.sampled < model.queries) {
      notes.push(`sampled ${formatCount(model.sampled)} of ${formatCount(model.queries)} queries`);
    }
    const about = model.sampled < model.queries ? "about " : "";
    if (Math.max(queries, keys) > 1) notes.push(`a dot is the largest of ${about}${queries} × ${keys} cells`);
    if (this.#explorer.data.peek()?.record.precision?.form === "top")
      notes.push("pictures of whole patterns");
    const { masked, nan } = this.#pictures;
    const look = { title: "weight", scale, colour: theme.ramp, masked, nan, note: notes.join(" · ") };
    this.#legend.update(look, theme, ratio);
  }

  /** The cursor goes where the explorer is, unless a key has taken it elsewhere since. */
  #followPlace(model: ModelThumbnails): void {
    const row = model.layers.indexOf(this.#explorer.layer.peek());
    if (row < 0) return;
    const head = this.#explorer.heads.peek()[0] ?? this.#heads.cursor?.head ?? 0;
    this.#heads.goTo({ row, head: Math.min((model.heads[row] as number) - 1, head) });
  }

  #draw(model: ModelThumbnails, measuring: Measuring | null): void {
    const { arrangement } = this.#heads;
    const explorer = this.#explorer;
    if (arrangement === null) return;
    const row = model.layers.indexOf(explorer.layer.peek());
    const pinned = explorer.pinned.peek();
    const chosen = explorer.heads.peek().flatMap((head) => {
      const spot = row < 0 ? null : arrangement.find({ row, head });
      return spot === null ? [] : [{ spot, head }];
    });
    const about =
      <T>(what: (place: Place) => T, otherwise: T) =>
      (spot: Place): T => {
        const place = arrangement.at(spot);
        return place === null ? otherwise : what(place);
      };
    const data: Omit<OverviewData, "layers" | "columns" | "pointed" | "cursor"> = {
      cell: (context, spot, x, y) => {
        const place = arrangement.at(spot);
        if (place !== null) this.#pictures?.draw(context, place, x, y);
      },
      caption: about<readonly [string, string]>(
        (place) => [
          `${model.layers[place.row]}.${place.head}`,
          formatMeasure(this.#valueOf(measuring, place), measuring?.info.unit ?? "share"),
        ],
        ["", ""],
      ),
      noted: about(
        (place) => explorer.headNote(model.layers[place.row] as number, place.head) !== null,
        false,
      ),
      pinned: about((place) => pinned.some((ref) => isHead(ref, this.#refOf(model, place))), false),
      faded: about((place) => this.#isCut(measuring, place), false),
      chosen,
      current: arrangement.layers === null ? -1 : row,
      ...(measuring === null || !this.#means
        ? {}
        : { margin: (at: number) => this.#meanOf(measuring, arrangement, at) }),
    };
    this.#heads.draw(data, explorer.palette.peek());
  }

  /** The mean of the metric over the heads of a layer; none where heads stand in an order of their own. */
  #meanOf(measuring: Measuring, arrangement: Arrangement, row: number) {
    if (arrangement.layers === null) return null;
    const values = Array.from({ length: arrangement.counts[row] as number }, (_, column) => {
      const place = arrangement.at({ row, head: column });
      return place === null ? Number.NaN : this.#valueOf(measuring, place);
    });
    const mean = meanOf(values);
    if (Number.isNaN(mean)) return null;
    return { share: shareOf(mean, measuring.span), text: formatMeasure(mean, measuring.info.unit) };
  }

  #drawCard(model: ModelThumbnails, measuring: Measuring | null): void {
    if (this.#card.root.hidden) return;
    const beside = this.#card.root.dataset.place === "beside";
    const chosen = this.#chosen(model);
    // Beside the grid it follows the pointer; over it, it would move about under the pointer.
    const place = (beside ? this.#heads.pointed : null) ?? chosen;
    if (place === null) {
      this.#card.root.hidden = true;
      this.#dirty.layout = true;
      return;
    }
    const layer = model.layers[place.row] as number;
    const { grid } = this.#heads;
    const taken = beside && grid !== null ? grid.extent.width + CARD_GAP : 16;
    const room = { width: this.#stage.clientWidth - taken, height: this.#stage.clientHeight };
    const [rows, columns] = model.size;
    this.#card.show(
      {
        layer,
        head: place.head,
        remark: this.#linkOf(model, place),
        measures: this.#measuresOf(measuring, layer, place.head),
        pattern: this.#patternOf(layer, place.head),
        small: { codes: model.codes(place.row, place.head), rows, columns },
        aspect: this.#aspect(model),
        room,
      },
      this.#explorer.palette.peek(),
      window.devicePixelRatio || 1,
    );
    this.#keepClear(chosen);
  }

  /** The head that the explorer is at. */
  #chosen(model: ModelThumbnails): Place | null {
    const row = model.layers.indexOf(this.#explorer.layer.peek());
    const head = this.#explorer.heads.peek()[0];
    return row < 0 || head === undefined || head >= (model.heads[row] as number) ? null : { row, head };
  }

  /** The chosen metric of a head, and what it does most. */
  #measuresOf(measuring: Measuring | null, layer: number, head: number): readonly string[] {
    if (measuring === null) return [];
    const { metrics, info } = measuring;
    const first = measuresOf(metrics, layer, head).filter((one) => one.info.name === info.name);
    const others = strongestMeasures(metrics, layer, head, IN_CARD).filter(
      (one) => one.info.name !== info.name,
    );
    return [...first, ...others].slice(0, IN_CARD).map((one) => {
      const { title, unit } = one.info;
      return `${title} ${formatEstimate(one, unit)} (even spread ${formatMeasure(one.baseline, unit)})`;
    });
  }

  /** Where the card lies over the grid, it leaves the head that it shows in sight. */
  #keepClear(place: Place | null): void {
    const { grid, arrangement, root } = this.#heads;
    const beside = this.#card.root.dataset.place === "beside";
    this.#card.root.style.left = beside && grid !== null ? `${grid.extent.width + CARD_GAP}px` : "";
    this.#card.root.dataset.side = "right";
    const spot = place && (arrangement?.find(place) ?? null);
    if (grid === null || spot === null || beside) return;
    const at = cornerOf(grid, spot).x + grid.width - root.scrollLeft;
    const free = this.#stage.clientWidth - this.#card.root.offsetWidth - 12;
    this.#card.root.dataset.side = at > free ? "left" : "right";
  }

  // --- Words ---------------------------------------------------------------------------------------------

  #speak(model: ModelThumbnails, measuring: Measuring | null): void {
    const { cursor, looked } = this.#heads;
    const about = (place: Place) =>
      [this.#measureOf(measuring, place), this.#linkOf(model, place)].filter(Boolean).join(" · ");
    if (cursor === null) this.#heads.speak("No head", "", false);
    else {
      const chosen =
        model.layers[cursor.row] === this.#explorer.layer.peek() &&
        this.#explorer.heads.peek().includes(cursor.head);
      this.#heads.speak(this.#nameOf(model, cursor), about(cursor), chosen);
    }
    const parts =
      looked === null ? [this.#summary(model, measuring)] : [this.#nameOf(model, looked), about(looked)];
    setText(this.#readout, parts.filter(Boolean).join(" · "));
  }

  #summary(model: ModelThumbnails, measuring: Measuring | null): string {
    const places = this.#places;
    const noted = places.some(
      ({ row, head }) => this.#explorer.headNote(model.layers[row] as number, head) !== null,
    );
    const heads = `${formatCount(places.length)} ${places.length === 1 ? "head" : "heads"}`;
    const layers = model.layers.length === 1 ? "1 layer" : `${model.layers.length} layers`;
    const limit = this.#explorer.cut.peek();
    const sorted = this.#explorer.order.peek() === "metric";
    const words: string[] = [];
    if (measuring !== null && limit !== null) {
      const kept = places.filter((place) => !this.#isCut(measuring, place)).length;
      words.push(`${formatCount(kept)} of ${heads} ≥ ${formatMeasure(limit, measuring.info.unit)}`);
    } else words.push(`${heads} in ${layers}`);
    if (sorted) words.push(measuring === null ? "measuring …" : `${measuring.info.title}, highest first`);
    if (measuring !== null && measuring.metrics.sampled < measuring.metrics.queries) {
      const { sampled, queries } = measuring.metrics;
      words.push(`measured on ${formatCount(sampled)} of ${formatCount(queries)} queries`);
    }
    if (noted && !sorted && limit === null) words.push("a dot marks a note");
    return [...words, "click opens one, double-click goes to it"].join(" · ");
  }

  #nameOf(model: ModelThumbnails, { row, head }: Place): string {
    const layer = model.layers[row] as number;
    const known = this.#explorer.headNote(layer, head);
    const about = known === null ? "" : `, ${known.title} ${decimal(known.score, 2)}`;
    return `Layer ${layer}, head ${head}${about}`;
  }

  #measureOf(measuring: Measuring | null, place: Place): string {
    if (measuring === null) return "";
    const { title, unit } = measuring.info;
    return `${title} ${formatEstimate(measuring.metrics.of(measuring.index, place.row, place.head), unit)}`;
  }

  /** The strongest link of a head whose picture shows every cell; of blocks of cells nothing is said. */
  #linkOf(model: ModelThumbnails, { row, head }: Place): string {
    const data = this.#explorer.data.peek();
    if (data === null || data.site.kind !== model.site || data.record.record !== model.record) return "";
    const [rows, columns] = model.size;
    const whole = model.sampled === model.queries && Math.max(...model.pooled) === 1;
    const shown = this.#patternOf(model.layers[row] as number, head);
    if (shown === null && !whole) return "";
    if (shown !== null && shown.queries * shown.keys > MAX_SEARCH) return "";
    const pattern = shown ?? createPattern(head, rows, columns, model.codes(row, head), CODE_ERROR);
    const [best] = strongestLinks(pattern, data, 1);
    if (best === undefined) return "";
    const query = isolate(labelOf(data.queryTokens, best.query));
    const key = isolate(labelOf(data.keyTokens, best.key));
    return `strongest: ${query} → ${key} ${formatWeight(best.weight, pattern.error)}`;
  }

  /** The whole pattern of a head, where the explorer shows it. */
  #patternOf(layer: number, head: number): Pattern | null {
    const data = this.#explorer.data.peek();
    const model = this.#explorer.model.peek();
    if (data?.info.layer !== layer || data.site.kind !== model?.site || data.info.tiled) return null;
    return data.patterns.find((candidate) => candidate.head === head) ?? null;
  }
}
