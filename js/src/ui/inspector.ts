// Beside the pane: the numbers of what is in focus.
import type { ExplorerApp } from "../core/explorer";
import { nameOf, unitOf } from "../core/shown";
import type { Pattern, Prediction } from "../core/types";
import { decimal, formatWeight } from "../math/format";
import type { Tokens } from "../wire/schema.gen";
import { copyText } from "./copy";
import { el, follow, setText } from "./dom";
import {
  type Bar,
  createReading,
  type HeadReading,
  isRepeated,
  type Link,
  MAX_SEARCH,
  type Reading,
  speak,
  strongestLinks,
  tokenLabel,
  writeReading,
} from "./reading";

/** Milliseconds of rest before the live region speaks: moving over tokens must not read every one. */
const SPEAK_MS = 350;

const MOST_LINKS = 4;

function token(label: string): HTMLElement {
  return el("bdi", { class: "aw-token", title: label }, label);
}

/** A token of a list; its position follows where several have its label. */
function placed(tokens: Tokens, index: number): HTMLElement[] {
  const label = token(tokenLabel(tokens, index));
  return isRepeated(tokens, index)
    ? [label, el("span", { class: "aw-row-position" }, String(index))]
    : [label];
}

function bar(item: Bar, className = ""): HTMLElement {
  const fill = el("span", { class: "aw-fill" });
  fill.style.width = `${Math.max(0.6, Math.min(1, item.weight) * 100)}%`;
  return el(
    "li",
    { class: `aw-row ${className}`.trim(), "data-current": item.current },
    el("bdi", { class: "aw-row-name", title: item.label }, item.label),
    el("span", { class: "aw-row-position" }, item.position === null ? "" : String(item.position)),
    el("span", { class: "aw-track" }, fill),
    el("span", { class: "aw-row-value" }, item.text),
  );
}

function titled(title: string, surety: string): HTMLElement {
  return el("h4", { class: "aw-title" }, `${title} `, el("span", { class: "aw-surety" }, surety));
}

function headSection(reading: HeadReading, colour: string): HTMLElement {
  const section = el("section", { class: "aw-section" }, titled(reading.title, reading.surety));
  section.style.setProperty("--c", colour);
  if (reading.cell !== null) section.append(el("p", { class: "aw-cell" }, reading.cell));
  const list = el("ul", { class: "aw-rows" }, ...reading.bars.map((item) => bar(item)));
  if (reading.sink !== null) list.append(bar(reading.sink, "aw-sink"));
  for (const lost of [reading.hidden, reading.left])
    if (lost !== null) list.append(bar(lost, "aw-sink aw-hidden-mass"));
  if (list.childElementCount > 0) section.append(list);
  if (reading.remark !== null) section.append(el("p", { class: "aw-remark" }, reading.remark));
  const { column, measures } = reading;
  if (column !== null && column.bars.length > 0) {
    const rows = column.bars.map((item) => bar(item));
    section.append(titled(column.title, column.surety), el("ul", { class: "aw-rows" }, ...rows));
  }
  if (measures.length > 0) {
    section.append(
      el("h4", { class: "aw-title" }, "In this prompt"),
      ...measures.map((measure) => el("p", { class: "aw-measure" }, measure)),
    );
  }
  return section;
}

function predictionSection(predictions: readonly Prediction[]): HTMLElement {
  const rows = predictions.slice(0, 3).map(({ label, prob }, index) =>
    bar({
      index,
      label: label === "" ? "∅" : label,
      position: null,
      weight: prob,
      text: prob < 0.005 ? "<.01" : decimal(prob, 2),
      current: false,
    }),
  );
  return el(
    "section",
    { class: "aw-section aw-expects" },
    el("h4", { class: "aw-title" }, "The model expects next"),
    el("ul", { class: "aw-rows" }, ...rows),
  );
}

/** What is known of the chosen heads, and what a reader of the record's numbers should know. */
function noteSections(app: ExplorerApp): HTMLElement[] {
  const now = app.data.value;
  if (now === null) return [];
  const ofRecord = now.record.notes.map((note) => el("p", { class: "aw-note" }, note));
  const ofHeads = now.patterns.flatMap(({ head }) => {
    const note = app.headNote(now.info.layer, head);
    if (note === null) return [];
    const text = el("p", { class: "aw-note" }, `Head ${now.info.layer}.${head} looks like `);
    text.append(el("b", {}, note.title), `: ${decimal(note.score, 2)}. ${note.text}`);
    return [text];
  });
  return [...ofHeads, ...ofRecord];
}

/** With nothing in focus: what the chosen heads do most strongly, and how to go on. */
function overview(app: ExplorerApp, known: WeakMap<Pattern, readonly Link[]>): HTMLElement[] {
  const now = app.data.value;
  if (now === null) return [];
  const palette = app.palette.value;
  const count = now.patterns.length <= 2 ? MOST_LINKS : 2;
  const cells = (now.patterns[0]?.queries ?? 0) * (now.patterns[0]?.keys ?? 0);
  const affordable = Math.min(6, Math.floor(MAX_SEARCH / Math.max(1, cells)));
  const sections = now.patterns.slice(0, affordable).flatMap((pattern) => {
    const links = known.get(pattern) ?? strongestLinks(pattern, now, MOST_LINKS);
    known.set(pattern, links);
    if (links.length === 0) return [];
    const title = `Layer ${now.info.layer}, ${nameOf(now, pattern.head)}: strongest links`;
    const rows = links
      .slice(0, count)
      .map(({ query, key, weight }) =>
        el(
          "li",
          { class: "aw-link" },
          ...placed(now.queryTokens, query),
          el("span", { class: "aw-arrow" }, "→"),
          ...placed(now.keyTokens, key),
          el("span", { class: "aw-row-value" }, formatWeight(weight, pattern.error)),
        ),
      );
    const section = el(
      "section",
      { class: "aw-section" },
      el("h4", { class: "aw-title" }, title),
      el("ul", { class: "aw-rows" }, ...rows),
    );
    section.style.setProperty("--c", `rgb(${palette.head(pattern.head).join(" ")})`);
    return [section];
  });
  const none = now.patterns.length === 0;
  const point =
    app.view.value === "model"
      ? "Point at a head to read what it does; click to open it, double-click for its head view."
      : `Point at a ${unitOf(now.record)} to see where it looks; click to hold it.`;
  const hint = none ? "No head is chosen. Press one of the heads above." : point;
  return [el("p", { class: "aw-hint" }, hint), ...sections];
}

function heading(reading: Reading): HTMLElement {
  const title = el("h3", { class: "aw-focus" });
  if (reading.token !== null) title.append(token(reading.token));
  if (reading.other !== null) title.append(el("span", { class: "aw-arrow" }, "→"), token(reading.other));
  title.append(el("span", { class: "aw-where" }, reading.where));
  return title;
}

export function createInspector(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const body = el("div", { class: "aw-inspector-body", tabindex: "-1" });
  const live = el("div", { class: "aw-live", role: "status", "aria-live": "polite" });
  const copy = el(
    "button",
    { type: "button", class: "aw-copy", title: "Copy as text", hidden: true },
    "Copy",
  );
  const root = el("aside", { class: "aw-inspector", "aria-label": "Inspector" }, copy, body, live);
  let text = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  copy.addEventListener(
    "click",
    async () => {
      const done = await copyText(text);
      copy.focus();
      // What was about to be read out would speak over it.
      clearTimeout(timer);
      setText(live, done ? "Copied" : "The browser did not allow to copy");
      setText(copy, done ? "Copied" : "Not allowed");
      setTimeout(() => setText(copy, "Copy"), 1500);
    },
    { signal: abort },
  );
  const links = new WeakMap<Pattern, readonly Link[]>();
  abort.addEventListener("abort", () => clearTimeout(timer), { once: true });

  follow(abort, () => {
    const now = app.data.value;
    clearTimeout(timer);
    if (now === null) {
      body.replaceChildren();
      copy.hidden = true;
      setText(live, "");
      return;
    }
    const focus = app.focus.value;
    const reading = createReading({
      data: now,
      focus,
      held: app.selection.value.locked && app.hover.value === null,
      exact: app.exact.value,
      columns: app.columns.value,
      predictions: focus.query === null ? [] : app.predictions.value(focus.query),
      metrics: app.metrics.value,
    });
    text = writeReading(reading);
    copy.hidden = text === "";
    if (reading.token === null) {
      body.replaceChildren(...overview(app, links), ...noteSections(app));
      setText(live, "");
      return;
    }
    const palette = app.palette.value;
    const sections = reading.heads.map((head) =>
      headSection(head, `rgb(${palette.head(head.head).join(" ")})`),
    );
    if (reading.predictions.length > 0) sections.push(predictionSection(reading.predictions));
    body.replaceChildren(heading(reading), ...sections, ...noteSections(app));
    timer = setTimeout(() => setText(live, speak(reading)), SPEAK_MS);
  });
  return root;
}
