// Writing SVG: numbers, text, colours, fonts; marks in the order of painting, those of one style in one group.

/** A number with at most two decimals. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Text that XML can hold: characters that it cannot are replaced, its own signs are escaped. */
export function escapeText(text: string): string {
  return text
    .replace(/[^\P{Cc}\t\n\r]|\p{Cs}|[\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A colour as canvases and computed styles write it, as attributes; programs beside browsers know no rgba(). */
export function paint(name: "fill" | "stroke", colour: string): string {
  const [r, g, b, a] = colour.startsWith("#") ? [] : (colour.match(/[\d.]+/g) ?? []);
  if (b === undefined) return ` ${name}="${colour}"`;
  return ` ${name}="rgb(${r},${g},${b})"${a === undefined ? "" : ` ${name}-opacity="${a}"`}`;
}

/** "italic 600 11px monospace" as attributes. */
export function fontOf(font: string): string {
  const [, before = "", size, family = ""] = /^(.*?)([\d.]+)px (.*)$/s.exec(font) ?? [];
  const weight = /\d+|bold/.exec(before)?.[0] ?? "400";
  return [
    ` font-family="${escapeText(family.replace(/\s+/g, " "))}" font-size="${size}"`,
    weight === "400" ? "" : ` font-weight="${weight}"`,
    before.includes("italic") ? ' font-style="italic"' : "",
  ].join("");
}

/** Which end of words stands at their place: "end", "middle", or "" for the start. */
export function anchorOf(anchor: string): string {
  return anchor && ` text-anchor="${anchor}"`;
}

export function textAt(text: string, x: number, y: number): string {
  return `<text x="${short(x)}" y="${short(y)}">${escapeText(text)}</text>`;
}

/** Path of a rectangle. */
export function boxPath(x: number, y: number, width: number, height: number): string {
  return `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`;
}

/** Attributes of a rectangle. */
export function boxOf(x: number, y: number, width: number, height: number): string {
  return ` x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
}

interface Mark {
  /** Groups around the mark, as their opening tags. */
  readonly around: string;
  readonly z: number;
  readonly style: string;
  /** An element, or a path to fill, which may grow. */
  readonly body: string[];
  readonly path: boolean;
}

const closing = (tags: string) => "</g>".repeat(tags.split("<g").length - 1);

/** Marks of a picture, or of one canvas in it. */
export class Sheet {
  readonly #marks: Mark[] = [];
  /** Definitions, by their text without an id. */
  readonly #defs = new Map<string, string>();
  readonly #prefix: string;
  /** Groups around the marks that follow, as their opening tags, and their place above or below others. */
  around = "";
  z = 0;

  /** `prefix` keeps the ids of several sheets of one picture apart. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get count(): number {
    return this.#marks.length;
  }

  /**
   * Adds an element, or a path to fill. Marks of the same style that follow each other share a group with its
   * attributes; such paths become one.
   */
  add(style: string, body: string, path = false): void {
    const { around, z } = this;
    const last = this.#marks[this.#marks.length - 1];
    if (path && last?.path && last.style === style && last.around === around && last.z === z)
      last.body.push(body);
    else this.#marks.push({ around, z, style, body: [body], path });
  }

  /** Adds a definition, if it is not there, and returns its address. `id=""` in its text gets the id. */
  define(text: string): string {
    const id = this.#defs.get(text) ?? `${this.#prefix}-${this.#defs.size}`;
    this.#defs.set(text, id);
    return `url(#${id})`;
  }

  /** Clips the marks that follow to a path, given as its attributes, inside the groups that are there. */
  clip(path: string): void {
    this.around += `<g clip-path="${this.define(`<clipPath id=""><path${path}/></clipPath>`)}">`;
  }

  text(): string {
    const parts = [...this.#defs].map(([text, id]) => text.replace('id=""', `id="${id}"`));
    let [around, style] = ["", ""];
    for (const mark of this.#marks.sort((a, b) => a.z - b.z)) {
      const moved = mark.around !== around;
      if (moved || mark.style !== style) {
        if (style !== "") parts.push("</g>");
        if (moved) parts.push(closing(around), mark.around);
        if (mark.style !== "") parts.push(`<g${mark.style}>`);
        ({ around, style } = mark);
      }
      const body = mark.body.join("");
      parts.push(mark.path ? `<path d="${body}"/>` : body);
    }
    return parts.join("") + (style === "" ? "" : "</g>") + closing(around);
  }
}
