// The line that says how many queries were read, and lets reading rest.
import type { ReadonlySignal } from "@preact/signals-core";
import { formatCount } from "../../math/format";
import { el, follow, setText } from "../../ui/dom";

export interface Reading {
  readonly sampled: number;
  readonly queries: number;
  /** Nothing more is to be read. */
  readonly over: boolean;
}

export interface LineState {
  /** Null hides the line. */
  readonly reading: ReadonlySignal<Reading | null>;
  readonly paused: ReadonlySignal<boolean>;
  readonly failed: ReadonlySignal<string>;
  toggle(): void;
}

/** Before this much time has gone by nothing is said of the time that is left. */
const TOLD_AFTER_MS = 4000;

export function createLine({ reading, paused, failed, toggle }: LineState, abort: AbortSignal): HTMLElement {
  const bar = el("progress", { class: "al-refine-bar", "aria-label": "Queries read" });
  const text = el("span", { class: "al-refine-text" });
  const button = el("button", { class: "ap-way", type: "button" });
  const line = el(
    "div",
    { class: "al-refine", role: "group", "aria-label": "Reading queries" },
    bar,
    text,
    button,
  );
  button.addEventListener("click", toggle, { signal: abort });
  let began: { readonly sampled: number; readonly at: number } | null = null;
  follow(abort, () => {
    const now = reading.value;
    const rests = paused.value;
    line.hidden = now === null;
    if (now === null || now.over || rests) began = null;
    if (now === null) return;
    const { sampled, queries, over } = now;
    if (began === null || sampled < began.sampled) began = { sampled, at: performance.now() };
    bar.max = queries;
    bar.value = sampled;
    const spent = performance.now() - began.at;
    const left =
      sampled > began.sampled ? (spent * (queries - sampled)) / (sampled - began.sampled) : Number.NaN;
    const count = formatCount(queries);
    const words = [
      sampled < queries ? `${formatCount(sampled)} of ${count} queries read` : `all ${count} queries read`,
      failed.value ||
        (over
          ? sampled < queries
            ? "the others are not known here"
            : ""
          : rests
            ? "paused"
            : spent < TOLD_AFTER_MS
              ? ""
              : timeLeft(left)),
    ];
    setText(text, words.filter(Boolean).join(" · "));
    button.hidden = over;
    setText(button, rests ? "Resume" : "Pause");
    button.title = rests ? "Read more queries" : "Let the kernel rest; what was read stays";
  });
  return line;
}

/** A rough time in words; "" where nothing is known. */
export function timeLeft(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return "";
  const minutes = milliseconds / 60_000;
  if (minutes < 1) return "less than a minute left";
  if (minutes < 90) return `about ${Math.ceil(minutes)} min left`;
  return `about ${Math.round(minutes / 60)} h left`;
}
