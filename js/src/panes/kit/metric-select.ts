// The choice of the metric that heads are coloured, sorted and cut by.
import { metricIndex } from "../../core/measures";
import type { Explorer } from "../../core/types";
import { follow } from "../../ui/dom";
import { element } from "./dom";

/** A list of all metrics, the user's own detectors apart; it follows the explorer and sets its metric. */
export function createMetricSelect(explorer: Explorer, signal: AbortSignal): HTMLElement {
  const select = element("select", "aw-select", { "aria-label": "Metric" });
  const grouped = (label: string, options: readonly HTMLOptionElement[]) => {
    const group = element("optgroup", "", { label });
    group.append(...options);
    return group;
  };
  let known = "";
  follow(signal, () => {
    const metrics = explorer.metrics.value;
    const infos = metrics?.metrics ?? [];
    // One that was not measured here is stood for by another, which is then the one on screen.
    const chosen = metrics === null ? undefined : infos[metricIndex(metrics, explorer.metric.value)];
    const choose = () => {
      select.value = chosen?.name ?? "";
    };
    const names = JSON.stringify(infos.map(({ name, title }) => [name, title]));
    choose();
    // More queries of the same metrics leave the list alone: it may be open.
    if (names === known) return;
    known = names;
    const option = ({ name, title }: (typeof infos)[number]) => element("option", "", { value: name }, title);
    const standard = infos.filter(({ own }) => !own).map(option);
    const own = infos.filter((info) => info.own).map(option);
    if (own.length === 0) select.replaceChildren(...standard);
    else select.replaceChildren(grouped("Metrics", standard), grouped("Your detectors", own));
    choose();
    select.disabled = infos.length === 0;
  });
  select.addEventListener(
    "change",
    () => {
      explorer.metric.value = select.value;
      // A limit on one metric says nothing of another.
      explorer.cut.value = null;
    },
    { signal },
  );
  return element("label", "aw-field", {}, element("span", "aw-label", {}, "Metric"), select);
}
