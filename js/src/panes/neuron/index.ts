// The neuron pane: how the scores of one query come about, dimension by dimension.
import type { CreatePane } from "../../core/types";
import { element } from "../kit/dom";

export const createNeuronPane: CreatePane = (host) => {
  const root = element("div", "ap-neuron");
  host.append(root);
  return { destroy: () => root.remove() };
};
