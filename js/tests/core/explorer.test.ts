// The explorer over a transport whose replies come when the test says so.
import { signal } from "@preact/signals-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createExplorer, type ExplorerApp } from "../../src/core/explorer";
import { createPalette } from "../../src/core/palette";
import { defaultState } from "../../src/entries/gallery/cases";
import { createAnswer, type RecordSpec } from "../../src/entries/gallery/record";
import type { Answer } from "../../src/transport/fixture";
import { WireError } from "../../src/wire/errors";
import type { State } from "../../src/wire/schema.gen";
import { answerAll, ManualTransport, settle } from "../support/manual";
import { smallRecord } from "../support/record";

const palette = signal(createPalette(() => "", false));
const IDLE = defaultState({}).status;

/** Answers about several records by name. */
function answerAny(...records: RecordSpec[]): Answer {
  const answers = new Map(records.map((record) => [record.open.record, createAnswer(record)]));
  return (kind, args, record) => {
    const answer = answers.get(record);
    if (answer === undefined) throw new Error(`no record ${record}`);
    return answer(kind, args, record);
  };
}

let explorer: ExplorerApp | null = null;

function setUp(values: Partial<State> = {}, kind: "live" | "fixture" = "fixture", patience = 10_000) {
  const answer = answerAny(
    smallRecord("one"),
    smallRecord("two", { layers: 2, heads: 2, words: ["x", "y", "z"] }),
  );
  const state = defaultState({ record_id: "one", layer: 1, heads: [0, 1], ...values });
  const transport = new ManualTransport(state, answer, kind);
  const app = createExplorer(transport, palette, { patience });
  explorer = app;
  return { transport, app };
}

const shown = (app: ExplorerApp) => {
  const data = app.data.value;
  return data && [data.record.record, data.info.layer, data.patterns.map(({ head }) => head)];
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  explorer?.destroy();
  explorer = null;
  vi.useRealTimers();
});

describe("loading", () => {
  it("opens the record, then asks for the chosen heads and all thumbnails", async () => {
    const { transport, app } = setUp();
    expect(app.loading.value).toBe(true);
    await answerAll(transport);
    expect(transport.asked.map(({ kind }) => kind)).toEqual(["open", "layer"]);
    expect(transport.asked[1]?.args).toEqual({ site: "decoder", layer: 1, heads: [0, 1], thumbnails: true });
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
    expect(app.data.value?.thumbnails.heads).toBe(3);
    expect(app.loading.value).toBe(false);
  });

  it("does nothing while there is no record", async () => {
    const { transport, app } = setUp({ record_id: "" });
    await settle();
    expect(transport.asked).toEqual([]);
    expect([app.data.value, app.loading.value]).toEqual([null, false]);
  });

  it("asks only for heads that are missing, and for thumbnails once", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.toggleHead(2);
    await answerAll(transport);
    expect(transport.asked.at(-1)?.args).toEqual({
      site: "decoder",
      layer: 1,
      heads: [2],
      thumbnails: false,
    });
    expect(shown(app)).toEqual(["one", 1, [0, 1, 2]]);
    expect(app.data.value?.thumbnails.heads).toBe(3);
  });

  it("shows what it has at once, without asking", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.layer.value = 2;
    await answerAll(transport);
    const before = transport.asked.length;
    app.layer.value = 1;
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
    await settle();
    expect(transport.asked.length).toBe(before);
  });

  it("keeps the last good view until the next is whole", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.layer.value = 3;
    await settle();
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
    expect(app.loading.value).toBe(true);
    await answerAll(transport);
    expect(shown(app)).toEqual(["one", 3, [0, 1]]);
  });

  it("latest wins: of the layers asked for meanwhile only the newest is fetched", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    for (const layer of [2, 3, 0]) {
      app.layer.value = layer;
      await settle();
    }
    expect(transport.of("layer").map(({ args }) => (args as { layer: number }).layer)).toEqual([2]);
    await answerAll(transport);
    const layers = transport.asked.filter(({ kind }) => kind === "layer").map(({ args }) => args);
    expect(layers.map((args) => (args as { layer: number }).layer)).toEqual([1, 2, 0]);
    expect(shown(app)).toEqual(["one", 0, [0, 1]]);
  });

  it("a late reply never replaces what was shown from the cache after it was asked", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.layer.value = 3;
    await settle();
    app.layer.value = 1;
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
    await answerAll(transport);
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
  });

  it("a new record aborts what is under way for the old, and replaces the view in one step", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.layer.value = 3;
    await settle();
    const old = transport.of("layer")[0];
    const seen: unknown[] = [];
    const stop = app.data.subscribe(() => seen.push(shown(app)));
    transport.kernel.set("record_id", "two");
    await settle();
    expect(old?.signal?.aborted).toBe(true);
    await answerAll(transport);
    stop();
    // Layer 3 does not exist there: the nearest, and what the traits say follows.
    expect(seen).toEqual([
      ["one", 1, [0, 1]],
      ["two", 1, [0, 1]],
    ]);
    expect(transport.kernel.get("layer")).toBe(1);
    expect(app.error.value).toBeNull();
  });

  it("clamps what the record does not have, and writes it back", async () => {
    const { transport, app } = setUp({
      layer: 40,
      heads: [7, 9],
      site: "cross",
      selection: { query: 30, key: null, locked: true },
    });
    await answerAll(transport);
    expect(shown(app)).toEqual(["one", 3, [0]]);
    const { kernel } = transport;
    expect([kernel.get("layer"), kernel.get("heads"), kernel.get("site")]).toEqual([3, [0], "decoder"]);
    expect(kernel.get("selection")).toEqual({ query: null, key: null, locked: false });
  });

  it("clamps at once where the record is known, as links between explorers need it", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    const before = transport.asked.length;
    transport.kernel.set("layer", 40);
    expect(transport.kernel.get("layer")).toBe(3);
    await answerAll(transport);
    expect(shown(app)).toEqual(["one", 3, [0, 1]]);
    expect(transport.asked.slice(before).filter(({ kind }) => kind === "layer")).toHaveLength(1);
  });

  it("no head may be chosen", async () => {
    const { transport, app } = setUp({ heads: [0] });
    await answerAll(transport);
    app.toggleHead(0);
    await answerAll(transport);
    expect(shown(app)).toEqual(["one", 1, []]);
    expect(app.loading.value).toBe(false);
  });

  it("follows several traits that the kernel changes at once with one request", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    const before = transport.asked.length;
    transport.kernel.setAll({ layer: 3, heads: [2] });
    await answerAll(transport);
    expect(transport.asked.slice(before).map(({ args }) => args)).toEqual([
      { site: "decoder", layer: 3, heads: [2], thumbnails: true },
    ]);
    expect(shown(app)).toEqual(["one", 3, [2]]);
  });

  it("fetches the neighbours in idle time, and only from a live kernel", async () => {
    const { transport, app } = setUp({ layer: 2 }, "live");
    await answerAll(transport);
    vi.advanceTimersByTime(2000);
    await answerAll(transport);
    const layers = transport.asked.filter(({ kind }) => kind === "layer").map(({ args }) => args);
    expect(layers.map((args) => (args as { layer: number }).layer)).toEqual([2, 3, 1]);
    expect(shown(app)).toEqual(["one", 2, [0, 1]]);
    const before = transport.asked.length;
    app.layer.value = 3;
    expect(shown(app)).toEqual(["one", 3, [0, 1]]);
    expect(transport.asked.length).toBe(before);
  });
});

describe("errors", () => {
  const broken = new WireError({ code: "shape", what: "No.", todo: "Try." });

  it("stay beside the last good view, and can be dismissed", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.layer.value = 2;
    await settle();
    transport.of("layer")[0]?.fail(broken);
    await settle();
    expect(app.error.value).toEqual(broken.info);
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
    app.dismissError();
    expect(app.error.value).toBeNull();
  });

  it("go away when something could be shown again", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.layer.value = 2;
    await settle();
    transport.of("layer")[0]?.fail(broken);
    await settle();
    app.layer.value = 3;
    await answerAll(transport);
    expect([app.error.value, shown(app)]).toEqual([null, ["one", 3, [0, 1]]]);
  });

  it("about a record that the kernel has just replaced are no news", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    const gone = new WireError({ code: "not-recorded", what: "An earlier prompt.", todo: "Wait." });
    app.hold({ query: 1, key: null });
    transport.of("row")[0]?.fail(gone);
    await settle();
    transport.kernel.set("record_id", "two");
    await answerAll(transport);
    vi.advanceTimersByTime(1000);
    expect([app.error.value, shown(app)?.[0]]).toEqual([null, "two"]);
    app.hold({ query: 2, key: null });
    transport.of("row")[0]?.fail(gone);
    await settle();
    vi.advanceTimersByTime(1000);
    expect(app.error.value).toEqual(gone.info);
  });

  it("of a run come with the status", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    const error = { code: "prompt-too-long", what: "Too long.", todo: "Shorten it." };
    transport.kernel.set("status", { ...IDLE, phase: "failed", error });
    expect(app.error.value).toEqual(error);
    app.dismissError();
    expect(app.error.value).toBeNull();
    transport.kernel.set("status", IDLE);
    transport.kernel.set("status", {
      ...IDLE,
      phase: "failed",
      error: { ...error, what: "Still too long." },
    });
    expect(app.error.value?.what).toBe("Still too long.");
  });

  it("a silent kernel is spoken of, unless a run explains it, until it answers", async () => {
    const { transport, app } = setUp({}, "live", 1000);
    await settle();
    vi.advanceTimersByTime(900);
    expect(app.silent.value).toBeNull();
    transport.kernel.set("status", { ...IDLE, phase: "running" });
    vi.advanceTimersByTime(5000);
    expect(app.silent.value).toBeNull();
    transport.kernel.set("status", IDLE);
    vi.advanceTimersByTime(1000);
    expect(app.silent.value).toMatch(/not answered/);
    await answerAll(transport);
    expect(app.silent.value).toBeNull();
    expect(app.data.value).not.toBeNull();
  });
});

describe("focus and exact rows", () => {
  it("hover comes before what is held; held comes back when hover ends", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    expect(app.focus.value).toEqual({ query: null, key: null });
    app.hold({ query: 2, key: null });
    expect(transport.kernel.get("selection")).toEqual({ query: 2, key: null, locked: true });
    app.hover.value = { query: 4, key: 1 };
    expect(app.focus.value).toEqual({ query: 4, key: 1 });
    app.hover.value = null;
    expect(app.focus.value).toEqual({ query: 2, key: null });
    app.hold(null);
    expect(app.focus.value).toEqual({ query: null, key: null });
  });

  it("asks for a held row at once, for a hovered one after a rest, and never twice", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.hold({ query: 2, key: null });
    expect(transport.of("row")).toHaveLength(1);
    await answerAll(transport);
    expect(app.exact.value.map(({ head, query }) => [head, query])).toEqual([
      [0, 2],
      [1, 2],
    ]);
    for (const query of [0, 1, 3]) app.hover.value = { query, key: null };
    expect(app.exact.value).toEqual([]);
    expect(transport.of("row")).toHaveLength(0);
    vi.advanceTimersByTime(100);
    expect(transport.of("row").map(({ args }) => (args as { query: number }).query)).toEqual([3]);
    await answerAll(transport);
    expect(app.exact.value[0]?.query).toBe(3);
    const before = transport.asked.length;
    app.hover.value = null;
    expect(app.exact.value[0]?.query).toBe(2);
    vi.advanceTimersByTime(100);
    expect(transport.asked.length).toBe(before);
  });

  it("exact values agree with the pattern, and scores make them", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.hold({ query: 3, key: null });
    await answerAll(transport);
    const row = app.exact.value[1];
    const pattern = app.data.value?.patterns[1];
    expect(row?.head).toBe(pattern?.head);
    expect([...(row?.weights ?? [])]).toEqual([0, 1, 2, 3, 4].map((key) => pattern?.weight(3, key)));
    const scores = [...(row?.scores ?? [])].slice(0, 4).map(Math.exp);
    const total = scores.reduce((sum, value) => sum + value, 0);
    scores.forEach((score, key) => {
      expect(score / total).toBeCloseTo(row?.weights[key] as number, 5);
    });
    expect(row?.scores?.[4]).toBeNaN();
  });

  it("drops a selection beyond the tokens when the record changes", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.hold({ query: 4, key: null });
    await answerAll(transport);
    transport.kernel.set("record_id", "two");
    await answerAll(transport);
    expect(app.selection.value.locked).toBe(false);
    expect(app.focus.value).toEqual({ query: null, key: null });
  });

  it("asks for predictions once, when a token is first in focus", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    expect(app.predictions.value(1)).toEqual([]);
    app.hold({ query: 1, key: null });
    await answerAll(transport);
    app.hold({ query: 2, key: null });
    await answerAll(transport);
    expect(transport.asked.filter(({ kind }) => kind === "predictions")).toHaveLength(1);
    expect(app.predictions.value(1)).toEqual([
      { label: "a!", prob: 0.5 },
      { label: "?", prob: 0.25 },
    ]);
  });
});

describe("runs and steps", () => {
  it("run sends the prompt once, and the record that follows is shown", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.run("hello", "");
    app.run("hello", "");
    expect(app.running.value).toBe(true);
    expect(transport.of("run").map(({ args }) => args)).toEqual([{ prompt: "hello" }]);
    transport.kernel.set("record_id", "two");
    transport.of("run")[0]?.answer();
    await answerAll(transport);
    expect([app.running.value, shown(app)?.[0]]).toEqual([false, "two"]);
  });

  it("another prompt overtakes the one under way, whose end then changes nothing", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.run("first", "");
    transport.kernel.set("status", { ...IDLE, phase: "running" });
    app.run("second", "");
    const [first, second] = transport.of("run");
    expect([first?.args, second?.args]).toEqual([{ prompt: "first" }, { prompt: "second" }]);
    transport.kernel.set("status", IDLE);
    first?.fail(new WireError({ code: "internal", what: "Gone.", todo: "" }));
    await settle();
    expect([app.error.value, app.running.value]).toEqual([null, true]);
    second?.answer();
    await settle();
    expect(app.running.value).toBe(false);
  });

  it("a cancelled run is no error; cancel names no request", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.run("hello", "second");
    expect(transport.of("run")[0]?.args).toEqual({ prompt: "hello", context: "second" });
    transport.kernel.set("status", { ...IDLE, phase: "running" });
    app.cancel();
    expect(transport.of("cancel").map(({ args }) => args)).toEqual([{}]);
    transport.of("run")[0]?.fail(new WireError({ code: "cancelled", what: "Cancelled.", todo: "" }));
    transport.kernel.set("status", IDLE);
    await settle();
    expect([app.error.value, app.running.value]).toEqual([null, false]);
  });

  it("a run that the kernel never began can be given up", async () => {
    const { transport, app } = setUp({}, "live", 1000);
    await answerAll(transport);
    app.run("hello", "");
    vi.advanceTimersByTime(1500);
    expect(app.silent.value).toMatch(/not answered/);
    const asked = transport.of("run")[0];
    app.cancel();
    await settle();
    expect(asked?.signal?.aborted).toBe(true);
    expect([app.running.value, app.silent.value, app.error.value]).toEqual([false, null, null]);
    app.run("again", "");
    expect(transport.of("run").map(({ args }) => args)).toEqual([{ prompt: "again" }]);
  });

  it("steps stop at the ends", async () => {
    const { transport, app } = setUp({ layer: 2, heads: [1] });
    await answerAll(transport);
    for (let step = 0; step < 5; step++) app.moveLayer(1);
    expect(app.layer.value).toBe(3);
    for (let step = 0; step < 9; step++) app.moveLayer(-1);
    expect(app.layer.value).toBe(0);
    app.moveHead(9);
    expect(app.heads.value).toEqual([2]);
    app.moveHead(-9);
    expect(app.heads.value).toEqual([0]);
  });

  it("two views of one explorer share state, not hover", async () => {
    const { transport, app } = setUp();
    const second = new ManualTransport(defaultState({}), () => {
      throw new Error("unused");
    });
    const sibling = createExplorer({ ...viewOf(transport), destroy: () => second.destroy() }, palette);
    await answerAll(transport);
    app.hover.value = { query: 1, key: null };
    app.layer.value = 3;
    await answerAll(transport);
    expect([shown(sibling), sibling.hover.value]).toEqual([["one", 3, [0, 1]], null]);
    sibling.destroy();
    app.layer.value = 2;
    await answerAll(transport);
    expect(shown(app)?.[1]).toBe(2);
  });

  it("asks nothing after it was destroyed", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.hover.value = { query: 1, key: null };
    app.destroy();
    const before = transport.asked.length;
    transport.kernel.set("layer", 3);
    app.layer.value = 2;
    vi.advanceTimersByTime(1000);
    await settle();
    expect([transport.asked.length, transport.destroyed]).toEqual([before, true]);
    expect(transport.kernel.get("layer")).toBe(3);
  });
});

/** Another view's transport to the same kernel. */
function viewOf(transport: ManualTransport) {
  return {
    kind: transport.kind,
    state: transport.kernel.store(),
    request: transport.request.bind(transport),
  };
}

describe("the model's thumbnails", () => {
  const asked = (transport: ManualTransport) =>
    transport.asked.filter(({ kind }) => kind === "model").map(({ record }) => record);

  it("are asked for only while all heads are looked at, and once for a record", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    expect(asked(transport)).toEqual([]);
    app.view.value = "model";
    app.layer.value = 2;
    await answerAll(transport);
    app.layer.value = 3;
    app.view.value = "head";
    app.view.value = "model";
    await answerAll(transport);
    expect(asked(transport)).toEqual(["one"]);
    expect(app.model.value?.layers).toEqual([0, 1, 2, 3]);
    expect(app.model.value?.heads).toEqual([3, 3, 3, 3]);
    expect(app.model.value?.codes(3, 2)).toHaveLength(25);
  });

  it("stay on screen until those of the next record are here", async () => {
    const { transport, app } = setUp({ view: "model" });
    await answerAll(transport);
    transport.kernel.set("record_id", "two");
    await settle();
    expect(app.model.value?.record).toBe("one");
    await answerAll(transport);
    expect(asked(transport)).toEqual(["one", "two"]);
    expect(app.model.value?.record).toBe("two");
    expect(app.model.value?.size).toEqual([3, 3]);
  });

  it("that fail are reported, and the layer stays", async () => {
    const { transport, app } = setUp({ view: "model" });
    while (transport.of("model").length === 0) {
      for (const item of [...transport.pending]) item.answer();
      await settle();
    }
    transport.of("model")[0]?.fail(new WireError({ code: "input", what: "No.", todo: "Try less." }));
    await settle();
    expect(app.error.value?.what).toBe("No.");
    expect(shown(app)).toEqual(["one", 1, [0, 1]]);
    expect(app.model.value).toBeNull();
  });
});

describe("answers that are asked for again", () => {
  it("take the place of the one before, also where that is remembered", async () => {
    const { transport, app } = setUp({ view: "metrics" }, "live");
    await answerAll(transport);
    const first = app.metrics.value;
    expect(first).not.toBeNull();
    const more = app.again.metrics({ more: true });
    await answerAll(transport);
    expect(await more).toBe(true);
    expect(transport.asked.at(-1)?.args).toEqual({ site: "decoder", more: true });
    const second = app.metrics.value;
    expect(second).not.toBe(first);
    app.view.value = "head";
    await answerAll(transport);
    app.view.value = "metrics";
    await answerAll(transport);
    expect(app.metrics.value).toBe(second);
  });

  it("are not shown once something else is wanted, and not asked for where nothing is", async () => {
    const { transport, app } = setUp({ view: "metrics" }, "live");
    await answerAll(transport);
    const before = app.metrics.value;
    const late = app.again.metrics({ more: true });
    app.view.value = "head";
    await answerAll(transport);
    expect([await late, app.metrics.value]).toEqual([false, before]);
    const asked = transport.asked.length;
    expect(await app.again.model({ more: true })).toBe(false);
    expect(transport.asked.length).toBe(asked);
  });
});
