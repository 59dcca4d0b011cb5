// The view's colours: which scheme applies, and the palette that canvases draw with.
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { createPalette } from "../core/palette";
import { resolveScheme, watchSurroundings } from "../core/theme";
import type { Palette } from "../core/types";
import type { Theme } from "../wire/schema.gen";
import { follow } from "./dom";

/**
 * Milliseconds after a change of theme at which everything is drawn once more.
 *
 * JupyterLab takes its style sheets away while it changes the theme: for a frame nothing has a size, what is drawn then
 * is lost, and when the sizes are back they are the old ones, so no observer hears of it.
 */
const SETTLED_MS = [250, 1000];

export interface Look {
  /** What the user asked for. */
  readonly theme: Signal<Theme>;
  readonly palette: ReadonlySignal<Palette>;
  /** To be called when `root` may have joined the page: before that its styles cannot be read. */
  joined(): void;
  /** Has everything drawn once more. */
  redraw(): void;
}

/** Gives `root` its theme, and follows what is asked for and the page around until `abort`. */
export function createLook(root: HTMLElement, wanted: Theme, abort: AbortSignal): Look {
  const around = watchSurroundings(document, abort);
  const theme = signal(wanted);
  const scheme = computed(() => resolveScheme(theme.value, around.value));
  const attached = signal(root.isConnected);
  const redraws = signal(0);
  const palette = computed(() => {
    attached.value;
    redraws.value;
    // Before reading: the custom properties depend on it.
    root.dataset.theme = scheme.value;
    const style = getComputedStyle(root);
    return createPalette((name) => style.getPropertyValue(name).trim(), scheme.value === "dark");
  });

  let timers: ReturnType<typeof setTimeout>[] = [];
  const callOff = () => {
    for (const timer of timers) clearTimeout(timer);
  };
  let drawnIn = scheme.peek();
  follow(abort, () => {
    if (scheme.value === drawnIn) return;
    drawnIn = scheme.value;
    callOff();
    timers = SETTLED_MS.map((delay) => setTimeout(() => redraws.value++, delay));
  });
  abort.addEventListener("abort", callOff, { once: true });

  root.dataset.theme = scheme.peek();
  return {
    theme,
    palette,
    joined() {
      attached.value = root.isConnected;
    },
    redraw() {
      redraws.value++;
    },
  };
}
