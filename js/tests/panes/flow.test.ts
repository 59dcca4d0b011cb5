// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TokenFlow } from "../../src/panes/text/flow";
import { MASKED_CODE, NAN_CODE } from "../../src/panes/text/state";
import { tokensOf } from "./sample";

describe("running text", () => {
  let abort: AbortController;
  let flow: TokenFlow;
  let events: string[];
  beforeEach(() => {
    abort = new AbortController();
    events = [];
    flow = new TokenFlow(
      "Text",
      { hover: (index) => events.push(`hover ${index}`), hold: (index) => events.push(`hold ${index}`) },
      abort.signal,
    );
    document.body.append(flow.root);
  });
  afterEach(() => {
    abort.abort();
    document.body.replaceChildren();
  });

  const words = () => [...flow.root.querySelectorAll<HTMLElement>(".ap-word")];

  it("reads as the text that was typed", () => {
    const texts = ["The", " cat", " sat", ".", "\n", " It", "'s", " 中", "国"];
    flow.setTokens({ ...tokensOf(texts), label: texts.map((text) => (text === "\n" ? "↵" : text.trim())) });
    expect(flow.root.textContent).toBe("The cat sat.↵\n It's 中国");
    expect(words()).toHaveLength(texts.length);
    expect(words()[1]?.textContent).toBe("cat");
  });

  it("shows special tokens and tokens without letters by their labels", () => {
    flow.setTokens({
      ...tokensOf(["<s>", "日", ""], [0]),
      label: ["⟨s⟩", "日", "…"],
      continued: [false, false, true],
    });
    expect(words().map((word) => word.textContent)).toEqual(["⟨s⟩", "日", "…"]);
    expect(words()[0]?.classList.contains("ap-special")).toBe(true);
    expect(words()[2]?.classList.contains("ap-sign")).toBe(true);
  });

  it("touches only the words whose shade has changed", () => {
    flow.setTokens(tokensOf(["a", " b", " c"]));
    const table = [
      { background: "rgb(1, 1, 1)", ink: "rgb(9, 9, 9)" },
      { background: "rgb(2, 2, 2)", ink: "rgb(9, 9, 9)" },
    ];
    flow.paint(() => 0, table);
    expect(words().map((word) => word.style.backgroundColor)).toEqual(Array(3).fill("rgb(1, 1, 1)"));
    for (const word of words()) word.style.backgroundColor = "rgb(7, 7, 7)";
    flow.paint((index) => (index === 1 ? 1 : 0), table);
    expect(words().map((word) => word.style.backgroundColor)).toEqual([
      "rgb(7, 7, 7)",
      "rgb(2, 2, 2)",
      "rgb(7, 7, 7)",
    ]);
  });

  it("marks what is masked and what is not a number", () => {
    flow.setTokens(tokensOf(["a", " b", " c"]));
    const codes = [0, MASKED_CODE, NAN_CODE];
    flow.paint((index) => codes[index] ?? 0, [{ background: "rgb(1, 1, 1)", ink: "rgb(9, 9, 9)" }]);
    expect(words().map((word) => word.dataset.state)).toEqual([undefined, "masked", "nan"]);
    expect(words()[1]?.style.backgroundColor).toBe("");
  });

  it("boxes the focus, selects what is held, numbers the strongest, and takes it all back", () => {
    flow.setTokens(tokensOf(["a", " b", " c"]));
    flow.mark(1, 2, 1);
    flow.label(new Map([[0, ".948"]]));
    expect(words()[1]?.classList.contains("ap-focus")).toBe(true);
    expect(words()[2]?.classList.contains("ap-echo")).toBe(true);
    expect(words()[1]?.getAttribute("aria-selected")).toBe("true");
    expect(words()[0]?.dataset.weight).toBe(".948");
    flow.mark(null, null, null);
    flow.label(new Map());
    expect(flow.root.querySelector(".ap-focus, .ap-echo, [aria-selected=true], [data-weight]")).toBeNull();
  });

  it("moves by keyboard and holds with Enter", () => {
    flow.setTokens(tokensOf(["a", " b", " c"]));
    const press = (key: string) =>
      document.activeElement?.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }),
      );
    words()[0]?.focus();
    press("ArrowRight");
    press("ArrowRight");
    press("ArrowRight");
    expect(document.activeElement).toBe(words()[2]);
    press("Enter");
    expect(events).toContain("hold 2");
    expect(words().filter((word) => word.tabIndex === 0)).toEqual([words()[2]]);
  });

  it("cuts long texts into blocks and numbers them", () => {
    flow.setTokens(tokensOf(Array.from({ length: 2500 }, () => " word")));
    const blocks = [...flow.root.querySelectorAll<HTMLElement>(".ap-block")];
    expect(blocks.length).toBeGreaterThan(5);
    expect(blocks[0]?.dataset.start).toBe("0");
    expect(words()).toHaveLength(2500);
  });
});
