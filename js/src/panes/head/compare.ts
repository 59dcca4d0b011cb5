// Head views side by side: one small head view per pinned head, linked by what hovers, what is held and how far they scroll.
import { computed, type Signal, signal, untracked } from "@preact/signals-core";
import { COMBINED, nameOf } from "../../core/shown";
import type { Compared, CreatePane, Explorer, LayerData, Pane } from "../../core/types";
import { css } from "../../math/colour";
import { COLUMN_PAD, ROW_MIN, SINK_RULE } from "../../math/columns";
import { decimal } from "../../math/format";
import { follow } from "../../ui/dom";
import { element, onResize } from "../kit/dom";
import { createHeadPane } from "./index";

/** The least width in which two columns of tokens and their lines are readable. */
const PANEL_WIDTH = 260;
/** Title, captions and note of a panel. */
const PANEL_FRAME = 84;
const PANEL_LEAST = 220;
const PEEK = 46;

/** How many panels stand in a row: as many as are readable, spread evenly over the rows. */
export function panelColumns(count: number, width: number): number {
  const most = Math.max(1, Math.min(count, Math.floor(width / PANEL_WIDTH)));
  return Math.ceil(count / Math.ceil(count / most));
}

interface Panel {
  readonly root: HTMLElement;
  readonly data: Signal<LayerData | null>;
  readonly pane: Pane;
}

/** The head view; while pinned heads are compared, one of each. */
export const createHeadPanes: CreatePane = (host, explorer) => createPanes(host, explorer, createHeadPane);

/** `createHeadPanes` with head views of another make. */
export function createPanes(host: HTMLElement, explorer: Explorer, one: CreatePane): Pane {
  const release = new AbortController();
  const isComparing = computed(() => explorer.comparing.value && explorer.compared.value.length > 1);
  let shown: Pane | null = null;
  const clear = () => {
    keepFocus(host);
    shown?.destroy();
  };
  follow(release.signal, () => {
    const comparing = isComparing.value;
    // What a pane reads while it builds itself must not rebuild it.
    untracked(() => {
      clear();
      shown = comparing ? createCompare(host, explorer, one) : one(host, explorer);
    });
  });
  return {
    destroy() {
      release.abort();
      clear();
    },
  };
}

/** With a pane goes what it had in focus; keys must not fall through to the host then. */
function keepFocus(leaving: HTMLElement): void {
  if (leaving.matches(":focus-within"))
    leaving.closest<HTMLElement>(".attnwidget")?.focus({ preventScroll: true });
}

function createCompare(host: HTMLElement, explorer: Explorer, one: CreatePane): Pane {
  const release = new AbortController();
  const { signal: ended } = release;
  const grid = element("div", "ap-compare");
  const panels = new Map<string, Panel>();
  const arrange = () => {
    const width = grid.clientWidth;
    if (width === 0) return;
    const data = explorer.data.peek();
    const rows = Math.max(data?.queryTokens.label.length ?? 0, data?.keyTokens.label.length ?? 0);
    const sink = data?.info.sinks ? ROW_MIN + SINK_RULE : 0;
    const height = Math.max(PANEL_LEAST, rows * ROW_MIN + sink + 2 * COLUMN_PAD + PANEL_FRAME);
    const columns = panelColumns(panels.size, width);
    // Where there are more below, their titles peek out.
    const most = panels.size > columns ? `100% - ${PEEK}px` : "100%";
    grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    grid.style.gridAutoRows = `minmax(min(${most}, ${height}px), 1fr)`;
  };
  const remove = (panel: Panel) => {
    keepFocus(panel.root);
    panel.pane.destroy();
    panel.root.remove();
  };
  host.append(grid);
  onResize(grid, arrange, ended);
  grid.addEventListener("scroll", (event) => scrollAlong(grid, event.target), {
    signal: ended,
    capture: true,
    passive: true,
  });
  follow(ended, () => {
    const wanted = explorer.compared.value;
    untracked(() => {
      const keys = new Set(wanted.map(({ key }) => key));
      for (const [key, panel] of panels) {
        if (keys.has(key)) continue;
        remove(panel);
        panels.delete(key);
      }
      wanted.forEach((item, place) => {
        const panel = panels.get(item.key) ?? createPanel(item, explorer, grid, one);
        panels.set(item.key, panel);
        if (item.data !== null) panel.data.value = item.data;
        panel.root.toggleAttribute("data-waiting", item.data === null);
        panel.root.style.order = String(place);
        title(panel.root, item, explorer);
      });
      arrange();
    });
  });
  // Colours and notes of the titles.
  follow(ended, () => {
    explorer.palette.value;
    explorer.layer.value;
    explorer.heads.value;
    for (const item of explorer.compared.peek()) {
      const panel = panels.get(item.key);
      if (panel !== undefined) title(panel.root, item, explorer);
    }
  });
  return {
    destroy() {
      release.abort();
      for (const panel of panels.values()) remove(panel);
      grid.remove();
    },
  };
}

/** A head view of its own data; everything else is shared. */
function createPanel(item: Compared, explorer: Explorer, grid: HTMLElement, one: CreatePane): Panel {
  const root = element(
    "section",
    "ap-compare-panel",
    { role: "group" },
    element("h4", "ap-compare-title"),
    element("div", "ap-compare-body"),
  );
  grid.append(root);
  const data = signal<LayerData | null>(item.data);
  const pane = one(root.lastElementChild as HTMLElement, { ...explorer, data });
  return { root, data, pane };
}

function title(root: HTMLElement, { layer, heads, data, pinned }: Compared, explorer: Explorer): void {
  const { palette, headNote } = explorer;
  const shown = data?.patterns.map(({ head }) => head) ?? heads;
  const each = heads.length === 1 ? `head ${heads[0]}` : `heads ${heads.join(", ")}`;
  const words = data !== null && shown[0] === COMBINED ? nameOf(data, COMBINED) : each;
  const name = `Layer ${layer} · ${words}`;
  const known = heads.length === 1 ? headNote(layer, heads[0] as number) : null;
  const about = [
    known === null ? "" : `${known.title} ${decimal(known.score, 2)}`,
    pinned ? "" : "not pinned",
  ];
  const swatches = shown.slice(0, 8).map((head) => {
    const swatch = element("span", "ap-swatch");
    swatch.style.background = css(palette.peek().head(head));
    return swatch;
  });
  root.setAttribute("aria-label", name.replace(" ·", ","));
  root.firstElementChild?.replaceChildren(
    ...swatches,
    name,
    element("span", "ap-compare-about", {}, about.filter(Boolean).join(" · ")),
  );
}

/** A column that scrolls takes the same column of the other panels along. */
function scrollAlong(grid: HTMLElement, target: EventTarget | null): void {
  if (!(target instanceof HTMLElement) || !target.classList.contains("ap-column")) return;
  const side = target.classList.contains("ap-column-query") ? "query" : "key";
  for (const column of grid.querySelectorAll(`.ap-column-${side}`)) {
    if (column !== target && column.scrollTop !== target.scrollTop) column.scrollTop = target.scrollTop;
  }
}
