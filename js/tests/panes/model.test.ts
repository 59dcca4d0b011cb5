// @vitest-environment happy-dom
// The model pane over signals: what it says, what it sets, what it takes away.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ModelThumbnails, Pane } from "../../src/core/types";
import { createModelPane } from "../../src/panes/model";
import { U8_MASKED } from "../../src/wire/schema.gen";
import { type TestExplorer, testExplorer } from "./explorer";
import { selfData } from "./sample";

const SIZE = { clientWidth: 900, clientHeight: 400 };

let host: HTMLElement;
let pane: Pane | null = null;

beforeEach(() => {
  for (const [name, value] of Object.entries(SIZE)) {
    Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
  }
  host = document.createElement("div");
  document.body.append(host);
});

afterEach(() => {
  pane?.destroy();
  pane = null;
  document.body.replaceChildren();
  for (const name of Object.keys(SIZE)) Reflect.deleteProperty(HTMLElement.prototype, name);
});

async function frame(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
}

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
  pane = createModelPane(host, explorer);
  await frame();
  return explorer;
}

const find = (selector: string) => host.querySelector<HTMLElement>(selector);
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
    expect(say(".ap-legend-note")).toBe("sampled 128 of 4,096 queries · a dot is the largest of 2 × 4 cells");
  });

  it("has ways to the other views, and closes", async () => {
    const explorer = await open(thumbnails());
    const card = find(".ap-card");
    expect(card?.hidden).toBe(false);
    const buttons = [...(card?.querySelectorAll<HTMLButtonElement>(".ap-way") ?? [])];
    expect(buttons.map((button) => button.getAttribute("aria-label"))).toEqual(["Head view", "Matrix view"]);
    buttons[1]?.click();
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

  it("takes everything away when it is destroyed", async () => {
    const explorer = await open(thumbnails());
    pane?.destroy();
    pane = null;
    expect(host.childElementCount).toBe(0);
    explorer.model.value = thumbnails({ layers: [0, 1, 2] });
    explorer.layer.value = 1;
    await frame();
    expect(host.childElementCount).toBe(0);
  });
});
