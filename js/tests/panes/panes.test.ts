// @vitest-environment happy-dom
// The panes over signals: what their text says. Pixels are looked at in Chromium, by the gallery's tests.
import { describe, expect, it } from "vitest";
import { panes } from "../../src/panes";
import type { View } from "../../src/wire/schema.gen";
import { type TestExplorer, testExplorer } from "./explorer";
import { crossData, selfData } from "./sample";
import { frame, useStage } from "./stage";

const stage = useStage(700);

async function open(view: View, explorer: TestExplorer): Promise<void> {
  stage.mount((host) => panes[view](host, explorer));
  await frame();
}

function point(element: Element | null | undefined, type: string): void {
  element?.dispatchEvent(new Event(type, { bubbles: true }));
}

function say(selector: string): string {
  return stage.host.querySelector(selector)?.textContent ?? "";
}

describe.each<View>(["head", "matrix", "text"])("the %s pane", (view) => {
  it("waits for data without a word, and takes it when it comes", async () => {
    const explorer = testExplorer(null);
    await open(view, explorer);
    expect(stage.host.querySelectorAll("button.ap-token, .ap-word, figure")).toHaveLength(0);
    explorer.data.value = selfData();
    await frame();
    expect(stage.host.querySelectorAll("button.ap-token, .ap-word, figure").length).toBeGreaterThan(1);
  });

  it("takes everything away when it is destroyed, also what points at a token", async () => {
    const explorer = testExplorer(selfData());
    await open(view, explorer);
    explorer.hover.value = { query: 1, key: null };
    await frame();
    stage.clear();
    expect(stage.host.childElementCount).toBe(0);
    expect(explorer.hover.value).toBeNull();
    explorer.data.value = crossData();
    explorer.hover.value = { query: 0, key: 1 };
    await frame();
    expect(stage.host.childElementCount).toBe(0);
  });

  it("bears a focus that lies outside a shorter record", async () => {
    const explorer = testExplorer(selfData());
    await open(view, explorer);
    explorer.hold({ query: 2, key: 2 });
    await frame();
    explorer.data.value = crossData();
    await frame();
    explorer.hold({ query: 40, key: 50 });
    await frame();
    expect(stage.host.childElementCount).toBe(1);
  });
});

describe("the head pane", () => {
  const query = (index: number) => stage.host.querySelectorAll(".ap-column-query .ap-token")[index];
  const key = (index: number) => stage.host.querySelectorAll(".ap-column-key .ap-token")[index];

  it("shows what the token under the pointer looks at, approximately until the exact row is there", async () => {
    const explorer = testExplorer(selfData({ error: 0.004 }));
    await open("head", explorer);
    point(query(1), "pointerover");
    await frame();
    expect(explorer.hover.value).toEqual({ query: 1, key: null });
    expect(key(1)?.querySelector(".ap-number")?.textContent).toBe("≈.75");
    expect(key(1)?.getAttribute("aria-label")).toBe("key 1: cat, weight ≈.75");
    expect(key(2)?.getAttribute("data-tone")).toBe("masked");
    const row = { site: "decoder", layer: 2, query: 1, scores: null, sink: 0 } as const;
    explorer.exact.value = [
      { ...row, head: 0, weights: Float32Array.from([0.249, 0.751, -1]) },
      { ...row, head: 3, weights: Float32Array.from([0.5, 0.25, -1]) },
    ];
    await frame();
    expect(key(1)?.querySelector(".ap-number")?.textContent).toBe(".751");
  });

  it("holds on click, reads a key as a cell of the held row, and lets go of it step by step", async () => {
    const explorer = testExplorer(selfData());
    await open("head", explorer);
    const click = (element: Element | undefined) => (element as HTMLElement).click();
    click(query(2));
    expect(explorer.selection.value).toEqual({ query: 2, key: null, locked: true });
    click(key(1));
    expect(explorer.selection.value).toEqual({ query: 2, key: 1, locked: true });
    click(key(1));
    expect(explorer.selection.value).toEqual({ query: 2, key: null, locked: true });
    click(query(2));
    expect(explorer.selection.value.locked).toBe(false);
    click(key(1));
    expect(explorer.selection.value).toEqual({ query: null, key: 1, locked: true });
    await frame();
    expect(key(1)?.getAttribute("aria-pressed")).toBe("true");
    expect(query(2)?.querySelector(".ap-number")?.textContent).toBe(".750");
  });

  it("says what the threshold hides", async () => {
    const explorer = testExplorer(selfData());
    explorer.threshold.value = 0.3;
    await open("head", explorer);
    explorer.hold({ query: 2, key: null });
    await frame();
    // Head 0 hides two weights of .25, head 3 one of .125.
    expect(say(".ap-note")).toContain("3 lines below .3 hidden, 31 % of the weight");
  });

  it("shows the sink and its mass, and no sink where there is none", async () => {
    const explorer = testExplorer(selfData({ sinks: true }));
    await open("head", explorer);
    explorer.hold({ query: 0, key: null });
    await frame();
    expect(stage.host.querySelector<HTMLElement>(".ap-sink")?.hidden).toBe(false);
    expect(say(".ap-sink .ap-number")).toBe(".500");
    explorer.data.value = selfData();
    await frame();
    expect(stage.host.querySelector<HTMLElement>(".ap-sink")?.hidden).toBe(true);
  });

  it("numbers the keys only where they are other tokens", async () => {
    const explorer = testExplorer(crossData());
    await open("head", explorer);
    const place = () =>
      stage.host.querySelector<HTMLElement>(".ap-column-key")?.style.getPropertyValue("--index");
    expect(place()).not.toBe("0px");
    explorer.data.value = selfData();
    await frame();
    expect(place()).toBe("0px");
  });
});

describe("the matrix pane", () => {
  const surface = () => stage.host.querySelector<HTMLElement>("canvas[role=application]");
  const press = (key: string) =>
    surface()?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

  it("moves a cell by keyboard, reads it out, and holds it", async () => {
    const explorer = testExplorer(selfData());
    await open("matrix", explorer);
    expect(surface()?.getAttribute("aria-label")).toBe("Head 0, 3 queries by 3 keys");
    press("ArrowDown");
    expect(explorer.hover.value).toEqual({ query: 0, key: 0 });
    press("ArrowDown");
    press("ArrowRight");
    press("ArrowLeft");
    press("ArrowRight");
    await frame();
    expect(explorer.hover.value).toEqual({ query: 1, key: 1 });
    expect(surface()?.getAttribute("aria-label")).toContain("query 1 cat, key 1 cat: .750");
    expect(say(".ap-readout")).toBe("“cat” → “cat”: head 0 .750, head 3 .250");
    press("End");
    await frame();
    expect(say(".ap-readout")).toContain("out of reach");
    press("Enter");
    expect(explorer.selection.value).toEqual({ query: 1, key: 2, locked: true });
  });

  it("shows four heads and says that there are more", async () => {
    const data = selfData();
    const [first] = data.patterns;
    if (first === undefined) throw new Error("the sample has heads");
    const patterns = Array.from({ length: 6 }, (_, head) => ({ ...first, head }));
    await open("matrix", testExplorer({ ...data, patterns }));
    expect(stage.host.querySelectorAll("figure")).toHaveLength(4);
    expect(say(".ap-readout")).toContain("showing 4 of 6 chosen heads");
  });

  it("zooms with buttons and keys, and back", async () => {
    const data = selfData();
    const long = { ...data, patterns: data.patterns.map((one) => ({ ...one, queries: 100, keys: 100 })) };
    await open("matrix", testExplorer(long));
    const named = (name: string) =>
      stage.host.querySelector<HTMLButtonElement>(`button[aria-label="${name}"]`);
    expect(named("Zoom out")?.disabled).toBe(true);
    named("Zoom in")?.click();
    await frame();
    expect(named("Whole matrix")?.textContent).toBe("1.6×");
    press("+");
    await frame();
    expect(named("Whole matrix")?.textContent).toBe("2.6×");
    named("Whole matrix")?.click();
    await frame();
    expect(named("Whole matrix")?.textContent).toBe("1×");
  });
});

describe("the text pane", () => {
  const words = () => [...stage.host.querySelectorAll<HTMLElement>(".ap-word")];

  it("says what its colours are, and turns around with the direction", async () => {
    const explorer = testExplorer(selfData());
    await open("text", explorer);
    expect(say(".ap-readout")).toContain("mean weight that each token gets");
    expect(say(".ap-legend-title")).toBe("mean of heads 0 and 3, linear scale");
    point(words()[1], "pointerover");
    await frame();
    expect(explorer.hover.value).toEqual({ query: 1, key: null });
    expect(say(".ap-readout")).toBe("what “cat” looks at: cat .500, The .375");
    expect(words()[2]?.dataset.state).toBe("masked");
    explorer.direction.value = "to";
    await frame();
    expect(say(".ap-readout")).toBe("what looks at “cat”: cat .500, sat .500");
    expect(words()[0]?.dataset.state).toBe("masked");
  });

  it("holds and lets go on click, in the role that the direction asks for", async () => {
    const explorer = testExplorer(selfData());
    explorer.direction.value = "to";
    await open("text", explorer);
    words()[2]?.click();
    expect(explorer.selection.value).toEqual({ query: null, key: 2, locked: true });
    await frame();
    expect(words()[2]?.getAttribute("aria-selected")).toBe("true");
    words()[2]?.click();
    expect(explorer.selection.value.locked).toBe(false);
  });

  it("shows both texts in cross attention, each colouring the other", async () => {
    const explorer = testExplorer(crossData());
    await open("text", explorer);
    const texts = [...stage.host.querySelectorAll<HTMLElement>(".ap-flow")].filter(({ hidden }) => !hidden);
    expect(texts.map((flow) => flow.textContent)).toEqual(["Die Katze", "The cat sat"]);
    point(texts[0]?.querySelector('[data-index="1"]'), "pointerover");
    await frame();
    expect(say(".ap-readout")).toBe("what “Katze” looks at: cat .750, The .125, sat .125");
    point(texts[1]?.querySelector('[data-index="0"]'), "pointerover");
    await frame();
    expect(say(".ap-readout")).toBe("what looks at “The”: Die .500, Katze .125");
  });
});
