// What of the patterns is shown, and how it is read: a button that opens the choices, and the line that says what they do.
import { type ExplorerApp, FILTERED } from "../core/explorer";
import { isSnapshot } from "../core/fidelity";
import { describeCombined, describeHidden, measureOf, unitOf } from "../core/shown";
import { hasPairs } from "../math/filters";
import type { Combine, Filters, Pair } from "../wire/schema.gen";
import { el, follow, setAttribute, setText } from "./dom";
import { createSwitch } from "./switch";

const ALL_SHOWN: Filters = { pair: "all", special: true, top: 0, heads: null };
const TOPS: readonly number[] = [0, 1, 2, 3, 5, 10, 20, 50];

const PAIRS: readonly { readonly value: Pair; readonly text: string }[] = [
  { value: "all", text: "all" },
  { value: "aa", text: "A → A" },
  { value: "ab", text: "A → B" },
  { value: "ba", text: "B → A" },
  { value: "bb", text: "B → B" },
];

const COMBINES: readonly { readonly value: Combine; readonly text: string }[] = [
  { value: "each", text: "each" },
  { value: "mean", text: "mean" },
  { value: "max", text: "max" },
];

/** How many of the choices differ from "all shown, as it is". */
export function countActive(
  { pair, special, top, heads }: Filters,
  combine: Combine,
  words: boolean,
  norms: boolean,
): number {
  const on = [pair !== "all", !special, top > 0, heads !== null, combine !== "each", words, norms];
  return on.filter(Boolean).length;
}

/** Whether what the numbers are of is settled: only a kernel reads a record otherwise. */
function isFixed(app: ExplorerApp): boolean {
  const meta = app.data.value?.record;
  return meta !== undefined && isSnapshot(meta);
}

const FIXED = "needs a kernel: a snapshot is as it was saved";

function activeOf(app: ExplorerApp): number {
  const norms = app.weighting.value === "norms";
  return countActive(app.filters.value, app.combine.value, app.words.value, norms);
}

function showAll(app: ExplorerApp): void {
  app.filters.value = ALL_SHOWN;
  app.combine.value = "each";
  if (isFixed(app)) return;
  app.words.value = false;
  app.weighting.value = "weights";
}

interface CheckState {
  readonly on: boolean;
  /** Why it cannot be chosen; "" where it can. */
  readonly why: string;
}

function createCheck(
  name: string,
  about: string,
  state: () => CheckState,
  choose: (on: boolean) => void,
  abort: AbortSignal,
): HTMLElement {
  const box = el("input", { type: "checkbox" });
  const note = el("span", { class: "aw-check-note" });
  const label = el("label", { class: "aw-check" }, box, el("span", {}, name), note);
  box.addEventListener("change", () => choose(box.checked), { signal: abort });
  follow(abort, () => {
    const { on, why } = state();
    box.checked = on;
    box.disabled = why !== "";
    setAttribute(label, "data-off", why !== "");
    label.title = why || about;
    setText(note, why || about);
  });
  return label;
}

function row(name: string, control: HTMLElement): HTMLElement {
  return el(
    "div",
    { class: "aw-filter-row" },
    el("span", { class: "aw-label", "aria-hidden": "true" }, name),
    control,
  );
}

function createTop(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const select = el("select", { class: "aw-select", "aria-label": "Strongest per query" });
  select.addEventListener(
    "change",
    () => {
      app.filters.value = { ...app.filters.peek(), top: Number(select.value) };
    },
    { signal: abort },
  );
  follow(abort, () => {
    const { top } = app.filters.value;
    const known = [...new Set([...TOPS, top])].sort((a, b) => a - b);
    select.replaceChildren(
      ...known.map((count) => el("option", { value: count }, count === 0 ? "all" : `top ${count}`)),
    );
    select.value = String(top);
  });
  return select;
}

/** The button and the choices that it opens. */
export function createFilter(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const button = el("button", {
    type: "button",
    class: "aw-filter-button",
    "aria-haspopup": "dialog",
    "aria-expanded": "false",
  });
  const set = (change: Partial<Filters>) => {
    app.filters.value = { ...app.filters.peek(), ...change };
  };
  const pairs = row(
    "Texts",
    createSwitch<Pair>(
      "Texts of the pair",
      () => PAIRS,
      () => app.filters.value.pair,
      (pair) => set({ pair }),
      abort,
    ),
  );
  const combine = row(
    "Heads",
    createSwitch<Combine>(
      "Chosen heads",
      () => COMBINES,
      () => app.combine.value,
      (how) => {
        app.combine.value = how;
      },
      abort,
    ),
  );
  const top = row("Per query", createTop(app, abort));
  const special = createCheck(
    "Special tokens",
    "begin, end, separators",
    () => {
      const now = app.data.value;
      const some = [now?.queryTokens, now?.keyTokens].some((side) => side?.special.includes(true));
      const { special: on } = app.filters.value;
      return { on, why: some || !on ? "" : "there are none here" };
    },
    (on) => set({ special: on }),
    abort,
  );
  const words = createCheck(
    "Words",
    "keys of a word summed, its queries averaged",
    () => {
      const meta = app.data.value?.record;
      const can = app.words.value || meta === undefined || meta.can_merge;
      return { on: app.words.value, why: isFixed(app) ? FIXED : can ? "" : "every word is one token here" };
    },
    (on) => {
      app.words.value = on;
    },
    abort,
  );
  const norms = createCheck(
    "Norms",
    "weight × norm of what its value adds, as shares",
    () => {
      const meta = app.data.value?.record;
      const on = app.weighting.value === "norms";
      const can = on || meta === undefined || meta.can_weigh;
      return { on, why: isFixed(app) ? FIXED : can ? "" : "this run did not see the values" };
    },
    (on) => {
      app.weighting.value = on ? "norms" : "weights";
    },
    abort,
  );
  const reset = el("button", { type: "button", class: "aw-dismiss" }, "Show all");
  reset.addEventListener("click", () => showAll(app), { signal: abort });
  const cells = el("div", { class: "aw-filter-part" }, pairs, combine, top, special);
  const panel = el(
    "div",
    { class: "aw-filter-panel", role: "dialog", "aria-label": "Filter", tabindex: "-1", hidden: true },
    cells,
    el("div", { class: "aw-filter-part" }, words, norms),
    reset,
  );
  const root = el("div", { class: "aw-filter" }, button, panel);

  const open = (wanted: boolean) => {
    panel.hidden = !wanted;
    setAttribute(button, "aria-expanded", String(wanted));
    if (!wanted) return;
    const controls = [...panel.querySelectorAll<HTMLElement>("[tabindex='0'], select, input:enabled")];
    (controls.find((control) => control.offsetParent !== null) ?? panel).focus();
  };
  button.addEventListener("click", () => open(panel.hidden === true), { signal: abort });
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      event.preventDefault();
      open(false);
      button.focus();
    },
    { signal: abort },
  );
  root.addEventListener(
    "focusout",
    (event) => {
      // A control that is replaced loses the focus to nothing; only a place elsewhere closes the panel.
      const to = event.relatedTarget;
      if (to instanceof Node && !root.contains(to)) open(false);
    },
    { signal: abort },
  );
  follow(abort, () => {
    const active = activeOf(app);
    setText(button, active === 0 ? "Filter" : `Filter · ${active}`);
    setAttribute(button, "aria-label", active === 0 ? "Filter" : `Filter, ${active} active`);
    setAttribute(button, "data-active", active > 0);
    reset.disabled = active === 0;
  });
  follow(abort, () => {
    cells.hidden = !FILTERED.includes(app.view.value);
    const now = app.data.value;
    pairs.hidden = now === null || !hasPairs(now.queryTokens, now.keyTokens);
  });
  return root;
}

/** What the choices do to what is on screen, as long as they do anything. */
export function describeChoices(app: ExplorerApp): string {
  const now = app.data.value;
  if (now === null) return "";
  const { record } = now;
  const offered = app.filters.value.heads;
  return [
    describeCombined(now),
    unitOf(record) === "word" ? "words: keys summed, queries averaged" : "",
    record.weighting === "norms" ? `${measureOf(record)} in place of weights` : "",
    offered === null
      ? ""
      : `${offered.filter((head) => head < now.info.heads).length} of ${now.info.heads} heads on offer`,
    describeHidden(now),
  ]
    .filter(Boolean)
    .join(" · ");
}

export function createFilterNote(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const text = el("span", { class: "aw-filter-text" });
  const reset = el("button", { type: "button", class: "aw-dismiss" }, "Show all");
  const bar = el(
    "div",
    { class: "aw-bar aw-filter-note", role: "note", "aria-label": "Filtered" },
    text,
    reset,
  );
  reset.addEventListener("click", () => showAll(app), { signal: abort });
  follow(abort, () => {
    const words = describeChoices(app);
    bar.hidden = words === "";
    setText(text, words);
  });
  return bar;
}
