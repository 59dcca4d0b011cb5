// Pinned heads: which of them a record has, what is fetched for them, and what stands side by side.
import { signal } from "@preact/signals-core";
import { afterEach, describe, expect, it } from "vitest";
import { createExplorer, type ExplorerApp } from "../../src/core/explorer";
import { createPalette } from "../../src/core/palette";
import { togglePins, whyMissing } from "../../src/core/pinned";
import { defaultState } from "../../src/entries/gallery/cases";
import { createAnswer, createOpen, createSite } from "../../src/entries/gallery/record";
import type { Answer } from "../../src/transport/fixture";
import { WireError } from "../../src/wire/errors";
import type { HeadRef, SiteKind, State } from "../../src/wire/schema.gen";
import { answerAll, ManualTransport, settle } from "../support/manual";
import { smallRecord } from "../support/record";

const palette = signal(createPalette(() => "", false));
const ref = (layer: number, head: number, site: SiteKind = "decoder"): HeadRef => ({ site, layer, head });

let explorer: ExplorerApp | null = null;

afterEach(() => {
  explorer?.destroy();
  explorer = null;
});

function setUp(values: Partial<State> = {}) {
  const records = [smallRecord("one"), smallRecord("two", { layers: 2, heads: 2, words: ["x", "y"] })];
  const answers = new Map(records.map((record) => [record.open.record, createAnswer(record)]));
  const answer: Answer = (kind, args, record) => (answers.get(record) as Answer)(kind, args, record);
  const state = defaultState({ record_id: "one", layer: 1, heads: [0], ...values });
  const transport = new ManualTransport(state, answer);
  const app = createExplorer(transport, palette);
  explorer = app;
  return { transport, app };
}

const layers = (transport: ManualTransport) =>
  transport.asked.filter(({ kind }) => kind === "layer").map(({ args }) => args);
const states = (app: ExplorerApp) => app.pins.value.map(({ state }) => state);
const panels = (app: ExplorerApp) =>
  app.compared.value.map(({ layer, heads, data, pinned }) => [
    layer,
    heads,
    data?.patterns.map(({ head }) => head) ?? null,
    pinned,
  ]);

describe("togglePins", () => {
  it("adds what is not pinned, and takes off only when all are", () => {
    const one = togglePins([], [ref(1, 0)]);
    expect(one).toEqual([ref(1, 0)]);
    const two = togglePins(one, [ref(1, 0), ref(1, 2)]);
    expect(two).toEqual([ref(1, 0), ref(1, 2)]);
    expect(togglePins(two, [ref(1, 2)])).toEqual([ref(1, 0)]);
    expect(togglePins(two, [])).toEqual(two);
  });

  it("tells sites apart", () => {
    expect(togglePins([ref(1, 0, "cross")], [ref(1, 0)])).toHaveLength(2);
  });
});

describe("whyMissing", () => {
  const open = createOpen("r", "m", {}, [createSite("decoder", 2, 3)]);
  it.each([
    [ref(1, 2), ""],
    [ref(1, 3), "no head 3 here"],
    [ref(2, 0), "no layer 2 here"],
    [ref(1, 0, "cross"), "no cross attention here"],
  ])("%o: %s", (head, reason) => {
    expect(whyMissing(open, head)).toBe(reason);
  });
});

describe("pinned heads", () => {
  it("take no pattern for their small pictures, and share what is here already", async () => {
    const { transport, app } = setUp({ pinned: [ref(1, 2), ref(3, 1)] });
    await answerAll(transport);
    expect(layers(transport)).toEqual([
      { site: "decoder", layer: 1, heads: [0], thumbnails: true },
      { site: "decoder", layer: 3, heads: [], thumbnails: true },
    ]);
    expect(states(app)).toEqual(["here", "here"]);
    expect(app.pins.value.map(({ data }) => data?.thumbnails.heads)).toEqual([3, 3]);
    expect(panels(app)).toEqual([
      [1, [2], null, true],
      [3, [1], null, true],
      [1, [0], [0], false],
    ]);
  });

  it("fetch their patterns once they are compared, without thumbnails", async () => {
    const { transport, app } = setUp({ pinned: [ref(1, 2), ref(3, 1)] });
    await answerAll(transport);
    const before = layers(transport).length;
    app.comparing.value = true;
    await answerAll(transport);
    expect(layers(transport).slice(before)).toEqual([
      { site: "decoder", layer: 1, heads: [2], thumbnails: false },
      { site: "decoder", layer: 3, heads: [1], thumbnails: false },
    ]);
    expect(panels(app).slice(0, 2)).toEqual([
      [1, [2], [2], true],
      [3, [1], [1], true],
    ]);
    const weights = app.compared.value[1]?.data?.patterns[0];
    const matrix = smallRecord("one").matrix("decoder", 3, 1);
    expect(weights?.weight(4, 2)).toBe(matrix.weights[4 * matrix.keys + 2]);
  });

  it("the chosen heads stand beside them unless all of them are pinned", async () => {
    const { transport, app } = setUp({ pinned: [ref(1, 0), ref(3, 1)], heads: [0] });
    app.comparing.value = true;
    await answerAll(transport);
    expect(panels(app).map(([layer]) => layer)).toEqual([1, 3]);
    app.layer.value = 2;
    await answerAll(transport);
    expect(panels(app).at(-1)).toEqual([2, [0], [0], false]);
    app.goTo(ref(3, 1));
    await answerAll(transport);
    expect([app.layer.value, app.heads.value]).toEqual([3, [1]]);
    expect(panels(app)).toHaveLength(2);
  });

  it("outlive a new prompt; those that it lacks say so", async () => {
    const { transport, app } = setUp({ pinned: [ref(1, 1), ref(3, 1), ref(1, 2)] });
    app.comparing.value = true;
    await answerAll(transport);
    transport.kernel.set("record_id", "two");
    await answerAll(transport);
    expect(app.pinned.value).toHaveLength(3);
    expect(states(app)).toEqual(["here", "missing", "missing"]);
    expect(app.pins.value.map(({ reason }) => reason)).toEqual(["", "no layer 3 here", "no head 2 here"]);
    const [first] = app.compared.value;
    expect([first?.data?.record.record, first?.data?.queryTokens.label]).toEqual(["two", ["x", "y"]]);
  });

  it("what is under way ends when the pins change, and nothing of another record is shown", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    app.comparing.value = true;
    app.pinned.value = [ref(3, 1)];
    await settle();
    const [pending] = transport.of("layer");
    app.pinned.value = [ref(2, 1)];
    await settle();
    expect(pending?.signal?.aborted).toBe(true);
    await answerAll(transport);
    expect(panels(app)[0]).toEqual([2, [1], [1], true]);
    expect(app.pinError.value).toBeNull();
  });

  it("an error stays in the tray, the other heads come all the same", async () => {
    const { transport, app } = setUp();
    await answerAll(transport);
    const info = { code: "too-large", what: "Too many cells.", todo: "Shorten the prompt." };
    app.comparing.value = true;
    app.pinned.value = [ref(3, 1), ref(2, 2)];
    await settle();
    transport.of("layer")[0]?.fail(new WireError(info));
    await answerAll(transport);
    expect(app.pinError.value).toEqual(info);
    expect(app.error.value).toBeNull();
    expect(panels(app).slice(0, 2)).toEqual([
      [3, [1], null, true],
      [2, [2], [2], true],
    ]);
    app.unpin(ref(3, 1));
    await answerAll(transport);
    expect(app.pinError.value).toBeNull();
  });

  it("pinning writes the trait", async () => {
    const { transport, app } = setUp({ heads: [0, 2] });
    await answerAll(transport);
    app.togglePins();
    expect(transport.kernel.get("pinned")).toEqual([ref(1, 0), ref(1, 2)]);
    app.unpin(ref(1, 0));
    expect(transport.kernel.get("pinned")).toEqual([ref(1, 2)]);
    app.soloHead(2);
    app.togglePins();
    expect(transport.kernel.get("pinned")).toEqual([]);
  });
});
