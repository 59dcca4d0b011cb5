// Where a test mounts a pane: happy-dom lays nothing out, so every element gets the size of a pane.
import { afterEach, beforeEach } from "vitest";
import type { Pane } from "../../src/core/types";

export interface Stage {
  readonly host: HTMLElement;
  /** Keeps what was mounted until the end of the test. */
  mount(create: (host: HTMLElement) => Pane): void;
  /** Takes down what is mounted. */
  clear(): void;
}

/** A host of this size for each test of the file. */
export function useStage(width = 900, height = 400): Stage {
  const size = { clientWidth: width, clientHeight: height };
  let host: HTMLElement;
  let pane: Pane | null = null;
  const clear = () => {
    pane?.destroy();
    pane = null;
  };
  beforeEach(() => {
    for (const [name, value] of Object.entries(size)) {
      Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
    }
    host = document.createElement("div");
    document.body.append(host);
  });
  afterEach(() => {
    clear();
    document.body.replaceChildren();
    for (const name of Object.keys(size)) Reflect.deleteProperty(HTMLElement.prototype, name);
  });
  return {
    get host() {
      return host;
    },
    mount(create) {
      pane = create(host);
    },
    clear,
  };
}

/** Lets the frames pass in which panes draw. */
export async function frame(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
}
