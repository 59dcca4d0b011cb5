// What the notebook loads: an anywidget module over the live kernel.
import css from "text:../app.css";
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
  // Beside the view rather than in the page's head: hosts may keep views in shadow roots, or show them elsewhere.
  const style = document.createElement("style");
  style.textContent = css;
  el.append(style);
  const app = createApp(el, new CommTransport(model, ATTNWIDGET_VERSION));
  return () => {
    app.destroy();
    style.remove();
  };
}

export default { render };
