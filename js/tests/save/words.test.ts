// Names of files and captions: what a stranger must know of a picture.
import { describe, expect, it } from "vitest";
import { present } from "../../src/core/shown";
import type { ScoreTerms } from "../../src/core/types";
import { captionOf, fileName } from "../../src/save/words";
import { testExplorer } from "../panes/explorer";
import { crossData, selfData } from "../panes/sample";

describe("file names", () => {
  it("say which view of what it is", () => {
    const explorer = testExplorer(selfData());
    expect(fileName(explorer)).toBe("attnwidget-layer2-heads0-3-head-view");
    const [, last] = selfData().patterns;
    explorer.data.value = { ...selfData(), patterns: last ? [last] : [] };
    explorer.view.value = "matrix";
    expect(fileName(explorer)).toBe("attnwidget-layer2-head3-matrix-view");
    explorer.data.value = { ...selfData(), patterns: Array(5).fill(last) };
    expect(fileName(explorer)).toBe("attnwidget-layer2-matrix-view");
    explorer.data.value = { ...selfData(), patterns: Array(7).fill(last) };
    expect(captionOf(explorer, "", [])[0]).toMatch(/ · layer 2 · 7 heads$/);
    explorer.view.value = "metrics";
    expect(fileName(explorer)).toBe("attnwidget-metrics-view");
    explorer.view.value = "neuron";
    explorer.terms.value = { layer: 1, head: 2 } as ScoreTerms;
    expect(fileName(explorer)).toBe("attnwidget-layer1-head2-neuron-view");
    explorer.view.value = "head";
    explorer.comparing.value = true;
    const panel = { layer: 0, heads: [1], data: null, pinned: true };
    explorer.compared.value = [
      { ...panel, key: "a" },
      { ...panel, key: "b" },
    ];
    expect(fileName(explorer)).toBe("attnwidget-side-by-side-head-view");
    expect(captionOf(explorer, "", [])[0]).toMatch(/ · heads side by side$/);
  });
});

describe("captions", () => {
  it("name model, layer, heads, what is held, the prompt, and what else is to be known", () => {
    const explorer = testExplorer(selfData());
    const { name } = selfData().record.model;
    expect(captionOf(explorer, "The cat sat", ["", "exact"])).toEqual([
      `${name} · layer 2 · heads 0 and 3`,
      "“The cat sat” (3 tokens)",
      "exact",
    ]);
    explorer.hold({ query: 1, key: 0 });
    expect(captionOf(explorer, "", [])[0]).toBe(
      `${name} · layer 2 · heads 0 and 3 · query “cat” → key “The”`,
    );
    explorer.view.value = "model";
    expect(captionOf(explorer, "", [])[0]).toContain(`${name} · model view`);
  });

  it("take the tokens where there is no prompt, and cut long ones", () => {
    const explorer = testExplorer(selfData());
    expect(captionOf(explorer, " ", [])[1]).toBe("“The cat sat” (3 tokens)");
    expect(captionOf(explorer, "x".repeat(500), [])[1]).toBe(`“${"x".repeat(200)}…” (3 tokens)`);
  });

  it("name heads put together, the head of the neuron view, and both sides of cross attention", () => {
    const explorer = testExplorer(selfData());
    explorer.data.value = present(selfData(), explorer.filters.value, "max");
    expect(captionOf(explorer, "", [])[0]).toContain("layer 2 · max of heads 0 and 3");
    explorer.view.value = "neuron";
    explorer.terms.value = { layer: 2, head: 3, query: 2 } as ScoreTerms;
    expect(captionOf(explorer, "", [])[0]).toMatch(/layer 2 · head 3 · query “sat”$/);
    explorer.terms.value = null;
    explorer.data.value = crossData();
    expect(captionOf(explorer, "", [])[1]).toContain("(2 queries, 3 keys)");
  });
});
