// What the notebook loads: an anywidget module over the live kernel; a page of its own opens a snapshot with it.
import css from "text:../app.css";
import { createApp } from "../app";
import { readSnapshot } from "../snapshot/read";
import { FallbackTransport } from "../transport/fallback";
import { LocalState } from "../transport/fixture";
import type { AnyModel } from "../transport/model";
import { SnapshotTransport, traitsOf } from "../transport/snapshot";
import type { Transport } from "../transport/types";
import type { State } from "../wire/schema.gen";

/** The package's version, put here by the build. */
declare const ATTNWIDGET_VERSION: string;

interface RenderContext {
  model: AnyModel;
  el: HTMLElement;
}

interface OpenContext {
  el: HTMLElement;
  /** Where the explorer opens, and how. */
  state: State;
  /** The bytes of a snapshot. */
  snapshot: DataView;
}

/** Builds one view; the function that it returns takes it down. */
function mount(el: HTMLElement, transport: Transport): () => void {
  // Beside the view rather than in the page's head: hosts may keep views in shadow roots, or show them elsewhere.
  const style = document.createElement("style");
  style.textContent = css;
  el.append(style);
  const app = createApp(el, transport);
  return () => {
    app.destroy();
    style.remove();
  };
}

/** Colab's frame around an output. */
interface Colab {
  google?: {
    colab?: { output?: { setIframeHeight?(height: number, resize: boolean, limits: object): void } };
  };
}

function render({ model, el }: RenderContext): () => void {
  // Outputs that are higher than Colab's frame would scroll within it; 0 lets it grow with its content.
  (globalThis as Colab).google?.colab?.output?.setIframeHeight?.(0, true, { maxHeight: 5000 });
  // Jupyter's mark of a view whose model has no kernel.
  const isCut = () => el.closest(".jupyter-widgets-disconnected") !== null;
  return mount(el, new FallbackTransport(model, ATTNWIDGET_VERSION, { isCut }));
}

/** Shows a snapshot, with neither kernel nor model; rejects with a `WireError` if the bytes cannot be read. */
async function open({ el, state, snapshot }: OpenContext): Promise<() => void> {
  const read = await readSnapshot(snapshot);
  return mount(el, new SnapshotTransport(read, new LocalState({ ...state, ...traitsOf(read) }).store()));
}

export default { render, open };
