// Which keys the host may see.
import { describe, expect, it } from "vitest";
import { belongsToHost } from "../../src/ui/keys";

function press(key: string, ...held: ("ctrlKey" | "metaKey" | "altKey")[]) {
  const event = { key, ctrlKey: false, metaKey: false, altKey: false };
  for (const name of held) event[name] = true;
  return belongsToHost(event);
}

describe("belongsToHost", () => {
  it.each(["d", "a", "x", "Enter", "Escape", "ArrowUp", "0", " ", "?", "Tab", "Delete"])(
    "%s stays here",
    (key) => {
      expect(press(key)).toBe(false);
      expect(press(key, "altKey")).toBe(false);
    },
  );
  it.each(["s", "S", "b", "p", "f", "/"])("Ctrl or Cmd + %s is the host's", (key) => {
    expect([press(key, "ctrlKey"), press(key, "metaKey")]).toEqual([true, true]);
  });
  it.each(["Enter", "a", "A", "c", "v", "z", "Z", "m", "ArrowDown", "Backspace"])(
    "Ctrl + %s stays here",
    (key) => {
      expect(press(key, "ctrlKey")).toBe(false);
    },
  );
  it("AltGr types a character", () => {
    expect(press("[", "ctrlKey", "altKey")).toBe(false);
  });
  it("function keys are the host's", () => {
    expect([press("F1"), press("F12")]).toEqual([true, true]);
  });
});
