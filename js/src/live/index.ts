// The live module: views of long prompts, and what else only a kernel can serve.
import css from "text:./live.css";
import type { StartLive } from "../core/live";
import { el } from "../ui/dom";
import { followColumns } from "./columns";
import { createTiledHead } from "./head";
import { createTiledMatrix } from "./matrix";
import { createRefiner } from "./refine";
import { createSearch } from "./search";
import { liveState } from "./state";
import { createLongText } from "./text";
import { TileHub } from "./tiles/hub";

export const start: StartLive = (host) => {
  const hub = new TileHub(host.request);
  const failed = followColumns(host);
  return {
    css,
    panes: {
      head: createTiledHead(host, hub),
      matrix: createTiledMatrix(hub),
      text: createLongText(host, failed),
    },
    bar: el("div", { class: "al-bar" }, createSearch(host), createRefiner(host)),
    search() {
      const { searching } = liveState(host.app);
      searching.value = !searching.peek();
    },
  };
};
