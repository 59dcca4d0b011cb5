// A drawing context without a canvas: state, transform and its stack, as far as the recorder asks for them.

const STATE = {
  fillStyle: "#000000",
  strokeStyle: "#000000",
  lineWidth: 1,
  globalAlpha: 1,
  font: "10px sans-serif",
  textAlign: "start",
  textBaseline: "alphabetic",
  imageSmoothingEnabled: true,
};

type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Draws nothing; counts what it was told to draw. */
export class FakeContext {
  readonly calls: string[] = [];
  #matrix: Matrix;
  #dashes: number[] = [];
  readonly #stack: { state: object; matrix: Matrix; dashes: number[] }[] = [];

  constructor(ratio: number) {
    Object.assign(this, STATE);
    this.#matrix = [ratio, 0, 0, ratio, 0, 0];
    for (const name of [
      "beginPath",
      "closePath",
      "moveTo",
      "lineTo",
      "bezierCurveTo",
      "rect",
      "roundRect",
      "arc",
      "clip",
      "fill",
      "stroke",
      "fillRect",
      "strokeRect",
      "fillText",
      "putImageData",
    ])
      Object.assign(this, { [name]: () => this.calls.push(name) });
  }

  /** As a context; only what draws is there. */
  static create(ratio: number): CanvasRenderingContext2D & { calls: string[] } {
    return new FakeContext(ratio) as unknown as CanvasRenderingContext2D & { calls: string[] };
  }

  save(): void {
    const state = Object.fromEntries(Object.keys(STATE).map((name) => [name, Reflect.get(this, name)]));
    this.#stack.push({ state, matrix: this.#matrix, dashes: this.#dashes });
  }

  restore(): void {
    const last = this.#stack.pop();
    if (last === undefined) return;
    Object.assign(this, last.state);
    this.#matrix = last.matrix;
    this.#dashes = last.dashes;
  }

  translate(x: number, y: number): void {
    this.#times([1, 0, 0, 1, x, y]);
  }

  rotate(angle: number): void {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    this.#times([cos, sin, -sin, cos, 0, 0]);
  }

  getTransform() {
    const [a, b, c, d, e, f] = this.#matrix;
    return { a, b, c, d, e, f };
  }

  setLineDash(dashes: number[]): void {
    this.#dashes = dashes;
  }

  getLineDash(): number[] {
    return this.#dashes;
  }

  /** Letters six wide, eight high over the line of writing. */
  measureText(text: string) {
    const middle = Reflect.get(this, "textBaseline") === "middle";
    return { width: 6 * text.length, actualBoundingBoxAscent: middle ? 4 : 8 };
  }

  #times([a, b, c, d, e, f]: Matrix): void {
    const [m, n, o, p, q, r] = this.#matrix;
    this.#matrix = [
      m * a + o * b,
      n * a + p * b,
      m * c + o * d,
      n * c + p * d,
      m * e + o * f + q,
      n * e + p * f + r,
    ];
  }
}
