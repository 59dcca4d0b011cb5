// What the text of a long prompt asks the kernel for: columns of the key in focus, and strips of the token that is held.
import { signal } from "@preact/signals-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createExplorer, type ExplorerApp } from "../../src/core/explorer";
import type { LiveHost } from "../../src/core/live";
import { createPalette } from "../../src/core/palette";
import { defaultState } from "../../src/entries/gallery/cases";
import { createLongAnswer, longOpen } from "../../src/entries/gallery/long";
import { longHead, longWeight } from "../../src/entries/gallery/long-weights";
import { followColumns } from "../../src/live/columns";
import { followStrips } from "../../src/live/minimap/reader";
import { WireError } from "../../src/wire/errors";
import { UNREAD } from "../../src/wire/schema.gen";
import { answerAll, ManualTransport, settle } from "../support/manual";

/** More than the fixture's kernel reads of a column in one go. */
const SPEC = { tokens: 9000, layers: 2, heads: 3 };

describe("readers of a long prompt", () => {
  let transport: ManualTransport;
  let app: ExplorerApp;
  let host: LiveHost;
  let release: AbortController;
  beforeEach(async () => {
    const open = longOpen(SPEC);
    const state = { record_id: open.record, view: "text", layer: 1, heads: [0, 2], direction: "to" } as const;
    transport = new ManualTransport(
      defaultState({ ...state, heads: [0, 2] }),
      createLongAnswer(SPEC),
      "live",
    );
    const palette = createPalette(() => "", false);
    app = createExplorer(transport, signal(palette));
    release = new AbortController();
    host = {
      app,
      request: (kind, args, more) => transport.request(kind, args, more),
      signal: release.signal,
    };
    await answerAll(transport);
  });
  afterEach(() => {
    release.abort();
    app.destroy();
    vi.useRealTimers();
  });

  it("a column comes in parts until all of it is here, and is asked for once", async () => {
    followColumns(host);
    app.hold({ query: null, key: 70 });
    await settle();
    expect(transport.of("column").map(({ args }) => args)).toEqual([
      { site: "decoder", layer: 1, heads: [0, 2], key: 70 },
    ]);
    transport.of("column")[0]?.answer();
    await settle();
    const [part] = app.columns.value;
    expect(part).toMatchObject({ head: 0, key: 70, read: 8192, of: 9000 });
    expect(part?.weights[8999]).toBe(UNREAD);
    transport.of("column")[0]?.answer();
    await settle();
    expect(app.columns.value.map(({ read }) => read)).toEqual([9000, 9000]);
    expect(app.columns.value[1]?.weights[8999]).toBe(Math.fround(longWeight(longHead(1, 2), 8999, 70)));
    const { length } = transport.asked;
    app.hold(null);
    app.hold({ query: null, key: 70 });
    await settle();
    expect(transport.asked.slice(length).filter(({ kind }) => kind === "column")).toEqual([]);
  });

  it("a column that nobody looks at any more is called off", async () => {
    followColumns(host);
    app.hold({ query: null, key: 70 });
    await settle();
    const [first] = transport.of("column");
    app.hold({ query: null, key: 71 });
    await settle();
    expect(first?.signal?.aborted).toBe(true);
    expect(transport.of("column").map(({ args }) => args)).toMatchObject([{ key: 71 }]);
    release.abort();
    await settle();
    expect(transport.of("column")).toEqual([]);
  });

  it("a pointer that passes over tokens asks for the last of them alone", async () => {
    vi.useFakeTimers();
    followColumns(host);
    for (const key of [5, 6, 7]) app.hover.value = { query: null, key };
    await vi.advanceTimersByTimeAsync(50);
    expect(transport.of("column")).toEqual([]);
    await vi.advanceTimersByTimeAsync(50);
    expect(transport.of("column").map(({ args }) => args)).toMatchObject([{ key: 7 }]);
  });

  it("what the kernel says is wrong is said, and forgotten with the next key", async () => {
    const failed = followColumns(host);
    app.hold({ query: null, key: 70 });
    await settle();
    transport
      .of("column")[0]
      ?.fail(new WireError({ code: "no-memory", what: "There is no memory left.", todo: "Free some." }));
    await settle();
    expect(failed.value).toBe("There is no memory left. Free some.");
    app.hold({ query: null, key: 71 });
    expect(failed.value).toBe("");
  });

  it("a token that is held in the text is asked for in the role of the direction", async () => {
    followColumns(host);
    app.hold({ query: 40, key: null });
    await settle();
    expect(transport.of("column").map(({ args }) => args)).toMatchObject([{ key: 40 }]);
    app.direction.value = "from";
    await settle();
    expect(transport.of("column")).toEqual([]);
    app.hold({ query: null, key: 41 });
    await settle();
    expect(transport.of("column")).toEqual([]);
    transport.of("row")[0]?.answer();
    await settle();
    expect(transport.of("row").map(({ args }) => args)).toMatchObject([{ query: 41 }]);
  });

  it("strips of every head follow the token that is held, not the pointer", async () => {
    app.direction.value = "from";
    const pixels = signal(0);
    const state = followStrips(host, pixels, release.signal);
    app.hold({ query: 500, key: null });
    await settle();
    expect(transport.of("strips")).toEqual([]);
    pixels.value = 96;
    await settle();
    expect(transport.of("strips").map(({ args }) => args)).toEqual([
      { site: "decoder", position: 500, direction: "from", pixels: 96 },
    ]);
    expect(state.value.waiting).toBe(true);
    transport.of("strips")[0]?.answer();
    await settle();
    const { strips, waiting } = state.value;
    expect(waiting).toBe(false);
    expect(strips?.places).toHaveLength(6);
    const most = Array.from({ length: 501 }, (_, key) => longWeight(longHead(1, 2), 500, key));
    expect(strips?.peakOf[5]?.weight).toBe(Math.fround(Math.max(...most)));
    app.hover.value = { query: 600, key: null };
    await settle();
    expect(transport.of("strips")).toEqual([]);
    app.hover.value = null;
    app.hold(null);
    expect(state.value.strips).toBeNull();
  });
});
