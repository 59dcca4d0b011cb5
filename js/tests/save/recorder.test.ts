// @vitest-environment happy-dom
// The recorder: what draw functions command is what the picture holds.
import { describe, expect, it } from "vitest";
import { drawAxisFocus } from "../../src/draw/axes";
import { drawHatchArea } from "../../src/draw/hatch";
import { drawLines } from "../../src/draw/lines";
import { divert, prepare } from "../../src/draw/surface";
import { keyEnd, queryEnd, slotOffset } from "../../src/math/hit";
import { selectLines } from "../../src/math/lines";
import { cellRuns, Recorder } from "../../src/save/recorder";
import { PALETTE } from "../panes/explorer";
import { selfData } from "../panes/sample";
import { FakeContext } from "./fake-context";

/** The picture, read as a browser would. */
function read(recorder: Recorder): Element {
  const text = `<svg xmlns="http://www.w3.org/2000/svg">${recorder.sheet.text()}</svg>`;
  return new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
}

function record(draw: (context: CanvasRenderingContext2D) => void, ratio = 2): Recorder {
  const recorder = new Recorder(FakeContext.create(ratio), ratio, "t");
  draw(recorder.context);
  return recorder;
}

describe("the recorder", () => {
  it("holds every line where it was drawn, in its colour and as strong", () => {
    const { patterns } = selfData();
    const sight = { start: 0, end: 3 };
    const options = { queries: sight, keys: sight, threshold: 0.2, limit: 100, sinks: false };
    const { lines } = selectLines(patterns, options);
    expect(lines.count).toBe(10);
    const view = { left: 40, right: 240, row: 22, height: 80, keyTop: 0, queryScroll: 0, keyScroll: 0 };
    const all = { ...view, sinkY: 0, keys: 3, strength: 0.75, floor: 0.03, width: 1.2, only: null };
    const picture = read(
      record((context) =>
        drawLines(context, { lines, from: 0, to: lines.count, heads: [0, 3] }, all, PALETTE),
      ),
    );
    const drawn = [...picture.querySelectorAll("path")].map((path) => {
      const [from, fromY, , , , , to, toY] = (path.getAttribute("d") as string).match(
        /-?[\d.]+/g,
      ) as string[];
      const group = path.parentElement as Element;
      const style = ["stroke", "stroke-width"].map((name) => group.getAttribute(name));
      return [from, fromY, to, toY, path.getAttribute("opacity"), ...style].join(" ");
    });
    const expected = Array.from({ length: lines.count }, (_, at) => {
      const slot = lines.slot[at] as number;
      const offset = slotOffset(slot, 2, 22);
      const [y0, y1] = [queryEnd(all, lines.query[at] as number), keyEnd(all, lines.key[at] as number)];
      const opacity = Number(Math.min(1, (lines.weight[at] as number) * 0.75).toPrecision(3));
      const [r, g, b] = PALETTE.head([0, 3][slot] as number);
      return `40 ${y0 + offset} 240 ${y1 + offset} ${opacity} rgb(${r},${g},${b}) 1.2`;
    });
    expect(drawn.sort()).toEqual(expected.sort());
  });

  it("draws on the canvas all the same", () => {
    const context = FakeContext.create(1);
    const recorder = new Recorder(context, 1, "t");
    recorder.context.fillStyle = "#ff0000";
    recorder.context.fillRect(1, 2, 3, 4);
    expect(context.calls).toEqual(["fillRect"]);
    expect(context.fillStyle).toBe("#ff0000");
    expect(recorder.context.fillStyle).toBe("#ff0000");
  });

  it("keeps turned words in place, on the line of writing, and what clips them", () => {
    const view = {
      frame: { queries: 3, keys: 3, width: 90, height: 90, cellWidth: 30, cellHeight: 30 },
      viewport: { query: 0, key: 0, zoom: 1 },
      left: 60,
      top: 60,
    };
    const labels = ["The", "c&d", "sat"];
    const picture = read(
      record((context) => {
        context.translate(60, 60);
        drawAxisFocus(context, { queries: labels, keys: labels, query: 0, key: 1 }, view, PALETTE);
      }),
    );
    const [query, key] = [...picture.querySelectorAll("text")];
    expect([query?.textContent, key?.textContent]).toEqual(["The", "c&d"]);
    expect(query?.parentElement?.getAttribute("transform")).toBe("matrix(1 0 0 1 60 60)");
    expect(query?.parentElement?.getAttribute("text-anchor")).toBe("end");
    // The middle of the row, and half the height of letters below it.
    expect(query?.getAttribute("y")).toBe(String(15.5 + 4));
    expect(key?.parentElement?.getAttribute("transform")).toBe("matrix(0 -1 1 0 105 54)");
    expect(key?.parentElement?.getAttribute("font-weight")).toBe("600");
  });

  it("ends a clip where the state is restored", () => {
    const recorder = record((context) => {
      drawHatchArea(context, null, { x: 10, y: 20, width: 12, height: 6 }, PALETTE);
      context.strokeStyle = "#123456";
      context.strokeRect(1, 1, 5, 5);
    });
    const picture = read(recorder);
    const [area] = picture.querySelectorAll("clipPath path");
    expect(area?.getAttribute("d")).toBe("M10 20h12v6h-12z");
    const [box] = picture.querySelectorAll('[stroke="#123456"] path');
    expect(box?.closest("[clip-path]")).toBeNull();
    expect(picture.querySelector('[stroke="#e3e4e8"] path')?.closest("[clip-path]")).not.toBeNull();
  });

  it("knows how far the marks reach, not the clips", () => {
    const recorder = record((context) => {
      context.beginPath();
      context.rect(0, 0, 500, 500);
      context.clip();
      context.translate(10, 20);
      context.fillRect(0, 0, 30, 5);
      context.textBaseline = "middle";
      context.textAlign = "right";
      context.fillText("four", 5, 40);
    });
    expect(recorder.bounds).toEqual([10 + 5 - 24, 20, 40, 20 + 45]);
  });

  it("says when pixels were put that it does not know", () => {
    const recorder = record((context) => context.fillRect(0, 0, 1, 1));
    expect(recorder.whole).toBe(true);
    recorder.context.putImageData({} as ImageData, 0, 0);
    expect(recorder.whole).toBe(false);
  });

  it("stands in only while it is asked to", () => {
    const canvas = document.createElement("canvas");
    const own = Object.assign(FakeContext.create(1), { setTransform: () => {}, clearRect: () => {} });
    canvas.getContext = (() => own) as unknown as typeof canvas.getContext;
    divert((_, context, ratio) => new Recorder(context, ratio, "t").context);
    expect(prepare(canvas, 10, 10, 1)).not.toBe(own);
    divert(null);
    expect(prepare(canvas, 10, 10, 1)).toBe(own);
  });
});

describe("cellRuns", () => {
  it("makes one rectangle of equal neighbours in a row, none of clear cells", () => {
    const [red, blue, clear] = [
      [255, 0, 0, 255],
      [0, 0, 255, 255],
      [0, 0, 0, 0],
    ] as const;
    const data = Uint8ClampedArray.from([red, red, blue, red, clear, clear].flat());
    expect(cellRuns(data, 3, { x: 10, y: 20, width: 5, height: 4 })).toEqual([
      ["rgb(255,0,0)", "M10 20h10v4h-10z"],
      ["rgb(0,0,255)", "M20 20h5v4h-5z"],
      ["rgb(255,0,0)", "M10 24h5v4h-5z"],
    ]);
  });
});
