// @vitest-environment happy-dom
// The neuron pane over signals: what it says, what it sets, what it takes away.
import { describe, expect, it } from "vitest";
import type { ScoreTerms } from "../../src/core/types";
import { createNeuronPane } from "../../src/panes/neuron";
import { formatHeads } from "../../src/panes/neuron/words";
import { MASKED } from "../../src/wire/schema.gen";
import { type TestExplorer, testExplorer } from "./explorer";
import { selfData } from "./sample";
import { frame, useStage } from "./stage";

const stage = useStage();

/** "sat" over "The", "cat" and "sat": scores 1, 2 and 0 from four dimensions. */
function termsOf(more: Partial<ScoreTerms> = {}): ScoreTerms {
  const scores = Float32Array.of(1, 2, 0);
  const raised = Array.from(scores, Math.exp);
  const total = raised.reduce((sum, value) => sum + value, 0);
  return {
    record: "r",
    site: "decoder",
    layer: 2,
    head: 0,
    query: 2,
    q: Float32Array.of(2, -1, 1, 0),
    k: Float32Array.of(1, 1, 1, 9, 1, 0, 2, 9, 0, 0, 0, 9),
    scaling: 0.5,
    softcap: null,
    bias: null,
    scores,
    weights: Float32Array.from(raised, (value) => value / total),
    sink: 0,
    sink_score: null,
    kv_head: 0,
    shared: [0],
    rotary: false,
    ...more,
  };
}

async function open(terms: ScoreTerms | null = termsOf()): Promise<TestExplorer> {
  const explorer = testExplorer(selfData());
  explorer.view.value = "neuron";
  explorer.heads.value = [0];
  explorer.terms.value = terms;
  stage.mount((host) => createNeuronPane(host, explorer));
  await frame();
  return explorer;
}

const find = (selector: string) => stage.host.querySelector<HTMLElement>(selector);
const say = (selector: string) => find(selector)?.textContent?.replace(/\s+/g, " ").trim() ?? "";
const cell = () => find("[role=gridcell]")?.getAttribute("aria-label");

async function press(selector: string, key: string, more: KeyboardEventInit = {}): Promise<void> {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  find(selector)?.dispatchEvent(event);
  await frame();
}

describe("the neuron pane", () => {
  it("waits, then writes the equation of the key with the largest weight", async () => {
    const explorer = await open(null);
    expect(say(".ap-message")).toContain("Computing");
    explorer.terms.value = termsOf();
    await frame();
    expect(find(".ap-message")?.hidden).toBe(true);
    expect(say(".ap-equation")).toBe("sat → cat: Σ q·k 4.00 × 1/√4 = score 2.00 → softmax .665");
    expect(find("[role=grid]")?.getAttribute("aria-rowcount")).toBe("3");
    expect(cell()).toBe("key 1 cat: score 2.00, weight .665");
    expect(say(".ap-legend-title")).toBe("q ±2.00 · k ±9.00 · q × k ±2.00, linear scale");
    expect(say(".ap-legend-note")).toBe("dimensions by mean |q × k|");
  });

  it("does not show an answer about another record, and never one about other tokens", async () => {
    const explorer = await open(termsOf({ record: "earlier" }));
    expect(say(".ap-message")).toContain("Computing");
    explorer.terms.value = termsOf({ weights: new Float32Array(7) });
    await frame();
    expect(find(".ap-message")?.hidden).toBe(false);
  });

  it("goes over keys and dimensions by keys, and holds a key", async () => {
    const explorer = await open();
    await press("[role=grid]", "End");
    expect(explorer.hover.value).toEqual({ query: 2, key: 2 });
    await press("[role=grid]", "ArrowUp");
    await press("[role=grid]", "ArrowUp");
    await press("[role=grid]", "ArrowRight");
    // Mean magnitudes of the products: 4/3, 1/3, 1, 0.
    expect(cell()).toBe("key 0 The: score 1.00, weight .245; dim 0: q 2.00 × k 1.00 = 2.00");
    await press("[role=grid]", "ArrowRight");
    expect(say(".ap-readout")).toBe("sat → The · dim 2: q 1.00 × k 1.00 = 1.00");
    await press("[role=grid]", "Enter");
    expect(explorer.selection.value).toEqual({ query: 2, key: 0, locked: true });
    expect(find("[role=gridcell]")?.getAttribute("aria-selected")).toBe("true");
    // Of the held key, dimension 0 is the strongest, then 1 and 2 alike.
    expect(say(".ap-legend-note")).toBe("dimensions by |q × k| of the held key");
    expect(say(".ap-readout")).toContain("dim 1: q −1.00 × k 1.00 = −1.00");
  });

  it("brushes by Shift and arrows, and lets go with Escape before anything else does", async () => {
    const explorer = await open();
    explorer.hold({ query: 2, key: null });
    await press("[role=grid]", "ArrowRight");
    await press("[role=grid]", "ArrowRight", { shiftKey: true });
    expect(say(".ap-equation")).toContain("· brushed 2 of 4 dims: 2.00 of 2.00");
    await press("[role=grid]", "ArrowLeft", { shiftKey: true });
    expect(say(".ap-equation")).toContain("· brushed 1 of 4 dims: 1.00 of 2.00");
    expect(find(".ap-clear")?.hidden).toBe(false);
    await press("[role=grid]", "Escape");
    expect(say(".ap-equation")).not.toContain("brushed");
    expect(explorer.selection.value.locked).toBe(true);
    expect(find(".ap-clear")?.hidden).toBe(true);
  });

  it("keeps the brush over queries, and drops it where the dimensions are others", async () => {
    const explorer = await open();
    await press("[role=grid]", "ArrowRight");
    await press("[role=grid]", "ArrowRight", { shiftKey: true });
    explorer.terms.value = termsOf({ query: 1 });
    await frame();
    expect(say(".ap-equation")).toContain("brushed 2 of 4 dims");
    explorer.terms.value = termsOf({ q: Float32Array.of(1, 1), k: Float32Array.of(1, 0, 0, 1, 1, 1) });
    await frame();
    expect(say(".ap-equation")).not.toContain("brushed");
  });

  it("shows the dimensions in the model's order on demand", async () => {
    await open();
    const buttons = [
      ...stage.host.querySelectorAll<HTMLButtonElement>('[aria-label="Order of dimensions"] button'),
    ];
    buttons[1]?.click();
    await frame();
    expect(say(".ap-legend-note")).toBe("dimensions in the model's order");
    for (let i = 0; i < 2; i++) await press("[role=grid]", "ArrowRight");
    expect(cell()).toContain("dim 1: q −1.00 × k 0.00 = 0.00");
  });

  it("chooses another query among all tokens", async () => {
    const explorer = await open();
    const tokens = [...stage.host.querySelectorAll<HTMLElement>("[role=option]")];
    expect(tokens.map((token) => token.textContent)).toEqual(["The", "cat", "sat"]);
    expect(tokens.map((token) => token.classList.contains("ap-shown"))).toEqual([false, false, true]);
    await press("[role=option]:nth-child(3)", "ArrowLeft");
    expect(explorer.hover.value).toEqual({ query: 1, key: null });
    expect(tokens[1]?.tabIndex).toBe(0);
    tokens[0]?.click();
    expect(explorer.selection.value).toEqual({ query: 0, key: null, locked: true });
  });

  it("says what is particular of the head", async () => {
    const explorer = await open(termsOf({ head: 5, kv_head: 1, shared: [4, 5, 6, 7], rotary: true }));
    expect(say(".ap-facts")).toBe(
      "key-value head 1 is shared by heads 4–7 · q and k are after rotation (RoPE)",
    );
    explorer.heads.value = [5, 6];
    await frame();
    expect(say(".ap-facts")).toContain("head 5, the first of 2 chosen");
    const data = selfData();
    explorer.data.value = { ...data, record: { ...data.record, weighting: "norms" } };
    await frame();
    expect(say(".ap-facts")).toContain("plain weights here, without the norms of values");
    expect([formatHeads([3]), formatHeads([0, 1]), formatHeads([0, 2, 4])]).toEqual([
      "3",
      "0 and 1",
      "0, 2, 4",
    ]);
  });

  it("has the mask, the sink, the cap and the bias where the model has them", async () => {
    const capped = 3 * Math.tanh(0.5 / 3);
    await open(
      termsOf({
        softcap: 3,
        bias: Float32Array.of(-0.25, 0, 0),
        scores: Float32Array.of(capped - 0.25, Number.NaN, 0),
        weights: Float32Array.of(0.2, MASKED, 0.1),
        sink: 0.7,
        sink_score: 2.5,
      }),
    );
    expect(say(".ap-equation")).toBe(
      "sat → The: Σ q·k 2.00 × 1/√4 = 1.00 → soft cap 3 = 0.96 − bias 0.25 = score 0.71 " +
        "but the run's own score is 0.25 → softmax with sink .200",
    );
    expect(say(".ap-legend-note")).toContain("1 of 3 scores is not what q and k add up to");
    await press("[role=grid]", "ArrowDown");
    expect(cell()).toBe("key 1 cat: out of reach");
    expect(say(".ap-equation")).toContain("out of reach: masked before the softmax");
    expect(find(".ap-legend-item")?.hidden).toBe(false);
  });

  it("shows weights alone where nothing else is known", async () => {
    await open(termsOf({ q: null, k: null, scores: null, scaling: null }));
    expect(say(".ap-facts")).toContain("Only the weights of this head are known");
    expect(say(".ap-equation")).toBe("sat → cat: weight .665");
    expect(find(".ap-legend")?.hidden).toBe(true);
    expect(find('[aria-label="Order of dimensions"]')?.hidden).toBe(true);
  });

  it("has a way out where words are merged, and says when no head is chosen", async () => {
    const explorer = await open();
    const data = selfData();
    explorer.words.value = true;
    explorer.data.value = { ...data, record: { ...data.record, words: true } };
    await frame();
    expect(say(".ap-message")).toContain("Merged words have no queries and keys of their own.");
    expect(find(".ap-toolbar")?.hidden).toBe(true);
    find(".ap-message button")?.click();
    expect(explorer.words.value).toBe(false);
    explorer.data.value = { ...data, patterns: [] };
    await frame();
    expect(say(".ap-message")).toBe("No head is chosen. Press one of the heads above.");
  });

  it("takes everything away when it is destroyed, also what points at a token", async () => {
    const explorer = await open();
    await press("[role=grid]", "ArrowUp");
    stage.clear();
    expect(stage.host.childElementCount).toBe(0);
    expect(explorer.hover.value).toBeNull();
    explorer.terms.value = termsOf({ query: 1 });
    await frame();
    expect(stage.host.childElementCount).toBe(0);
  });
});
