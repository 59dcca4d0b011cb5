import { describe, expect, it } from "vitest";
import type { ExactRow } from "../../src/core/types";
import { isSelf, readingOf } from "../../src/panes/kit/readings";
import { tokenTitle } from "../../src/panes/kit/tokens";
import { crossData, selfData, tokensOf } from "./sample";

function exactRow(changes: Partial<ExactRow> = {}): ExactRow {
  return {
    site: "decoder",
    layer: 2,
    head: 0,
    query: 2,
    weights: Float32Array.from([0.501, 0.249, 0.25]),
    scores: null,
    sink: 0,
    ...changes,
  };
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error("empty");
  return item;
}

describe("readingOf", () => {
  it("takes the exact row when there is one for this very place", () => {
    const data = selfData({ error: 0.004 });
    const reading = readingOf(data, first(data.patterns), 2, [exactRow()]);
    expect(reading.error).toBe(0);
    expect(reading.weights[0]).toBeCloseTo(0.501);
  });

  it("passes on how far a recorded row may be off", () => {
    const data = selfData();
    expect(readingOf(data, first(data.patterns), 2, [exactRow({ error: 0.004 })]).error).toBe(0.004);
  });

  it.each([
    { head: 3 },
    { query: 1 },
    { layer: 1 },
    { site: "encoder" as const },
    { weights: Float32Array.from([1]) },
  ])("does not take a row that belongs elsewhere: %o", (change) => {
    const data = selfData({ error: 0.004 });
    const reading = readingOf(data, first(data.patterns), 2, [exactRow(change)]);
    expect(reading.error).toBe(0.004);
    expect([...reading.weights]).toEqual([0.5, 0.25, 0.25]);
  });

  it("shows what a row leaves to the sink, and nothing where there is none", () => {
    const sinks = selfData({ sinks: true });
    const head = sinks.patterns[1];
    if (head === undefined) throw new Error("the sample has two heads");
    expect(readingOf(sinks, head, 1, []).sink).toBeCloseTo(0.25);
    expect(readingOf(sinks, head, 2, [exactRow({ head: 3, sink: 0.1251 })]).sink).toBeCloseTo(0.1251);
    const plain = selfData();
    expect(readingOf(plain, first(plain.patterns), 1, []).sink).toBeNull();
  });
});

it("isSelf tells self-attention from cross attention", () => {
  expect(isSelf(selfData())).toBe(true);
  expect(isSelf(crossData())).toBe(false);
});

it("tokenTitle names the token, its place and its id", () => {
  expect(tokenTitle(tokensOf(["<s>", " cat"], [0]), 0)).toBe("<s> · token 0 · id 100 · special token");
  expect(tokenTitle({ ...tokensOf([" cat"]), id: [null] }, 0)).toBe("cat · token 0");
});
