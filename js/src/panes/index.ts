// The panes by view.
import type { CreatePane } from "../core/types";
import type { View } from "../wire/schema.gen";
import { createHeadPane } from "./head";

export const panes: Readonly<Record<View, CreatePane>> = {
  head: createHeadPane,
  matrix: createHeadPane,
  text: createHeadPane,
};
