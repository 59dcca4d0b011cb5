// What the notebook loads: an anywidget module over the live kernel.
import "../app.css";
import { createApp } from "../app";
import { type AnyModel, CommTransport } from "../transport/comm";

/** The package's version, put here by the build. */
declare const ATTNWIDGET_VERSION: string;

interface RenderContext {
  model: AnyModel;
  el: HTMLElement;
}

/** Builds one view; the function that it returns takes it down. */
function render({ model, el }: RenderContext): () => void {
  const app = createApp(el, new CommTransport(model, ATTNWIDGET_VERSION));
  return () => app.destroy();
}

export default { render };
