// The live module: views of long prompts, and what else only a kernel can serve.
import css from "text:./live.css";
import type { StartLive } from "../core/live";
import { el } from "../ui/dom";

export const start: StartLive = () => ({
  css,
  panes: {},
  bar: el("div", { class: "al-bar" }),
});
