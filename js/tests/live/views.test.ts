// The matrix and the head view of long prompts without a screen: which pieces are drawn, what is said, which cells are read.
import { describe, expect, it } from "vitest";
import { createUnread } from "../../src/core/pattern";
import { COMBINED, present } from "../../src/core/shown";
import type { ExactColumn, LayerData } from "../../src/core/types";
import { columnsAt, placesOf, withTiles } from "../../src/live/head/data";
import { subjectOf, type TilesDrawn } from "../../src/live/matrix/cells";
import { offBands, pieceOf } from "../../src/live/matrix/draw";
import { closeTo, parseCell } from "../../src/live/matrix/goto";
import { describeDots } from "../../src/live/matrix/words";
import { CODE_ERROR } from "../../src/live/tiles/mix";
import { TileStore } from "../../src/live/tiles/store";
import { selectLines } from "../../src/math/lines";
import { cellCorner, fitMatrix, WHOLE } from "../../src/math/viewport";
import { HIDDEN, readRow } from "../../src/math/weights";
import { type Filters, MASKED as M, TILE, UNREAD as U } from "../../src/wire/schema.gen";
import { selfData } from "../panes/sample";

const NO_FILTERS: Filters = { pair: "all", special: true, top: 0, heads: null };
const REACH = { causal: true, window: null };

/** Three tokens, heads 0 and 3, nothing read. */
function tiledData(combine: "each" | "mean" | "max" = "each", filters = NO_FILTERS): LayerData {
  const data = selfData();
  const patterns = data.patterns.map(({ head, queries, keys }) => createUnread(head, queries, keys, REACH));
  return present({ ...data, patterns, info: { ...data.info, tiled: true } }, filters, combine);
}

/** A store with the one tile of a head, in which every cell has the code. */
function filled(store: TileStore, data: LayerData, head: number, code: number): void {
  const codes = new Uint8Array(TILE * TILE).fill(code);
  const { record, site, info } = data;
  store.take(
    record.record,
    {
      ...{ site: site.kind, layer: info.layer, head, level: 0, pool: "max", tiles: [[0, 0]] },
      ...{ codes: { buffer: 0, dtype: "u1", shape: [1, TILE, TILE] }, read: [1], error: CODE_ERROR },
    },
    [new DataView(codes.buffer)],
  );
}

describe("pieces", () => {
  it("are the sharpest pictures that are here, coarser ones cut to the tile, or none", () => {
    const tile = { level: 1, row: 3, column: 2 };
    const image = {} as HTMLCanvasElement;
    const here = (level: number) => pieceOf(tile, 4, (at) => (at.level === level ? image : null));
    expect(here(1)).toMatchObject({ image, x: 0, y: 0, size: TILE });
    expect(here(3)).toMatchObject({ image, x: 128, y: 192, size: 64 });
    expect(here(9).image).toBeNull();
  });

  it("of hidden tokens are bands, in whole dots", () => {
    const off = Array.from({ length: 20 }, (_, at) => at < 2 || (at >= 6 && at < 13));
    expect(offBands(off, { start: 0, end: 20 }, 1)).toEqual([
      { start: 0, end: 2 },
      { start: 6, end: 13 },
    ]);
    expect(offBands(off, { start: 3, end: 20 }, 4)).toEqual([{ start: 8, end: 12 }]);
  });
});

describe("go to", () => {
  it("reads a cell in the ways that one writes it, and no cell that is not there", () => {
    const read = (text: string) => parseCell(text, 100, 50);
    expect(["12, 7", " 12 7 ", "12→7", "12:7"].map(read)).toEqual(
      Array.from({ length: 4 }, () => ({ query: 12, key: 7 })),
    );
    expect(read("99")).toEqual({ query: 99, key: 49 });
    expect(["", "a", "100, 1", "1, 50", "1, 2, 3", "-1, 2", "1.5"].map(read)).toEqual(Array(7).fill(null));
  });

  it("puts the cell in the middle, large enough to read, and never farther away than before", () => {
    const frame = fitMatrix(32_768, 32_768, 400, 400);
    for (const before of [WHOLE, { query: 0, key: 0, zoom: 3_500 }]) {
      const view = closeTo({ query: 20_000, key: 300 }, frame, before);
      const { x, y } = cellCorner(view, frame, 20_000.5, 300.5);
      expect([x, y]).toEqual([expect.closeTo(200, 3), expect.closeTo(200, 3)]);
      expect(view.zoom * frame.cellWidth).toBeGreaterThanOrEqual(24 - 1e-9);
      expect(view.zoom).toBeGreaterThanOrEqual(before.zoom);
    }
  });
});

describe("the legend's words", () => {
  const drawn = (more: Partial<TilesDrawn> = {}): TilesDrawn => ({
    ...{ block: 128, level: 7, read: 128, coarser: 0, missing: 0, error: CODE_ERROR, failed: "" },
    ...{ masked: true, hidden: false, nan: false },
    ...more,
  });
  const say = (all: TilesDrawn[], pool: "max" | "mean" = "max", data = tiledData()) =>
    describeDots(all, pool, data).join(" · ");

  it("say what a dot is, of how much it was read, and what is still to come", () => {
    expect(say([])).toBe("");
    expect(say([drawn()])).toBe("a dot is the largest of 128 × 128 cells, all read, within .004");
    expect(say([drawn(), drawn({ read: 16 })], "mean")).toBe(
      "a dot is the mean of 128 × 128 cells, sampled 16 of 128 queries",
    );
    expect(say([drawn({ read: 0, missing: 2 })])).toBe(
      "a dot is the largest of 128 × 128 cells · sharper tiles are on their way",
    );
    expect(say([drawn({ block: 1, level: 0, read: 1 })])).toBe("a dot is a cell, within .004");
    expect(say([drawn({ read: 0, missing: 1, failed: "The record is gone." })])).toContain(
      "The record is gone.",
    );
  });

  it("say what heads put together and filters make of it", () => {
    expect(say([drawn()], "max", tiledData("mean"))).toContain(
      "the mean over heads of each one's largest of 128 × 128 cells",
    );
    const top = say([drawn()], "max", tiledData("each", { ...NO_FILTERS, top: 2 }));
    expect(top).toContain("the strongest of each query are not told apart here");
  });
});

describe("the head view's cells", () => {
  it("come from tiles as far as they are here, within the rule; heads are put together only where all are", () => {
    const store = new TileStore();
    const data = tiledData();
    const shown = withTiles(data, store, NO_FILTERS);
    expect([...readRow(shown.patterns[0] as never, 1)]).toEqual([U, U, M]);
    filled(store, data, 0, 253);
    expect([...readRow(shown.patterns[0] as never, 1)]).toEqual([1, 1, M]);
    expect([...readRow(shown.patterns[1] as never, 1)]).toEqual([U, U, M]);
    const mean = withTiles(tiledData("mean"), store, NO_FILTERS).patterns;
    expect([mean.length, mean[0]?.head, ...readRow(mean[0] as never, 1)]).toEqual([1, COMBINED, U, U, M]);
    filled(store, data, 3, 0);
    expect([...readRow(mean[0] as never, 1)]).toEqual([0.5, 0.5, M]);
    expect(placesOf(tiledData("max")).map(({ head }) => head)).toEqual([0, 3]);
    const [pattern] = tiledData("max").patterns;
    expect(subjectOf(pattern as never, tiledData("max")).heads).toHaveLength(2);
  });

  it("gives lines between tokens in sight, and no share of what it has not read", () => {
    const store = new TileStore();
    const data = tiledData();
    for (const head of [0, 3]) filled(store, data, head, 200);
    const { patterns } = withTiles(data, store, NO_FILTERS);
    const { lines, hidden } = selectLines(patterns, {
      queries: { start: 1, end: 3 },
      keys: { start: 0, end: 1 },
      ...{ threshold: 0.01, limit: 100, sinks: false, inside: true },
    });
    expect([lines.count, [...lines.query], [...lines.key], hidden]).toEqual([
      4,
      [1, 2, 1, 2],
      [0, 0, 0, 0],
      0,
    ]);
  });

  it("has columns as far as they are read: put together, and hidden where a filter says so", () => {
    const data = tiledData();
    const column = (head: number, weights: number[]): ExactColumn => ({
      ...{ site: data.site.kind, layer: data.info.layer, head, key: 0, read: 2, of: 3 },
      weights: Float32Array.from(weights),
    });
    const known = [column(0, [1, 0.5, U]), column(3, [0, 0.25, U])];
    expect(columnsAt(data, 1, known).map((one) => [...one])).toEqual([Array(3).fill(U), Array(3).fill(U)]);
    expect(columnsAt(data, 0, known).map((one) => [...one])).toEqual([
      [1, 0.5, U],
      [0, 0.25, U],
    ]);
    expect(columnsAt(tiledData("max"), 0, known).map((one) => [...one])).toEqual([[1, 0.5, U]]);
    const special = {
      ...data,
      shown: { combine: "each", heads: [0, 3], whole: data, rule: null },
    } as LayerData;
    const rule = { hides: (query: number) => query === 0, queryOff: [true], keyOff: [], top: 0, words: [] };
    const hidden = columnsAt({ ...special, shown: { ...special.shown, rule } as never }, 0, known);
    expect(hidden.map((one) => [...one])).toEqual([
      [HIDDEN, 0.5, U],
      [HIDDEN, 0.25, U],
    ]);
  });
});
