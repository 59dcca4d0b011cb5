// A pane as a picture of its own: canvases as they were recorded, around them the words and boxes of the page.
import { pictureOf, type Recorder } from "./recorder";
import { boxOf, boxPath, escapeText, fontOf, paint, Sheet, short } from "./svg";

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

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const isClear = (colour: string) => colour.endsWith(", 0)");
const px = (length: string) => Number.parseFloat(length) || 0;

/** A context that measures words in a font. */
function measuring(font: string): CanvasRenderingContext2D {
  const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
  context.font = font;
  return context;
}

function common(a: Box, b: Box): Box {
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
}

function isEmpty({ left, top, right, bottom }: Box): boolean {
  return left >= right || top >= bottom;
}

/** The part of a page that shows a pane, written down element by element. */
class Walk {
  readonly sheet = new Sheet();
  /** What of the page is taken up. */
  bounds: Box;
  readonly #recorders: FigureLook["recorders"];
  readonly #feet: Set<Element>;
  readonly #textures = new Map<string, string>();
  readonly #range = document.createRange();
  /** How far up the marks are moved. */
  #up = 0;

  constructor(pane: Element, recorders: FigureLook["recorders"]) {
    this.#recorders = recorders;
    const whole = pane.getBoundingClientRect();
    const { left: right, top: bottom, right: left, bottom: top } = whole;
    this.bounds = { left, top, right, bottom };
    const feet = [...pane.querySelectorAll(FEET)];
    this.#feet = new Set(feet);
    this.#element(pane, whole);
    for (const foot of feet) {
      const gap = foot.getBoundingClientRect().top - this.bounds.bottom - FOOT_GAP;
      this.#up = Math.max(0, gap);
      this.sheet.around = `<g transform="translate(0 ${short(-this.#up)})">`;
      this.#feet.delete(foot);
      this.#element(foot, whole);
    }
  }

  /** Takes up the part of a box that is in sight. */
  #see(box: Box, clip: Box): void {
    const seen = common(box, clip);
    const { left, top, right, bottom } = this.bounds;
    if (isEmpty(seen)) return;
    this.bounds = {
      left: Math.min(left, seen.left),
      top: Math.min(top, seen.top - this.#up),
      right: Math.max(right, seen.right),
      bottom: Math.max(bottom, seen.bottom - this.#up),
    };
  }

  #element(el: Element, clip: Box): void {
    if (el.matches(TOOLS) || this.#feet.has(el)) return;
    const boxes = [...el.getClientRects()].filter((box) => !isEmpty(common(box, clip)));
    const [first] = boxes;
    if (first === undefined) return;
    const { sheet } = this;
    const style = getComputedStyle(el);
    if (style.visibility === "hidden") return;
    const { around, z } = sheet;
    if (style.opacity !== "1") sheet.around += `<g opacity="${style.opacity}">`;
    sheet.z = Number(style.zIndex) || z;
    for (const box of boxes) this.#box(style, box, clip);
    if (el instanceof HTMLCanvasElement) this.#canvas(el, first, clip);
    this.#pseudo(el, first, "::before", clip);
    const over =
      style.overflowX !== "visible" && (el.scrollWidth > el.clientWidth || el.scrollHeight > el.clientHeight);
    const inside = over ? common(clip, first) : clip;
    const cuts = over && style.textOverflow === "ellipsis";
    const limit = cuts ? first.right - px(style.paddingRight) - px(style.borderRightWidth) : 1 / 0;
    if (over && !cuts) {
      const { left, top, right, bottom } = inside;
      sheet.clip(` d="${boxPath(left, top, right - left, bottom - top)}"`);
    }
    for (const child of isEmpty(inside) ? [] : el.childNodes) {
      if (child instanceof Text) this.#text(child, style, inside, limit);
      else if (child instanceof Element) this.#element(child, inside);
    }
    this.#pseudo(el, first, "::after", clip);
    Object.assign(sheet, { around, z });
  }

  #canvas(canvas: HTMLCanvasElement, box: DOMRect, clip: Box): void {
    const place = boxOf(box.left, box.top, box.width, box.height);
    const recorder = this.#recorders.get(canvas);
    const whole = recorder?.whole === true;
    const [left, top, right, bottom] = whole ? recorder.bounds : [0, 0, box.width, box.height];
    const seen = {
      left: box.left + left,
      top: box.top + top,
      right: box.left + right,
      bottom: box.top + bottom,
    };
    this.#see(common(box, seen), clip);
    this.sheet.add(
      "",
      whole
        ? `<svg${place} class="${canvas.className}">${recorder.sheet.text()}</svg>`
        : pictureOf(canvas, place, canvas.width < box.width),
    );
  }

  /** Background, rings and border. */
  #box(style: CSSStyleDeclaration, box: DOMRect, clip: Box): void {
    const { left, top, width, height } = box;
    const { sheet } = this;
    const radius = px(style.borderTopLeftRadius);
    const rect = (attributes: string, grow: number) => {
      const round = radius > 0 ? ` rx="${short(Math.max(0, radius + grow))}"` : "";
      sheet.add(
        attributes,
        `<rect${boxOf(left - grow, top - grow, width + 2 * grow, height + 2 * grow)}${round}/>`,
      );
      this.#see(box, clip);
    };
    const outline = (colour: string, line: number, more = "") =>
      rect(` fill="none"${paint("stroke", colour)} stroke-width="${line}"${more}`, -line / 2);
    // The last ring lies undermost.
    const rings = style.boxShadow.split(/,(?![^(]*\))/).reverse();
    const drawRings = (inset: boolean) => {
      for (const ring of rings) {
        const [colour] = /rgba?\([^)]*\)/.exec(ring) ?? [];
        const [x, y, blur, spread] = (ring.match(/\S+px/g) ?? []).map(px);
        if (colour === undefined || x || y || blur || !spread || ring.includes("inset") !== inset) continue;
        if (inset) outline(colour, spread);
        else rect(paint("fill", colour), spread);
      }
    };
    drawRings(false);
    if (!isClear(style.backgroundColor)) rect(paint("fill", style.backgroundColor), 0);
    if (style.backgroundImage !== "none") rect(` fill="${this.#texture(style.backgroundImage)}"`, 0);
    drawRings(true);
    const sides = (["Top", "Right", "Bottom", "Left"] as const).map((side) => {
      const colour = style[`border${side}Color`];
      return [isClear(colour) ? 0 : px(style[`border${side}Width`]), colour] as const;
    });
    const [[first, colour]] = sides as [readonly [number, string]];
    if (sides.every(([line]) => line === first)) {
      if (first > 0)
        outline(colour, first, style.borderTopStyle === "dashed" ? ' stroke-dasharray="3 2"' : "");
      return;
    }
    const places = [
      [0, 0, width, 0],
      [width, 0, 0, height],
      [0, height, width, 0],
      [0, 0, 0, height],
    ] as const;
    sides.forEach(([line, own], side) => {
      const [x, y, w, h] = places[side] as (typeof places)[number];
      if (line > 0)
        sheet.fill(
          paint("fill", own),
          boxPath(left + x - (x && line), top + y - (y && line), w || line, h || line),
        );
    });
  }

  /** The textures of the style sheet: slanted strokes, or dots. */
  #texture(image: string): string {
    const known = this.#textures.get(image);
    if (known !== undefined) return known;
    const colour = image.match(/rgba?\([^)]*\)/g)?.find((one) => !isClear(one)) ?? "#888";
    const mark = image.startsWith("radial")
      ? '><circle cx="2.5" cy="2.5" r=".8"'
      : ' patternTransform="rotate(45)"><path d="M0 0h1v5h-1z"';
    const made = this.sheet.define(
      (id) =>
        `<pattern id="${id}" width="5" height="5" patternUnits="userSpaceOnUse"${mark}${paint("fill", colour)}/></pattern>`,
    );
    this.#textures.set(image, made);
    return made;
  }

  /** Words of a text node, line by line; past `limit` they end with an ellipsis. */
  #text(node: Text, style: CSSStyleDeclaration, clip: Box, limit: number): void {
    const range = this.#range;
    range.selectNodeContents(node);
    const [first, second] = [...range.getClientRects()].filter(({ width }) => width > 0);
    if (first === undefined) return;
    if (second === undefined) {
      this.#line(node.data, style, first, clip, limit);
      return;
    }
    let [line, box] = ["", first];
    let at = 0;
    for (const character of node.data) {
      range.setStart(node, at);
      at += character.length;
      range.setEnd(node, at);
      const own = range.getBoundingClientRect();
      if (own.width > 0 && own.top > box.top + box.height / 2) {
        this.#line(line, style, box, clip, limit);
        [line, box] = ["", own];
      }
      line += character;
      if (own.width === 0) continue;
      const left = Math.min(box.left, own.left);
      box = new DOMRect(left, box.top, Math.max(box.right, own.right) - left, box.height);
    }
    this.#line(line, style, box, clip, limit);
  }

  #line(words: string, style: CSSStyleDeclaration, box: DOMRect, clip: Box, limit: number): void {
    if (isEmpty(common(box, clip)) || box.left >= limit) return;
    const { fontStyle, fontWeight, fontSize, fontFamily, textAlign, textDecorationLine } = style;
    const font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
    const context = measuring(font);
    const wide = (part: string) => context.measureText(part).width;
    const { fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = context.measureText("x");
    // Programs do not agree on what white space at the start of a line is worth.
    let text = words.trimStart();
    const start = box.left + wide(words.slice(0, words.length - text.length));
    const cut = box.right > limit + 1;
    if (cut) {
      const letters = [...text];
      while (letters.length > 0 && wide(`${letters.join("")}…`) > limit - start) letters.pop();
      text = `${letters.join("")}…`;
    }
    // Held at the end at which they are aligned, words stay in place in other fonts.
    const [anchor, x] =
      !cut && /right|end/.test(textAlign)
        ? [' text-anchor="end"', box.right]
        : !cut && textAlign === "center"
          ? [' text-anchor="middle"', (start + box.right) / 2]
          : ["", start];
    const line = textDecorationLine === "none" ? "" : ` text-decoration="${textDecorationLine}"`;
    const y = box.top + (box.height + ascent - descent) / 2;
    this.sheet.add(
      fontOf(font) + paint("fill", style.color) + anchor + line,
      `<text x="${short(x)}" y="${short(y)}">${escapeText(text.trimEnd())}</text>`,
    );
    this.#see(box, clip);
  }

  /** What the style sheet puts before or after an element: at a place of its own, or beside its words. */
  #pseudo(el: Element, own: DOMRect, which: "::before" | "::after", clip: Box): void {
    const style = getComputedStyle(el, which);
    const { content } = style;
    if (content === "none" || content === "normal") return;
    const attribute = /^attr\((.*)\)$/.exec(content)?.[1];
    const text = attribute === undefined ? content.slice(1, -1) : (el.getAttribute(attribute) ?? "");
    const [width, height] = [px(style.width), px(style.height)];
    let [x, y] = [own.left + px(style.left), own.top + px(style.top)];
    if (style.position === "absolute") x += new DOMMatrix(style.transform).e;
    else {
      this.#range.selectNodeContents(el);
      const words = [...this.#range.getClientRects()];
      const before = which === "::before";
      const beside = words.at(before ? 0 : -1) ?? own;
      x = before ? beside.left - width - px(style.marginRight) : beside.right;
      y = beside.top + (beside.height - height) / 2;
    }
    const box = new DOMRect(x, y, width, height);
    this.#box(style, box, clip);
    if (text === "") return;
    const size = measuring(`${style.fontWeight} ${style.fontSize} ${style.fontFamily}`).measureText(
      text,
    ).width;
    const indent = px(style.textIndent);
    const from = style.direction === "rtl" ? box.right - indent - size : x + indent;
    this.#line(text, style, new DOMRect(from, y, size, px(style.lineHeight) || height), clip, 1 / 0);
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
  const { left, top, right, bottom } = bounds;
  const width = Math.ceil(Math.max(LEAST_WIDTH, right - left) + 2 * MARGIN);
  const words = new Sheet();
  let y = bottom - top + 2 * MARGIN + 12;
  caption.forEach((text, at) => {
    const own = `${at === 0 ? 600 : 400} 12px ${font}`;
    for (const line of wrap(text, own, width - 2 * MARGIN)) {
      words.add(
        fontOf(own) + paint("fill", at === 0 ? colours.ink : colours.soft),
        `<text x="${MARGIN}" y="${short(y)}">${escapeText(line)}</text>`,
      );
      y += LINE;
    }
  });
  const height = Math.ceil(y);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${escapeText(caption[0] ?? "")}</title><rect width="100%" height="100%"${paint("fill", colours.bg)}/><g transform="translate(${short(MARGIN - left)} ${short(MARGIN - top)})">${sheet.text()}</g>${words.text()}</svg>`;
  return { svg, width, height };
}
