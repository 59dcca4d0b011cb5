// The small parts under the explorer: cache, clamping, latest job, patterns, arrays.
import { describe, expect, it } from "vitest";
import { clampPlace, clampSelection, NOTHING_HELD } from "../../src/core/clamp";
import { Latest } from "../../src/core/latest";
import { Lru } from "../../src/core/lru";
import { createPattern } from "../../src/core/pattern";
import { createOpen, createSite, createTokens } from "../../src/entries/gallery/record";
import { readArray } from "../../src/wire/arrays";
import { MASKED, U8_LEVELS, U8_MASKED, U8_NAN } from "../../src/wire/schema.gen";

describe("Lru", () => {
  it("drops what was used longest ago when over its budget", () => {
    const cache = new Lru<string>(10);
    cache.set("a", "A", 4);
    cache.set("b", "B", 4);
    expect(cache.get("a")).toBe("A");
    cache.set("c", "C", 4);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual(["A", undefined, "C"]);
    expect(cache.bytes).toBe(8);
  });

  it("keeps the newest even when it alone is too large, and weighs a replaced value once", () => {
    const cache = new Lru<string>(10);
    cache.set("a", "A", 4);
    cache.set("big", "B", 40);
    expect([cache.size, cache.get("big")]).toEqual([1, "B"]);
    cache.set("big", "C", 6);
    expect([cache.bytes, cache.get("big")]).toEqual([6, "C"]);
  });
});

describe("Latest", () => {
  it("never runs two jobs at once, and skips all but the newest that wait", async () => {
    const begun: number[] = [];
    const gates: (() => void)[] = [];
    const latest = new Latest<number>((job) => {
      begun.push(job);
      return new Promise((resolve) => gates.push(resolve));
    });
    for (const job of [1, 2, 3]) latest.push(job);
    expect(begun).toEqual([1]);
    gates[0]?.();
    await Promise.resolve();
    await Promise.resolve();
    expect(begun).toEqual([1, 3]);
    expect(latest.busy).toBe(true);
    gates[1]?.();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(latest.busy).toBe(false);
  });
});

describe("clampPlace", () => {
  const sites = [createSite("decoder", 3, 4)];
  // A hybrid model: attention in layers 3, 7 and 11 only.
  for (const [index, info] of (sites[0]?.layers ?? []).entries()) info.layer = 4 * index + 3;
  const meta = createOpen("r", "m", { decoder: createTokens(["a"]) }, sites);
  const clamp = (layer: number, heads: number[]) => clampPlace(meta, { site: "decoder", layer, heads });

  it("keeps what exists", () => {
    expect(clamp(7, [1, 3])).toEqual({ site: "decoder", layer: 7, heads: [1, 3] });
  });
  it("takes the nearest layer by its own number", () => {
    expect([-5, 0, 6, 8, 99].map((layer) => clamp(layer, [0])?.layer)).toEqual([3, 3, 7, 7, 11]);
  });
  it("sorts heads, drops doubles and those that are not there", () => {
    expect(clamp(3, [3, 1, 3, 9, -1, 0.5])?.heads).toEqual([1, 3]);
  });
  it("chooses the first head where none of the chosen exists, but lets none be chosen", () => {
    expect(clamp(3, [9])?.heads).toEqual([0]);
    expect(clamp(3, [])?.heads).toEqual([]);
  });
  it("takes another site where the wanted one is missing, and nothing where there is none", () => {
    expect(clampPlace(meta, { site: "cross", layer: 3, heads: [0] })?.site).toBe("decoder");
    expect(clampPlace({ ...meta, sites: [] }, { site: "decoder", layer: 0, heads: [0] })).toBeNull();
  });
});

describe("clampSelection", () => {
  it("drops what lies beyond the tokens", () => {
    const held = { query: 4, key: null, locked: true };
    expect(clampSelection(held, 5, 5)).toBe(held);
    expect(clampSelection(held, 4, 5)).toBe(NOTHING_HELD);
    expect(clampSelection({ query: 0, key: 5, locked: true }, 5, 5)).toBe(NOTHING_HELD);
    expect(clampSelection({ query: null, key: null, locked: true }, 5, 5)).toBe(NOTHING_HELD);
  });
});

describe("createPattern", () => {
  it("reads 8-bit codes within their error", () => {
    const error = 1 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2;
    const weights = Array.from({ length: 101 }, (_, index) => index / 100);
    const codes = Uint8Array.from(weights, (weight) => Math.round(U8_LEVELS * Math.sqrt(weight)));
    const pattern = createPattern(0, 1, weights.length, codes, error);
    weights.forEach((weight, key) => {
      expect(Math.abs(pattern.weight(0, key) - weight)).toBeLessThanOrEqual(error + 1e-7);
    });
  });
  it("tells masked, missing and zero apart", () => {
    const pattern = createPattern(0, 1, 3, Uint8Array.of(U8_MASKED, U8_NAN, 0), 0.01);
    expect([0, 1, 2].map((key) => pattern.weight(0, key))).toEqual([MASKED, Number.NaN, 0]);
  });
  it("indexes queries by keys", () => {
    const pattern = createPattern(2, 2, 3, Float32Array.of(0, 1, 2, 3, 4, 5), 0);
    expect([pattern.weight(0, 2), pattern.weight(1, 0)]).toEqual([2, 3]);
    expect(() => createPattern(0, 2, 2, new Float32Array(3), 0)).toThrow(RangeError);
  });
});

describe("readArray", () => {
  const spec = { buffer: 0, dtype: "f4" as const, shape: [2] };
  it("reads at any alignment", () => {
    for (const offset of [0, 1, 2, 3]) {
      const buffer = new ArrayBuffer(offset + 8);
      new DataView(buffer).setFloat32(offset, 1.5, true);
      new DataView(buffer).setFloat32(offset + 4, -2, true);
      expect([...readArray(spec, [new DataView(buffer, offset)], "f4")]).toEqual([1.5, -2]);
    }
  });
  it("refuses a buffer that does not fit its shape, is missing, or is of another type", () => {
    const view = new DataView(new ArrayBuffer(7));
    expect(() => readArray(spec, [view], "f4")).toThrow(RangeError);
    expect(() => readArray(spec, [], "f4")).toThrow(RangeError);
    expect(() => readArray(spec, [new DataView(new ArrayBuffer(8))], "i4")).toThrow(RangeError);
  });
});
