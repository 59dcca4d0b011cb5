// The panes by view.
import type { CreatePane } from "../core/types";
import type { View } from "../wire/schema.gen";
import { createHeadPane } from "./head";
import { createMatrixPane } from "./matrix";
import { createModelPane } from "./model";
import { createTextPane } from "./text";

export const panes: Readonly<Record<View, CreatePane>> = {
  head: createHeadPane,
  model: createModelPane,
  matrix: createMatrixPane,
  text: createTextPane,
};
