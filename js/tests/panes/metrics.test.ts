// @vitest-environment happy-dom
// The metrics pane over signals: what the map and the table say, and what they set.
import { describe, expect, it } from "vitest";
import type { HeadMetrics } from "../../src/core/types";
import { createMetricsPane } from "../../src/panes/metrics";
import { asText, PAGE } from "../../src/panes/metrics/table";
import { type TestExplorer, testExplorer } from "./explorer";
import { infoOf, sampleMetrics } from "./metrics-sample";
import { selfData } from "./sample";
import { frame, useStage } from "./stage";

const stage = useStage();

async function open(metrics: HeadMetrics | null, metric = "share"): Promise<TestExplorer> {
  const explorer = testExplorer(selfData());
  explorer.view.value = "metrics";
  explorer.metric.value = metric;
  explorer.metrics.value = metrics;
  stage.mount((host) => createMetricsPane(host, explorer));
  await frame();
  return explorer;
}

const find = (selector: string) => stage.host.querySelector<HTMLElement>(selector);
const all = (selector: string) => [...stage.host.querySelectorAll<HTMLElement>(selector)];
const say = (selector: string) => find(selector)?.textContent ?? "";
const cell = (name: string) => find("[role=gridcell]")?.getAttribute(`aria-${name}`);

async function press(key: string, more: KeyboardEventInit = {}): Promise<void> {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  find("[role=grid]")?.dispatchEvent(event);
  await frame();
}

async function table(): Promise<void> {
  all("[role=radio]")
    .find((button) => button.textContent === "Table")
    ?.click();
  await frame();
}

const column = (index: number) => all("tbody tr").map((row) => row.children[index]?.textContent);

describe("the map", () => {
  it("says that it waits, then what is chosen", async () => {
    const explorer = await open(null);
    expect(say(".ap-readout")).toContain("Measuring");
    explorer.metrics.value = sampleMetrics();
    await frame();
    expect(say(".ap-readout")).toContain("11 heads");
    expect(find("[role=grid]")?.getAttribute("aria-rowcount")).toBe("3");
  });

  it("says of the current head its value, its baseline, its count and its rank", async () => {
    const explorer = await open(sampleMetrics());
    expect([cell("label"), cell("selected")]).toEqual(["Layer 2, head 0", "true"]);
    expect(cell("description")).toBe("SHARE .50 · even spread .25 · over 2 queries · 5th of 11");
    explorer.metric.value = "far";
    await frame();
    expect(cell("description")).toBe("FAR 5.00 · even spread 1.50 · over 2 queries · 7th of 11");
    explorer.metric.value = "mine";
    await frame();
    expect(cell("description")).toContain("over 1 query");
    explorer.layer.value = 1;
    await frame();
    expect(cell("description")).toBe("MINE n/a: no eligible queries");
  });

  it("describes the metric and names the highest heads, which are ways to them", async () => {
    const explorer = await open(sampleMetrics());
    for (const text of [
      "formula of share",
      "eligible for share",
      "source of share",
      "sinks of share",
      "0 to 1",
    ])
      expect(say(".ap-about")).toContain(text);
    const top = all(".ap-about-go").map((button) => button.getAttribute("aria-label"));
    expect(top.slice(0, 2)).toEqual(["Layer 5, head 0: .90", "Layer 2, head 3: .80"]);
    all(".ap-about-go")[1]?.click();
    expect([explorer.layer.value, explorer.heads.value, explorer.view.value]).toEqual([2, [3], "metrics"]);
    explorer.metric.value = "far";
    await frame();
    expect(say(".ap-about")).toContain("0 tokens and more");
  });

  it("marks the even spread in the legend, what has no value, and what was sampled", async () => {
    const explorer = await open(sampleMetrics({ queries: 32_768, sampled: 128 }));
    expect(say(".ap-legend")).toContain("even spread .25");
    expect(say(".ap-legend")).toContain("sampled 128 of 32,768 queries");
    const empty = () => all(".ap-legend-item").find((item) => item.textContent?.includes("n/a"))?.hidden;
    expect(empty()).toBe(true);
    explorer.metric.value = "mine";
    await frame();
    expect(empty()).toBe(false);
  });

  it("chooses the metric, the user's own apart", async () => {
    const explorer = await open(sampleMetrics());
    const groups = all("optgroup").map((group) => [group.getAttribute("label"), group.children.length]);
    expect(groups).toEqual([
      ["Metrics", 2],
      ["Your detectors", 1],
    ]);
    explorer.cut.value = 0.5;
    const select = find("select") as HTMLSelectElement;
    select.value = "far";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    expect([explorer.metric.value, explorer.cut.value]).toEqual(["far", null]);
  });

  it("moves by keys, goes to the head with Enter, pins with p", async () => {
    const explorer = await open(sampleMetrics());
    await press("ArrowDown");
    await press("ArrowRight");
    expect(cell("label")).toBe("Layer 5, head 1");
    await press("p");
    expect(explorer.pinned.value).toEqual([{ site: "decoder", layer: 5, head: 1 }]);
    await press("p");
    expect(explorer.pinned.value).toEqual([]);
    await press("Enter");
    expect([explorer.layer.value, explorer.heads.value, explorer.view.value]).toEqual([5, [1], "head"]);
  });

  it("offers the heads that the filter offers, and layers that have fewer", async () => {
    const explorer = await open(sampleMetrics());
    explorer.filters.value = { ...explorer.filters.value, heads: [1, 3] };
    await frame();
    expect(say(".ap-readout")).toContain("5 heads");
    await press("End");
    expect(cell("label")).toBe("Layer 2, head 3");
    await press("ArrowDown");
    expect(cell("label")).toBe("Layer 5, head 1");
  });
});

describe("the table", () => {
  it("has one row per head, named for a reader of it", async () => {
    await open(sampleMetrics({ queries: 10, sampled: 4 }));
    await table();
    expect(column(0)).toEqual(["1", "1", "1", "1", "2", "2", "2", "2", "5", "5", "5"]);
    expect(all("thead th").map((th) => [th.getAttribute("scope"), th.textContent])).toEqual([
      ["col", "Layer"],
      ["col", "Head"],
      ["col", "SHARE"],
      ["col", "FAR (tokens)"],
      ["col", "MINE"],
    ]);
    expect(all("tbody th").every((th) => th.getAttribute("scope") === "row")).toBe(true);
    expect(find("tbody th button")?.getAttribute("aria-label")).toBe("Layer 1, head 0");
    expect(say("caption")).toBe("3 metrics of 11 heads · sampled 4 of 10 queries");
    expect(column(4).slice(3, 5)).toEqual(["n/a", ".30"]);
    expect(find("tr[aria-current]")?.textContent).toContain("20.50");
  });

  it("sorts by any column, both ways, and puts what has no value last", async () => {
    await open(sampleMetrics());
    await table();
    const sort = async (index: number) => {
      all("thead button")[index]?.click();
      await frame();
      return all("thead th")[index]?.getAttribute("aria-sort");
    };
    expect(await sort(2)).toBe("descending");
    expect(column(2).slice(0, 2)).toEqual([".90", ".80"]);
    expect(await sort(2)).toBe("ascending");
    expect(column(2)[0]).toBe(".05");
    expect(await sort(4)).toBe("descending");
    expect(column(4).slice(0, 3)).toEqual([".60", ".30", "n/a"]);
    expect(await sort(4)).toBe("ascending");
    expect(column(4).slice(0, 3)).toEqual([".30", ".60", "n/a"]);
    expect(all("[aria-sort]")).toHaveLength(1);
  });

  it("goes to the head of a row", async () => {
    const explorer = await open(sampleMetrics());
    await table();
    all("tbody button")[9]?.click();
    expect([explorer.layer.value, explorer.heads.value]).toEqual([5, [1]]);
    all("tbody tr")[0]?.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
    expect([explorer.layer.value, explorer.heads.value, explorer.view.value]).toEqual([1, [0], "head"]);
  });

  it("turns pages where there are many heads", async () => {
    const layers = Array.from({ length: 9 }, (_, layer) => layer);
    const of = (_: number, row: number, head: number) => ({ value: row + head / 100, baseline: 0, count: 1 });
    const many = { layers, heads: layers.map(() => 64), metrics: [infoOf("share")], of };
    await open(sampleMetrics(many));
    await table();
    expect(all("tbody tr")).toHaveLength(PAGE);
    expect(say(".ap-table-shown")).toBe("1 to 200 of 576 heads");
    const next = all(".ap-table-foot button")[1] as HTMLButtonElement;
    next.click();
    next.click();
    expect(say(".ap-table-shown")).toBe("401 to 576 of 576 heads");
    expect(next.disabled).toBe(true);
  });

  it("is copied with tabs, every page of it, as it is sorted", async () => {
    const places = [
      { row: 2, head: 0 },
      { row: 0, head: 1 },
    ];
    expect(asText(sampleMetrics(), places)).toBe(
      "layer\thead\tshare\tfar\tmine\n5\t0\t0.9\t9\t0.6\n1\t1\t0.2\t2\t",
    );
    let copied = "";
    Object.defineProperty(navigator, "clipboard", {
      configurable: true,
      value: {
        writeText: async (text: string) => {
          copied = text;
        },
      },
    });
    await open(sampleMetrics());
    await table();
    all("thead button")[2]?.click();
    all(".ap-table-foot button")[2]?.click();
    await frame();
    expect(copied.split("\n")).toHaveLength(12);
    expect(copied.split("\n")[1]).toBe("5\t0\t0.9\t9\t0.6");
    expect(say(".ap-table-shown")).toBe("copied 11 rows");
  });
});

describe("values that are read on", () => {
  const sampled = (read: number, shift: number): HeadMetrics => {
    const whole = sampleMetrics();
    return {
      ...whole,
      queries: 32_768,
      sampled: read,
      of: (metric, row, head) => {
        const one = whole.of(metric, row, head);
        return { ...one, value: one.value + shift * (row + head), margin: 0.03 };
      },
    };
  };
  const rest = () => new Promise((resolve) => setTimeout(resolve));

  it("come with their intervals and the size of the sample", async () => {
    await open(sampled(128, 0));
    expect(cell("description")).toContain("SHARE .50 ± .03 · even spread .25");
    expect(say(".ap-legend-note")).toBe("sampled 128 of 32,768 queries");
  });

  it("change nobody's place while the table or the list is in use", async () => {
    const explorer = await open(sampled(128, 0));
    const options = all("option");
    await table();
    all("th button")[2]?.click();
    const focused = all("tbody button")[0] as HTMLElement;
    focused.focus();
    const before = column(2);
    explorer.metrics.value = sampled(256, -1);
    await frame();
    expect(document.activeElement).toBe(focused);
    expect(column(2)).toEqual(before);
    expect(say("caption")).toContain("sampled 128 of");
    expect(all("option")).toEqual(options);
    focused.blur();
    await rest();
    await frame();
    expect(column(2)).not.toEqual(before);
    expect(say("caption")).toContain("sampled 256 of");
  });
});
