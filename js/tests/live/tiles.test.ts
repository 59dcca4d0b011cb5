// Tiles: which there are, what is asked for when, what is kept, and what is put together of them.
import { afterEach, describe, expect, it, vi } from "vitest";
import { createPalette } from "../../src/core/palette";
import { defaultState } from "../../src/entries/gallery/cases";
import { createLongAnswer, longOpen } from "../../src/entries/gallery/long";
import { longHead, longWeight } from "../../src/entries/gallery/long-weights";
import { TileFollower } from "../../src/live/tiles/follower";
import {
  ancestor,
  cellsOf,
  type Extent,
  levelFor,
  reaches,
  tilesIn,
  topLevel,
} from "../../src/live/tiles/levels";
import { mixTiles } from "../../src/live/tiles/mix";
import { colourTable, hiddenIn } from "../../src/live/tiles/picture";
import { BATCH, nextBatch, type Sight } from "../../src/live/tiles/plan";
import { type HeadPlace, TileStore } from "../../src/live/tiles/store";
import { decodeWeight } from "../../src/math/weights";
import { FixtureTransport, LocalState } from "../../src/transport/fixture";
import type { Transport } from "../../src/transport/types";
import { WireError } from "../../src/wire/errors";
import { TILE, type TilesMeta, U8_MASKED, U8_NAN, UNREAD } from "../../src/wire/schema.gen";
import { ManualTransport, settle } from "../support/manual";

const CAUSAL: Extent = { queries: 4096, keys: 4096, causal: true, window: null };
const PLACE: HeadPlace = { record: "long1024", site: "decoder", layer: 0, head: 1 };
const SMALL: Extent = { queries: 1024, keys: 1024, causal: true, window: null };
const SPEC = { tokens: 1024, layers: 1, heads: 4 };
const ALL: Sight = { level: 1, queries: { start: 0, end: 1024 }, keys: { start: 0, end: 1024 } };

describe("levels", () => {
  it("the level's pixels are never smaller than the screen's, and the top one holds everything", () => {
    expect([1, 256, 257, 4096, 32_768].map((n) => topLevel({ queries: n, keys: 1 }))).toEqual([
      0, 0, 1, 4, 7,
    ]);
    expect([48, 1, 0.5, 0.25, 0.24, 0.01].map((cell) => levelFor(cell, 1, 7))).toEqual([0, 0, 1, 2, 3, 7]);
    expect(levelFor(0.5, 2, 7)).toBe(0);
  });

  it("has the tiles with cells in reach, and no others", () => {
    for (const extent of [CAUSAL, { ...CAUSAL, window: 300 }, { ...CAUSAL, keys: 700, causal: false }]) {
      const whole = { start: 0, end: 4096 };
      const found = tilesIn(1, whole, whole, extent).map(({ row, column }) => `${row} ${column}`);
      const expected: string[] = [];
      for (let row = 0; row < 8; row++)
        for (let column = 0; column < 8; column++) {
          const { queries, keys } = cellsOf({ level: 1, row, column });
          let seen = false;
          for (let q = queries.start; q < Math.min(queries.end, extent.queries); q++)
            for (let k = keys.start; k < Math.min(keys.end, extent.keys); k++)
              seen ||= (!extent.causal || k <= q) && (extent.window === null || k > q - extent.window);
          if (seen) expected.push(`${row} ${column}`);
        }
      expect(found).toEqual(expected);
    }
    expect(reaches({ level: 1, row: 8, column: 0 }, CAUSAL)).toBe(false);
  });

  it("finds where a tile lies in coarser ones", () => {
    expect(ancestor({ level: 1, row: 5, column: 6 }, 2)).toEqual({
      tile: { level: 3, row: 1, column: 1 },
      x: 2 * 64,
      y: 64,
      size: 64,
    });
    expect(ancestor({ level: 0, row: 3, column: 2 }, 0)).toMatchObject({ x: 0, y: 0, size: TILE });
  });
});

describe("plan", () => {
  it("asks coarse first, then sharp from the middle, then until all is read, then around; and ends", () => {
    const sight: Sight = {
      level: 2,
      queries: { start: 1100, end: 4096 },
      keys: { start: 0, end: 2900 },
    };
    const read = new Map<string, number>();
    const at = (tile: object) => read.get(JSON.stringify(tile)) ?? 0;
    const stages: string[] = [];
    for (let turn = 0; turn < 60; turn++) {
      const batch = nextBatch(sight, CAUSAL, at, true);
      if (batch === null) break;
      expect(batch.tiles.length).toBeLessThanOrEqual(BATCH);
      stages.push(`${batch.ahead ? "ahead " : ""}${batch.level}`);
      for (const tile of batch.tiles) {
        const before = at(tile);
        expect(before).toBeLessThan(2 ** tile.level);
        read.set(JSON.stringify(tile), Math.min(2 ** tile.level, before === 0 ? 1 : 2 * before));
      }
    }
    // One coarse tile, six sharp ones, twice as many queries and again, then the ring, then the finer level.
    expect(stages.slice(0, 5)).toEqual(["4", "2", "2", "2", "ahead 2"]);
    expect(stages.slice(5).every((stage) => stage === "ahead 1")).toBe(true);
    expect(nextBatch(sight, CAUSAL, at, true)).toBeNull();
    const [first] =
      nextBatch({ ...sight, level: 0 }, CAUSAL, (tile) => (tile.level > 0 ? 1 : 0), false)?.tiles ?? [];
    expect(first).toMatchObject({ level: 0, row: 10, column: 5 });
  });
});

function reply(tiles: number[][], read: number[], fill: number, more: Partial<TilesMeta> = {}) {
  const codes = new Uint8Array(tiles.length * TILE * TILE).fill(fill);
  const meta: TilesMeta = {
    ...{ site: "decoder" as const, layer: 0, head: 1, level: 2, pool: "max" as const, error: 0.004 },
    ...{ tiles, read, codes: { buffer: 0, dtype: "u1" as const, shape: [tiles.length, TILE, TILE] } },
    ...more,
  };
  return [meta, [new DataView(codes.buffer)]] as const;
}

describe("store", () => {
  it("takes what says more, keeps to its budget, and drops what was looked at longest ago", () => {
    const store = new TileStore(3 * TILE * TILE);
    const at = (row: number) => store.get(PLACE, "max", { level: 2, row, column: 0 });
    expect(
      store.take(
        "long1024",
        ...reply(
          [
            [0, 0],
            [1, 0],
          ],
          [1, 2],
          9,
        ),
      ),
    ).toBe(2);
    expect(
      store.take(
        "long1024",
        ...reply(
          [
            [0, 0],
            [1, 0],
          ],
          [1, 4],
          8,
        ),
      ),
    ).toBe(1);
    expect([at(0)?.codes[0], at(1)?.codes[0], at(1)?.read]).toEqual([9, 8, 4]);
    store.take(
      "long1024",
      ...reply(
        [
          [2, 0],
          [3, 0],
        ],
        [4, 4],
        7,
      ),
    );
    expect([at(0), at(1)?.read, store.bytes]).toEqual([undefined, 4, 3 * TILE * TILE]);
    expect(store.get(PLACE, "mean", { level: 2, row: 1, column: 0 })).toBeUndefined();
    expect(store.get({ ...PLACE, head: 2 }, "max", { level: 2, row: 1, column: 0 })).toBeUndefined();
    expect(() =>
      store.take(
        "r",
        ...reply([[0, 0]], [1], 1, {
          tiles: [
            [0, 0],
            [0, 1],
          ],
        }),
      ),
    ).toThrow(RangeError);
  });

  it("reads single cells where their tile is here; of these, largest and mean are the same", () => {
    const store = new TileStore();
    store.take("long1024", ...reply([[1, 0]], [1], 253, { level: 0, pool: "mean" }));
    const read = store.reader(PLACE);
    expect([read(256, 0), read(511, 255), read(255, 0), read(256, 256)]).toEqual([1, 1, UNREAD, UNREAD]);
    expect(store.get(PLACE, "max", { level: 0, row: 1, column: 0 })?.read).toBe(1);
  });
});

it("several heads' tiles become one: the mean or the largest, masks and NaN kept", () => {
  const one = Uint8Array.of(253, U8_MASKED, 100, U8_NAN);
  const two = Uint8Array.of(0, U8_MASKED, U8_MASKED, 5);
  expect([...mixTiles([one, two], "max")]).toEqual([253, U8_MASKED, 100, U8_NAN]);
  expect(decodeWeight(mixTiles([one, two], "mean")[0] as number)).toBeCloseTo(0.5, 2);
  expect(mixTiles([one], "mean")).toBe(one);
});

it("colours are clear only out of reach; pixels are hidden where all of their queries or keys are", () => {
  const table = colourTable(
    "sqrt",
    createPalette(() => "", false),
  );
  const clear = [...table].flatMap((colour, code) => (colour === 0 ? [code] : []));
  expect(clear).toEqual([U8_MASKED]);
  expect(new Set(table).size).toBeGreaterThan(100);
  const off = Array.from({ length: 1024 }, (_, at) => at >= 512 && at < 520);
  const rule = { hides: () => false, queryOff: off, keyOff: [true], top: 0, words: [] };
  const hidden = hiddenIn({ level: 2, row: 0, column: 0 }, rule, SMALL);
  expect([...(hidden?.rows ?? [])].flatMap((on, at) => (on ? [at] : []))).toEqual([128, 129]);
  expect(hidden?.columns.includes(1)).toBe(false);
  expect(hiddenIn({ level: 0, row: 0, column: 0 }, { ...rule, queryOff: [] }, SMALL)?.columns[0]).toBe(1);
});

describe("follower", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const look = (sight = ALL, pool: "max" | "mean" = "max") => ({ place: PLACE, pool, extent: SMALL, sight });

  it("brings what is in sight until every query is read, then what is around, then rests", async () => {
    vi.useFakeTimers();
    const state = new LocalState(defaultState({}));
    const transport = new FixtureTransport(state, createLongAnswer(SPEC));
    const asked: string[] = [];
    const request: Transport["request"] = (kind, args, more) => {
      const { level, tiles } = args as { level: number; tiles: number[][] };
      asked.push(`${kind} ${level} ${tiles.length}`);
      return transport.request(kind, args, more);
    };
    const store = new TileStore();
    const ended = new AbortController();
    let changes = 0;
    const follower = new TileFollower(request, store, { changed: () => changes++ }, ended.signal);
    follower.want(look());
    expect(follower.state).toBe("waiting");
    await vi.runAllTimersAsync();
    expect(follower.state).toBe("resting");
    // The three tiles of level 1 that are in reach (a first reply reads all two queries), then those of level 0.
    expect(asked).toEqual(["tiles 2 1", "tiles 1 3", "tiles 0 10"]);
    expect(changes).toBeGreaterThan(2);
    follower.want(look());
    await vi.runAllTimersAsync();
    expect(asked).toHaveLength(3);
    const head = longHead(0, 1);
    const read = store.reader(PLACE);
    const cells = [
      [900, 899],
      [900, 900],
      [1023, 0],
      [17, 18],
    ] as const;
    for (const [query, key] of cells) expect(read(query, key)).toBeCloseTo(longWeight(head, query, key), 2);
    ended.abort();
  });

  it("calls off what is not looked at any more, keeps what still serves, and says why nothing comes", async () => {
    const transport = new ManualTransport(defaultState({}), createLongAnswer(SPEC));
    const request: Transport["request"] = (kind, args, more) => transport.request(kind, args, more);
    const ended = new AbortController();
    const follower = new TileFollower(request, new TileStore(), { changed: () => {} }, ended.signal);
    const corner = { level: 0, queries: { start: 700, end: 900 }, keys: { start: 0, end: 100 } };
    follower.want(look(corner));
    await settle();
    const near = { ...corner, keys: { start: 40, end: 140 } };
    follower.want(look(near));
    expect(transport.asked[0]?.signal?.aborted).toBe(false);
    follower.want(look({ ...corner, keys: { start: 600, end: 700 } }));
    expect(transport.asked[0]?.signal?.aborted).toBe(true);
    await settle();
    expect(transport.asked).toHaveLength(2);
    transport.pending[0]?.fail(new WireError({ code: "x", what: "The record is gone.", todo: "Run again." }));
    await settle();
    expect(follower.state).toEqual({ failed: "The record is gone. Run again." });
    follower.want(look({ ...corner, keys: { start: 600, end: 700 } }));
    await settle();
    expect(transport.asked).toHaveLength(2);
    follower.want(look(near));
    await settle();
    expect(transport.pending).toHaveLength(1);
    follower.want(null);
    expect(transport.pending).toHaveLength(0);
    ended.abort();
    follower.want(look());
    expect(transport.asked).toHaveLength(3);
  });

  it("gives up on answers that bring nothing", async () => {
    vi.useFakeTimers();
    const request = vi.fn(async () => {
      const [meta, buffers] = reply([], [], 0, { level: 1 });
      return { meta, buffers: [...buffers] };
    });
    const ended = new AbortController();
    const follower = new TileFollower(request as never, new TileStore(), { changed: () => {} }, ended.signal);
    follower.want(look());
    await vi.runAllTimersAsync();
    expect([request.mock.calls.length, follower.state]).toEqual([7, "resting"]);
    ended.abort();
  });
});

it("the gallery's long record is one that a kernel could have sent", () => {
  expect(longOpen(SPEC).sites[0]?.layers.every(({ tiled }) => tiled)).toBe(true);
  for (const [layer, head] of [
    [0, 0],
    [0, 1],
    [0, 2],
    [0, 3],
  ] as const) {
    for (const query of [0, 1, 700, 1023]) {
      let sum = 0;
      for (let key = 0; key <= query; key++) sum += longWeight(longHead(layer, head), query, key);
      expect(sum).toBeCloseTo(1, 6);
    }
  }
});
