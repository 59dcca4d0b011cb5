// The text pane of long prompts: the text, a map of all of it, the strongest tokens, and a search for words.
import type { ReadonlySignal } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import type { CreatePane, LayerData } from "../../core/types";
import { formatCount } from "../../math/format";
import { isolate } from "../../math/labels";
import type { Range } from "../../math/lines";
import { isSelf } from "../../panes/kit/readings";
import { TextPane } from "../../panes/text";
import type { Side } from "../../panes/text/state";
import { el, follow, setText } from "../../ui/dom";
import type { Tokens } from "../../wire/schema.gen";
import { FindBar } from "../find/bar";
import { PromptMap } from "../minimap";
import { createPeaks } from "../minimap/peaks";
import { centre, inSight } from "../minimap/place";
import type { Peak, Strips } from "../minimap/strips";
import { liveState } from "../state";
import { listenForChoice, tokenOf } from "./choose";
import { applyMarks, markTokens } from "./marks";
import { shadeLong } from "./shade";

/** Words of what is chosen that are written out. */
const MOST_WORDS = 6;

const NOTHING = new Uint8Array(0);

/** `failed` says why a column cannot be had. */
export function createLongText(host: LiveHost, failed: ReadonlySignal<string>): CreatePane {
  return (element) => new LongText(element, host, failed);
}

class LongText {
  readonly #abort = new AbortController();
  readonly #host: LiveHost;
  readonly #root: HTMLElement;
  readonly #pane: TextPane;
  readonly #map: PromptMap;
  readonly #find: FindBar;
  readonly #peaks = el("div", { class: "al-peaks", role: "group", "aria-label": "Strongest tokens" });
  readonly #chosen = el("span", { class: "al-chosen-words", role: "status" });
  readonly #chosenBar: HTMLElement;
  #hits: readonly Range[] = [];
  #now: Range | null = null;
  #jumped: Range | null = null;
  #peaksOf: Strips | null = null;
  #peaksIn: Tokens | null = null;
  #marks: Uint8Array = NOTHING;
  #sideOfHits: Side = "query";

  constructor(element: HTMLElement, host: LiveHost, failed: ReadonlySignal<string>) {
    this.#host = host;
    const { app } = host;
    const { signal } = this.#abort;
    const state = liveState(app);
    const body = el("div", { class: "al-text-body" });
    const main = el("div", { class: "al-text-main" });
    this.#pane = new TextPane(main, app, {
      shade: (data, focus, direction, exact) => {
        const made = shadeLong(data, focus, direction, exact, app.columns.peek());
        return made.subject?.side === "key" && failed.peek() !== "" ? { ...made, note: failed.peek() } : made;
      },
      drawn: () => this.#drawn(),
    });
    this.#map = new PromptMap(
      host,
      {
        scrollTo: (token) => centre(this.#flow(this.#side), this.#pane.scroller, token),
        page: (by) => {
          this.#pane.scroller.scrollTop += by * this.#pane.scroller.clientHeight;
        },
      },
      signal,
    );
    this.#find = new FindBar(
      {
        changed: (matches, at) => {
          this.#hits = matches;
          this.#now = matches[at] ?? null;
          this.#mark();
        },
        show: ({ start }) => centre(this.#flow(this.#side), this.#pane.scroller, start),
        search: (match) => this.#search(match),
        closed: () => this.#root.querySelector<HTMLElement>(".ap-word[tabindex='0']")?.focus(),
        from: () => this.#sight().start,
      },
      signal,
    );
    const search = el("button", { type: "button", class: "al-find-button" }, "Search attention");
    const clear = el(
      "button",
      { type: "button", class: "al-find-button", "aria-label": "Choose nothing" },
      "×",
    );
    search.addEventListener("click", () => {
      state.searching.value = true;
    });
    clear.addEventListener("click", () => {
      state.span.value = null;
    });
    this.#chosenBar = el("div", { class: "al-find", hidden: true }, this.#chosen, search, clear);
    const magnifier = el(
      "button",
      { type: "button", class: "al-find-button", title: "Find words in the prompt (Ctrl+F)" },
      "Find",
    );
    magnifier.addEventListener("click", () => this.#find.open());
    main.querySelector(".ap-toolbar")?.append(magnifier);
    body.append(main, this.#map.root);
    this.#root = el("div", { class: "al-text" }, this.#find.root, this.#chosenBar, body, this.#peaks);
    element.append(this.#root);
    this.#listen(element);
    follow(signal, () => {
      app.columns.value;
      failed.value;
      this.#pane.redraw();
    });
    follow(signal, () => {
      const tokens = this.#tokens(app.data.value, app.direction.value);
      if (tokens === null) return;
      this.#map.setTokens(tokens);
      this.#find.setTokens(tokens.text);
    });
    follow(signal, () => {
      app.data.value;
      app.direction.value;
      state.span.value;
      state.found.value;
      this.#mark();
    });
    follow(signal, () => {
      const { span, searching } = state;
      const chosen = span.value;
      this.#chosenBar.hidden = chosen === null || searching.value;
      if (chosen === null) return;
      const { label = [] } = app.data.peek()?.record.streams[chosen.stream] ?? {};
      const words = label.slice(chosen.first, Math.min(chosen.last, chosen.first + MOST_WORDS));
      const many = chosen.last - chosen.first;
      const text = `${isolate(words.join(" "))}${many > words.length ? " …" : ""}`;
      setText(this.#chosen, `“${text}” · ${formatCount(many)} ${many === 1 ? "token" : "tokens"}`);
    });
    follow(signal, () => {
      const { strips } = this.#map.state.value;
      const tokens = this.#tokens(app.data.value, app.direction.value);
      if (strips === this.#peaksOf && tokens === this.#peaksIn) return;
      this.#peaksOf = strips;
      this.#peaksIn = tokens;
      this.#jumped = null;
      const buttons =
        strips === null || tokens === null
          ? []
          : createPeaks(strips, tokens, (at, head) => this.#jump(at, head));
      // Its place is kept: the text must not move under a click.
      const said =
        buttons.length === 0 ? "Click a word: the strongest tokens of all heads" : "Strongest, all heads";
      this.#peaks.replaceChildren(el("span", { class: "al-peaks-title" }, said), ...buttons);
      this.#mark();
    });
  }

  /** Goes to a token, and shows the head that it is strongest in. */
  #jump(position: number, { layer, head }: Peak): void {
    const { app } = this.#host;
    const site = app.data.peek()?.site.kind;
    if (site !== undefined) app.goTo({ site, layer, head });
    this.#jumped = { start: position, end: position + 1 };
    this.#mark();
    centre(this.#flow(this.#side), this.#pane.scroller, position);
  }

  destroy(): void {
    this.#abort.abort();
    this.#pane.destroy();
    this.#root.remove();
  }

  #listen(element: HTMLElement): void {
    const { signal } = this.#abort;
    const state = liveState(this.#host.app);
    const frame = element.closest<HTMLElement>(".attnwidget") ?? element;
    frame.addEventListener(
      "keydown",
      (event) => {
        const finds = event.key.toLowerCase() === "f" && (event.ctrlKey || event.metaKey);
        const lets = event.key === "Escape" && state.span.peek() !== null && tokenOf(event.target) !== null;
        if (finds && !event.shiftKey && !event.altKey) this.#find.open();
        else if (lets) state.span.value = null;
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
      { signal, capture: true },
    );
    for (const side of ["query", "key"] as const) {
      const choose = (range: Range) => {
        const data = this.#host.app.data.peek();
        if (data === null) return;
        const stream = side === "query" ? data.site.query_stream : data.site.key_stream;
        state.span.value = { first: range.start, last: range.end, stream };
      };
      listenForChoice(this.#flow(side).root, choose, signal);
    }
  }

  #flow(side: Side) {
    return this.#pane.flows[side];
  }

  /** The text that is coloured: where the token looks, or what looks at it. */
  get #side(): Side {
    const { data, direction } = this.#host.app;
    const now = data.peek();
    return now === null || isSelf(now) || direction.peek() === "to" ? "query" : "key";
  }

  #tokens(data: LayerData | null, direction: "from" | "to"): Tokens | null {
    if (data === null) return null;
    return isSelf(data) || direction === "to" ? data.queryTokens : data.keyTokens;
  }

  #sight(): Range {
    const side = this.#side;
    const count =
      this.#tokens(this.#host.app.data.peek(), side === "query" ? "to" : "from")?.label.length ?? 0;
    return inSight(this.#flow(side), this.#pane.scroller, count);
  }

  #search({ start, end }: Range): void {
    const { app } = this.#host;
    const data = app.data.peek();
    if (data === null) return;
    const stream = this.#side === "query" ? data.site.query_stream : data.site.key_stream;
    const state = liveState(app);
    state.span.value = { first: start, last: end, stream };
    state.searching.value = true;
  }

  /** Marks of the text and of its map, anew. */
  #mark(): void {
    const { app } = this.#host;
    const data = app.data.peek();
    const side = this.#side;
    const tokens = this.#tokens(data, app.direction.peek());
    if (data === null || tokens === null) return;
    const stream = side === "query" ? data.site.query_stream : data.site.key_stream;
    const chosen = liveState(app).span.peek();
    const span = chosen?.stream === stream ? { start: chosen.first, end: chosen.last } : null;
    this.#sideOfHits = side;
    this.#marks = markTokens(tokens.label.length, this.#hits, this.#now ?? this.#jumped, span);
    const found = liveState(app).found.peek();
    this.#map.setMarks({ hits: this.#hits.map(({ start }) => start), found, span });
    this.#drawn();
  }

  #drawn(): void {
    const other = this.#sideOfHits === "query" ? "key" : "query";
    applyMarks(this.#flow(this.#sideOfHits).words, this.#marks);
    applyMarks(this.#flow(other).words, NOTHING);
    this.#map.setSight(this.#sight());
  }
}
