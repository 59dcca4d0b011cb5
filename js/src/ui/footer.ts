// The last bar: how true the numbers are, and how to go on.
import type { ExplorerApp } from "../core/explorer";
import type { LayerData } from "../core/types";
import { decimal } from "../math/format";
import { el, follow } from "./dom";

export interface Exactness {
  readonly strong: string;
  readonly text: string;
}

/** "4e-7", ".02". */
export function formatError(error: number): string {
  if (error === 0) return "0";
  return error < 0.001 ? error.toExponential(0) : decimal(error, 3).replace(/0+$/, "");
}

/** What may be claimed of the numbers on screen. */
export function describeExactness(data: LayerData, source: "live" | "fixture"): Exactness {
  const { info, record } = data;
  const from = source === "live" ? "from the kernel" : "recorded, no kernel";
  const error = Math.max(0, ...data.patterns.map((pattern) => pattern.error));
  const coarse = error > 0 ? ` · drawn in 8 bits, within ${formatError(error)} (≈)` : "";
  if (info.route === "given")
    return { strong: "as given", text: `: weights from tensors, not recomputed${coarse}` };
  if (record.exact) {
    return { strong: "exact", text: `, ${from} · eager run: weights equal output_attentions${coarse}` };
  }
  const fidelity = info.fidelity ?? record.fidelity;
  if (fidelity === null) return { strong: "unchecked", text: `, ${from}${coarse}` };
  return {
    strong: "exact",
    text: `, ${from} · recomputed output within ${formatError(fidelity)} of the model's${coarse}`,
  };
}

export function createFooter(
  app: ExplorerApp,
  source: "live" | "fixture",
  onKeys: () => void,
  abort: AbortSignal,
): HTMLElement {
  const claim = el("span", { class: "aw-claim" });
  const hint = el("span", { class: "aw-foot-hint" }, "hover to look, click to hold");
  const keys = el("button", { type: "button", class: "aw-keys-button", "aria-label": "Keys" });
  keys.append(el("kbd", {}, "?"), " keys");
  keys.addEventListener("click", onKeys, { signal: abort });
  follow(abort, () => {
    const now = app.data.value;
    if (now === null) {
      claim.replaceChildren();
      return;
    }
    const { strong, text } = describeExactness(now, source);
    claim.replaceChildren(el("b", {}, strong), text);
    claim.title = `${strong}${text}`;
  });
  follow(abort, () => {
    hint.textContent = app.selection.value.locked ? "held: Esc lets go" : "hover to look, click to hold";
  });
  return el("footer", { class: "aw-bar aw-footer" }, claim, el("span", { class: "aw-grow" }), hint, keys);
}
