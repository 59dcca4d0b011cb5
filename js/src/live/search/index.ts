// The search panel: into or out of which tokens, ranked how; how far it is; and where the most attention is.
import { batch, computed, signal, untracked } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import { formatCount } from "../../math/format";
import { isolate } from "../../math/labels";
import { isSelf } from "../../panes/kit/readings";
import { createIds, el, follow, setAttribute, setText } from "../../ui/dom";
import { createSwitch } from "../../ui/switch";
import type { Flow, StreamKind, Tokens } from "../../wire/schema.gen";
import { findText, joinTokens, nextMatch } from "../find/find";
import { liveState } from "../state";
import { HitList } from "./hits";
import { listenForSearchKeys } from "./keys";
import { questionFor, streamFor } from "./question";
import { type Hit, Searcher } from "./searcher";
import { describeProgress, milestone, positionsOf } from "./words";

const MOST_WORDS = 8;

function button(text: string, title: string, label?: string): HTMLButtonElement {
  const name = label === undefined ? {} : { "aria-label": label };
  return el("button", { type: "button", class: "al-find-button", title, ...name }, text);
}

/** The panel; hidden until a search is asked for. */
export function createSearch(host: LiveHost): HTMLElement {
  const { app, signal: abort } = host;
  const state = liveState(app);
  const listen = { signal: abort };
  const titleId = createIds()("search");
  const flow = signal<Flow>("into");
  const by = signal<"head" | "token">("head");
  const plain = signal(true);
  const searcher = new Searcher(host.request, abort);

  // --- Which tokens --------------------------------------------------------------------------------------

  const tokensOf = (stream: StreamKind): Tokens | null => app.data.peek()?.record.streams[stream] ?? null;
  const input = el("input", {
    type: "text",
    class: "al-find-input",
    "aria-label": "Words to search attention for",
    placeholder: "words of the prompt, then Enter",
    spellcheck: "false",
    autocomplete: "off",
    dir: "auto",
  });
  const count = el("span", { class: "al-find-count", role: "status" });
  const before = button("↑", "Match before (Shift+Enter)", "Match before");
  const after = button("↓", "Next match (Enter)", "Next match");
  const chosen = el("span", { class: "al-search-span" });
  const held = button("held token", "Search attention into, or out of, the token that is held");
  const set = (first: number, last: number, stream: StreamKind) => {
    state.span.value = { first, last, stream };
  };
  /** Chooses the next match of the words, or the one before. */
  const choose = (by: 1 | -1 | 0) => {
    const data = app.data.peek();
    if (data === null) return;
    const stream = streamFor(data, flow.peek());
    const tokens = tokensOf(stream);
    const matches = tokens === null ? [] : findText(joinTokens(tokens.text), input.value, false);
    if (matches.length === 0) {
      setText(count, input.value.trim() === "" ? "" : "not found");
      return;
    }
    const span = state.span.peek();
    const now = matches.findIndex(({ start, end }) => start === span?.first && end === span.last);
    const at = now < 0 ? nextMatch(matches, 0) : (now + by + matches.length) % matches.length;
    const match = matches[at] as { start: number; end: number };
    set(match.start, match.end, stream);
    setText(count, `${formatCount(at + 1)} of ${formatCount(matches.length)}`);
  };
  input.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
      choose(event.shiftKey ? -1 : 1);
      event.preventDefault();
    },
    listen,
  );
  input.addEventListener("input", () => setText(count, ""), listen);
  before.addEventListener("click", () => choose(-1), listen);
  after.addEventListener("click", () => choose(1), listen);
  /** The held token that can be searched, by position. */
  const heldAt = computed(() => {
    const data = app.data.value;
    const { locked, query, key } = app.selection.value;
    if (data === null || !locked) return null;
    const own = flow.value === "into" ? key : query;
    return own ?? (isSelf(data) ? (query ?? key) : null);
  });
  const useHeld = () => {
    const data = app.data.peek();
    const at = heldAt.peek();
    if (data !== null && at !== null) set(at, at + 1, streamFor(data, flow.peek()));
  };
  held.addEventListener("click", useHeld, listen);

  // --- How it is ranked ----------------------------------------------------------------------------------

  const flowSwitch = createSwitch<Flow>(
    "Attention",
    () => [
      { value: "into", text: "into them" },
      { value: "out", text: "out of them" },
    ],
    () => flow.value,
    (value) => {
      batch(() => {
        flow.value = value;
        const data = app.data.peek();
        const span = state.span.peek();
        // In cross-attention the other side has other tokens.
        if (data === null || span === null || span.stream === streamFor(data, value)) return;
        state.span.value = null;
        useHeld();
      });
    },
    abort,
  );
  const bySwitch = createSwitch<"head" | "token">(
    "Ranked",
    () => [
      { value: "head", text: "by head" },
      { value: "token", text: "by token" },
    ],
    () => by.value,
    (value) => {
      by.value = value;
    },
    abort,
  );
  const rest = el("input", { type: "checkbox", checked: true });
  rest.addEventListener(
    "change",
    () => {
      plain.value = rest.checked;
    },
    listen,
  );
  const restLabel = el(
    "label",
    {
      class: "al-search-check",
      title:
        "Leaves the prompt's first token and special tokens out of what is outside of the span: many heads rest on them",
    },
    rest,
    "without first and special tokens",
  );

  // --- How far it is, and what was found -----------------------------------------------------------------

  const said = el("span", { class: "al-search-said" });
  const meter = el("progress", { class: "al-search-progress", max: 1, "aria-label": "Heads searched" });
  const stop = button("Stop", "Stop the search; what was found stays");
  const previous = button("‹ hit", "Previous hit (Shift+N)", "Previous hit");
  const next = button("hit ›", "Next hit (N)", "Next hit");
  const aloud = el("span", { class: "al-aloud", role: "status", "aria-live": "polite" });
  stop.addEventListener(
    "click",
    () => (searcher.progress.peek().phase === "working" ? searcher.stop() : searcher.resume()),
    listen,
  );
  const legend = el(
    "span",
    {
      class: "al-search-legend",
      title: "The same number, were all weights spread evenly over the visible keys",
    },
    "if evenly spread",
  );
  const go = (hit: Hit) => {
    const asked = searcher.progress.peek().found?.asked;
    if (asked === undefined) return;
    batch(() => {
      app.goTo({ site: asked.args.site, layer: hit.layer, head: hit.head });
      app.hold({ query: hit.query, key: hit.key < 0 ? null : hit.key });
    });
  };
  const list = new HitList(go, abort);
  previous.addEventListener("click", () => list.step(-1), listen);
  next.addEventListener("click", () => list.step(1), listen);

  const close = button("×", "Close (Esc)", "Close the search of attention");
  close.addEventListener(
    "click",
    () => {
      state.searching.value = false;
    },
    listen,
  );
  const panel = el(
    "section",
    { class: "al-search", "aria-labelledby": titleId, hidden: true },
    el(
      "div",
      { class: "al-search-row" },
      el("h3", { id: titleId, class: "al-search-title" }, "Search attention"),
      input,
      before,
      after,
      count,
      held,
      el("span", { class: "aw-grow" }),
      close,
    ),
    el("div", { class: "al-search-row" }, chosen, flowSwitch, bySwitch, restLabel),
    el(
      "div",
      { class: "al-search-row" },
      meter,
      said,
      stop,
      el("span", { class: "aw-grow" }),
      legend,
      previous,
      next,
    ),
    list.root,
    aloud,
  );

  let record = "";
  follow(abort, () => {
    const data = app.data.value;
    // Positions mean something in one prompt only.
    if (data !== null && data.record.record !== record) {
      if (record !== "") state.span.value = null;
      record = data.record.record;
    }
  });
  follow(abort, () => {
    const data = app.data.value;
    const span = state.span.value;
    // In cross-attention the tokens say which way it can only go.
    if (data !== null && span !== null && span.stream !== streamFor(data, flow.peek())) {
      const other: Flow = flow.peek() === "into" ? "out" : "into";
      if (span.stream === streamFor(data, other)) flow.value = other;
    }
  });
  follow(abort, () => {
    const data = app.data.value;
    const span = state.span.value;
    const label = (span !== null && data?.record.streams[span.stream]?.label) || [];
    const many = span === null ? 0 : span.last - span.first;
    const words = span === null ? [] : label.slice(span.first, Math.min(span.last, span.first + MOST_WORDS));
    const [first, last] = [formatCount(span?.first ?? 0), formatCount((span?.last ?? 1) - 1)];
    const place = many === 1 ? `token ${first}` : `tokens ${first} to ${last}`;
    const text = `“${isolate(words.join(" "))}${many > words.length ? " …" : ""}”, ${place}`;
    setText(chosen, span === null ? "Choose words here, or select them in the text." : text);
    setAttribute(chosen, "data-none", span === null);
    held.hidden = heldAt.value === null;
  });
  let opened = false;
  follow(abort, () => {
    const open = state.searching.value;
    if (open && !opened) {
      if (state.span.peek() === null) untracked(useHeld);
      queueMicrotask(() => input.focus({ preventScroll: true }));
    }
    opened = open;
  });
  follow(abort, () => {
    const open = state.searching.value;
    panel.hidden = !open;
    if (!open) {
      state.found.value = [];
      searcher.want(null);
      return;
    }
    searcher.want(
      app.running.value
        ? null
        : questionFor(app.data.value, state.span.value, {
            flow: flow.value,
            by: by.value,
            plain: plain.value,
          }),
    );
  });
  follow(abort, () => {
    const now = searcher.progress.value;
    const { phase, found, failed } = now;
    const data = app.data.peek();
    const fits = found !== null && data?.record.record === found.asked.record;
    state.found.value = fits ? positionsOf(found) : [];
    list.show(
      fits ? { found, queries: data.queryTokens, keys: data.keyTokens, palette: app.palette.value } : null,
    );
    list.root.hidden = !fits;
    const text = failed || describeProgress(now);
    setText(said, text);
    setAttribute(said, "data-failed", failed !== "");
    meter.hidden = phase !== "working" || found === null;
    meter.value = found === null ? 0 : (0.1 * found.sampled + 0.9 * found.done) / found.total;
    stop.hidden = phase !== "working" && phase !== "stopped";
    setText(stop, phase === "stopped" ? (failed === "" ? "Go on" : "Try again") : "Stop");
    for (const one of [legend, previous, next]) one.hidden = !fits || found.hits.length === 0;
    setText(aloud, milestone(now));
  });

  listenForSearchKeys(panel, list, state, abort);
  return panel;
}
