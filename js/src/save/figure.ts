// A pane as a picture of its own: canvases as they were recorded, around them the words and boxes of the page.
import { pictureOf, type Recorder } from "./recorder";
import { anchorOf, boxOf, boxPath, escapeText, fontOf, paint, Sheet, short, textAt } from "./svg";

export interface Figure {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

export interface FigureLook {
  readonly recorders: ReadonlyMap<Element, Recorder>;
  /** Lines under the figure; the first one is its title. */
  readonly caption: readonly string[];
  readonly colours: { readonly bg: string; readonly ink: string; readonly soft: string };
  readonly font: string;
}

/** What is there to work with, not to look at. */
const TOOLS =
  ":is(.ap-model, .ap-matrix, .ap-metrics) > .ap-toolbar, .ap-toolbar > :not(.ap-readout), .ap-about, .ap-table-foot, .ap-card-close, .ap-card-ways";
/** What stands at the foot of a pane comes up to where the rest ends. */
const FEET = ":scope > * > :is(.ap-note, .ap-legend)";
const FOOT_GAP = 10;
const MARGIN = 12;
const LINE = 17;
const LEAST_WIDTH = 300;

const isClear = (colour: string) => colour.endsWith(", 0)");
const px = (length: string) => Number.parseFloat(length) || 0;

/** A context that measures words in a font. */
function measuring(font: string): CanvasRenderingContext2D {
  const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
  context.font = font;
  return context;
}

function boxFrom(left: number, top: number, right: number, bottom: number): DOMRect {
  return new DOMRect(left, top, Math.max(0, right - left), Math.max(0, bottom - top));
}

/** What two boxes have in common; without an extent where that is nothing. */
function common(a: DOMRect, b: DOMRect): DOMRect {
  return boxFrom(
    Math.max(a.left, b.left),
    Math.max(a.top, b.top),
    Math.min(a.right, b.right),
    Math.min(a.bottom, b.bottom),
  );
}

/** The least box around both; `a` may be missing. */
function around(a: DOMRect | null, b: DOMRect): DOMRect {
  if (a === null) return b;
  return boxFrom(
    Math.min(a.left, b.left),
    Math.min(a.top, b.top),
    Math.max(a.right, b.right),
    Math.max(a.bottom, b.bottom),
  );
}

const isEmpty = ({ width, height }: DOMRect) => width * height === 0;

/** The part of a page that shows a pane, written down element by element. */
class Walk {
  readonly sheet = new Sheet("d");
  /** What of the page is taken up. */
  bounds: DOMRect | null = null;
  readonly #recorders: FigureLook["recorders"];
  readonly #feet: Set<Element>;
  readonly #range = document.createRange();
  /** What is in sight. */
  #clip: DOMRect;
  /** Where words are cut with an ellipsis. */
  #limit = 1 / 0;
  /** How far up the marks are moved. */
  #up = 0;

  constructor(pane: Element, recorders: FigureLook["recorders"]) {
    this.#recorders = recorders;
    this.#clip = pane.getBoundingClientRect();
    const feet = [...pane.querySelectorAll(FEET)];
    this.#feet = new Set(feet);
    this.#element(pane);
    for (const foot of feet) {
      const { top } = foot.getBoundingClientRect();
      this.#up = Math.max(0, top - (this.bounds?.bottom ?? top) - FOOT_GAP);
      this.sheet.around = `<g transform="translate(0 ${short(-this.#up)})">`;
      this.#feet.delete(foot);
      this.#element(foot);
    }
  }

  /** Takes up the part of a box that is in sight. */
  #see(box: DOMRect): void {
    const seen = common(box, this.#clip);
    seen.y -= this.#up;
    if (!isEmpty(seen)) this.bounds = around(this.bounds, seen);
  }

  #element(el: Element): void {
    if (el.matches(TOOLS) || this.#feet.has(el)) return;
    const boxes = [...el.getClientRects()].filter((box) => !isEmpty(common(box, this.#clip)));
    const [first] = boxes;
    if (first === undefined) return;
    const { sheet } = this;
    const style = getComputedStyle(el);
    const { opacity, visibility, zIndex, overflowX, textOverflow } = style;
    if (visibility === "hidden") return;
    const before = { around: sheet.around, z: sheet.z, clip: this.#clip, limit: this.#limit };
    if (opacity !== "1") sheet.around += `<g opacity="${opacity}">`;
    sheet.z = Number(zIndex) || sheet.z;
    for (const box of boxes) this.#box(style, box);
    if (el instanceof HTMLCanvasElement) this.#canvas(el, first);
    this.#pseudo(el, first, "::before");
    if (overflowX !== "visible" && (el.scrollWidth > el.clientWidth || el.scrollHeight > el.clientHeight)) {
      const inside = common(this.#clip, first);
      this.#clip = inside;
      if (textOverflow === "ellipsis")
        this.#limit = first.right - px(style.paddingRight) - px(style.borderRightWidth);
      else sheet.clip(` d="${boxPath(inside.x, inside.y, inside.width, inside.height)}"`);
    }
    for (const child of isEmpty(this.#clip) ? [] : el.childNodes) {
      if (child instanceof Text) this.#text(child, style);
      else if (child instanceof Element) this.#element(child);
    }
    this.#clip = before.clip;
    this.#limit = before.limit;
    this.#pseudo(el, first, "::after");
    Object.assign(sheet, { around: before.around, z: before.z });
  }

  #canvas(canvas: HTMLCanvasElement, box: DOMRect): void {
    const place = boxOf(box.x, box.y, box.width, box.height);
    const recorder = this.#recorders.get(canvas);
    if (recorder?.whole) {
      const [left, top, right, bottom] = recorder.bounds;
      this.#see(common(box, boxFrom(box.x + left, box.y + top, box.x + right, box.y + bottom)));
      this.sheet.add("", `<svg${place} class="${canvas.className}">${recorder.sheet.text()}</svg>`);
    } else {
      this.#see(box);
      this.sheet.add("", pictureOf(canvas, place, canvas.width < box.width));
    }
  }

  /** Background, rings and border. */
  #box(style: CSSStyleDeclaration, box: DOMRect): void {
    const { x, y, width, height } = box;
    const radius = px(style.borderTopLeftRadius);
    const rect = (attributes: string, grow: number) => {
      const place = boxOf(x - grow, y - grow, width + 2 * grow, height + 2 * grow);
      this.sheet.add(attributes, `<rect${place} rx="${short(radius && Math.max(0, radius + grow))}"/>`);
      this.#see(box);
    };
    const outline = (colour: string, line: number, more = "") =>
      rect(` fill="none"${paint("stroke", colour)} stroke-width="${line}"${more}`, -line / 2);
    const { backgroundColor, backgroundImage, boxShadow } = style;
    // Of shadows only rings; the last one lies undermost.
    const rings = [...boxShadow.matchAll(/(rgb.*?\)) 0px 0px 0px (\S+)px( inset)?/g)].reverse();
    for (const [, colour = "", line, inset] of rings)
      if (inset === undefined) rect(paint("fill", colour), Number(line));
    if (!isClear(backgroundColor)) rect(paint("fill", backgroundColor), 0);
    if (backgroundImage !== "none") rect(` fill="${this.#texture(backgroundImage)}"`, 0);
    for (const [, colour = "", line, inset] of rings) if (inset !== undefined) outline(colour, Number(line));
    const sides = (["Top", "Right", "Bottom", "Left"] as const).map((side) => {
      const colour = style[`border${side}Color`];
      return { colour, line: isClear(colour) ? 0 : px(style[`border${side}Width`]) };
    });
    const [{ colour, line }] = sides as [{ colour: string; line: number }];
    if (line > 0 && sides.every((side) => side.line === line)) {
      outline(colour, line, style.borderTopStyle === "dashed" ? ' stroke-dasharray="3 2"' : "");
      return;
    }
    sides.forEach(({ colour: own, line: thick }, side) => {
      const lies = side % 2 === 0;
      const path = boxPath(
        side === 1 ? box.right - thick : x,
        side === 2 ? box.bottom - thick : y,
        lies ? width : thick,
        lies ? thick : height,
      );
      if (thick > 0) this.sheet.add(paint("fill", own), path, true);
    });
  }

  /** The textures of the style sheet: slanted strokes, or dots. */
  #texture(image: string): string {
    const colour = image.match(/rgb.*?\)/g)?.find((one) => !isClear(one)) ?? "#888";
    const mark = image.startsWith("radial")
      ? '><circle cx="2.5" cy="2.5" r=".8"'
      : ' patternTransform="rotate(45)"><path d="M0 0h1v5h-1z"';
    return this.sheet.define(
      `<pattern id="" width="5" height="5" patternUnits="userSpaceOnUse"${mark}${paint("fill", colour)}/></pattern>`,
    );
  }

  /** Words of a text node, line by line. */
  #text(node: Text, style: CSSStyleDeclaration): void {
    const range = this.#range;
    range.selectNodeContents(node);
    const [first, second] = [...range.getClientRects()].filter(({ width }) => width > 0);
    if (first === undefined) return;
    let [line, box] = [node.data, first];
    let at = 0;
    if (second !== undefined) line = "";
    for (const character of second === undefined ? "" : node.data) {
      range.setStart(node, at);
      at += character.length;
      range.setEnd(node, at);
      const own = range.getBoundingClientRect();
      if (own.width > 0 && own.top > box.top + box.height / 2) {
        this.#line(line, style, box);
        [line, box] = ["", own];
      }
      line += character;
      if (own.width > 0)
        box = boxFrom(Math.min(box.x, own.x), box.y, Math.max(box.right, own.right), box.bottom);
    }
    this.#line(line, style, box);
  }

  #line(words: string, style: CSSStyleDeclaration, box: DOMRect): void {
    const limit = this.#limit;
    if (isEmpty(common(box, this.#clip)) || box.x >= limit) return;
    const { fontStyle, fontWeight, fontSize, fontFamily, textDecorationLine } = style;
    const font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
    const context = measuring(font);
    const wide = (part: string) => context.measureText(part).width;
    const { fontBoundingBoxAscent, fontBoundingBoxDescent } = context.measureText("x");
    // Programs do not agree on what white space at the start of a line is worth.
    let text = words.trim();
    const start = box.x + wide(words.slice(0, words.indexOf(text)));
    const cut = box.right > limit + 1;
    if (cut) {
      const letters = [...text];
      while (letters.length > 0 && wide(`${letters.join("")}…`) > limit - start) letters.pop();
      text = `${letters.join("")}…`;
    }
    // Held at the end at which they are aligned, words stay in place in other fonts.
    const end = !cut && /right|end/.test(style.textAlign);
    const line = textDecorationLine === "none" ? "" : ` text-decoration="${textDecorationLine}"`;
    this.sheet.add(
      fontOf(font) + paint("fill", style.color) + anchorOf(end ? "end" : "") + line,
      textAt(
        text,
        end ? box.right : start,
        box.y + (box.height + fontBoundingBoxAscent - fontBoundingBoxDescent) / 2,
      ),
    );
    this.#see(box);
  }

  /** What the style sheet puts before or after an element: at a place of its own, or beside its words. */
  #pseudo(el: Element, own: DOMRect, which: "::before" | "::after"): void {
    const style = getComputedStyle(el, which);
    const { content } = style;
    if (content === "none" || content === "normal") return;
    const attribute = /^attr\((.*)\)$/.exec(content)?.[1];
    const text = attribute === undefined ? content.slice(1, -1) : (el.getAttribute(attribute) ?? "");
    const [width, height] = [px(style.width), px(style.height)];
    let [x, y] = [own.x + px(style.left), own.y + px(style.top)];
    if (style.position === "absolute") x += new DOMMatrix(style.transform).e;
    else {
      this.#range.selectNodeContents(el);
      const words = [...this.#range.getClientRects()];
      const before = which === "::before";
      const beside = words.at(before ? 0 : -1) ?? own;
      x = before ? beside.x - width - px(style.marginRight) : beside.right;
      y = beside.y + (beside.height - height) / 2;
    }
    const box = new DOMRect(x, y, width, height);
    this.#box(style, box);
    if (text === "") return;
    const size = measuring(`${style.fontWeight} ${style.fontSize} ${style.fontFamily}`).measureText(
      text,
    ).width;
    const indent = px(style.textIndent);
    const from = style.direction === "rtl" ? box.right - indent - size : x + indent;
    this.#line(text, style, new DOMRect(from, y, size, px(style.lineHeight) || height));
  }
}

/** Words in lines that are no wider than `width`. */
function wrap(text: string, font: string, width: number): string[] {
  const context = measuring(font);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && context.measureText(longer).width > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Draws what `pane` shows, with its caption under it. */
export function drawFigure(pane: HTMLElement, look: FigureLook): Figure {
  const { colours, font, caption } = look;
  const { sheet, bounds } = new Walk(pane, look.recorders);
  const box = bounds ?? pane.getBoundingClientRect();
  const width = Math.ceil(Math.max(LEAST_WIDTH, box.width) + 2 * MARGIN);
  const words = new Sheet("w");
  let y = box.height + 2 * MARGIN + 12;
  caption.forEach((text, at) => {
    const own = `${at === 0 ? 600 : 400} 12px ${font}`;
    for (const line of wrap(text, own, width - 2 * MARGIN)) {
      words.add(fontOf(own) + paint("fill", at === 0 ? colours.ink : colours.soft), textAt(line, MARGIN, y));
      y += LINE;
    }
  });
  const height = Math.ceil(y);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${escapeText(caption[0] ?? "")}</title><rect width="100%" height="100%"${paint("fill", colours.bg)}/><g transform="translate(${short(MARGIN - box.x)} ${short(MARGIN - box.y)})">${sheet.text()}</g>${words.text()}</svg>`;
  return { svg, width, height };
}
