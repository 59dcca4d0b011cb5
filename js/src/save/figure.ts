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
const MARGIN = 12;
const LINE = 17;
const LEAST_WIDTH = 300;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const isClear = (colour: string) => /^rgba\(.*, 0\)$/.test(colour);
const px = (length: string) => Number.parseFloat(length) || 0;

/** How a font measures. */
function measuring(font: string): CanvasRenderingContext2D | null {
  const context = document.createElement("canvas").getContext("2d");
  if (context !== null) context.font = font;
  return context;
}

/** The part of a page that shows a pane, written down element by element. */
class Walk {
  readonly sheet = new Sheet();
  /** What of the page is taken up. */
  bounds: Box | null = null;
  readonly #recorders: FigureLook["recorders"];
  readonly #patterns = new Map<string, string>();
  readonly #range = document.createRange();

  constructor(recorders: FigureLook["recorders"]) {
    this.#recorders = recorders;
  }

  element(el: Element, clip: Box): void {
    if (el.matches(TOOLS)) return;
    const boxes = [...el.getClientRects()].filter((box) => within(box, clip));
    if (boxes.length === 0) return;
    const { sheet } = this;
    const style = getComputedStyle(el);
    if (style.visibility === "hidden") return;
    const { around, z } = sheet;
    if (style.opacity !== "1") sheet.around += `<g opacity="${style.opacity}">`;
    sheet.z = Number(style.zIndex) || z;
    for (const box of boxes) this.#box(style, box, clip);
    if (el instanceof HTMLCanvasElement) this.#canvas(el, clip);
    this.#pseudo(el, "::before", clip);
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = el;
    const [first] = boxes as [DOMRect];
    const over = style.overflowX !== "visible" && (scrollWidth > clientWidth || scrollHeight > clientHeight);
    const inside = over ? common(clip, first) : clip;
    const ends = over && style.textOverflow === "ellipsis";
    const limit = ends ? first.right - px(style.paddingRight) - px(style.borderRightWidth) : null;
    if (over && !ends) {
      const { left, top, right, bottom } = inside;
      sheet.clip(` d="${boxPath(left, top, right - left, bottom - top)}"`);
    }
    for (const child of within(inside, inside) ? el.childNodes : []) {
      if (child instanceof Text) this.#text(child, style, inside, limit);
      else if (child instanceof Element) this.element(child, inside);
    }
    this.#pseudo(el, "::after", clip);
    Object.assign(sheet, { around, z });
  }

  /** Takes up the part of a box that is in sight. */
  #see(box: Box, clip: Box): void {
    const seen = common(box, clip);
    const { left, top, right, bottom } = this.bounds ?? seen;
    this.bounds = {
      left: Math.min(left, seen.left),
      top: Math.min(top, seen.top),
      right: Math.max(right, seen.right),
      bottom: Math.max(bottom, seen.bottom),
    };
  }

  #canvas(canvas: HTMLCanvasElement, clip: Box): void {
    const box = canvas.getBoundingClientRect();
    const place = boxOf(box.left, box.top, box.width, box.height);
    const recorder = this.#recorders.get(canvas);
    this.#see(box, clip);
    this.sheet.add(
      "",
      recorder?.whole
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
      const round = radius + grow > 0.5 && radius > 0 ? ` rx="${short(radius + grow)}"` : "";
      const place = boxOf(left - grow, top - grow, width + 2 * grow, height + 2 * grow);
      sheet.add(attributes, `<rect${place}${round}/>`);
      this.#see(box, clip);
    };
    // The last ring lies undermost.
    const rings = style.boxShadow.split(/,(?![^(]*\))/).reverse();
    const ring = (inset: boolean) => {
      for (const one of rings) {
        const colour = /rgba?\([^)]*\)/.exec(one)?.[0];
        const [x, y, blur, spread] = (one.match(/-?[\d.]+px/g) ?? []).map(px);
        if (colour === undefined || x || y || blur || !spread || one.includes("inset") !== inset) continue;
        if (inset) rect(` fill="none"${paint("stroke", colour)} stroke-width="${spread}"`, -spread / 2);
        else rect(paint("fill", colour), spread);
      }
    };
    ring(false);
    if (!isClear(style.backgroundColor)) rect(paint("fill", style.backgroundColor), 0);
    if (style.backgroundImage !== "none") rect(` fill="${this.#texture(style.backgroundImage)}"`, 0);
    ring(true);
    const sides = (["Top", "Right", "Bottom", "Left"] as const).map((side) => {
      const colour = style[`border${side}Color`];
      const shown = style[`border${side}Style`] !== "none" && !isClear(colour);
      return { colour, line: shown ? px(style[`border${side}Width`]) : 0 };
    });
    const [first] = sides as [{ colour: string; line: number }];
    if (sides.every(({ line, colour }) => line === first.line && colour === first.colour)) {
      if (first.line === 0) return;
      const dashes = style.borderTopStyle === "dashed" ? ' stroke-dasharray="3 2"' : "";
      const stroke = `${paint("stroke", first.colour)} stroke-width="${first.line}"${dashes}`;
      rect(` fill="none"${stroke}`, -first.line / 2);
      return;
    }
    sides.forEach(({ colour, line }, side) => {
      if (line === 0) return;
      const path = [
        [left, top, width, line],
        [left + width - line, top, line, height],
        [left, top + height - line, width, line],
        [left, top, line, height],
      ][side] as [number, number, number, number];
      sheet.fill(paint("fill", colour), boxPath(...path));
      this.#see(box, clip);
    });
  }

  /** The textures of the style sheet: slanted strokes, or dots. */
  #texture(image: string): string {
    const known = this.#patterns.get(image);
    if (known !== undefined) return known;
    const colour = (image.match(/rgba?\([^)]*\)/g) ?? []).find((one) => !isClear(one)) ?? "#888888";
    const [turn, mark] = image.startsWith("radial")
      ? ["0", '<circle cx="2.5" cy="2.5" r=".8"/>']
      : ["45", '<path d="M0 0h1v5h-1z"/>'];
    const made = this.sheet.define(
      (id) =>
        `<pattern id="${id}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(${turn})"><g${paint("fill", colour)}>${mark}</g></pattern>`,
    );
    this.#patterns.set(image, made);
    return made;
  }

  /** Words of a text node, line by line; past `limit` they end with an ellipsis. */
  #text(node: Text, style: CSSStyleDeclaration, clip: Box, limit: number | null): void {
    const text = style.whiteSpace.startsWith("pre") ? node.data : node.data.replace(/\s+/g, " ");
    const range = this.#range;
    range.selectNodeContents(node);
    const [first, ...more] = [...range.getClientRects()].filter(({ width }) => width > 0);
    if (first === undefined) return;
    if (more.length === 0) {
      this.#line(text, style, first, clip, limit);
      return;
    }
    let [line, box] = ["", first as DOMRect];
    let at = 0;
    for (const character of node.data) {
      range.setStart(node, at);
      at += character.length;
      range.setEnd(node, at);
      const own = range.getBoundingClientRect();
      if (own.width === 0) continue;
      if (own.top > box.top + box.height / 2) {
        this.#line(line, style, box, clip, limit);
        [line, box] = ["", own];
      }
      line += character;
      box = new DOMRect(box.left, box.top, own.right - box.left, box.height);
    }
    this.#line(line, style, box, clip, limit);
  }

  #line(text: string, style: CSSStyleDeclaration, box: DOMRect, clip: Box, limit: number | null): void {
    if (!within(box, clip) || (limit !== null && box.left >= limit)) return;
    const font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const context = measuring(font);
    const words = context?.measureText("x");
    if (context === null || words === undefined) return;
    const { fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = words;
    let shown = text;
    const cut = limit !== null && box.right > limit + 1;
    if (cut) {
      const letters = [...text];
      while (letters.length > 0 && context.measureText(`${letters.join("")}…`).width > limit - box.left)
        letters.pop();
      shown = `${letters.join("")}…`;
    }
    // Held at the end at which they are aligned, words stay in place in other fonts.
    const anchor = cut
      ? ""
      : /right|end/.test(style.textAlign)
        ? "end"
        : style.textAlign === "center"
          ? "middle"
          : "";
    const x = anchor === "end" ? box.right : anchor === "" ? box.left : (box.left + box.right) / 2;
    const y = box.top + (box.height - ascent - descent) / 2 + ascent;
    const line = style.textDecorationLine;
    const attributes = [
      fontOf(font),
      paint("fill", style.color),
      anchor === "" ? "" : ` text-anchor="${anchor}"`,
      line === "none" ? "" : ` text-decoration="${line}"`,
    ];
    this.sheet.add(attributes.join(""), `<text x="${short(x)}" y="${short(y)}">${escapeText(shown)}</text>`);
    this.#see(box, clip);
  }

  /** What the style sheet puts before or after an element: at a place of its own, or beside its words. */
  #pseudo(el: Element, which: "::before" | "::after", clip: Box): void {
    const style = getComputedStyle(el, which);
    if (style.content === "none" || style.content === "normal") return;
    const attribute = /^attr\((.*)\)$/.exec(style.content)?.[1];
    const text =
      attribute === undefined
        ? style.content.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1")
        : (el.getAttribute(attribute) ?? "");
    const own = el.getClientRects()[0] as DOMRect;
    const [width, height] = [px(style.width), px(style.height)];
    let box: DOMRect;
    if (style.position === "absolute") {
      const { e, f } = new DOMMatrix(style.transform === "none" ? "" : style.transform);
      box = new DOMRect(own.left + px(style.left) + e, own.top + px(style.top) + f, width, height);
    } else {
      this.#range.selectNodeContents(el);
      const words = [...this.#range.getClientRects()];
      const beside = words[which === "::before" ? 0 : words.length - 1] ?? own;
      const x = which === "::before" ? beside.left - width - px(style.marginRight) : beside.right;
      box = new DOMRect(x, beside.top + (beside.height - height) / 2, width, height);
    }
    this.#box(style, box, clip);
    if (text === "") return;
    const size =
      measuring(`${style.fontWeight} ${style.fontSize} ${style.fontFamily}`)?.measureText(text).width ?? 0;
    const indent = px(style.textIndent);
    const x = style.direction === "rtl" ? box.right - indent - size : box.left + indent;
    const line = px(style.lineHeight) || box.height;
    this.#line(text, style, new DOMRect(x, box.top, size, line), clip, null);
  }
}

function within(box: Box, clip: Box): boolean {
  return box.right > clip.left && box.left < clip.right && box.bottom > clip.top && box.top < clip.bottom;
}

function common(a: Box, b: Box): Box {
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
}

/** Words in lines that are no wider than `width`. */
function wrap(text: string, context: CanvasRenderingContext2D | null, width: number): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if ((context?.measureText(longer).width ?? 0) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Draws what `pane` shows, with its caption under it. */
export function drawFigure(pane: HTMLElement, look: FigureLook): Figure {
  const { colours, font, caption } = look;
  const walk = new Walk(look.recorders);
  const whole = pane.getBoundingClientRect();
  walk.element(pane, whole);
  const { left, top, right, bottom } = walk.bounds ?? whole;
  const width = Math.ceil(Math.max(LEAST_WIDTH, right - left) + 2 * MARGIN);
  const words = new Sheet();
  let y = bottom - top + 2 * MARGIN + 12;
  caption.forEach((text, at) => {
    const own = `${at === 0 ? 600 : 400} 12px ${font}`;
    const style = fontOf(own) + paint("fill", at === 0 ? colours.ink : colours.soft);
    for (const line of wrap(text, measuring(own), width - 2 * MARGIN)) {
      words.add(style, `<text x="${MARGIN}" y="${short(y)}">${escapeText(line)}</text>`);
      y += LINE;
    }
  });
  const height = Math.ceil(y);
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" xml:space="preserve">`,
    `<title>${escapeText(caption[0] ?? "")}</title>`,
    `<rect width="100%" height="100%"${paint("fill", colours.bg)}/>`,
    `<g transform="translate(${short(MARGIN - left)} ${short(MARGIN - top)})">${walk.sheet.text()}</g>`,
    words.text(),
    "</svg>",
  ];
  return { svg: svg.join(""), width, height };
}
