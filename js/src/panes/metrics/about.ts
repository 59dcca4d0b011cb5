// What the chosen metric is, what it says of one head, and where it is largest.
import type { Explorer, HeadMetrics } from "../../core/types";
import type { Place } from "../../math/arrange";
import { decimal, formatCount } from "../../math/format";
import { formatEstimate, formatMeasure } from "../../math/measures";
import { ordinal } from "../../ui/reading";
import type { MetricInfo } from "../../wire/schema.gen";
import { element, setText } from "../kit/dom";

const TOP = 5;

export interface AboutLook {
  readonly metrics: HeadMetrics;
  readonly index: number;
  /** All heads on offer, the largest value first. */
  readonly ranked: readonly Place[];
  /** The head under the pointer, or the current one. */
  readonly place: Place | null;
}

/** Where the value lies that a metric may take, in words. */
function rangeOf({ low, high, unit }: MetricInfo): string {
  const name = unit === "share" ? "" : ` ${unit}`;
  if (low === null) return high === null ? `any number${name}` : `up to ${high}${name}`;
  return high === null ? `${low}${name} and more` : `${low} to ${high}${name}`;
}

export class About {
  readonly root = element("details", "ap-about");
  readonly #explorer: Explorer;
  readonly #summary = element("summary", "ap-about-title");
  readonly #head = element("p", "ap-about-head");
  readonly #number = element("p", "ap-about-number");
  readonly #formula = element("p", "ap-about-formula");
  readonly #facts = element("dl", "ap-about-facts");
  readonly #top = element("ol", "ap-about-top");
  #info: MetricInfo | null = null;
  #ranked: readonly Place[] | null = null;

  constructor(explorer: Explorer, go: (place: Place) => void, signal: AbortSignal) {
    this.#explorer = explorer;
    this.root.append(
      this.#summary,
      this.#formula,
      element("div", "ap-about-one", {}, this.#head, this.#number),
      element("h5", "ap-about-sub", {}, "Highest"),
      this.#top,
      this.#facts,
    );
    this.#top.addEventListener(
      "click",
      (event) => {
        const button = (event.target as Element).closest("button");
        const place = this.#ranked?.[Number(button?.value ?? Number.NaN)];
        if (place !== undefined) go(place);
      },
      { signal },
    );
  }

  show({ metrics, index, ranked, place }: AboutLook): void {
    const info = metrics.metrics[index] as MetricInfo;
    if (this.#info?.name !== info.name || this.#ranked !== ranked) {
      this.#info = info;
      this.#ranked = ranked;
      this.#describe(metrics, index, info, ranked);
    }
    if (place === null) {
      setText(this.#head, "");
      setText(this.#number, "");
      return;
    }
    const layer = metrics.layers[place.row] as number;
    const note = this.#explorer.headNote(layer, place.head);
    const known = note === null ? "" : ` · ${note.title} ${decimal(note.score, 2)}`;
    setText(this.#head, `Layer ${layer}, head ${place.head}${known}`);
    setText(this.#number, this.sentence(metrics, index, place));
  }

  /** A head's value beside its baseline, count and rank. */
  sentence(metrics: HeadMetrics, index: number, place: Place): string {
    const { title, unit, counted } = metrics.metrics[index] as MetricInfo;
    const measured = metrics.of(index, place.row, place.head);
    const { value, baseline, count } = measured;
    if (count === 0 || Number.isNaN(value)) return `${title} n/a: no eligible ${counted}`;
    const larger =
      this.#ranked?.filter(({ row, head }) => metrics.of(index, row, head).value > value).length ?? 0;
    const rank = `${ordinal(larger + 1).replace(/^\d+/, formatCount(larger + 1))} of ${formatCount(this.#ranked?.length ?? 1)}`;
    const even = `even spread ${formatMeasure(baseline, unit)}`;
    const one = count === 1 ? counted.replace(/ies$/, "y").replace(/s$/, "") : counted;
    return `${title} ${formatEstimate(measured, unit)} · ${even} · over ${formatCount(count)} ${one} · ${rank}`;
  }

  #describe(metrics: HeadMetrics, index: number, info: MetricInfo, ranked: readonly Place[]): void {
    setText(this.#summary, info.title);
    setText(this.#formula, info.formula);
    const facts: [string, string][] = [
      ["Counts", info.eligible],
      ["Source", info.source],
      ["Learned sinks", info.sinks],
      ["Range", rangeOf(info)],
    ];
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, text]) => [element("dt", "", {}, name), element("dd", "", {}, text)]),
    );
    const top = ranked
      .slice(0, TOP)
      .map((place, at) => ({ ...place, at, value: metrics.of(index, place.row, place.head).value }))
      .filter(({ value }) => !Number.isNaN(value));
    this.#top.replaceChildren(
      ...top.map(({ row, head, at, value }) => {
        const layer = metrics.layers[row] as number;
        const text = formatMeasure(value, info.unit);
        const button = element(
          "button",
          "ap-about-go",
          { type: "button", value: at, "aria-label": `Layer ${layer}, head ${head}: ${text}` },
          element("span", "", {}, `${layer}.${head}`),
          element("span", "", {}, this.#explorer.headNote(layer, head)?.title ?? ""),
          element("b", "", {}, text),
        );
        return element("li", "", {}, button);
      }),
    );
  }
}
