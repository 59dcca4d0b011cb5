// @vitest-environment happy-dom
// The model pane over signals: what it says, what it sets, what it takes away.
import { describe, expect, it } from "vitest";
import type { ModelThumbnails } from "../../src/core/types";
import { createModelPane } from "../../src/panes/model";
import { U8_MASKED } from "../../src/wire/schema.gen";
import { type TestExplorer, testExplorer } from "./explorer";
import { sampleMetrics } from "./metrics-sample";
import { selfData } from "./sample";
import { frame, useStage } from "./stage";

const stage = useStage();

/** Layers 1, 2 and 5 of four heads over three tokens; head 1 of layer 5 links "sat" to "cat". */
function thumbnails(more: Partial<ModelThumbnails> = {}): ModelThumbnails {
  const M = U8_MASKED;
  const plain = Uint8Array.of(253, M, M, 127, 127, M, 90, 90, 90);
  const linked = Uint8Array.of(253, M, M, 127, 127, M, 60, 240, 60);
  return {
    record: "r",
    site: "decoder",
    layers: [1, 2, 5],
    heads: [4, 4, 4],
    size: [3, 3],
    pooled: [1, 1],
    queries: 3,
    sampled: 3,
    codes: (row, head) => (row === 2 && head === 1 ? linked : plain),
    ...more,
  };
}

async function open(model: ModelThumbnails | null): Promise<TestExplorer> {
  const explorer = testExplorer(selfData());
  explorer.model.value = model;
  stage.mount((host) => createModelPane(host, explorer));
  await frame();
  return explorer;
}

const find = (selector: string) => stage.host.querySelector<HTMLElement>(selector);
const say = (selector: string) => find(selector)?.textContent ?? "";
const name = () => find("[role=gridcell]")?.getAttribute("aria-label");

async function press(key: string): Promise<void> {
  find("[role=grid]")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  await frame();
}

describe("the model pane", () => {
  it("says that it waits, then how many heads there are", async () => {
    const explorer = await open(null);
    expect(say(".ap-readout")).toContain("Computing");
    explorer.model.value = thumbnails();
    await frame();
    expect(say(".ap-readout")).toContain("12 heads in 3 layers");
    expect(find("[role=grid]")?.getAttribute("aria-rowcount")).toBe("3");
    expect(find("[role=grid]")?.getAttribute("aria-colcount")).toBe("4");
  });

  it("stands at the explorer's layer and head, and follows them", async () => {
    const explorer = await open(thumbnails());
    expect(name()).toBe("Layer 2, head 0");
    explorer.layer.value = 5;
    explorer.heads.value = [3];
    await frame();
    expect(name()).toBe("Layer 5, head 3");
    expect(find("[role=gridcell]")?.getAttribute("aria-selected")).toBe("true");
  });

  it("moves by keys, opens with Space, goes to the head view with Enter", async () => {
    const explorer = await open(thumbnails());
    await press("ArrowDown");
    await press("ArrowRight");
    expect(name()).toBe("Layer 5, head 1");
    expect(explorer.layer.value).toBe(2);
    expect(find("[role=gridcell]")?.getAttribute("aria-selected")).toBe("false");
    await press(" ");
    expect([explorer.layer.value, explorer.heads.value]).toEqual([5, [1]]);
    expect(find(".ap-card")?.hidden).toBe(false);
    expect(say(".ap-card-title")).toBe("Layer 5, head 1");
    expect(explorer.view.value).toBe("head");
    explorer.view.value = "model";
    await press("ArrowLeft");
    await press("Enter");
    expect([explorer.layer.value, explorer.heads.value, explorer.view.value]).toEqual([5, [0], "head"]);
  });

  it("tells the strongest link of a head that is not the current one, with its error", async () => {
    const explorer = await open(thumbnails());
    explorer.layer.value = 5;
    explorer.heads.value = [1];
    await frame();
    expect(say(".ap-card")).toContain("strongest: sat → cat ≈.90");
  });

  it("says nothing of links where a dot stands for several cells, but says so", async () => {
    const explorer = await open(thumbnails({ pooled: [2, 4], queries: 4096, sampled: 128 }));
    explorer.layer.value = 5;
    await frame();
    expect(say(".ap-card")).not.toContain("strongest");
    expect(say(".ap-legend-note")).toBe(
      "sampled 128 of 4,096 queries · a dot is the largest of about 2 × 4 cells",
    );
  });

  it("has ways to the other views, and closes", async () => {
    const explorer = await open(thumbnails());
    const card = find(".ap-card");
    expect(card?.hidden).toBe(false);
    const buttons = [...(card?.querySelectorAll<HTMLButtonElement>(".ap-way") ?? [])];
    expect(buttons.map((button) => button.getAttribute("aria-label"))).toEqual([
      "Head view",
      "Neuron view",
      "Matrix view",
    ]);
    buttons[2]?.click();
    expect(explorer.view.value).toBe("matrix");
    await press("Escape");
    expect(card?.hidden).toBe(true);
  });

  it("shows no card while no head is chosen, and shows it again after", async () => {
    const explorer = await open(thumbnails());
    explorer.heads.value = [];
    await frame();
    expect(find(".ap-card")?.hidden).toBe(true);
    explorer.heads.value = [2];
    await frame();
    expect(find(".ap-card")?.hidden).toBe(false);
  });

  describe("with metrics", () => {
    async function measured(): Promise<TestExplorer> {
      const explorer = await open(thumbnails({ heads: [4, 4, 3] }));
      explorer.metric.value = "share";
      explorer.metrics.value = sampleMetrics();
      await frame();
      return explorer;
    }

    it("says in the card and of the cell what was measured", async () => {
      await measured();
      expect(find("[role=gridcell]")?.getAttribute("aria-description")).toContain("SHARE .50");
      expect(say(".ap-card-measures")).toContain("SHARE .50 (even spread .25)");
    });

    it("stands in the order of the metric, each head with its own numbers", async () => {
      const explorer = await measured();
      explorer.order.value = "metric";
      await frame();
      expect(say(".ap-readout")).toContain("SHARE, highest first");
      await press("Home");
      for (let i = 0; i < 3; i++) await press("ArrowUp");
      await press("Home");
      const seen = [name()];
      await press("ArrowRight");
      seen.push(name());
      expect(seen).toEqual(["Layer 5, head 0", "Layer 2, head 3"]);
      await press("Enter");
      expect([explorer.layer.value, explorer.heads.value]).toEqual([2, [3]]);
    });

    it("counts the heads above a limit, and drops the others from the order", async () => {
      const explorer = await measured();
      explorer.cut.value = 0.5;
      await frame();
      expect(say(".ap-readout")).toContain("5 of 11 heads ≥ .50");
      expect(find("[role=grid]")?.getAttribute("aria-rowcount")).toBe("3");
      explorer.order.value = "metric";
      await frame();
      const grid = find("[role=grid]");
      expect(
        Number(grid?.getAttribute("aria-rowcount")) * Number(grid?.getAttribute("aria-colcount")),
      ).toBeLessThan(11);
      explorer.cut.value = 0.95;
      await frame();
      expect(say(".ap-readout")).toContain("0 of 11 heads ≥ .95");
      expect(name()).toBe("No head");
      await press("Enter");
      expect(explorer.layer.value).toBe(2);
    });

    it("sets order and limit by its controls", async () => {
      const explorer = await measured();
      [...stage.host.querySelectorAll<HTMLElement>("[role=radio]")]
        .find((one) => one.textContent === "by metric")
        ?.click();
      expect(explorer.order.value).toBe("metric");
      const slider = find("input[type=range]") as HTMLInputElement;
      slider.value = "25";
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      expect(explorer.cut.value).toBe(0.25);
      expect(slider.getAttribute("aria-valuetext")).toBe(".25");
      slider.value = "0";
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      expect(explorer.cut.value).toBeNull();
    });

    it("measures of another record say nothing of this one", async () => {
      const explorer = await open(thumbnails({ heads: [4, 4, 3] }));
      explorer.metrics.value = sampleMetrics({ record: "before" });
      explorer.order.value = "metric";
      await frame();
      expect(say(".ap-readout")).toContain("measuring");
      expect(find("[role=gridcell]")?.getAttribute("aria-description") ?? "").not.toContain("SHARE");
    });

    it("pins the head at the cursor, and offers what the filter offers", async () => {
      const explorer = await measured();
      await press("ArrowRight");
      await press("p");
      expect(explorer.pinned.value).toEqual([{ site: "decoder", layer: 2, head: 1 }]);
      expect(explorer.heads.value).toEqual([0, 3]);
      explorer.filters.value = { ...explorer.filters.value, heads: [0, 3] };
      await frame();
      expect(find("[role=grid]")?.getAttribute("aria-colcount")).toBe("2");
      expect(say(".ap-readout")).toContain("5 heads in 3 layers");
    });
  });

  it("takes everything away when it is destroyed", async () => {
    const explorer = await open(thumbnails());
    stage.clear();
    expect(stage.host.childElementCount).toBe(0);
    explorer.model.value = thumbnails({ layers: [0, 1, 2] });
    explorer.layer.value = 1;
    await frame();
    expect(stage.host.childElementCount).toBe(0);
  });
});

it("keeps heads in their places while the grid is in use, and sorts again after", async () => {
  const explorer = await open(thumbnails());
  const sampled = (read: number, best: number) => ({
    ...sampleMetrics({ queries: 4096, sampled: read }),
    of: (_: number, row: number, head: number) => {
      return { value: 4 * row + head === best ? 0.9 : 0.1, baseline: 0.1, count: 9, margin: 0.02 };
    },
  });
  explorer.order.value = "metric";
  explorer.metrics.value = sampled(16, 5);
  await frame();
  const grid = find("[role=grid]") as HTMLElement;
  grid.focus();
  await press("Home");
  expect(name()).toBe("Layer 2, head 1");
  expect(find("[role=gridcell]")?.getAttribute("aria-description")).toContain("SHARE .90 ± .02");
  explorer.metrics.value = sampled(32, 2);
  await frame();
  await press("End");
  await press("Home");
  expect(name()).toBe("Layer 2, head 1");
  expect(find("[role=gridcell]")?.getAttribute("aria-description")).toContain("SHARE .10 ± .02");
  grid.blur();
  await new Promise((resolve) => setTimeout(resolve));
  await frame();
  grid.focus();
  await press("Home");
  expect(name()).toBe("Layer 1, head 2");
});
