// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RowLook, TokenColumn } from "../../src/panes/head/column";
import { tokensOf } from "./sample";

const LOOK: RowLook = { box: null, tone: "plain", number: "", swatch: null, pressed: false };

function place(height: number) {
  return { left: 0, top: 0, width: 200, height, row: 20, indexWidth: 30, numberWidth: 50 };
}

describe("a token column", () => {
  let abort: AbortController;
  let column: TokenColumn;
  let events: string[];
  beforeEach(() => {
    abort = new AbortController();
    events = [];
    column = new TokenColumn(
      "query",
      "Query tokens",
      {
        hover: (index) => events.push(`hover ${index}`),
        hold: (index) => events.push(`hold ${index}`),
        scrolled: () => events.push("scrolled"),
        cross: (index) => events.push(`cross ${index}`),
      },
      abort.signal,
    );
    document.body.append(column.scroller);
  });
  afterEach(() => {
    abort.abort();
    document.body.replaceChildren();
  });

  const buttons = () => [...column.scroller.querySelectorAll<HTMLButtonElement>("button")];
  const press = (key: string) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    document.activeElement?.dispatchEvent(event);
    return event;
  };

  it("makes buttons for the rows in sight only, in order, and says how many there are", () => {
    column.layout(tokensOf(Array.from({ length: 2000 }, (_, i) => ` t${i}`)), place(200));
    column.render(() => LOOK);
    const labels = buttons().map((button) => Number(button.dataset.index));
    expect(labels.length).toBeGreaterThanOrEqual(10);
    expect(labels.length).toBeLessThan(25);
    expect([...labels].sort((a, b) => a - b)).toEqual(labels);
    expect(buttons()[0]?.parentElement?.getAttribute("aria-setsize")).toBe("2000");
    column.scroller.scrollTop = 20_000;
    column.render(() => LOOK);
    const after = buttons().map((button) => Number(button.dataset.index));
    expect(after).toContain(1000);
    expect([...after].sort((a, b) => a - b)).toEqual(after);
  });

  it("has one tab stop, which the arrow keys move, and stays inside the list", () => {
    column.layout(tokensOf(["a", " b", " c"]), place(200));
    column.render(() => LOOK);
    const stops = () => buttons().filter((button) => button.tabIndex === 0);
    expect(stops().map((button) => button.dataset.index)).toEqual(["0"]);
    stops()[0]?.focus();
    expect(press("ArrowDown").defaultPrevented).toBe(true);
    expect(stops().map((button) => button.dataset.index)).toEqual(["1"]);
    expect((document.activeElement as HTMLElement).dataset.index).toBe("1");
    press("End");
    press("ArrowDown");
    expect((document.activeElement as HTMLElement).dataset.index).toBe("2");
    press("Home");
    expect((document.activeElement as HTMLElement).dataset.index).toBe("0");
  });

  it("reaches rows that did not exist before", () => {
    column.layout(tokensOf(Array.from({ length: 500 }, (_, i) => ` t${i}`)), place(200));
    column.render(() => LOOK);
    column.focusRow(0);
    press("End");
    expect((document.activeElement as HTMLElement).dataset.index).toBe("499");
  });

  it("crosses to the other column, and leaves other keys to others", () => {
    column.layout(tokensOf(["a", " b"]), place(200));
    column.render(() => LOOK);
    column.focusRow(1);
    press("ArrowRight");
    expect(events).toContain("cross 1");
    expect(press("x").defaultPrevented).toBe(false);
    const withControl = new KeyboardEvent("keydown", {
      key: "ArrowDown",
      ctrlKey: true,
      bubbles: true,
      cancelable: true,
    });
    document.activeElement?.dispatchEvent(withControl);
    expect(withControl.defaultPrevented).toBe(false);
  });

  it("holds on click, previews under the pointer, and shows each row's look", () => {
    column.layout(tokensOf(["a", " b"]), place(200));
    column.render((index) => ({ ...LOOK, number: index === 1 ? ".948" : "", pressed: index === 1 }));
    const [, second] = buttons();
    second?.querySelector(".ap-label")?.dispatchEvent(new Event("pointerover", { bubbles: true }));
    second?.click();
    expect(events).toEqual(expect.arrayContaining(["hover 1", "hold 1"]));
    expect(second?.getAttribute("aria-pressed")).toBe("true");
    expect(second?.querySelector(".ap-number")?.textContent).toBe(".948");
  });

  it("writes tokens as text, never as markup", () => {
    column.layout(tokensOf(["<img src=x onerror=alert(1)>"]), place(200));
    column.render(() => LOOK);
    expect(column.scroller.querySelector("img")).toBeNull();
    expect(buttons()[0]?.querySelector(".ap-label")?.textContent).toBe("<img src=x onerror=alert(1)>");
  });

  it("is deaf once its signal has aborted", () => {
    column.layout(tokensOf(["a"]), place(200));
    column.render(() => LOOK);
    abort.abort();
    buttons()[0]?.click();
    expect(events).toEqual([]);
  });
});
