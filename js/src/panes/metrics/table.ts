// The metrics as a table: one row per head, sorted by any column, read by a screen reader, copied as text.
import { isHead } from "../../core/pinned";
import type { Explorer, HeadMetrics } from "../../core/types";
import type { Place } from "../../math/arrange";
import { formatCount } from "../../math/format";
import { formatEstimate, formatMeasure } from "../../math/measures";
import { copyText } from "../../ui/copy";
import { element, setAttribute, setText } from "../kit/dom";

/** Rows that are shown at a time. */
export const PAGE = 200;

/** Column to sort by: -2 layer and head, -1 the head alone, else the number of a metric. */
type Column = number;
const BY_LAYER: Column = -2;
const BY_HEAD: Column = -1;

/** What a reader would paste into a spreadsheet: tabs between, nothing where nothing is eligible. */
export function asText(metrics: HeadMetrics, places: readonly Place[]): string {
  const head = ["layer", "head", ...metrics.metrics.map(({ name }) => name)];
  const rows = places.map(({ row, head: number }) => [
    metrics.layers[row],
    number,
    ...metrics.metrics.map((_, index) => {
      const { value } = metrics.of(index, row, number);
      return Number.isNaN(value) ? "" : String(Number(value.toPrecision(6)));
    }),
  ]);
  return [head, ...rows].map((cells) => cells.join("\t")).join("\n");
}

export class MetricsTable {
  readonly root: HTMLElement;
  readonly #explorer: Explorer;
  readonly #caption = element("caption", "ap-table-caption");
  readonly #header = element("tr");
  readonly #body = element("tbody");
  readonly #scroll: HTMLElement;
  readonly #before = element("button", "ap-way", { type: "button" }, "Previous");
  readonly #after = element("button", "ap-way", { type: "button" }, "Next");
  readonly #shown = element("span", "ap-table-shown", { role: "status" });
  readonly #copy = element("button", "ap-way", { type: "button" }, "Copy as text");
  #metrics: HeadMetrics | null = null;
  #all: readonly Place[] = [];
  #sorted: readonly Place[] = [];
  #by: Column = BY_LAYER;
  #descending = false;
  #page = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(explorer: Explorer, go: (place: Place, open: boolean) => void, signal: AbortSignal) {
    this.#explorer = explorer;
    const table = element(
      "table",
      "ap-table",
      {},
      this.#caption,
      element("thead", "", {}, this.#header),
      this.#body,
    );
    this.#scroll = element(
      "div",
      "ap-table-scroll",
      { tabindex: 0, role: "region", "aria-label": "Metrics of all heads" },
      table,
    );
    const foot = element("div", "ap-table-foot", {}, this.#before, this.#after, this.#shown, this.#copy);
    this.root = element("div", "ap-table-form", {}, this.#scroll, foot);
    const turn = (by: number) => () => {
      this.#page += by;
      this.#fill();
      this.#scroll.scrollTop = 0;
    };
    this.#before.addEventListener("click", turn(-1), { signal });
    this.#after.addEventListener("click", turn(1), { signal });
    this.#copy.addEventListener("click", () => this.#copyAll(), { signal });
    this.#header.addEventListener(
      "click",
      (event) => {
        const button = (event.target as Element).closest("button");
        if (button !== null) this.#sortBy(Number(button.value));
      },
      { signal },
    );
    for (const type of ["click", "dblclick"]) {
      this.#body.addEventListener(
        type,
        (event) => {
          const place = this.#placeAt(event.target as Element);
          if (place !== null) go(place, type === "dblclick");
        },
        { signal },
      );
    }
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  /** Shows other numbers, or the same ones with another metric marked. */
  show(metrics: HeadMetrics, places: readonly Place[], title: string): void {
    if (metrics !== this.#metrics || places !== this.#all) {
      if (metrics.metrics.length <= this.#by) this.#by = BY_LAYER;
      this.#metrics = metrics;
      this.#all = places;
      this.#headings(metrics);
      this.#sort();
    }
    setText(this.#caption, title);
    this.#fill();
  }

  #headings(metrics: HeadMetrics): void {
    const heading = (by: Column, title: string, more: string) =>
      element(
        "th",
        by < 0 ? "ap-table-place" : "",
        { scope: "col" },
        element("button", "ap-table-sort", { type: "button", value: by, title: more }, title),
      );
    this.#header.replaceChildren(
      heading(BY_LAYER, "Layer", ""),
      heading(BY_HEAD, "Head", ""),
      ...metrics.metrics.map(({ title, formula, unit }, index) =>
        heading(index, unit === "share" ? title : `${title} (${unit})`, formula),
      ),
    );
  }

  #sortBy(by: Column): void {
    // Numbers are first of interest where they are large, places where they begin.
    this.#descending = by === this.#by ? !this.#descending : by >= 0;
    this.#by = by;
    this.#page = 0;
    this.#sort();
    this.#fill();
    this.#scroll.scrollTop = 0;
  }

  #sort(): void {
    const [metrics, by] = [this.#metrics, this.#by];
    if (metrics === null) return;
    const value = ({ row, head }: Place) =>
      by === BY_LAYER ? row : by === BY_HEAD ? head : metrics.of(by, row, head).value;
    const sign = this.#descending ? -1 : 1;
    this.#sorted = this.#all
      .map((place) => ({ place, value: value(place) }))
      .sort((a, b) => {
        const [left, right] = [Number.isNaN(a.value), Number.isNaN(b.value)];
        // What has no value comes last, whichever way it is sorted.
        if (left || right) return Number(left) - Number(right);
        return sign * (a.value - b.value) || a.place.row - b.place.row || a.place.head - b.place.head;
      })
      .map(({ place }) => place);
  }

  #fill(): void {
    const metrics = this.#metrics;
    if (metrics === null) return;
    const pages = Math.max(1, Math.ceil(this.#sorted.length / PAGE));
    this.#page = Math.min(pages - 1, Math.max(0, this.#page));
    const first = this.#page * PAGE;
    const chosen = this.#explorer.metric.peek();
    // Rows that say the same stay: a second click must find what the first one found.
    const before = [...this.#body.children] as HTMLElement[];
    const rows = this.#sorted
      .slice(first, first + PAGE)
      .map((place, at) => this.#row(metrics, place, first + at, chosen));
    rows.forEach((row, index) => {
      const old = before[index];
      if (old === undefined) this.#body.append(row);
      else {
        setAttribute(old, "aria-current", row.getAttribute("aria-current"));
        if (!old.isEqualNode(row)) old.replaceWith(row);
      }
    });
    for (const old of before.slice(rows.length)) old.remove();
    [...this.#header.children].forEach((heading, index) => {
      const by = index - 2;
      const order = by !== this.#by ? null : this.#descending ? "descending" : "ascending";
      setAttribute(heading as HTMLElement, "aria-sort", order);
      const marked = metrics.metrics[by]?.name === chosen;
      (heading as HTMLElement).toggleAttribute("data-chosen", marked);
    });
    for (const button of [this.#before, this.#after]) button.hidden = pages < 2;
    this.#before.disabled = this.#page === 0;
    this.#after.disabled = this.#page === pages - 1;
    const last = Math.min(first + PAGE, this.#sorted.length);
    const count = formatCount(this.#sorted.length);
    setText(
      this.#shown,
      pages < 2 ? `${count} heads` : `${formatCount(first + 1)} to ${formatCount(last)} of ${count} heads`,
    );
  }

  #row(metrics: HeadMetrics, place: Place, at: number, chosen: string): HTMLElement {
    const layer = metrics.layers[place.row] as number;
    const explorer = this.#explorer;
    const current = explorer.layer.peek() === layer && explorer.heads.peek().includes(place.head);
    const ref = { site: metrics.site, layer, head: place.head };
    const pinned = explorer.pinned.peek().some((other) => isHead(other, ref));
    const note = explorer.headNote(layer, place.head);
    const about = [note?.title, pinned ? "pinned" : ""].filter(Boolean).join(", ");
    const name = `Layer ${layer}, head ${place.head}${about === "" ? "" : `, ${about}`}`;
    const go = element("button", "ap-table-go", { type: "button", "aria-label": name }, String(place.head));
    if (about !== "") go.title = about;
    if (note !== null) go.dataset.noted = "";
    const row = element(
      "tr",
      "",
      { "data-at": at },
      element("td", "ap-table-place", {}, String(layer)),
      element("th", "ap-table-place", { scope: "row" }, go),
      ...metrics.metrics.map((info, index) => {
        const measured = metrics.of(index, place.row, place.head);
        const { value } = measured;
        const cell = element("td", "", {}, formatMeasure(value, info.unit));
        if (measured.margin) cell.title = formatEstimate(measured, info.unit);
        if (info.name === chosen) cell.dataset.chosen = "";
        if (Number.isNaN(value)) cell.dataset.none = "";
        return cell;
      }),
    );
    setAttribute(row, "aria-current", current ? "true" : null);
    return row;
  }

  #placeAt(target: Element): Place | null {
    const at = target.closest<HTMLElement>("tr")?.dataset.at;
    return at === undefined ? null : (this.#sorted[Number(at)] ?? null);
  }

  async #copyAll(): Promise<void> {
    if (this.#metrics === null) return;
    const done = await copyText(asText(this.#metrics, this.#sorted));
    setText(
      this.#shown,
      done ? `copied ${formatCount(this.#sorted.length)} rows` : "the browser does not allow to copy",
    );
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fill(), 2500);
  }
}
