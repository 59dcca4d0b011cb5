// Cells of a tiled layer that were not computed yet: neither weights nor out of reach, in all that reads patterns.
import { signal } from "@preact/signals-core";
import { expect, it } from "vitest";
import { createExplorer } from "../../src/core/explorer";
import { createPalette } from "../../src/core/palette";
import { createUnread } from "../../src/core/pattern";
import { describeHidden, present } from "../../src/core/shown";
import type { ExactRow, LayerData } from "../../src/core/types";
import { defaultState } from "../../src/entries/gallery/cases";
import { createAnswer } from "../../src/entries/gallery/record";
import { combineRows, filterWeights, type Rule } from "../../src/math/filters";
import { HIDDEN, isHidden, isOutOfReach, isUnread, meanRows, readRow } from "../../src/math/weights";
import { aimAt, noteOf, readToken } from "../../src/panes/head/aim";
import { readingOf } from "../../src/panes/kit/readings";
import { tableOf } from "../../src/save/csv";
import { createReading } from "../../src/ui/reading";
import { MASKED as M, type Precision, UNREAD as U } from "../../src/wire/schema.gen";
import { testExplorer } from "../panes/explorer";
import { selfData } from "../panes/sample";
import { answerAll, ManualTransport } from "../support/manual";
import { smallRecord } from "../support/record";

const REACH = { causal: true, window: null };

/** Three tokens, two heads, of which nothing is here but what the rule says. */
function tiledData(more: Partial<LayerData["info"]> = {}): LayerData {
  const data = selfData();
  const patterns = data.patterns.map(({ head, queries, keys }) => createUnread(head, queries, keys, REACH));
  return { ...data, patterns, info: { ...data.info, ...more, tiled: true } };
}

const NO_LINES = {
  count: 0,
  found: 0,
  slot: new Uint8Array(),
  query: new Uint32Array(),
  key: new Uint32Array(),
  weight: new Float32Array(),
};

it("is a kind of its own", () => {
  const kinds = [U, HIDDEN, M, 0, Number.NaN].map((w) => [isUnread(w), isHidden(w), isOutOfReach(w)]);
  expect(kinds.map((of) => of.indexOf(true))).toEqual([0, 1, 2, -1, -1]);
});

it("a pattern that is not here knows what its rule forbids, and nothing else", () => {
  expect([...readRow(createUnread(0, 4, 4, REACH), 2)]).toEqual([U, U, U, M]);
  expect([...readRow(createUnread(0, 4, 4, { causal: true, window: 2 }), 2)]).toEqual([M, U, U, M]);
  expect([...readRow(createUnread(0, 4, 4, { causal: false, window: null }), 0)]).toEqual([U, U, U, U]);
});

it("what several heads give is not known while one of them is not", () => {
  const [one, two] = [Float32Array.of(0.5, M, U, 0.25), Float32Array.of(U, U, M, 0.5)];
  expect([...meanRows([one, two])]).toEqual([U, U, U, 0.375]);
  expect([...combineRows([one, two], "max")]).toEqual([U, U, U, 0.5]);
});

it("filters hide what they can, and do not rank rows of which a part is missing", () => {
  const row = [0.5, U, 0.25, M];
  const source = { queries: 1, keys: 4, weight: (_: number, key: number) => row[key] as number };
  const rule = (top: number, off: number): Rule => ({
    hides: (_, key) => key === off,
    queryOff: [],
    keyOff: [],
    top,
    words: ["some hidden"],
  });
  const shown = (made: Rule) => [...readRow({ ...source, ...filterWeights(source, made) }, 0)];
  expect(shown(rule(0, 1))).toEqual([0.5, HIDDEN, 0.25, M]);
  expect(shown(rule(1, 9))).toEqual([U, U, U, M]);
  // Once the missing one is hidden, the rest is a whole row.
  expect(shown(rule(1, 1))).toEqual([0.5, HIDDEN, HIDDEN, M]);
  const data = tiledData();
  const off = { pair: "all", special: true, top: 1, heads: null } as const;
  expect(describeHidden(present(data, off, "each"))).toBe(
    "only the 1 strongest of each query shown, nothing is renormalised",
  );
});

it("panes and inspector say that weights are on their way", () => {
  const data = tiledData({ sinks: true });
  const [pattern] = data.patterns;
  if (pattern === undefined) throw new Error("no pattern");
  expect(readingOf(data, pattern, 1, [])).toMatchObject({ error: 0, sink: null });
  const aim = aimAt(data, { query: 1, key: null }, []);
  expect(readToken(aim, 0)).toEqual({ tone: "plain", number: "", slot: null });
  expect(readToken(aim, 2).tone).toBe("masked");
  const drawn = { threshold: 0, hiddenShare: 0, all: NO_LINES, focused: null };
  expect(noteOf(data, aim, drawn)).toContain("… not all computed yet");
  const ask = { held: true, exact: [], predictions: [] };
  const [head] = createReading({ data, focus: { query: 1, key: 0 }, ...ask }).heads;
  expect(head).toMatchObject({ surety: "on its way", sink: null, bars: [], cell: "not computed yet …" });
  // Nothing comes where no kernel is.
  const snapshot = { ...data, record: { ...data.record, precision: { form: "top", kept: 2 } as Precision } };
  const [kept] = createReading({ data: snapshot, focus: { query: 1, key: 0 }, ...ask }).heads;
  expect(kept).toMatchObject({ surety: "not kept", cell: "not kept in the snapshot" });
  expect(kept?.remark).toBe("not kept in the snapshot");
  expect(noteOf(snapshot, aim, drawn)).toContain("not all kept in the snapshot");
  const column = {
    site: "decoder",
    layer: data.info.layer,
    head: pattern.head,
    key: 0,
    weights: Float32Array.of(U, 0.25, U),
    read: 1,
    of: 3,
  } as const;
  const [known] = createReading({
    data,
    focus: { query: null, key: 0 },
    ...ask,
    columns: [column],
  }).heads;
  expect(known?.surety).toBe("1 of 3 queries so far");
  expect(known?.bars.map(({ index, text }) => [index, text])).toEqual([[1, ".250"]]);
});

it("tables have the rows that are here, exactly, and no others", () => {
  const data = tiledData();
  const explorer = testExplorer(data);
  explorer.view.value = "matrix";
  expect(tableOf(explorer)).toBeNull();
  const row: ExactRow = {
    site: "decoder",
    layer: data.info.layer,
    head: data.patterns[0]?.head ?? 0,
    query: 1,
    weights: Float32Array.of(0.25, 0.75, M),
    scores: null,
    sink: 0,
  };
  explorer.exact.value = [row, { ...row, layer: 99, query: 2 }];
  const lines = tableOf(explorer)?.trim().split("\r\n").slice(1) ?? [];
  expect(lines.map((line) => line.split(",").slice(-2))).toEqual([
    ["0.25", "0"],
    ["0.75", "0"],
  ]);
});

it("the explorer asks a kernel for no pattern of a tiled layer", async () => {
  const record = smallRecord("one");
  for (const site of record.open.sites) for (const info of site.layers) info.tiled = true;
  const state = defaultState({ record_id: "one", layer: 1, heads: [0, 2] });
  const transport = new ManualTransport(state, createAnswer(record), "live");
  const app = createExplorer(transport, signal(createPalette(() => "", false)));
  await answerAll(transport);
  expect(transport.asked[1]?.args).toMatchObject({ heads: [], thumbnails: true });
  expect(app.data.value?.patterns.map((one) => [one.head, ...readRow(one, 1)])).toEqual([
    [0, U, U, M, M, M],
    [2, U, U, M, M, M],
  ]);
  app.heads.value = [1];
  await answerAll(transport);
  expect(transport.asked[2]?.args).toMatchObject({ heads: [], thumbnails: false });
  app.destroy();
});
