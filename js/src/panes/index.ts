// The panes by view.
import type { CreatePane } from "../core/types";
import type { View } from "../wire/schema.gen";
import { createHeadPane } from "./head";
import { createMatrixPane } from "./matrix";
import { createTextPane } from "./text";

export const panes: Readonly<Record<View, CreatePane>> = {
  head: createHeadPane,
  matrix: createMatrixPane,
  text: createTextPane,
};
