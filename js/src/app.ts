// Puts the widget together: frame, pane, keyboard, theme.
import { computed, untracked } from "@preact/signals-core";
import { createExplorer, type ExplorerApp } from "./core/explorer";
import { createLive, isLongText, type Live, type StartLive } from "./core/live";
import type { CreatePane, Pane } from "./core/types";
import { panes } from "./panes";
import type { Transport } from "./transport/types";
import { createBanner } from "./ui/banner";
import { createChips } from "./ui/chips";
import { createControls, createSites } from "./ui/controls";
import { createIds, el, follow, onResize, setAttribute, setText } from "./ui/dom";
import { createFilterNote } from "./ui/filter";
import { createFooter } from "./ui/footer";
import { createHeader } from "./ui/header";
import { createInspector } from "./ui/inspector";
import { createHelp, listenForKeys } from "./ui/keys";
import { createLook } from "./ui/look";
import { createSave } from "./ui/save";
import { createTabs, tabId } from "./ui/tabs";
import { createTray } from "./ui/tray";

export interface App {
  readonly root: HTMLElement;
  readonly explorer: ExplorerApp;
  destroy(): void;
}

/** Widths, in CSS pixels, below which the layout changes; CSS container queries are not everywhere. */
const WIDTHS: readonly (readonly [name: string, below: number])[] = [
  ["narrow", 620],
  ["medium", 780],
  ["wide", 960],
];

function widthClass(width: number): string {
  return WIDTHS.find(([, below]) => width < below)?.[0] ?? "full";
}

/** The text over the pane while there is nothing to draw. */
function createPlaceholder(app: ExplorerApp, live: Live, abort: AbortSignal): HTMLElement {
  const placeholder = el("p", { class: "aw-placeholder" });
  follow(abort, () => {
    const failed = app.error.value !== null;
    const late = isLate(app, live);
    placeholder.hidden = app.data.value !== null && !late;
    const text = app.running.value ? "Running the prompt …" : "Waiting for the first record …";
    setText(
      placeholder,
      late
        ? live.failed.value || "Loading the views of long prompts …"
        : failed
          ? "Nothing to show yet."
          : text,
    );
  });
  return placeholder;
}

/** Whether the layer on screen waits for the views of long prompts; a snapshot makes do without. */
function isLate(app: ExplorerApp, live: Live): boolean {
  return app.data.value?.info.tiled === true && app.source() !== "snapshot" && live.parts.value === null;
}

/** Shows one pane at a time, and only once there is data. */
function mountPanes(app: ExplorerApp, live: Live, host: HTMLElement, abort: AbortSignal): void {
  const shown = computed<CreatePane | null>(() => {
    const data = app.data.value;
    if (data === null || isLate(app, live)) return null;
    const view = app.view.value;
    const long = data.info.tiled || (view === "text" && isLongText(data));
    // The notice comes and goes with whoever stands in for the kernel.
    const answered = app.notice.value === "" || app.source() !== "snapshot";
    return (long && answered && live.parts.value?.panes[view]) || panes[view];
  });
  let pane: Pane | null = null;
  const clear = () => {
    pane?.destroy();
    pane = null;
    host.replaceChildren();
  };
  follow(abort, () => {
    const create = shown.value;
    // What a pane reads while it builds itself must not rebuild it.
    untracked(() => {
      // With the pane goes what it had in focus; keys must not fall through to the host then.
      if (host.matches(":focus-within"))
        host.closest<HTMLElement>(".attnwidget")?.focus({ preventScroll: true });
      clear();
      if (create !== null) pane = create(host, app);
    });
  });
  abort.addEventListener("abort", clear, { once: true });
}

/** Puts what the live module brings into the frame, once it is here. */
function joinLive(live: Live, root: HTMLElement, before: HTMLElement, abort: AbortSignal): void {
  follow(abort, () => {
    const parts = live.parts.value;
    if (parts === null) return;
    root.prepend(el("style", {}, parts.css));
    before.before(parts.bar);
  });
}

/**
 * Builds the widget into `host`; everything that it holds is let go of by `destroy`. `start` is the live module, where
 * it need not be fetched.
 */
export function createApp(host: HTMLElement, transport: Transport, start?: StartLive): App {
  const release = new AbortController();
  const abort = release.signal;
  const ids = createIds();
  const root = el("div", { class: "attnwidget", tabindex: "-1" });
  host.append(root);

  const look = createLook(root, transport.state.get("theme"), abort);
  const app = createExplorer(transport, look.palette);
  follow(abort, () => {
    look.theme.value = app.theme.value;
  });

  const request: Transport["request"] = (kind, args, more) => transport.request(kind, args, more);
  const live = createLive({ app, request, signal: abort }, start);
  const paneHost = el("div", { class: "aw-pane" });
  const panel = el("div", { class: "aw-panel", role: "tabpanel", id: ids("panel") });
  const help = createHelp(ids("keys"), abort);
  panel.append(paneHost, createPlaceholder(app, live, abort), help.element);
  const save = createSave(app, { root, pane: paneHost, redraw: look.redraw }, abort);
  const header = createHeader(app, abort);
  const main = el("div", { class: "aw-main" }, panel, createInspector(app, abort));
  root.append(
    header,
    el(
      "div",
      { class: "aw-bar aw-tools" },
      el("div", { class: "aw-where-to" }, createTabs(app, ids, abort), createSites(app, abort)),
      createControls(app, abort),
    ),
    createChips(app, abort),
    createTray(app, abort),
    createFilterNote(app, abort),
    createBanner(app, abort),
    main,
    createFooter(app, { keys: help.toggle, live }, save.element, abort),
  );

  follow(abort, () => {
    panel.setAttribute("aria-labelledby", tabId(ids, app.view.value));
    root.dataset.view = app.view.value;
  });
  follow(abort, () => {
    main.style.setProperty("--height", `${app.height.value}px`);
  });
  follow(abort, () => {
    setAttribute(root, "data-loading", app.loading.value);
    setAttribute(root, "aria-busy", String(app.running.value || app.loading.value));
  });
  const measure = () => {
    look.joined();
    // A hidden notebook has no width; the layout stays as it was.
    if (root.clientWidth > 0) root.dataset.width = widthClass(root.clientWidth);
  };
  measure();
  onResize(root, measure, abort);
  joinLive(live, root, main, abort);
  mountPanes(app, live, paneHost, abort);
  markReady(app, root, abort);

  listenForKeys(
    app,
    {
      root,
      pane: paneHost,
      help,
      save: save.open,
      search: live.search,
      focusPrompt: () => header.querySelector<HTMLElement>("textarea")?.focus(),
    },
    abort,
  );
  panel.addEventListener(
    "pointerdown",
    () => {
      // So that keys work after a click on a part that takes no focus itself; a focusable part takes it afterwards.
      if (!root.matches(":focus-within")) root.focus({ preventScroll: true });
    },
    { signal: abort },
  );

  return {
    root,
    explorer: app,
    destroy() {
      release.abort();
      app.destroy();
      root.remove();
    },
  };
}

/** Says on the root which record is drawn, once the frame that draws it is through. */
function markReady(app: ExplorerApp, root: HTMLElement, abort: AbortSignal): void {
  let frame = 0;
  follow(abort, () => {
    const record = app.data.value?.record.record;
    cancelAnimationFrame(frame);
    if (record === undefined) return;
    frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => {
        root.dataset.record = record;
        root.dataset.ready = "1";
      });
    });
  });
  abort.addEventListener("abort", () => cancelAnimationFrame(frame), { once: true });
}
