// The keys of the search panel.
import { follow } from "../../ui/dom";
import type { LiveState } from "../state";
import type { HitList } from "./hits";

/** Esc closes the panel from within it; N and Shift+N go from hit to hit while it is open. */
export function listenForSearchKeys(
  panel: HTMLElement,
  list: HitList,
  state: LiveState,
  abort: AbortSignal,
): void {
  panel.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") return;
      const frame = panel.closest<HTMLElement>(".attnwidget");
      state.searching.value = false;
      frame?.focus({ preventScroll: true });
      event.preventDefault();
    },
    { signal: abort },
  );
  let listens = false;
  follow(abort, () => {
    if (!state.searching.value || listens) return;
    const frame = panel.closest<HTMLElement>(".attnwidget");
    if (frame === null) return;
    listens = true;
    frame.addEventListener(
      "keydown",
      (event) => {
        const typing = event.target instanceof HTMLInputElement && event.target.type === "text";
        if (typing || event.target instanceof HTMLTextAreaElement) return;
        if (!state.searching.peek() || event.key.toLowerCase() !== "n") return;
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        list.step(event.shiftKey ? -1 : 1);
        event.preventDefault();
      },
      { signal: abort },
    );
  });
}
