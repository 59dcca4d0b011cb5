// What JSON said is compared with shapes that the schema makes.
import { describe, expect, it } from "vitest";
import { SHAPE } from "../../src/wire/schema.gen";
import { fits, type Shape } from "../../src/wire/shape";

describe("a shape", () => {
  it.each<[unknown, Shape, boolean]>([
    ["a", "string", true],
    [1, "string", false],
    [0.5, "number", true],
    [1, "int", true],
    [0.5, "int", false],
    [2 ** 60, "int", false],
    [null, "boolean", false],
    [undefined, "any", true],
    ["f4", "=u1|i4|f4", true],
    ["f8", "=u1|i4|f4", false],
    [4, "=u1|4", false],
    [["a", "b"], ["string"], true],
    [["a", null], ["string"], false],
    [null, ["string"], false],
    [null, ["string", null], true],
    ["a", ["string", null], true],
    [[null, 1], [["int", null]], true],
    [{ a: 1, more: 2 }, { a: "int" }, true],
    [{}, { a: "int" }, false],
    [{}, { "a?": "int" }, true],
    [{ a: "1" }, { "a?": "int" }, false],
    [{ a: 1, b: 2 }, { "*": "int" }, true],
    [{ a: 1, b: "2" }, { "*": "int" }, false],
    [[1], { "*": "int" }, false],
  ])("%j as %j: %s", (value, shape, expected) => {
    expect(fits(value, shape)).toBe(expected);
  });

  it("of a snapshot's header needs what the schema needs", () => {
    expect(fits({}, SHAPE)).toBe(false);
    expect(Object.keys(SHAPE)).toContain("widths");
  });
});
