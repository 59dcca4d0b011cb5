// The last bar: how true the numbers are, and how to go on.
import type { ExplorerApp } from "../core/explorer";
import { describeExactness } from "../core/fidelity";
import type { Live } from "../core/live";
import { el, follow } from "./dom";

export function createFooter(
  app: ExplorerApp,
  on: { readonly keys: () => void; readonly live: Pick<Live, "search" | "failed"> },
  save: HTMLElement,
  abort: AbortSignal,
): HTMLElement {
  const claim = el("span", { class: "aw-claim" });
  const hint = el("span", { class: "aw-foot-hint" }, "hover to look, click to hold");
  const keys = el("button", { type: "button", class: "aw-keys-button", "aria-label": "Keys" });
  keys.append(el("kbd", {}, "?"), " keys");
  keys.addEventListener("click", on.keys, { signal: abort });
  const search = el("button", { type: "button", class: "aw-keys-button" }, el("kbd", {}, "f"), " search");
  search.addEventListener("click", on.live.search, { signal: abort });
  follow(abort, () => {
    const now = app.data.value;
    // Only a kernel searches.
    search.hidden = app.source() === "snapshot";
    if (now === null) {
      claim.replaceChildren();
      return;
    }
    const { strong, text, more = "" } = describeExactness(now, app.source());
    claim.replaceChildren(el("b", {}, strong), text);
    claim.title = strong + text + more;
  });
  follow(abort, () => {
    const held = app.selection.value.locked ? "held: Esc lets go" : "hover to look, click to hold";
    hint.textContent = on.live.failed.value || held;
  });
  return el(
    "footer",
    { class: "aw-bar aw-footer" },
    claim,
    el("span", { class: "aw-grow" }),
    hint,
    search,
    save,
    keys,
  );
}
