// @vitest-environment happy-dom
// The search of attention: slices until it is done or nobody wants it, words that are true of it, and the panel.
import { signal } from "@preact/signals-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExplorerApp } from "../../src/core/explorer";
import { createLive, type LiveHost } from "../../src/core/live";
import type { LayerData } from "../../src/core/types";
import { Buffers } from "../../src/entries/gallery/record";
import { createSearch } from "../../src/live/search";
import { questionFor } from "../../src/live/search/question";
import { type Asked, type Hit, type Progress, Searcher } from "../../src/live/search/searcher";
import {
  contextOf,
  describeHit,
  describeProgress,
  milestone,
  positionsOf,
  writeValue,
} from "../../src/live/search/words";
import { liveState } from "../../src/live/state";
import type { Reply } from "../../src/transport/types";
import type { HeadRef, SearchArgs } from "../../src/wire/schema.gen";
import { testExplorer } from "../panes/explorer";
import { selfData } from "../panes/sample";

const ARGS: SearchArgs = { site: "decoder", first: 1, last: 2, flow: "into", by: "head", k: 20, plain: true };
const ASKED: Asked = { record: "r", args: ARGS };

function hit(more: Partial<Hit> = {}): Hit {
  return {
    layer: 1,
    head: 0,
    query: 3,
    key: 1,
    value: 0.5,
    baseline: 0.25,
    count: 4,
    read: 4,
    of: 4,
    margin: Number.NaN,
    ...more,
  };
}

function replyOf(args: SearchArgs, hits: readonly Hit[], done: number, total = 2): Reply<"search"> {
  const buffers = new Buffers();
  const floats = (of: (one: Hit) => number) => buffers.add(Float32Array.from(hits, of), [hits.length]);
  const ints = (of: (one: Hit) => number[], wide: number[]) =>
    buffers.add(Int32Array.from(hits.flatMap(of)), [hits.length, ...wide]);
  const meta = {
    ...args,
    hits: ints(({ layer, head, query, key }) => [layer, head, query, key], [4]),
    values: floats(({ value }) => value),
    margins: floats(({ margin }) => margin),
    baselines: floats(({ baseline }) => baseline),
    counts: ints(({ count }) => [count], []),
    read: ints(({ read, of }) => [read, of], [2]),
    sampled: total,
    done,
    total,
  };
  return { meta, buffers: buffers.views };
}

/** A kernel whose slices a test hands out one by one. */
class Kernel {
  readonly asked: { readonly args: SearchArgs; readonly signal: AbortSignal }[] = [];
  #answer: ((reply: Reply<"search">) => void) | null = null;
  #fail: ((error: unknown) => void) | null = null;

  readonly request = ((_: string, args: SearchArgs, { signal }: { signal: AbortSignal }) => {
    this.asked.push({ args, signal });
    return new Promise<Reply<"search">>((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
  }) as unknown as LiveHost["request"];

  async give(hits: readonly Hit[], done: number): Promise<void> {
    const args = this.asked.at(-1)?.args as SearchArgs;
    this.#answer?.(replyOf(args, hits, done));
    await settle();
  }

  async fail(): Promise<void> {
    this.#fail?.(new Error("lost"));
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

describe("the searcher", () => {
  it("asks again until every head is read, and no further", async () => {
    const kernel = new Kernel();
    const searcher = new Searcher(kernel.request, new AbortController().signal);
    searcher.want(ASKED);
    searcher.want({ ...ASKED });
    expect(kernel.asked).toHaveLength(1);
    await kernel.give([hit({ read: 2 })], 0);
    expect(searcher.progress.value).toMatchObject({
      phase: "working",
      found: { done: 0, sampled: 2, total: 2 },
    });
    expect(searcher.progress.value.found?.hits).toEqual([hit({ read: 2 })]);
    await kernel.give([hit()], 2);
    expect(searcher.progress.value.phase).toBe("done");
    expect(kernel.asked).toHaveLength(2);
  });

  it("stops, and goes on where it was; another question or the end lets go of it", async () => {
    const kernel = new Kernel();
    const end = new AbortController();
    const searcher = new Searcher(kernel.request, end.signal);
    searcher.want(ASKED);
    await kernel.give([hit()], 1);
    searcher.stop();
    expect(kernel.asked[1]?.signal.aborted).toBe(true);
    // What arrives after all is dropped; what was found stays.
    await kernel.give([], 2);
    expect(searcher.progress.value).toMatchObject({ phase: "stopped", found: { hits: [hit()], done: 1 } });
    searcher.resume();
    expect(kernel.asked).toHaveLength(3);
    searcher.want({ ...ASKED, args: { ...ARGS, flow: "out" } });
    expect(kernel.asked[2]?.signal.aborted).toBe(true);
    expect(searcher.progress.value.found).toBeNull();
    expect(kernel.asked[3]?.args.flow).toBe("out");
    end.abort();
    expect(kernel.asked[3]?.signal.aborted).toBe(true);
  });

  it("says what is wrong, keeps what was found, and can be tried again", async () => {
    const kernel = new Kernel();
    const searcher = new Searcher(kernel.request, new AbortController().signal);
    searcher.want(ASKED);
    await kernel.give([hit()], 1);
    await kernel.fail();
    expect(searcher.progress.value).toMatchObject({ phase: "stopped", found: { done: 1 } });
    expect(searcher.progress.value.failed).toContain("lost");
    searcher.resume();
    await kernel.give([hit()], 2);
    expect(searcher.progress.value).toMatchObject({ phase: "done", failed: "" });
  });
});

describe("words", () => {
  const found = (hits: Hit[], sampled: number, done: number) => ({
    asked: ASKED,
    hits,
    sampled,
    done,
    total: 144,
  });
  const at = (phase: Progress["phase"], hits: Hit[], sampled: number, done: number): Progress => ({
    phase,
    found: found(hits, sampled, done),
    failed: "",
  });

  it("say how far it is, and what an estimate stands on", () => {
    const estimate = hit({ read: 64, of: 30_000 });
    expect(describeProgress(at("working", [estimate], 80, 0))).toBe(
      "Sampled 80 of 144 heads · 64 of 30,000 queries each (≈)",
    );
    expect(describeProgress(at("working", [hit(), estimate], 144, 37))).toBe(
      "Searched 37 of 144 heads · of the others, 64 of 30,000 queries each (≈)",
    );
    expect(describeProgress(at("stopped", [hit()], 144, 37))).toBe("Searched 37 of 144 heads · stopped");
    expect(describeProgress(at("done", [hit()], 144, 144))).toBe("Searched 144 heads: exact");
    expect(writeValue(estimate, "head")).toBe("≈.500");
    expect(writeValue(estimate, "query")).toBe(".500");
    expect(writeValue(hit(), "key")).toBe(".500");
  });

  it("are spoken when the sample is through and when all is, not for each slice", () => {
    expect(milestone(at("working", [hit()], 80, 0))).toBe("");
    const sampled = milestone(at("working", [hit()], 144, 0));
    expect(sampled).toBe("All heads are sampled. First so far: layer 1, head 0.");
    expect(milestone(at("working", [hit({ value: 0.6 })], 144, 37))).toBe(sampled);
    expect(milestone(at("done", [hit()], 144, 144))).toBe(
      "The search is done. First: layer 1, head 0, .500.",
    );
    expect(milestone(at("done", [], 144, 144))).toContain("nothing counts");
  });

  it("show tokens with what stands around them, special ones left out", () => {
    const { queryTokens } = selfData();
    const tokens = {
      ...queryTokens,
      text: ["<s>", "The", " cat", "\n", " sat"],
      label: ["⟨s⟩", "The", "cat", "↵", "sat"],
      special: [true, false, false, false, false],
    };
    expect(contextOf(tokens, 2)).toEqual({ before: "The ", word: "cat", after: " sat" });
    expect(contextOf(tokens, 0)).toEqual({ before: "", word: "⟨s⟩", after: "The cat" });
    const said = describeHit(hit({ query: 4, key: 2 }), "head", tokens, tokens);
    expect(said).toBe(
      "Layer 1, head 0: .500, mean of 4 queries; most from “sat” (4) to “cat” (2); evenly spread it would be .250.",
    );
    expect(describeHit(hit({ read: 2, margin: 0.125 }), "head", tokens, tokens)).toContain(
      "≈.500 ± .125 at 95 %, mean of 4 queries",
    );
    expect(describeHit(hit({ query: 4, key: 2, read: 1 }), "key", tokens, tokens)).toContain(
      "“cat” (2) gets ≈.500, mean of 4 queries, most from “sat” (4)",
    );
  });

  it("name the positions on the side that was searched, once each", () => {
    const hits = [hit(), hit({ head: 1 }), hit({ query: 2, key: 0 })];
    expect(positionsOf(found(hits, 2, 2))).toEqual([3, 2]);
    const out = { ...found(hits, 2, 2), asked: { ...ASKED, args: { ...ARGS, flow: "out" as const } } };
    expect(positionsOf(out)).toEqual([1, 0]);
  });
});

describe("the question", () => {
  const choice = { flow: "into", by: "token", plain: true } as const;
  const data = selfData();
  const count = data.keyTokens.label.length;

  it("ranks queries into, and keys out of, the span", () => {
    const span = { first: 1, last: 3, stream: "decoder" } as const;
    expect(questionFor(data, span, choice)?.args).toMatchObject({
      first: 1,
      last: 3,
      by: "query",
      flow: "into",
    });
    expect(questionFor(data, span, { ...choice, flow: "out" })?.args).toMatchObject({
      by: "key",
      flow: "out",
    });
    expect(questionFor(data, span, { ...choice, by: "head" })?.args.by).toBe("head");
  });

  it("is none without a span that the prompt has", () => {
    expect(questionFor(data, null, choice)).toBeNull();
    expect(questionFor(null, { first: 0, last: 1, stream: "decoder" }, choice)).toBeNull();
    expect(questionFor(data, { first: 0, last: 1, stream: "encoder" }, choice)).toBeNull();
    expect(questionFor(data, { first: 0, last: count + 1, stream: "decoder" }, choice)).toBeNull();
  });
});

describe("the panel", () => {
  let end: AbortController;
  let kernel: Kernel;
  let frame: HTMLElement;
  let went: HeadRef[];
  let app: ExplorerApp;
  const data = signal<LayerData | null>(null);
  const running = signal(false);

  beforeEach(() => {
    vi.useRealTimers();
    end = new AbortController();
    kernel = new Kernel();
    went = [];
    data.value = selfData();
    running.value = false;
    const goTo = (ref: HeadRef) => went.push(ref);
    app = { ...testExplorer(null), data, running, goTo } as unknown as ExplorerApp;
    frame = document.createElement("div");
    frame.className = "attnwidget";
    frame.append(createSearch({ app, request: kernel.request, signal: end.signal }));
    document.body.append(frame);
  });
  afterEach(() => {
    end.abort();
    document.body.replaceChildren();
  });

  const get = <T extends HTMLElement>(selector: string) => frame.querySelector(selector) as T;
  const rows = () => [...frame.querySelectorAll<HTMLElement>(".al-hit")];
  const press = (target: HTMLElement, key: string, more: KeyboardEventInit = {}) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  const open = async () => {
    liveState(app).searching.value = true;
    await settle();
  };

  it("searches for typed words and goes to hits by click, Enter and N", async () => {
    await open();
    const panel = get<HTMLElement>(".al-search");
    expect(panel.hidden).toBe(false);
    const input = get<HTMLInputElement>(".al-find-input");
    expect(document.activeElement).toBe(input);
    expect(kernel.asked).toHaveLength(0);
    const word = data.value?.keyTokens.label[2] as string;
    input.value = "no such words";
    press(input, "Enter");
    expect(get(".al-find-count").textContent).toBe("not found");
    input.value = word;
    press(input, "Enter");
    const { first, last } = liveState(app).span.value as { first: number; last: number };
    expect(data.value?.keyTokens.text.slice(first, last).join("")).toContain(word);
    expect(kernel.asked.at(-1)?.args).toEqual({ ...ARGS, first, last });
    await kernel.give([hit(), hit({ layer: 0, head: 2, query: 2, value: 0.25 })], 2);
    expect(get(".al-search-said").textContent).toBe("Searched 2 heads: exact");
    expect(liveState(app).found.value).toEqual([3, 2]);
    expect(rows().map((row) => row.querySelector(".al-hit-value")?.textContent)).toEqual([".500", ".250"]);
    expect(rows()[1]?.querySelector<HTMLElement>(".al-hit-bar")?.style.width).toBe("50.0%");
    rows()[1]?.click();
    expect(went.at(-1)).toEqual({ site: "decoder", layer: 0, head: 2 });
    expect(app.selection.value).toEqual({ query: 2, key: 1, locked: true });
    press(frame, "n");
    expect(went.at(-1)).toEqual({ site: "decoder", layer: 1, head: 0 });
    press(frame, "N", { shiftKey: true });
    expect(rows()[1]?.getAttribute("aria-selected")).toBe("true");
    press(input, "n");
    expect(went).toHaveLength(3);
    rows()[1]?.focus();
    press(rows()[1] as HTMLElement, "ArrowUp");
    expect(document.activeElement).toBe(rows()[0]);
    press(rows()[0] as HTMLElement, "Enter");
    expect(went).toHaveLength(4);
    press(input, "Escape");
    expect(panel.hidden).toBe(true);
    expect(liveState(app).found.value).toEqual([]);
  });

  it("keeps the order under a focused hit until the focus leaves", async () => {
    liveState(app).span.value = { first: 1, last: 2, stream: "decoder" };
    await open();
    await kernel.give([hit({ read: 1 }), hit({ head: 1, value: 0.4, read: 1 })], 0);
    const heads = () => rows().map((row) => row.querySelector(".al-hit-head")?.textContent);
    expect(heads()).toEqual(["L1 H0", "L1 H1"]);
    rows()[1]?.focus();
    await kernel.give([hit({ head: 1, value: 0.7 }), hit()], 2);
    expect(heads()).toEqual(["L1 H0", "L1 H1"]);
    get<HTMLInputElement>(".al-find-input").focus();
    await new Promise((done) => setTimeout(done));
    expect(heads()).toEqual(["L1 H1", "L1 H0"]);
    expect(rows().map((row) => row.querySelector(".al-hit-value")?.textContent)).toEqual([".700", ".500"]);
  });

  it("begins with the token that is held, waits while a prompt runs, and forgets positions of another prompt", async () => {
    app.selection.value = { query: null, key: 2, locked: true };
    running.value = true;
    await open();
    expect(liveState(app).span.value).toEqual({ first: 2, last: 3, stream: "decoder" });
    expect(kernel.asked).toHaveLength(0);
    running.value = false;
    expect(kernel.asked).toHaveLength(1);
    const now = data.value as LayerData;
    data.value = { ...now, record: { ...now.record, record: "other" } };
    expect(kernel.asked[0]?.signal.aborted).toBe(true);
    expect(liveState(app).span.value).toBeNull();
  });

  it("stops and goes on by its button, and shows the estimate as one", async () => {
    liveState(app).span.value = { first: 1, last: 2, stream: "decoder" };
    await open();
    await kernel.give([hit({ read: 1 })], 0);
    expect(rows()[0]?.querySelector(".al-hit-value")?.textContent).toBe("≈.500");
    const stop = [...frame.querySelectorAll("button")].find(({ textContent }) => textContent === "Stop");
    stop?.click();
    expect(kernel.asked[1]?.signal.aborted).toBe(true);
    expect(get(".al-search-said").textContent).toContain("stopped");
    expect(stop?.textContent).toBe("Go on");
    stop?.click();
    await kernel.give([hit()], 2);
    expect(rows()[0]?.querySelector(".al-hit-value")?.textContent).toBe(".500");
    expect(stop?.hidden).toBe(true);
  });
});

describe("the key for the search", () => {
  const host = (source: string) =>
    ({
      app: { ...testExplorer(null), source: () => source },
      request: () => Promise.reject(new Error("the kernel is gone")),
      signal: new AbortController().signal,
    }) as unknown as LiveHost;

  it("loads the live module, opens the search once it is here, and then closes it", async () => {
    const search = vi.fn();
    const live = createLive(host("live"), () => ({
      css: "",
      panes: {},
      bar: document.createElement("div"),
      search,
    }));
    live.search();
    expect(search).not.toHaveBeenCalled();
    await settle();
    expect(search).toHaveBeenCalledTimes(1);
    live.search();
    expect(search).toHaveBeenCalledTimes(2);
  });

  it("says why there is none, and does nothing without a kernel", async () => {
    const live = createLive(host("live"));
    live.search();
    await settle();
    expect(live.failed.value).toContain("the kernel is gone");
    const snapshot = createLive(host("snapshot"));
    snapshot.search();
    await settle();
    expect([snapshot.failed.value, snapshot.parts.value]).toEqual(["", null]);
  });
});
