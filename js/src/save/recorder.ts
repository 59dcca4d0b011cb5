// Writes down as SVG what is drawn on a canvas while it is drawn, so that lines stay lines and words stay words.
import { anchorOf, boxOf, boxPath, fontOf, paint, Sheet, short, textAt } from "./svg";

/** Cells of a canvas that become rectangles, which every program draws sharp; the pictures that are left stay pictures. */
const MOST_CELLS = 12_000;
/** A canvas of more marks than this is better kept as a picture. */
const MOST_MARKS = 20_000;

type Hooks = { [K in keyof CanvasRenderingContext2D]?: (...args: never[]) => void };

/** Stands in front of a canvas's context: what is drawn through `context` is drawn, and written down in `sheet`. */
export class Recorder {
  readonly sheet: Sheet;
  readonly context: CanvasRenderingContext2D;
  readonly #target: CanvasRenderingContext2D;
  readonly #ratio: number;
  #path = "";
  #saved: string[] = [];
  #cells = 0;
  #pixels = false;
  /** What the marks take up, in units of the picture: left, top, right, bottom. */
  readonly bounds: [number, number, number, number] = [1 / 0, 1 / 0, -1 / 0, -1 / 0];

  /** `ratio` is that of canvas pixels to units of the picture. */
  constructor(target: CanvasRenderingContext2D, ratio: number, prefix: string) {
    this.#target = target;
    this.#ratio = ratio;
    this.sheet = new Sheet(prefix);
    const hooks = this.#hooks() as Record<string | symbol, ((...args: unknown[]) => void) | undefined>;
    this.context = new Proxy(target, {
      get: (_, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          hooks[name]?.(...args);
          return value.apply(target, args);
        };
      },
      set: (_, name, value) => Reflect.set(target, name, value),
    });
  }

  /** Whether the marks are all that is on the canvas, and few enough. */
  get whole(): boolean {
    return !this.#pixels && this.sheet.count <= MOST_MARKS;
  }

  /** Takes up a point. */
  #see(x: number, y: number): void {
    const { a, b, c, d, e, f } = this.#target.getTransform();
    const { bounds } = this;
    [(a * x + c * y + e) / this.#ratio, (b * x + d * y + f) / this.#ratio].forEach((at, axis) => {
      bounds[axis] = Math.min(bounds[axis] as number, at);
      bounds[axis + 2] = Math.max(bounds[axis + 2] as number, at);
    });
  }

  #box(x: number, y: number, width: number, height: number): string {
    this.#see(x, y);
    this.#see(x + width, y + height);
    return boxPath(x, y, width, height);
  }

  #hooks(): Hooks {
    const add = (path: string) => {
      this.#path += path;
    };
    const to = (letter: string, ...places: number[]) => add(letter + places.map(short).join(" "));
    const rect = (x: number, y: number, width: number, height: number) => add(boxPath(x, y, width, height));
    const point = (letter: string) => (x: number, y: number) => {
      this.#see(x, y);
      to(letter, x, y);
    };
    return {
      beginPath: () => {
        this.#path = "";
      },
      closePath: () => add("z"),
      moveTo: point("M"),
      lineTo: point("L"),
      bezierCurveTo: (...places: number[]) => {
        this.#see(places[4] as number, places[5] as number);
        to("C", ...places);
      },
      // Only clips are made of these; they are no marks.
      rect,
      // The corners are not worth their bytes.
      roundRect: rect,
      // Whole circles are all that is drawn.
      arc: (x: number, y: number, r: number) => {
        to("M", x - r, y);
        for (const way of [2, -2]) to("a", r, r, 0, 1, 0, way * r, 0);
      },
      fill: () => this.#fill(this.#path),
      stroke: () => this.#stroke(this.#path),
      fillRect: (x: number, y: number, width: number, height: number) =>
        this.#fill(this.#box(x, y, width, height)),
      strokeRect: (x: number, y: number, width: number, height: number) =>
        this.#stroke(this.#box(x, y, width, height)),
      fillText: (text: string, x: number, y: number) => this.#write(text, x, y),
      drawImage: (image: HTMLCanvasElement, ...places: number[]) => this.#picture(image, places),
      putImageData: () => {
        this.#pixels = true;
      },
      save: () => {
        this.#saved.push(this.sheet.around);
      },
      restore: () => {
        this.sheet.around = this.#saved.pop() ?? "";
      },
      clip: () => this.sheet.clip(` d="${this.#path}"${this.#style()}`),
    };
  }

  /** The transform, and what else all kinds of marks have, as attributes. */
  #style(...more: string[]): string {
    const { a, b, c, d, e, f } = this.#target.getTransform();
    const all = [a, b, c, d, e, f].map((part) => short(part / this.#ratio)).join(" ");
    return (all === "1 0 0 1 0 0" ? "" : ` transform="matrix(${all})"`) + more.join("");
  }

  get #faded(): string {
    const alpha = this.#target.globalAlpha;
    return alpha === 1 ? "" : ` opacity="${Number(alpha.toPrecision(3))}"`;
  }

  #fill(path: string): void {
    this.sheet.add(this.#style(paint("fill", String(this.#target.fillStyle)), this.#faded), path, true);
  }

  #stroke(path: string): void {
    const { strokeStyle, lineWidth } = this.#target;
    const dashes = this.#target.getLineDash().join(" ");
    const line = ` fill="none" stroke-width="${short(lineWidth)}"`;
    this.sheet.add(
      this.#style(line, paint("stroke", String(strokeStyle)), dashes && ` stroke-dasharray="${dashes}"`),
      `<path d="${path}"${this.#faded}/>`,
    );
  }

  #write(text: string, x: number, y: number): void {
    const target = this.#target;
    const { textBaseline, textAlign, font, fillStyle } = target;
    // Where the line of writing lies: other programs know no other baseline.
    const own = target.measureText(text).actualBoundingBoxAscent;
    target.textBaseline = "alphabetic";
    const { actualBoundingBoxAscent, width } = target.measureText(text);
    target.textBaseline = textBaseline;
    const [before, anchor] =
      textAlign === "right" ? [1, "end"] : textAlign === "center" ? [0.5, "middle"] : [0, ""];
    this.#box(x - before * width, y - 7, width, 12);
    this.sheet.add(
      this.#style(fontOf(font), paint("fill", String(fillStyle)), anchorOf(anchor), this.#faded),
      textAt(text, x, y + actualBoundingBoxAscent - own),
    );
  }

  /** A canvas that is drawn on this one: a rectangle a cell where they are few, else a picture of its own pixels. */
  #picture(image: HTMLCanvasElement, places: readonly number[]): void {
    const { width: w, height: h } = image;
    const [sx, sy, sw, sh, x, y, width, height] = (places.length > 4 ? places : [0, 0, w, h, ...places]) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.#box(x, y, width, height);
    const smooth = this.#target.imageSmoothingEnabled;
    const part = document.createElement("canvas");
    Object.assign(part, { width: sw, height: sh });
    const context = part.getContext("2d") as CanvasRenderingContext2D;
    context.drawImage(image, sx, sy, sw, sh, 0, 0, sw, sh);
    this.#cells += sw * sh;
    if (smooth || width <= sw || this.#cells > MOST_CELLS) {
      this.#cells -= sw * sh;
      this.sheet.add(this.#style(this.#faded), pictureOf(part, boxOf(x, y, width, height), !smooth));
      return;
    }
    const { data } = context.getImageData(0, 0, sw, sh);
    const style = this.#style(this.#faded, ' shape-rendering="crispEdges"');
    for (const [colour, path] of cellRuns(data, sw, { x, y, width: width / sw, height: height / sh }).sort())
      this.sheet.add(style + paint("fill", colour), path, true);
  }
}

/** A canvas's own pixels as an element. */
export function pictureOf(canvas: HTMLCanvasElement, box: string, sharp: boolean): string {
  const rendering = sharp ? ' image-rendering="pixelated"' : "";
  return `<image${box} preserveAspectRatio="none"${rendering} xlink:href="${canvas.toDataURL()}"/>`;
}

/** Rectangles of cells with their colours, equal neighbours in a row as one; clear cells have none. */
export function cellRuns(
  data: Uint8ClampedArray,
  columns: number,
  {
    x,
    y,
    width,
    height,
  }: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): [colour: string, path: string][] {
  const runs: [string, string][] = [];
  const cells = new Uint32Array(data.buffer);
  for (let at = 0, end = 0; at < cells.length; at = end) {
    const column = at % columns;
    end = at + 1;
    while (end < at - column + columns && cells[end] === cells[at]) end++;
    const [r, g, b, alpha] = data.subarray(4 * at, 4 * at + 4);
    const row = (at - column) / columns;
    const path = boxPath(x + column * width, y + row * height, (end - at) * width, height);
    if (alpha !== 0) runs.push([`rgb(${r},${g},${b})`, path]);
  }
  return runs;
}
