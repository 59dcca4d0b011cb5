// Writes down as SVG what is drawn on a canvas while it is drawn, so that lines stay lines and words stay words.
import { boxOf, boxPath, escapeText, fontOf, paint, Sheet, short } from "./svg";

/** Pictures of at most so many cells become rectangles, as long as there are not too many in all: sharp everywhere. */
const MOST_CELLS = 2500;
const CELLS_IN_ALL = 12_000;
/** A canvas of more marks than this is better kept as a picture. */
const MOST_MARKS = 20_000;

const ANCHORS: Readonly<Record<string, string>> = {
  right: ' text-anchor="end"',
  end: ' text-anchor="end"',
  center: ' text-anchor="middle"',
};

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
      rect: (x: number, y: number, width: number, height: number) => add(boxPath(x, y, width, height)),
      roundRect: (x: number, y: number, width: number, height: number, r: number) => {
        const arc = (right: number, down: number) => to("a", r, r, 0, 0, 1, right * r, down * r);
        to("M", x + r, y);
        to("h", width - 2 * r);
        arc(1, 1);
        to("v", height - 2 * r);
        arc(-1, 1);
        to("h", 2 * r - width);
        arc(-1, -1);
        to("v", 2 * r - height);
        arc(1, -1);
      },
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
      clip: () => this.sheet.clip(` d="${this.#path}"${this.#place()}`),
    };
  }

  /** The transform as an attribute. */
  #place(): string {
    const { a, b, c, d, e, f } = this.#target.getTransform();
    const parts = [a, b, c, d, e, f].map((part) => short(part / this.#ratio));
    const all = parts.join(" ");
    if (all === "1 0 0 1 0 0") return "";
    const moves = all.startsWith("1 0 0 1 ");
    return ` transform="${moves ? `translate(${parts[4]} ${parts[5]})` : `matrix(${all})`}"`;
  }

  #faded(name: string): string {
    const alpha = this.#target.globalAlpha;
    return alpha === 1 ? "" : ` ${name}="${Number(alpha.toPrecision(3))}"`;
  }

  #fill(path: string): void {
    this.sheet.fill(
      this.#place() + paint("fill", String(this.#target.fillStyle)) + this.#faded("opacity"),
      path,
    );
  }

  #stroke(path: string): void {
    const { strokeStyle, lineWidth } = this.#target;
    const dashes = this.#target.getLineDash();
    const dashed = dashes.length === 0 ? "" : ` stroke-dasharray="${dashes.join(" ")}"`;
    const colour = paint("stroke", String(strokeStyle));
    this.sheet.add(
      `${this.#place()} fill="none"${colour} stroke-width="${short(lineWidth)}"${dashed}`,
      `<path d="${path}"${this.#faded("opacity")}/>`,
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
    const shift = actualBoundingBoxAscent - own;
    const anchor = ANCHORS[textAlign] ?? "";
    this.#box(x - (anchor === "" ? 0 : anchor === ANCHORS.center ? width / 2 : width), y - 7, width, 12);
    const style = this.#place() + fontOf(font) + paint("fill", String(fillStyle));
    this.sheet.add(
      style + anchor + this.#faded("opacity"),
      `<text x="${short(x)}" y="${short(y + shift)}">${escapeText(text)}</text>`,
    );
  }

  /** A canvas that is drawn on this one: a rectangle a cell where they are few, else a picture of its own pixels. */
  #picture(image: HTMLCanvasElement, places: readonly number[]): void {
    const whole = [0, 0, image.width, image.height];
    const [sx, sy, sw, sh, x, y, width, height] = (
      places.length > 4 ? places : [...whole, ...places, ...whole.slice(2)].slice(0, 8)
    ) as [number, number, number, number, number, number, number, number];
    this.#box(x, y, width, height);
    const smooth = this.#target.imageSmoothingEnabled;
    const style = this.#place() + this.#faded("opacity");
    const part = document.createElement("canvas");
    Object.assign(part, { width: sw, height: sh });
    const context = part.getContext("2d");
    context?.drawImage(image, sx, sy, sw, sh, 0, 0, sw, sh);
    const cells = sw * sh;
    if (context && !smooth && width > sw && cells <= MOST_CELLS && this.#cells + cells <= CELLS_IN_ALL) {
      this.#cells += cells;
      const { data } = context.getImageData(0, 0, sw, sh);
      for (const [colour, path] of cellPaths(data, sw, { x, y, width: width / sw, height: height / sh }))
        this.sheet.add(`${style} shape-rendering="crispEdges"`, `<path${colour} d="${path}"/>`);
      return;
    }
    this.sheet.add(style, pictureOf(part, boxOf(x, y, width, height), !smooth));
  }
}

/** A canvas's own pixels as an element. */
export function pictureOf(canvas: HTMLCanvasElement, box: string, sharp: boolean): string {
  const rendering = sharp ? ' image-rendering="pixelated"' : "";
  return `<image${box} preserveAspectRatio="none"${rendering} xlink:href="${canvas.toDataURL()}"/>`;
}

/** Rectangles of the cells of each colour, equal neighbours in a row as one; clear cells have none. */
export function cellPaths(
  data: Uint8ClampedArray,
  columns: number,
  cell: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): Map<string, string> {
  const paths = new Map<string, string>();
  const cells = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
  for (let at = 0, end = 0; at < cells.length; at = end) {
    const last = at - (at % columns) + columns;
    end = at + 1;
    while (end < last && cells[end] === cells[at]) end++;
    const [r, g, b, alpha] = data.subarray(4 * at, 4 * at + 4);
    if (alpha === 0) continue;
    const colour = paint("fill", `rgb(${r},${g},${b})`);
    const [x, y] = [cell.x + (at % columns) * cell.width, cell.y + Math.floor(at / columns) * cell.height];
    const path = boxPath(x, y, (end - at) * cell.width, cell.height);
    paths.set(colour, (paths.get(colour) ?? "") + path);
  }
  return paths;
}
