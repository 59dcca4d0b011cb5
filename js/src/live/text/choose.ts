// Choosing a stretch of the text: by dragging over words, or with Shift and a click or the arrow keys.
import type { Range } from "../../math/lines";

/** The token of the word that an event is about; null beside words. */
export function tokenOf(target: EventTarget | null): number | null {
  const word = target instanceof Element ? target.closest<HTMLElement>(".ap-word") : null;
  return word?.dataset.index === undefined ? null : Number(word.dataset.index);
}

function between(a: number, b: number): Range {
  return { start: Math.min(a, b), end: Math.max(a, b) + 1 };
}

/** Calls `choose` with what is chosen in the text under `root`; the words' own handling of clicks and keys stays. */
export function listenForChoice(
  root: HTMLElement,
  choose: (range: Range) => void,
  signal: AbortSignal,
): void {
  /** Where a stretch begins that a Shift would extend. */
  let from: number | null = null;
  let dragged: number | null = null;
  /** The last key moved on with Shift. */
  let extending = false;
  const on = <K extends keyof HTMLElementEventMap>(
    name: K,
    listener: (event: HTMLElementEventMap[K]) => void,
  ) => root.addEventListener(name, listener, { signal, capture: true });

  on("pointerdown", (event) => {
    const token = tokenOf(event.target);
    dragged = null;
    extending = false;
    if (event.button !== 0 || token === null || event.shiftKey) return;
    from = token;
    dragged = token;
  });
  on("pointerover", (event) => {
    const token = tokenOf(event.target);
    if (dragged === null || from === null || token === null || (event.buttons & 1) === 0) return;
    if (token !== from || token !== dragged) choose(between(from, token));
    dragged = token;
  });
  on("pointerup", () => {
    dragged = null;
  });
  on("click", (event) => {
    const token = tokenOf(event.target);
    if (!event.shiftKey || token === null) return;
    choose(between(from ?? token, token));
    event.preventDefault();
    event.stopPropagation();
  });
  on("keydown", (event) => {
    if (event.key === "Shift") return;
    const token = tokenOf(event.target);
    if (event.shiftKey && token !== null && /^(Arrow|Page|Home|End)/.test(event.key)) {
      if (!extending) from = token;
      extending = true;
    } else extending = false;
  });
  on("focusin", (event) => {
    const token = tokenOf(event.target);
    if (extending && from !== null && token !== null && token !== from) choose(between(from, token));
  });
}
