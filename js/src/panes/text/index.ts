// The text pane: the prompt as running text, coloured by what the token in focus looks at, or by what looks at it.
import { describeLeftOut } from "../../core/fidelity";
import { COMBINED } from "../../core/shown";
import type { CreatePane, Explorer, LayerData, Palette } from "../../core/types";
import { nanColour } from "../../draw/heatmap";
import { css, inkOn, mix, parseColour, type Rgb } from "../../math/colour";
import { formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import { toScale } from "../../math/scale";
import { isHidden, isOutOfReach } from "../../math/weights";
import { follow } from "../../ui/dom";
import type { Selection } from "../../wire/schema.gen";
import { element, onFrame, onResize, setText } from "../kit/dom";
import { Legend } from "../kit/legend";
import { isSelf } from "../kit/readings";
import { labelOf, segmentsOf } from "../kit/tokens";
import { type Shade, TokenFlow } from "./flow";
import {
  asText,
  headsName,
  NAN_CODE,
  PLAIN_CODE,
  roomy,
  type Shading,
  type Side,
  STEPS,
  shade,
  shadeCode,
  strongest,
} from "./state";

/** Tokens whose weight is written out. */
const TOP = 5;

export const createTextPane: CreatePane = (host, explorer) => new TextPane(host, explorer);

interface Colours {
  readonly palette: Palette;
  readonly head: number | null;
  readonly at: (position: number) => Rgb;
  readonly table: readonly Shade[];
}

/** What the views of long prompts put in place of this pane's own. */
export interface TextParts {
  readonly shade?: typeof shade;
  /** Called when words may have been made, or given other marks. */
  readonly drawn?: () => void;
}

export class TextPane {
  readonly scroller = element("div", "ap-scroller");
  readonly flows: Readonly<Record<Side, TokenFlow>>;
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-text");
  readonly #readout = element("span", "ap-readout");
  readonly #queryTitle = element("div", "ap-block-title", {}, "queries");
  readonly #keyTitle = element("div", "ap-block-title", {}, "keys");
  readonly #sink = element("div", "ap-sink-line", {}, element("span", "ap-sink-chip", {}, "sink"));
  readonly #legend = new Legend();
  readonly #task;
  readonly #scrolled;
  #colours: Colours | null = null;
  /** Shading without a focus costs a pass over the patterns; it is kept while they stay. */
  #resting: { data: LayerData; shading: Shading } | null = null;
  #made: { from: LayerData; data: LayerData } | null = null;
  #held: Selection | null = null;
  #record = "";

  readonly #explorer: Explorer;
  readonly #parts: TextParts;

  constructor(host: HTMLElement, explorer: Explorer, parts: TextParts = {}) {
    this.#explorer = explorer;
    this.#parts = parts;
    const { signal } = this.#abort;
    const handlers = (side: Side) => ({
      hover: (index: number | null) => this.#hover(side, index),
      hold: (index: number) => this.#hold(side, index),
    });
    this.flows = {
      query: new TokenFlow("Query text", handlers("query"), signal),
      key: new TokenFlow("Key text", handlers("key"), signal),
    };
    this.scroller.append(
      this.#queryTitle,
      this.flows.query.root,
      this.#keyTitle,
      this.flows.key.root,
      this.#sink,
    );
    this.#root.append(element("div", "ap-toolbar", {}, this.#readout), this.scroller, this.#legend.root);
    host.append(this.#root);
    this.#task = onFrame(() => this.#work(), signal);
    this.#scrolled = onFrame(() => this.#render(), signal);
    this.scroller.addEventListener("scroll", () => this.#scrolled.request(), { signal, passive: true });
    onResize(this.#root, () => this.#task.request(), signal);
    follow(signal, () => {
      explorer.data.value;
      explorer.palette.value;
      explorer.scale.value;
      explorer.direction.value;
      explorer.focus.value;
      explorer.selection.value;
      explorer.exact.value;
      this.#task.request();
    });
  }

  /** Draws anew on the next frame. */
  redraw(): void {
    this.#task.request();
  }

  destroy(): void {
    this.#abort.abort();
    this.#explorer.hover.value = null;
    this.#root.remove();
  }

  #render(): boolean {
    const more = this.flows.query.render();
    const also = this.flows.key.render();
    this.#parts.drawn?.();
    return more || also;
  }

  #work(): boolean {
    const shown = this.#explorer.data.peek();
    if (shown === null) return false;
    const data = this.#asText(shown);
    const self = isSelf(data);
    if (data.record.record !== this.#record) {
      this.scroller.scrollTop = 0;
      this.#held = null;
    }
    this.#record = data.record.record;
    const segments = segmentsOf(data);
    this.flows.query.setTokens(data.queryTokens, segments?.queries ?? null);
    this.#keyTitle.hidden = self;
    this.#queryTitle.hidden = self;
    this.flows.key.root.hidden = self;
    if (!self) this.flows.key.setTokens(data.keyTokens, segments?.keys ?? null);
    if (this.#render()) this.#scrolled.request();
    const shading = this.#shading(data);
    this.#paint(data, shading, self);
    this.#mark(shading, self);
    this.#revealHeld(self);
    this.#write(data, shading);
    this.#root.dataset.drawn = "1";
    return false;
  }

  /** What the text shows of the layer; the same object while nothing changes. */
  #asText(shown: LayerData): LayerData {
    if (this.#made?.from !== shown) {
      this.#made = { from: shown, data: asText(shown, this.#explorer.filters.peek()) };
    }
    return this.#made.data;
  }

  #shading(data: LayerData): Shading {
    const { focus, direction, exact } = this.#explorer;
    const { query, key } = focus.peek();
    const make = this.#parts.shade ?? shade;
    if (query !== null || key !== null) return make(data, focus.peek(), direction.peek(), exact.peek());
    if (this.#resting?.data !== data) {
      this.#resting = { data, shading: make(data, focus.peek(), direction.peek(), []) };
    }
    return this.#resting.shading;
  }

  #paint(data: LayerData, shading: Shading, self: boolean): void {
    const scale = this.#explorer.scale.peek();
    const { table } = this.#coloursFor(data);
    const position = (value: number) => toScale(value, scale);
    const coloured = (index: number) => shadeCode(shading.values[index] ?? Number.NaN, position);
    const plain = () => PLAIN_CODE;
    if (self) this.flows.query.paint(coloured, table);
    else {
      this.flows.query.paint(shading.side === "query" ? coloured : plain, table);
      this.flows.key.paint(shading.side === "key" ? coloured : plain, table);
    }
  }

  #mark(shading: Shading, self: boolean): void {
    const { subject } = shading;
    const focus = this.#explorer.focus.peek();
    const { locked, query, key } = this.#explorer.selection.peek();
    const cell = focus.query !== null && focus.key !== null;
    if (self) {
      const other = !cell || subject === null ? null : subject.side === "query" ? focus.key : focus.query;
      const held = !locked ? null : subject?.side === "key" ? (key ?? query) : (query ?? key);
      this.flows.query.mark(subject?.index ?? null, other, held);
      return;
    }
    const on = (side: Side) => (subject?.side === side ? subject.index : null);
    const beside = (side: Side) => (cell && subject !== null && subject.side !== side ? focus[side] : null);
    this.flows.query.mark(on("query"), beside("query"), locked ? query : null);
    this.flows.key.mark(on("key"), beside("key"), locked ? key : null);
  }

  /** What is held may have been set from elsewhere, out of sight. */
  #revealHeld(self: boolean): void {
    const held = this.#explorer.selection.peek();
    const before = this.#held;
    this.#held = held;
    if (!held.locked || (held.query === before?.query && held.key === before.key)) return;
    const index = held.query ?? held.key;
    const flow = self || held.query !== null ? this.flows.query : this.flows.key;
    if (index !== null) flow.reveal(index, this.scroller);
  }

  #write(data: LayerData, shading: Shading): void {
    const self = isSelf(data);
    const top = strongest(shading, TOP);
    const tokens = shading.side === "query" ? data.queryTokens : data.keyTokens;
    const none = new Map<number, string>();
    const numbers = roomy(top, tokens.label);
    this.flows.query.label(self || shading.side === "query" ? numbers : none);
    if (!self) this.flows.key.label(shading.side === "key" ? numbers : none);
    const words = [...top]
      .map(([index, number]) => `${isolate(labelOf(tokens, index))} ${number}`)
      .join(", ");
    setText(this.#readout, words === "" ? shading.title : `${shading.title}: ${words}`);
    this.#readout.title = this.#readout.textContent ?? "";
    const colours = this.#coloursFor(data);
    this.#writeSink(shading, colours);
    const notes = [shading.note];
    if (shading.error > 0) notes.push(`colours within ${formatWeight(shading.error)}`, describeLeftOut(data));
    this.#legend.update(
      {
        title: headsName(data),
        scale: this.#explorer.scale.peek(),
        colour: colours.at,
        masked: shading.values.some(isOutOfReach),
        hidden: shading.values.some(isHidden),
        nan: shading.values.some((value) => Number.isNaN(value)),
        note: notes.filter((note) => note !== "").join(" · "),
      },
      colours.palette,
      window.devicePixelRatio || 1,
    );
  }

  /** What goes to no token: a chip of its own, coloured like the tokens. */
  #writeSink({ sink, error }: Shading, { table }: Colours): void {
    const chip = this.#sink.firstElementChild as HTMLElement;
    this.#sink.hidden = sink === null;
    if (sink === null) return;
    const shade = table[shadeCode(sink, (value) => toScale(value, this.#explorer.scale.peek()))];
    chip.style.backgroundColor = shade?.background ?? "";
    chip.style.color = shade?.ink ?? "";
    setText(chip, `sink ${formatWeight(sink, error)}`);
    chip.title = "What the model gives to its learned sink, which is no token";
  }

  /** One head keeps its colour; a mean over several gets the ramp, so that it is not taken for one of them. */
  #coloursFor(data: LayerData): Colours {
    const palette = this.#explorer.palette.peek();
    const own = data.patterns[0]?.head ?? COMBINED;
    const head = own === COMBINED ? null : own;
    const colours = this.#colours;
    if (colours !== null && colours.palette === palette && colours.head === head) return colours;
    const paper = parseColour(palette.bg) ?? (palette.dark ? [0, 0, 0] : [255, 255, 255]);
    // The ramp has its own lightness; only its weak end is led back to the page.
    const lift = head === null ? 5 : 1;
    const at = (position: number): Rgb =>
      mix(paper, head === null ? palette.ramp(position) : palette.head(head), Math.min(1, position * lift));
    const table: Shade[] = Array.from({ length: STEPS + 1 }, (_, step) => {
      const background = at(step / STEPS);
      return { background: css(background), ink: css(inkOn(background)) };
    });
    const nan = nanColour(palette);
    table[NAN_CODE] = { background: css(nan), ink: css(inkOn(nan)) };
    const made = { palette, head, at, table };
    this.#colours = made;
    return made;
  }

  /** In self-attention a token stands for itself in the role that the direction asks for. */
  #cell(side: Side, index: number): { query: number | null; key: number | null } {
    const data = this.#explorer.data.peek();
    const self = data !== null && isSelf(data);
    const role = self ? (this.#explorer.direction.peek() === "from" ? "query" : "key") : side;
    return role === "query" ? { query: index, key: null } : { query: null, key: index };
  }

  #hover(side: Side, index: number | null): void {
    this.#explorer.hover.value = index === null ? null : this.#cell(side, index);
  }

  #hold(side: Side, index: number): void {
    const { query, key, locked } = this.#explorer.selection.peek();
    const cell = this.#cell(side, index);
    this.#explorer.hold(locked && query === cell.query && key === cell.key ? null : cell);
  }
}
