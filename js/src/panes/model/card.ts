// One head opened over the grid: its pattern larger, what is known of it, and the ways to the other views.
import type { Explorer, Palette, Pattern } from "../../core/types";
import { drawHatchArea } from "../../draw/hatch";
import { paintCells } from "../../draw/heatmap";
import { codeColours, paintCodes } from "../../draw/overview";
import { prepare } from "../../draw/surface";
import { decimal } from "../../math/format";
import { poolBlock, poolMax } from "../../math/pool";
import type { View } from "../../wire/schema.gen";
import { element, setText } from "../kit/dom";

/** What stands in for the pattern until it is here. */
export interface SmallPicture {
  readonly codes: Uint8Array;
  readonly rows: number;
  readonly columns: number;
}

export interface CardLook {
  readonly layer: number;
  readonly head: number;
  /** The strongest link, or what else is worth saying; may be empty. */
  readonly remark: string;
  /** What was measured, a line each. */
  readonly measures: readonly string[];
  readonly pattern: Pattern | null;
  readonly small: SmallPicture;
  /** Keys by queries. */
  readonly aspect: number;
  /** Room in which the card must fit. */
  readonly room: { readonly width: number; readonly height: number };
}

const PADDING = 26;
const MOST = 300;
/** Height of the card's frame, title and buttons, and of one line of its text. */
const FRAME = 102;
const LINE = 19;

export class HeadCard {
  readonly root: HTMLElement;
  readonly #explorer: Explorer;
  readonly #title = element("h4", "ap-card-title");
  readonly #swatch = element("span", "ap-swatch", { "aria-hidden": true });
  readonly #note = element("p", "ap-card-note");
  readonly #text = element("p", "ap-card-text");
  readonly #remark = element("p", "ap-card-text");
  readonly #measures = element("ul", "ap-card-measures");
  readonly #canvas = element("canvas", "ap-card-picture", { role: "img" });
  readonly #close = button("×", "Close");

  constructor(explorer: Explorer, leave: () => void, signal: AbortSignal) {
    this.#explorer = explorer;
    const ways = (["head", "neuron", "matrix"] as const).map((view: View) => {
      const name = `${view.charAt(0).toUpperCase()}${view.slice(1)}`;
      const made = button(name, `${name} view`);
      made.addEventListener(
        "click",
        () => {
          explorer.view.value = view;
        },
        { signal },
      );
      return made;
    });
    this.#close.className = "ap-card-close";
    this.#close.addEventListener("click", leave, { signal });
    this.root = element(
      "div",
      "ap-card",
      { role: "group", hidden: true },
      element("div", "ap-card-head", {}, this.#swatch, this.#title, this.#close),
      this.#canvas,
      element("div", "ap-card-words", {}, this.#note, this.#measures, this.#text, this.#remark),
      element("div", "ap-card-ways", {}, ...ways),
    );
  }

  /** Width that the card needs at least. */
  static readonly LEAST = 216;

  show(look: CardLook, theme: Palette, ratio: number): void {
    const { layer, head } = look;
    const name = `Layer ${layer}, head ${head}`;
    this.root.setAttribute("aria-label", name);
    setText(this.#title, name);
    this.#swatch.style.background = `rgb(${theme.head(head).join(" ")})`;
    const known = this.#explorer.headNote(layer, head);
    setText(this.#note, known === null ? "" : `${known.title} ${decimal(known.score, 2)}`);
    setText(this.#text, known?.text ?? "");
    setText(this.#remark, look.remark);
    this.#measures.replaceChildren(...look.measures.map((line) => element("li", "", {}, line)));
    for (const line of [this.#note, this.#text, this.#remark]) line.hidden = line.textContent === "";
    const lines =
      [this.#note, this.#remark].filter((line) => !line.hidden).length +
      (known === null ? 0 : 2) +
      1.2 * look.measures.length;
    const room = Math.max(96, look.room.height - FRAME - lines * LINE);
    const side = Math.min(look.room.width - PADDING, MOST - PADDING, room);
    this.root.style.width = `${Math.min(look.room.width, Math.max(HeadCard.LEAST, side + PADDING))}px`;
    const w = Math.max(4, Math.round(Math.min(side, side * look.aspect)));
    const h = Math.max(4, Math.round(Math.min(side, side / look.aspect)));
    this.#canvas.style.width = `${w}px`;
    this.#canvas.style.height = `${h}px`;
    this.#canvas.setAttribute("aria-label", `Pattern of layer ${layer}, head ${head}`);
    this.#paint(look, w, h, theme, ratio);
  }

  #paint(look: CardLook, width: number, height: number, theme: Palette, ratio: number): void {
    const context = prepare(this.#canvas, width, height, ratio);
    const image = document.createElement("canvas");
    if (context === null) return;
    const { pattern, small } = look;
    const scale = this.#explorer.scale.peek();
    const area = { x: 0, y: 0, width, height };
    drawHatchArea(context, null, area, theme);
    let [w, h] = [width, height];
    if (pattern === null) {
      const painted = prepare(image, small.columns, small.rows, 1);
      if (painted === null) return;
      paintCodes(painted, small, { x: 0, y: 0, colours: codeColours(scale, theme) }, theme);
    } else {
      const cell = { width: width / pattern.keys, height: height / pattern.queries };
      const pooled = poolMax(pattern, poolBlock(Math.min(cell.width, cell.height), ratio));
      const painted = prepare(image, pooled.columns, pooled.rows, 1);
      if (painted === null) return;
      paintCells(painted, pooled, { scale }, theme);
      w = pooled.columns * pooled.block * cell.width;
      h = pooled.rows * pooled.block * cell.height;
    }
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, w, h);
    context.strokeStyle = theme.line;
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
  }
}

function button(text: string, label: string): HTMLButtonElement {
  return element("button", "ap-way", { type: "button", "aria-label": label }, text);
}
