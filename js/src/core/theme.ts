// Light or dark: what the user asked for, else what the notebook shows, else what the system prefers.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import type { Theme } from "../wire/schema.gen";

export type Scheme = "light" | "dark";

/** The parts of a page that say which theme it has. */
export interface Surroundings {
  /** `data-jp-theme-light` of the body (JupyterLab, Notebook 7). */
  jupyterLight: string | null;
  bodyClasses: readonly string[];
  /** `theme` or `data-theme` of the html element (Colab, documentation pages). */
  htmlTheme: string | null;
  prefersDark: boolean;
}

export function resolveScheme(theme: Theme, around: Surroundings): Scheme {
  if (theme !== "auto") return theme;
  if (around.jupyterLight !== null) return around.jupyterLight === "false" ? "dark" : "light";
  const has = (name: string) => around.bodyClasses.includes(name);
  if (has("vscode-light") || has("vscode-high-contrast-light")) return "light";
  if (has("vscode-dark") || has("vscode-high-contrast")) return "dark";
  if (around.htmlTheme === "dark" || around.htmlTheme === "light") return around.htmlTheme;
  return around.prefersDark ? "dark" : "light";
}

export function readSurroundings(page: Document): Surroundings {
  const { body, documentElement: html, defaultView } = page;
  return {
    jupyterLight: body.getAttribute("data-jp-theme-light"),
    bodyClasses: [...body.classList],
    htmlTheme: html.getAttribute("theme") ?? html.getAttribute("data-theme"),
    prefersDark: defaultView?.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false,
  };
}

/** Follows the page until `abort`. */
export function watchSurroundings(page: Document, abort: AbortSignal): ReadonlySignal<Surroundings> {
  const around = signal(readSurroundings(page));
  const update = () => {
    around.value = readSurroundings(page);
  };
  const observer = new MutationObserver(update);
  const attributeFilter = ["class", "data-jp-theme-light", "theme", "data-theme"];
  observer.observe(page.body, { attributes: true, attributeFilter });
  observer.observe(page.documentElement, { attributes: true, attributeFilter });
  page.defaultView
    ?.matchMedia?.("(prefers-color-scheme: dark)")
    .addEventListener("change", update, { signal: abort });
  abort.addEventListener("abort", () => observer.disconnect(), { once: true });
  return around;
}
