// @vitest-environment happy-dom
// Head views side by side: how many in a row, which are there, and what they share.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Compared, Pane } from "../../src/core/types";
import { createHeadPanes, panelColumns } from "../../src/panes/head/compare";
import { type TestExplorer, testExplorer } from "./explorer";
import { selfData } from "./sample";

describe("panelColumns", () => {
  it.each([
    [2, 909, 2],
    [3, 909, 3],
    [4, 909, 2],
    [5, 909, 3],
    [2, 537, 2],
    [3, 537, 2],
    [3, 480, 1],
    [1, 100, 1],
  ])("%i panels in %i pixels: %i columns", (count, width, columns) => {
    expect(panelColumns(count, width)).toBe(columns);
  });
});

describe("head views side by side", () => {
  let host: HTMLElement;
  let explorer: TestExplorer;
  let pane: Pane;

  const data = selfData();
  const panel = (key: string, more: Partial<Compared> = {}): Compared => ({
    key,
    layer: 2,
    heads: [0],
    data,
    pinned: true,
    ...more,
  });
  const names = () =>
    [...host.querySelectorAll('[role="group"]')].map((one) => one.getAttribute("aria-label"));

  beforeEach(() => {
    host = document.createElement("div");
    document.body.append(host);
    explorer = testExplorer(data);
    pane = createHeadPanes(host, explorer);
  });
  afterEach(() => {
    pane.destroy();
    expect(host.childElementCount).toBe(0);
    host.remove();
  });

  it("one head view until two can be compared", () => {
    explorer.comparing.value = true;
    expect(host.querySelectorAll(".ap-head")).toHaveLength(1);
    explorer.compared.value = [panel("a")];
    expect(host.querySelectorAll(".ap-head")).toHaveLength(1);
    explorer.compared.value = [panel("a"), panel("b", { layer: 5, heads: [1, 3], pinned: false })];
    expect(names()).toEqual(["Layer 2, head 0", "Layer 5, heads 1, 3"]);
    expect(host.querySelectorAll(".ap-head")).toHaveLength(2);
    explorer.comparing.value = false;
    expect(names()).toEqual([]);
    expect(host.querySelectorAll(".ap-head")).toHaveLength(1);
  });

  it("keeps the panels that stay, and says which are not here yet", () => {
    explorer.comparing.value = true;
    explorer.compared.value = [panel("a"), panel("b", { data: null })];
    const [first, second] = host.querySelectorAll(".ap-compare-panel");
    expect(second?.hasAttribute("data-waiting")).toBe(true);
    explorer.compared.value = [panel("b"), panel("a"), panel("c")];
    expect(second?.hasAttribute("data-waiting")).toBe(false);
    const now = [...host.querySelectorAll<HTMLElement>(".ap-compare-panel")];
    expect([now[0] === first, now[1] === second, now.length]).toEqual([true, true, 3]);
    expect(now.map(({ style }) => style.order)).toEqual(["1", "0", "2"]);
  });

  it("a column that scrolls takes the same columns along, and only those", () => {
    explorer.comparing.value = true;
    explorer.compared.value = [panel("a"), panel("b")];
    const columns = [...host.querySelectorAll<HTMLElement>(".ap-column")];
    expect(columns.map(({ className }) => className.split("-").at(-1))).toEqual([
      "query",
      "key",
      "query",
      "key",
    ]);
    (columns[0] as HTMLElement).scrollTop = 40;
    columns[0]?.dispatchEvent(new Event("scroll"));
    expect(columns.map(({ scrollTop }) => scrollTop)).toEqual([40, 0, 40, 0]);
  });
});
