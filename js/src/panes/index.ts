// The panes by view.
import type { CreatePane } from "../core/types";
import type { View } from "../wire/schema.gen";
import { createHeadPanes } from "./head/compare";
import { createMatrixPane } from "./matrix";
import { createMetricsPane } from "./metrics";
import { createModelPane } from "./model";
import { createNeuronPane } from "./neuron";
import { createTextPane } from "./text";

export const panes: Readonly<Record<View, CreatePane>> = {
  head: createHeadPanes,
  model: createModelPane,
  neuron: createNeuronPane,
  matrix: createMatrixPane,
  text: createTextPane,
  metrics: createMetricsPane,
};
