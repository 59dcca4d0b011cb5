// The keyboard: which keys do what, which of them the page may have, and the list of them.
import type { ExplorerApp } from "../core/explorer";
import { el } from "./dom";
import { TABS } from "./tabs";

export const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ["← →", "previous, next layer (in a list of tokens: the neighbour)"],
  ["↑ ↓", "previous, next head (in a list of tokens: the neighbour)"],
  ["[ ]", "previous, next layer, wherever the focus is"],
  ["{ }", "previous, next head, wherever the focus is"],
  ["1 … 6", "Head, Model, Neuron, Matrix, Text, Metrics"],
  ["p", "pin the chosen heads, or take them off (on a pinned head, Delete does)"],
  ["Enter", "hold the token or cell"],
  ["Shift ← →", "neuron view, among the keys: brush dimensions"],
  ["Esc", "let go"],
  ["/", "write a prompt; Enter runs it, Shift+Enter breaks the line"],
  ["f", "search: which heads and tokens attend most to some words (n: next hit)"],
  ["Ctrl F", "in the text of a long prompt: find words"],
  ["g z", "in the matrix of a long prompt: go to a cell, zoom to it"],
  ["s", "save what is shown: a picture, or its data"],
  ["?", "show or hide this list"],
];

/** Combinations of Ctrl or Cmd that would act on the host's cell rather than on what is focused here. */
const KEPT = new Set([
  "control",
  "meta",
  "shift",
  "enter",
  "a",
  "c",
  "d",
  "v",
  "x",
  "y",
  "z",
  "m",
  "backspace",
  "delete",
]);

/**
 * Whether the host may see a key that was pressed inside the widget.
 *
 * Plain keys never leave: in JupyterLab they would delete, move or run the user's cell. Ctrl or Cmd with most letters
 * (save, command palette) and function keys belong to the host.
 */
export function belongsToHost(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): boolean {
  if (/^F\d+$/.test(event.key)) return true;
  if (!event.ctrlKey && !event.metaKey) return false;
  const key = event.key.toLowerCase();
  return !event.altKey && !key.startsWith("arrow") && !KEPT.has(key);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type !== "range")
  );
}

/** A control that has its own use for arrow keys. */
function usesArrows(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('input, select, textarea, [role="tablist"], [role="radiogroup"], [role="group"]') !== null
  );
}

export interface KeyActions {
  readonly root: HTMLElement;
  /** Where arrow keys belong to the pane. */
  readonly pane: HTMLElement;
  readonly help: { isOpen(): boolean; toggle(): void; close(): void };
  focusPrompt(): void;
  save(): void;
  search(): void;
}

/** What a key does, if the control in focus did not take it. Returns whether it was used. */
function act(event: KeyboardEvent, app: ExplorerApp, actions: KeyActions): boolean {
  const { target, key } = event;
  if (key === "Escape") {
    if (actions.help.isOpen()) actions.help.close();
    else if (isTyping(target)) actions.root.focus({ preventScroll: true });
    else app.hold(null);
    app.hover.value = null;
    return true;
  }
  if (isTyping(target) || event.ctrlKey || event.metaKey || event.altKey) return false;
  // Letters find an entry of a list.
  if (target instanceof HTMLSelectElement && /^[a-z]$/i.test(key)) return false;
  const tab = TABS[Number(key) - 1];
  if (/^[1-9]$/.test(key) && tab !== undefined) {
    app.view.value = tab.view;
    return true;
  }
  const anywhere: Record<string, () => void> = {
    "/": actions.focusPrompt,
    "?": actions.help.toggle,
    s: actions.save,
    f: actions.search,
    "[": () => app.moveLayer(-1),
    "]": () => app.moveLayer(1),
    "{": () => app.moveHead(-1),
    "}": () => app.moveHead(1),
    p: () => app.togglePins(),
  };
  const arrows: Record<string, () => void> = {
    ArrowLeft: () => app.moveLayer(-1),
    ArrowRight: () => app.moveLayer(1),
    ArrowUp: () => app.moveHead(-1),
    ArrowDown: () => app.moveHead(1),
  };
  const inPane = target instanceof Node && actions.pane.contains(target) && target !== actions.pane;
  const free = !inPane && !usesArrows(target);
  const action = anywhere[key] ?? (free ? arrows[key] : undefined);
  action?.();
  return action !== undefined;
}

/** Handles keys for the whole widget, and keeps them from the host. */
export function listenForKeys(app: ExplorerApp, actions: KeyActions, abort: AbortSignal): void {
  actions.root.addEventListener(
    "keydown",
    (event) => {
      const composing = event.isComposing || event.keyCode === 229;
      if (!event.defaultPrevented && !composing && act(event, app, actions)) event.preventDefault();
      if (!belongsToHost(event)) event.stopPropagation();
    },
    { signal: abort },
  );
}

/** What has the focus inside `root`, or `root` itself; works in a shadow tree too. */
function focused(root: Element | null): Element | null {
  return root?.matches(":focus") ? root : (root?.querySelector(":focus") ?? null);
}

export interface Help {
  readonly element: HTMLElement;
  isOpen(): boolean;
  toggle(): void;
  close(): void;
}

/** The list of keys, over the pane. */
export function createHelp(titleId: string, abort: AbortSignal): Help {
  const close = el("button", { type: "button", class: "aw-dismiss" }, "Close");
  const rows = KEYS.flatMap(([keys, meaning]) => [
    el("dt", {}, ...keys.split(" ").map((key) => el("kbd", {}, key))),
    el("dd", {}, meaning),
  ]);
  const element = el(
    "div",
    { class: "aw-help", role: "dialog", "aria-labelledby": titleId, hidden: true },
    el("div", { class: "aw-help-head" }, el("h3", { id: titleId }, "Keys"), close),
    el("dl", {}, ...rows),
  );
  let before: Element | null = null;
  const help: Help = {
    element,
    isOpen: () => !element.hidden,
    toggle() {
      if (!element.hidden) {
        help.close();
        return;
      }
      before = focused(element.closest(".attnwidget"));
      element.hidden = false;
      close.focus();
    },
    close() {
      element.hidden = true;
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    },
  };
  close.addEventListener("click", () => help.close(), { signal: abort });
  return help;
}
