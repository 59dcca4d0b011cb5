// The panes' tabs.
import type { ExplorerApp } from "../core/explorer";
import type { View } from "../wire/schema.gen";
import { el, follow, setAttribute } from "./dom";

export interface Tab {
  readonly view: View;
  readonly name: string;
}

export const TABS: readonly Tab[] = [
  { view: "head", name: "Head" },
  { view: "model", name: "Model" },
  { view: "neuron", name: "Neuron" },
  { view: "matrix", name: "Matrix" },
  { view: "text", name: "Text" },
  { view: "metrics", name: "Metrics" },
];

export function tabId(ids: (name: string) => string, view: View): string {
  return ids(`tab-${view}`);
}

export function createTabs(app: ExplorerApp, ids: (name: string) => string, abort: AbortSignal): HTMLElement {
  const buttons = TABS.map(({ view, name }, index) =>
    el(
      "button",
      {
        type: "button",
        role: "tab",
        id: tabId(ids, view),
        "aria-controls": ids("panel"),
        title: `${name} (${index + 1})`,
      },
      name,
    ),
  );
  const list = el("div", { class: "aw-tabs", role: "tablist", "aria-label": "View" }, ...buttons);
  const select = (index: number, focus: boolean) => {
    const at = (index + TABS.length) % TABS.length;
    app.view.value = (TABS[at] as Tab).view;
    if (focus) buttons[at]?.focus();
  };
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => select(index, false), { signal: abort });
  });
  list.addEventListener(
    "keydown",
    (event) => {
      const at = TABS.findIndex(({ view }) => view === app.view.peek());
      const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: TABS.length - 1 }[event.key];
      if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      select(target, true);
    },
    { signal: abort },
  );
  follow(abort, () => {
    buttons.forEach((button, index) => {
      const selected = TABS[index]?.view === app.view.value;
      setAttribute(button, "aria-selected", String(selected));
      button.tabIndex = selected ? 0 : -1;
    });
  });
  return list;
}
