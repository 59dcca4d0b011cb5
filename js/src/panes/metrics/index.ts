// The metrics pane: every head's metrics and detectors, as a map and as a table.
import type { CreatePane } from "../../core/types";
import { element } from "../kit/dom";

export const createMetricsPane: CreatePane = (host) => {
  const root = element("div", "ap-metrics");
  host.append(root);
  return { destroy: () => root.remove() };
};
