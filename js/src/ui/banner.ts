// What went wrong and what to do about it; the last good view stays below.
import { signal } from "@preact/signals-core";
import type { ExplorerApp } from "../core/explorer";
import { el, follow } from "./dom";

export function createBanner(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const text = el("div", { class: "aw-banner-text" });
  const dismiss = el("button", { type: "button", class: "aw-dismiss" }, "Dismiss");
  const banner = el("div", { class: "aw-banner", role: "alert" }, text, dismiss);
  const read = signal("");
  dismiss.addEventListener(
    "click",
    () => {
      if (app.error.peek() === null) read.value = app.notice.peek();
      else app.dismissError();
    },
    { signal: abort },
  );
  follow(abort, () => {
    const error = app.error.value;
    const silent = app.silent.value;
    const notice = app.notice.value === read.value ? "" : app.notice.value;
    banner.hidden = error === null && silent === null && notice === "";
    dismiss.hidden = error === null && silent !== null;
    banner.dataset.kind = error === null ? "notice" : "error";
    if (error !== null) text.replaceChildren(el("b", {}, error.what), ` ${error.todo}`);
    else text.replaceChildren(silent ?? notice);
  });
  return banner;
}
