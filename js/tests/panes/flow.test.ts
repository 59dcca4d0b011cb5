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
});

/** Words of 30 x 20 pixels, ten to a line, in a sight of 200 pixels: what happy-dom does not lay out. */
class Layout {
  readonly scroller = document.createElement("div");
  readonly #real = Element.prototype.getBoundingClientRect;
  #scroll = 0;

  constructor(root: HTMLElement) {
    const layout = this;
    Object.defineProperties(this.scroller, {
      clientHeight: { value: 200 },
      scrollTop: {
        get: () => Math.max(0, Math.min(this.#scroll, this.height() - 200)),
        set: (to: number) => {
          this.#scroll = to;
        },
      },
    });
    Object.defineProperty(root, "clientWidth", { value: 300 });
    this.scroller.append(root);
    Element.prototype.getBoundingClientRect = function (this: Element) {
      return layout.#rect(this);
    };
  }

  #heightOf(block: HTMLElement): number {
    const count = block.childElementCount;
    return count > 0 ? 20 * Math.ceil(count / 10) : Number.parseFloat(block.style.height || "0");
  }

  height(): number {
    const blocks = [...(this.scroller.firstElementChild as Element).children];
    return blocks.reduce((sum, block) => sum + this.#heightOf(block as HTMLElement), 0);
  }

  #rect(element: Element): DOMRect {
    if (element === this.scroller) return new DOMRect(0, 0, 300, 200);
    const block = element.closest<HTMLElement>(".ap-block") as HTMLElement;
    let top = -this.scroller.scrollTop;
    for (let at = block.previousElementSibling; at !== null; at = at.previousElementSibling)
      top += this.#heightOf(at as HTMLElement);
    if (element === block) return new DOMRect(0, top, 300, this.#heightOf(block));
    const place = (word: Element | null) => Number((word as HTMLElement).dataset.index);
    const at = place(element) - place(block.firstElementChild);
    return new DOMRect(30 * (at % 10), top + 20 * Math.floor(at / 10), 30, 20);
  }

  restore(): void {
    Element.prototype.getBoundingClientRect = this.#real;
  }
}

describe("running text of 32,768 tokens", () => {
  const COUNT = 32_768;
  // Lines of other lengths further down, so that heights that were guessed are wrong.
  const texts = Array.from({ length: COUNT }, (_, at) => (at < 9000 ? " word" : " a longer word"));
  const held: number[] = [];
  let abort: AbortController;
  let flow: TokenFlow;
  let layout: Layout;
  beforeEach(() => {
    abort = new AbortController();
    held.length = 0;
    const handlers = { hover: () => {}, hold: (index: number) => void held.push(index) };
    flow = new TokenFlow("Text", handlers, abort.signal);
    layout = new Layout(flow.root);
    document.body.append(layout.scroller);
    flow.setTokens(tokensOf(texts));
    settle();
  });
  afterEach(() => {
    abort.abort();
    layout.restore();
    document.body.replaceChildren();
  });

  const settle = () => {
    for (let i = 0; i < 20 && flow.render(); i++);
  };
  const words = () => [...flow.root.querySelectorAll<HTMLElement>(".ap-word")];
  const word = (index: number) => flow.root.querySelector<HTMLElement>(`[data-index="${index}"]`);
  const inSight = () =>
    words().filter((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return bottom > 0 && top < 200;
    });
  const press = (key: string) =>
    document.activeElement?.dispatchEvent(
      new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }),
    );

  it("makes the tokens around what is in sight alone, and says which of how many they are", () => {
    expect(layout.height()).toBeGreaterThan(0.8 * 20 * (COUNT / 10));
    for (const at of [0, 0.3, 0.7, 1]) {
      layout.scroller.scrollTop = at * layout.height();
      settle();
      // Ten lines, of which the first and the last may be cut; blocks end before their last line is full.
      expect(inSight().length).toBeGreaterThan(80);
      expect(words().length).toBeLessThan(1400);
    }
    expect(words().at(-1)?.dataset.index).toBe(String(COUNT - 1));
    expect(words().at(-1)?.getAttribute("aria-posinset")).toBe(String(COUNT));
    expect(words().at(-1)?.getAttribute("aria-setsize")).toBe(String(COUNT));
  });

  it("keeps what is in sight in its place while heights above turn out to be others", () => {
    layout.scroller.scrollTop = 0.6 * layout.height();
    settle();
    for (let step = 0; step < 8; step++) {
      const one = words().find((each) => each.getBoundingClientRect().top > 0) as HTMLElement;
      const { top } = one.getBoundingClientRect();
      layout.scroller.scrollTop -= 150;
      flow.render();
      expect(one.getBoundingClientRect().top).toBeCloseTo(top + 150);
    }
  });

  it("brings any token into sight at once, with its shade, its marks and its number", () => {
    const table = [{ background: "rgb(1, 1, 1)", ink: "rgb(9, 9, 9)" }];
    flow.paint((index) => (index === 20_000 ? 0 : MASKED_CODE), table);
    flow.mark(20_000, 20_001, 20_000);
    flow.label(new Map([[20_000, ".5"]]));
    expect(word(20_000)).toBeNull();
    flow.reveal(20_000, layout.scroller);
    expect(inSight()).toContain(word(20_000));
    expect(word(20_000)?.style.backgroundColor).toBe("rgb(1, 1, 1)");
    expect(word(20_000)?.className).toContain("ap-focus");
    expect(word(20_000)?.dataset.weight).toBe(".5");
    expect(word(20_001)?.dataset.state).toBe("masked");
    expect(word(20_001)?.className).toContain("ap-echo");
    expect(word(20_000)?.getAttribute("aria-selected")).toBe("true");
    flow.mark(null, null, null);
    expect(flow.root.querySelector(".ap-focus, .ap-echo, [aria-selected=true]")).toBeNull();
  });

  it("moves by keyboard over all of it, and keeps the token that holds the keyboard", () => {
    word(0)?.focus();
    const now = () => Number((document.activeElement as HTMLElement).dataset.index);
    press("ArrowDown");
    expect(now()).toBe(10);
    press("PageDown");
    expect(now()).toBeGreaterThan(80);
    expect(now()).toBeLessThan(120);
    press("PageUp");
    expect(now()).toBe(10);
    press("End");
    expect(now()).toBe(COUNT - 1);
    expect(inSight()).toContain(document.activeElement);
    press("ArrowUp");
    expect(now()).toBeLessThan(COUNT - 5);
    press("Home");
    press("ArrowRight");
    layout.scroller.scrollTop = 0.5 * layout.height();
    settle();
    expect(now()).toBe(1);
    expect(inSight()).not.toContain(document.activeElement);
    press("Enter");
    expect(held).toEqual([1]);
    press("ArrowRight");
    expect(inSight()).toContain(word(2));
  });
});
