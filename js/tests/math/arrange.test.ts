// Where heads stand: every head once, there and back again, in the order that is asked for.
import { describe, expect, it } from "vitest";
import { type Arrangement, byLayer, inLines, type Place, ranked } from "../../src/math/arrange";

const MODEL = { layers: [1, 4], heads: [3, 2] };

function places(arrangement: Arrangement): Place[] {
  return arrangement.counts.flatMap((count, row) =>
    Array.from({ length: count }, (_, head) => arrangement.at({ row, head }) as Place),
  );
}

const VALUES: Readonly<Record<string, number>> = {
  "0 0": 0.2,
  "0 1": Number.NaN,
  "0 2": 0.9,
  "1 0": 0.2,
  "1 1": 0.5,
};
const value = ({ row, head }: Place) => VALUES[`${row} ${head}`] as number;

describe("arrangements", () => {
  it("by layer: a row for each layer, a column for each head", () => {
    const grid = byLayer(MODEL, null);
    expect([grid.layers, grid.columns, grid.counts, grid.total]).toEqual([[1, 4], [0, 1, 2], [3, 2], 5]);
    expect(grid.at({ row: 1, head: 2 })).toBeNull();
    expect(grid.find({ row: 1, head: 2 })).toBeNull();
  });

  it("heads that are not on offer leave no gap, and keep their numbers", () => {
    const grid = byLayer(MODEL, [0, 2, 7]);
    expect([grid.columns, grid.counts]).toEqual([
      [0, 2],
      [2, 1],
    ]);
    expect(grid.at({ row: 0, head: 1 })).toEqual({ row: 0, head: 2 });
    expect(grid.find({ row: 0, head: 1 })).toBeNull();
  });

  it("by value: the largest first, ties in the model's order, no value last", () => {
    const order = ranked(MODEL, null, value).map(({ row, head }) => `${row} ${head}`);
    expect(order).toEqual(["0 2", "1 1", "0 0", "1 0", "0 1"]);
    expect(ranked(MODEL, [1], value)).toHaveLength(2);
  });

  it.each([1, 2, 3, 5, 9])("in lines of %i, every head is found where it stands", (columns) => {
    const order = ranked(MODEL, null, value);
    const lines = inLines(order, columns);
    expect(places(lines)).toEqual(order);
    expect(lines.counts.every((count) => count <= columns)).toBe(true);
    for (const place of order) expect(lines.at(lines.find(place) as Place)).toEqual(place);
    expect(lines.at({ row: 0, head: columns })).toBeNull();
  });

  it("holds no head where none is left", () => {
    const none = inLines([], 4);
    expect([none.total, none.counts, none.at({ row: 0, head: 0 })]).toEqual([0, [], null]);
  });
});
