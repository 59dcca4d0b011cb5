// The live module: views of long prompts, and what else only a kernel can serve.
import css from "text:./live.css";
import type { StartLive } from "../core/live";
import { el } from "../ui/dom";
import { createTiledMatrix } from "./matrix";
import { TileHub } from "./tiles/hub";

export const start: StartLive = ({ request }) => {
  const hub = new TileHub(request);
  return {
    css,
    panes: { matrix: createTiledMatrix(hub) },
    bar: el("div", { class: "al-bar" }),
  };
};
