// The map of a long prompt, its search, and what is marked of its text: the pure parts.
import { describe, expect, it } from "vitest";
import { createUnread } from "../../src/core/pattern";
import { present } from "../../src/core/shown";
import { findText, joinTokens, nextMatch } from "../../src/live/find/find";
import { frameOf, heightOf, tokenAt } from "../../src/live/minimap/place";
import {
  codeAt,
  groupPeaks,
  layColumns,
  readStrips,
  strongest,
  strongestAt,
} from "../../src/live/minimap/strips";
import { markTokens } from "../../src/live/text/marks";
import { shadeLong } from "../../src/live/text/shade";
import { HIDDEN } from "../../src/math/weights";
import { asText, PLAIN_CODE, shadeCode } from "../../src/panes/text/state";
import { MASKED, type StripsMeta, U8_MASKED, U8_NAN, UNREAD } from "../../src/wire/schema.gen";
import { integer, randomFrom } from "../math/random";
import { selfData } from "../panes/sample";

describe("find in the prompt", () => {
  const texts = [
    "<s>",
    "The",
    " com",
    "mittee",
    " met",
    "\n",
    " The",
    " COM",
    "mittee",
    "",
    "。",
    "日本",
    "語日本",
  ];
  const prompt = joinTokens(texts);
  const found = (words: string, exact = false) =>
    findText(prompt, words, exact).map(({ start, end }) => [start, end]);

  it("finds across the borders of tokens, in both cases or as it is written", () => {
    expect(found("committee")).toEqual([
      [2, 4],
      [7, 9],
    ]);
    expect(found("committee", true)).toEqual([[2, 4]]);
    expect(found("mitt")).toEqual([
      [3, 4],
      [8, 9],
    ]);
  });

  it("takes any white space for white space, and none of it into the match", () => {
    expect(found("met the")).toEqual([[4, 7]]);
    expect(found(" the ")).toEqual([[6, 7]]);
    expect(found("  ")).toEqual([]);
    expect(found("")).toEqual([]);
  });

  it("finds signs as they are, and writing without spaces", () => {
    expect(found("<s>")).toEqual([[0, 1]]);
    expect(found(".")).toEqual([]);
    expect(found("。日")).toEqual([[10, 12]]);
    expect(found("本語")).toEqual([[11, 13]]);
    expect(found("日本")).toEqual([
      [11, 12],
      [12, 13],
    ]);
  });

  it("every match holds the words, wherever the tokens were cut", () => {
    const random = randomFrom(5);
    const text = "ab aab b\nab ba aa bab abb ";
    for (let i = 0; i < 80; i++) {
      const pieces: string[] = [];
      for (let at = 0; at < text.length; ) {
        const length = integer(random, 0, 3);
        pieces.push(text.slice(at, at + length));
        at += length;
      }
      const matches = findText(joinTokens(pieces), "ab", true);
      expect(matches).toHaveLength(text.split("ab").length - 1);
      for (const { start, end } of matches) {
        expect(pieces.slice(start, end).join("")).toContain("ab");
        expect(pieces.slice(start + 1, end).join("")).not.toContain("ab");
        expect(pieces.slice(start, end - 1).join("")).not.toContain("ab");
      }
    }
  });

  it("begins with the match in sight, or the next one", () => {
    const matches = [
      { start: 2, end: 4 },
      { start: 7, end: 9 },
    ];
    expect([0, 3, 4, 8, 9].map((token) => nextMatch(matches, token))).toEqual([0, 0, 1, 1, 0]);
  });
});

it("marks: what is shown covers what is found, and that what is chosen", () => {
  const codes = markTokens(
    8,
    [
      { start: 1, end: 3 },
      { start: 5, end: 6 },
    ],
    { start: 5, end: 6 },
    { start: 2, end: 8 },
  );
  expect([...codes]).toEqual([0, 1, 1, 3, 3, 2, 3, 3]);
});

describe("map of the prompt", () => {
  const bytes = (array: ArrayBufferView) => new DataView(array.buffer as ArrayBuffer);
  const codes = Uint8Array.of(9, 0, U8_MASKED, 200, 7, U8_MASKED, U8_NAN, 1, U8_MASKED);
  const meta: StripsMeta = {
    site: "decoder",
    position: 4,
    direction: "from",
    layers: [2, 5],
    heads: [2, 1],
    strips: { buffer: 0, dtype: "u1", shape: [3, 3] },
    pooled: 2,
    peaks: { buffer: 1, dtype: "i4", shape: [3] },
    weights: { buffer: 2, dtype: "f4", shape: [3] },
    read: 6,
    of: 6,
  };
  const strips = readStrips(meta, [
    bytes(codes),
    bytes(Int32Array.of(1, 1, -1)),
    bytes(Float32Array.of(0.5, 0.75, 0)),
  ]);

  it("names every strip's head, and leaves out the peaks of heads that see nothing", () => {
    expect(strips.places).toEqual([
      { layer: 2, head: 0 },
      { layer: 2, head: 1 },
      { layer: 5, head: 0 },
    ]);
    expect(strips.peaks.map(({ weight }) => weight)).toEqual([0.5, 0.75]);
    expect(strongest(strips, [2])).toBeNull();
    expect(strongest(strips, [0, 1, 2])?.weight).toBe(0.75);
    expect(() => readStrips({ ...meta, heads: [2, 2] }, [bytes(codes)])).toThrow(RangeError);
  });

  it("puts the largest of several heads into one column, and never covers what is not a number", () => {
    expect(codeAt(strips, [0, 1], 0)).toBe(200);
    expect(strongestAt(strips, [0, 1], 0)).toBe(1);
    expect(codeAt(strips, [0, 1, 2], 0)).toBe(U8_NAN);
    expect(codeAt(strips, [0, 1, 2], 2)).toBe(U8_MASKED);
    expect(codeAt(strips, [2], 1)).toBe(1);
  });

  it("gives each head a column where there is room, and each head to one column where there is not", () => {
    expect(layColumns([4, 5, 6], 100)).toEqual({ strips: [[4], [5], [6]], width: 33 });
    const many = Array.from({ length: 448 }, (_, at) => at);
    const packed = layColumns(many, 130);
    expect(packed.width).toBe(1);
    expect(packed.strips).toHaveLength(130);
    expect(packed.strips.flat()).toEqual(many);
    expect(Math.min(...packed.strips.map(({ length }) => length))).toBeGreaterThan(2);
  });

  it("lists the strongest tokens, those where heads rest last", () => {
    const peak = (position: number, weight: number) => ({ layer: 0, head: position, position, weight });
    const peaks = [peak(0, 0.9), peak(7, 0.2), peak(4, 0.8), peak(9, 0.4), peak(7, 0.3)];
    const groups = groupPeaks({ ...strips, peaks }, 3);
    expect(groups.map(({ position }) => position)).toEqual([9, 7, 0]);
    expect(groups[1]?.heads.map(({ weight }) => weight)).toEqual([0.3, 0.2]);
  });

  it("a token's height leads back to it, and the frame never leaves the map", () => {
    const random = randomFrom(2);
    for (let i = 0; i < 200; i++) {
      const count = integer(random, 1, 130_000);
      const height = integer(random, 40, 900);
      const token = integer(random, 0, count - 1);
      expect(
        Math.abs(tokenAt(heightOf(token + 0.5, height, count), height, count) - token),
      ).toBeLessThanOrEqual(1);
      const end = Math.min(count, token + integer(random, 1, 400));
      const frame = frameOf({ start: token, end }, height, count);
      expect(frame.height).toBeGreaterThanOrEqual(8);
      expect(frame.top).toBeGreaterThanOrEqual(0);
      expect(frame.top + frame.height).toBeLessThanOrEqual(Math.max(height, frame.height) + 1e-6);
    }
    expect([tokenAt(-5, 100, 10), tokenAt(105, 100, 10)]).toEqual([0, 9]);
  });
});

describe("shades of a long text", () => {
  const small = selfData();
  const reach = { causal: true, window: null };
  const long = {
    ...small,
    info: { ...small.info, tiled: true },
    patterns: [0, 3].map((head) => createUnread(head, 3, 3, reach)),
  };
  const filters = { pair: "all", special: true, top: 0, heads: null } as const;
  const text = asText(long, filters);
  const place = { site: "decoder", layer: 2 } as const;
  const column = (head: number, weights: number[], read = 3) => ({
    ...place,
    head,
    key: 1,
    weights: Float32Array.from(weights),
    read,
    of: 3,
  });

  it("are none while nothing is in focus, and say what to do", () => {
    const { values, title, subject } = shadeLong(text, { query: null, key: null }, "from", [], []);
    expect(subject).toBeNull();
    expect([...values].map((value) => shadeCode(value, Number))).toEqual(Array(3).fill(PLAIN_CODE));
    expect(title).toContain("Click a word");
  });

  it("of a row wait for it, and are then the mean of its heads", () => {
    const row = { ...place, query: 1, scores: null, sink: 0 };
    const waiting = shadeLong(text, { query: 1, key: null }, "from", [], []);
    expect(waiting.note).toContain("reading");
    expect([...waiting.values]).toEqual([UNREAD, UNREAD, MASKED]);
    const rows = [
      { ...row, head: 0, weights: Float32Array.of(0.5, 0.5, MASKED) },
      { ...row, head: 3, weights: Float32Array.of(0.25, 0.75, MASKED) },
    ];
    const ready = shadeLong(text, { query: 1, key: null }, "from", rows, []);
    expect([...ready.values]).toEqual([0.375, 0.625, MASKED]);
    expect(ready.note).toBe("");
  });

  it("of a column say how much of it is read, and hide what a filter hides", () => {
    const columns = [column(0, [MASKED, 0.5, UNREAD], 2), column(3, [MASKED, 0.25, UNREAD], 2)];
    const made = shadeLong(text, { query: null, key: 1 }, "to", [], columns);
    expect([...made.values]).toEqual([MASKED, 0.375, UNREAD]);
    expect(made.note).toBe("reading 2 of 3 queries");
    expect(shadeLong(text, { query: null, key: 2 }, "to", [], columns).note).toBe("reading the column …");
    const special = { ...small.queryTokens, special: [false, true, false] };
    const marked = { ...long, queryTokens: special, keyTokens: special };
    const hiding = { ...filters, special: false };
    const whole = [column(0, [MASKED, 0.5, 0.5]), column(3, [MASKED, 0.25, 0.25])];
    const kept = shadeLong(present(marked, hiding, "mean"), { query: null, key: 1 }, "to", [], whole);
    expect([...kept.values]).toEqual([MASKED, HIDDEN, HIDDEN]);
    expect(kept.note).toBe("");
  });
});
