// Has a pane drawn once more while its canvases are recorded, and makes a picture of it.
import type { Palette } from "../core/types";
import { divert } from "../draw/surface";
import { drawFigure, type Figure } from "./figure";
import { Recorder } from "./recorder";

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** The pane as it is on screen; `redraw` makes it draw all of its canvases anew. */
export async function capture(
  pane: HTMLElement,
  redraw: () => void,
  palette: () => Palette,
  caption: readonly string[],
): Promise<Figure> {
  const recorders = new Map<Element, Recorder>();
  divert((canvas, context, ratio) => {
    if (!pane.contains(canvas)) return context;
    const recorder = new Recorder(context, ratio, `c${recorders.size}`);
    recorders.set(canvas, recorder);
    return recorder.context;
  });
  try {
    redraw();
    do await frame();
    while (pane.querySelector('[data-drawn="0"]') !== null);
    await frame();
    // What fades has to come to rest.
    await Promise.allSettled(pane.getAnimations({ subtree: true }).map(({ finished }) => finished));
  } finally {
    divert(null);
  }
  const { bg, ink, soft, sans } = palette();
  return drawFigure(pane, { recorders, caption, colours: { bg, ink, soft }, font: sans });
}
