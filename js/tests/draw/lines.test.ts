import { describe, expect, it } from "vitest";
import { slotOffset } from "../../src/draw/lines";

describe("slotOffset", () => {
  it("spreads heads evenly around the middle of the row and stays inside it", () => {
    for (let slots = 1; slots <= 32; slots++) {
      for (const row of [18, 22, 28]) {
        const offsets = Array.from({ length: slots }, (_, slot) => slotOffset(slot, slots, row));
        expect(offsets.reduce((sum, offset) => sum + offset, 0)).toBeCloseTo(0);
        expect(new Set(offsets.map((offset) => offset.toFixed(6))).size).toBe(slots);
        expect(Math.max(...offsets)).toBeLessThanOrEqual((row - 6) / 2);
      }
    }
  });
});
