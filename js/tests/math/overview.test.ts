// The grid of all heads: it fits or scrolls, every picture is hit where it lies, only what is in sight is named.
import { describe, expect, it } from "vitest";
import {
  cornerOf,
  inSight,
  layOut,
  layOutLines,
  type Overview,
  PICTURES,
  type Spot,
  scrollTo,
  shrink,
  spotAt,
  stepTo,
} from "../../src/math/overview";
import { U8_MASKED, U8_NAN } from "../../src/wire/schema.gen";

function gridOf(layers: number, heads: number, width: number, height: number, aspect = 1): Overview {
  const shape = { layers: [...Array(layers).keys()], heads: Array<number>(layers).fill(heads), aspect };
  return layOut(shape, { width, height });
}

const SHAPES: readonly (readonly [number, number])[] = [
  [1, 1],
  [4, 4],
  [12, 12],
  [24, 16],
  [28, 28],
  [80, 64],
];
const ROOMS: readonly (readonly [number, number])[] = [
  [430, 380],
  [680, 390],
  [900, 400],
];
const ALL = SHAPES.flatMap(([layers, heads]) =>
  ROOMS.map(([width, height]) => [layers, heads, width, height] as const),
);

describe("layout", () => {
  it.each(ALL)("%i layers of %i heads stay readable in %i x %i", (layers, heads, width, height) => {
    const grid = gridOf(layers, heads, width, height);
    expect(Math.min(grid.width, grid.height)).toBeGreaterThanOrEqual(20);
    expect(grid.pitch).toBeGreaterThan(grid.width);
    expect(grid.tops).toHaveLength(layers);
    const last = cornerOf(grid, { row: layers - 1, head: heads - 1 });
    expect(last.x + grid.width).toBeLessThanOrEqual(grid.extent.width);
    expect(last.y + grid.height).toBeLessThanOrEqual(grid.extent.height);
  });

  it.each([
    [1, 1],
    [4, 4],
    [12, 12],
  ])("%i x %i heads are seen at once", (layers, heads) => {
    for (const [width, height] of ROOMS.slice(0, 3)) {
      const grid = gridOf(layers, heads, width, height + 20);
      expect(grid.extent.width).toBeLessThanOrEqual(width);
      expect(grid.extent.height).toBeLessThanOrEqual(height + 20);
    }
  });

  it("many layers scroll down alone, where their heads fit beside each other", () => {
    const grid = gridOf(24, 16, 680, 390);
    expect(grid.extent.width).toBeLessThanOrEqual(680);
    expect(grid.extent.height).toBeGreaterThan(390);
  });

  it("layers that are missing leave a gap, and the others keep their order", () => {
    const grid = layOut(
      { layers: [0, 1, 4, 5], heads: [2, 2, 2, 2], aspect: 1 },
      { width: 600, height: 400 },
    );
    const steps = grid.tops.slice(1).map((y, row) => y - (grid.tops[row] as number));
    expect(steps[1]).toBeGreaterThan(steps[0] as number);
    expect(steps[2]).toBe(steps[0]);
    const late = layOut({ layers: [3], heads: [2], aspect: 1 }, { width: 600, height: 400 });
    expect(late.tops[0]).toBeGreaterThan(late.top);
  });

  it("patterns of unlike sides keep their shape, within bounds", () => {
    const wide = gridOf(4, 4, 700, 400, 1.5);
    expect(wide.width / wide.height).toBeCloseTo(1.5, 1);
    const extreme = gridOf(4, 4, 700, 400, 40);
    expect(extreme.width / extreme.height).toBeLessThan(2);
  });
});

describe("lines", () => {
  const sizes = { ...PICTURES, least: 58, whole: 58, scrolled: 72, below: 17 };

  it.each([
    [16, 680, 390],
    [16, 430, 380],
    [37, 680, 390],
    [144, 680, 390],
    [5120, 900, 400],
  ])("%i heads stand in order and leave room for their texts, in %i x %i", (count, width, height) => {
    const { grid, columns } = layOutLines(count, 1, { width, height }, sizes);
    expect(grid.heads.reduce((sum, heads) => sum + heads, 0)).toBe(count);
    expect(grid.heads.slice(0, -1).every((heads) => heads === columns)).toBe(true);
    expect(grid.width).toBeGreaterThanOrEqual(58);
    expect(grid.extent.width).toBeLessThanOrEqual(width);
    const [first = 0, second = first + 1000] = grid.tops;
    expect(second - first).toBeGreaterThanOrEqual(grid.height + 17);
  });

  it("as large as they fit, else as many beside each other as fit", () => {
    const few = layOutLines(16, 1, { width: 680, height: 390 }, sizes).grid;
    expect(few.extent.height).toBeLessThanOrEqual(390);
    const many = layOutLines(600, 1, { width: 680, height: 390 }, sizes).grid;
    expect(many.extent.height).toBeGreaterThan(390);
    expect(many.extent.width + many.pitch).toBeGreaterThan(680);
  });

  it("a text belongs to the head above it", () => {
    const { grid } = layOutLines(16, 1, { width: 680, height: 390 }, sizes);
    const { x, y } = cornerOf(grid, { row: 1, head: 1 });
    expect(spotAt(grid, x + 3, y + grid.height + 10)).toEqual({ row: 1, head: 1 });
    expect(spotAt(grid, x + 3, y + grid.height + grid.below + 1)).toBeNull();
  });

  it("nothing is laid out where nothing is left", () => {
    const { grid } = layOutLines(0, 1, { width: 680, height: 390 }, sizes);
    expect([grid.tops, spotAt(grid, 10, 10)]).toEqual([[], null]);
  });
});

describe("hit test", () => {
  it.each(ALL)(
    "finds every corner and middle of %i x %i heads in %i x %i",
    (layers, heads, width, height) => {
      const grid = gridOf(layers, heads, width, height);
      for (let row = 0; row < layers; row += Math.max(1, Math.floor(layers / 7))) {
        for (let head = 0; head < heads; head += Math.max(1, Math.floor(heads / 7))) {
          const { x, y } = cornerOf(grid, { row, head });
          for (const [dx, dy] of [
            [0, 0],
            [grid.width / 2, grid.height / 2],
            [grid.width - 0.01, grid.height - 0.01],
          ] as const) {
            expect(spotAt(grid, x + dx, y + dy)).toEqual({ row, head });
          }
          expect(spotAt(grid, x + grid.width + 0.5, y)).toBeNull();
          expect(spotAt(grid, x, y + grid.height + 0.5)).toBeNull();
        }
      }
    },
  );

  it("finds nothing over labels, past the end and where a layer has fewer heads", () => {
    const grid = layOut({ layers: [0, 1], heads: [3, 2], aspect: 1 }, { width: 500, height: 300 });
    const { x, y } = cornerOf(grid, { row: 1, head: 2 });
    expect(spotAt(grid, x + 3, y + 3)).toBeNull();
    expect(spotAt(grid, 3, y + 3)).toBeNull();
    expect(spotAt(grid, x, 3)).toBeNull();
    expect(spotAt(grid, 4000, 4000)).toBeNull();
  });
});

describe("what is in sight", () => {
  it.each(ALL)(
    "is exactly what reaches into the window: %i x %i in %i x %i",
    (layers, heads, width, height) => {
      const grid = gridOf(layers, heads, width, height);
      for (const [x, y] of [
        [0, 0],
        [37, 91],
        [333, 777],
        [grid.extent.width - width, grid.extent.height - height],
      ] as const) {
        const window = { x: Math.max(0, x), y: Math.max(0, y), width, height };
        const seen = inSight(grid, window);
        for (let row = 0; row < layers; row++) {
          const top = cornerOf(grid, { row, head: 0 }).y - window.y;
          const inside = top + grid.height > grid.top && top < height;
          expect(row >= seen.rows.start && row < seen.rows.end).toBe(inside);
        }
        for (let head = 0; head < heads; head++) {
          const at = cornerOf(grid, { row: 0, head }).x - window.x;
          const inside = at + grid.width > grid.left && at < width;
          if (inside) expect(head >= seen.heads.start && head < seen.heads.end).toBe(true);
        }
        expect(seen.heads.end - seen.heads.start).toBeLessThanOrEqual(Math.ceil(width / grid.pitch) + 1);
      }
    },
  );

  it("scrolls no further than needed, and then the picture is in sight", () => {
    const grid = gridOf(80, 64, 680, 390);
    const window = { x: 200, y: 300, width: 680, height: 390 };
    for (const spot of [
      { row: 0, head: 0 },
      { row: 79, head: 63 },
      { row: 40, head: 3 },
    ]) {
      const to = { ...window, ...scrollTo(grid, spot, window) };
      const { x, y } = cornerOf(grid, spot);
      expect(x - to.x).toBeGreaterThanOrEqual(grid.left);
      expect(y - to.y).toBeGreaterThanOrEqual(grid.top);
      expect(x + grid.width - to.x).toBeLessThanOrEqual(to.width);
      expect(y + grid.height - to.y).toBeLessThanOrEqual(to.height);
      expect(scrollTo(grid, spot, to)).toEqual({ x: to.x, y: to.y });
    }
  });
});

describe("keys", () => {
  const grid = layOut({ layers: [0, 1, 2], heads: [4, 4, 2], aspect: 1 }, { width: 500, height: 300 });
  const go = (from: Spot, key: string) => stepTo(grid, from, key, 2);

  it("move to the neighbour and stop at the edge", () => {
    expect(go({ row: 1, head: 1 }, "ArrowUp")).toEqual({ row: 0, head: 1 });
    expect(go({ row: 1, head: 1 }, "ArrowLeft")).toEqual({ row: 1, head: 0 });
    expect(go({ row: 0, head: 3 }, "ArrowRight")).toEqual({ row: 0, head: 3 });
    expect(go({ row: 0, head: 0 }, "ArrowUp")).toEqual({ row: 0, head: 0 });
    expect(go({ row: 0, head: 1 }, "PageDown")).toEqual({ row: 2, head: 1 });
    expect(go({ row: 0, head: 1 }, "End")).toEqual({ row: 0, head: 3 });
    expect(go({ row: 0, head: 1 }, "Home")).toEqual({ row: 0, head: 0 });
  });

  it("never reach a head that a layer does not have", () => {
    expect(go({ row: 1, head: 3 }, "ArrowDown")).toEqual({ row: 2, head: 1 });
  });

  it("leave other keys alone", () => {
    expect(go({ row: 1, head: 1 }, "d")).toBeNull();
  });
});

describe("smaller pictures", () => {
  it("keep the largest code, what is not a number, and masked where all is masked", () => {
    const codes = Uint8Array.of(
      ...[9, U8_MASKED, U8_MASKED, U8_MASKED],
      ...[3, 200, U8_MASKED, U8_MASKED],
      ...[1, 2, U8_NAN, 8],
    );
    const small = shrink(codes, 3, 4, 2, U8_MASKED);
    expect([small.rows, small.columns]).toEqual([2, 2]);
    expect([...small.codes]).toEqual([200, U8_MASKED, 2, U8_NAN]);
    expect(shrink(codes, 3, 4, 1, U8_MASKED).codes).toBe(codes);
  });
});
