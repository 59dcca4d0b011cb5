// Elements, and effects that end with an abort signal.
import { effect } from "@preact/signals-core";

export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Makes an element. `true` is an empty attribute; `false`, `null` and `undefined` leave it out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

export function setAttribute(element: Element, name: string, value: Attributes[string]): void {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Runs `update` now and whenever a signal that it reads changes, until `abort`. */
export function follow(abort: AbortSignal, update: () => void): void {
  if (abort.aborted) return;
  const stop = effect(update);
  abort.addEventListener("abort", stop, { once: true });
}

/** Calls `changed` when an element's size changes, until `abort`. */
export function onResize(element: Element, changed: () => void, abort: AbortSignal): void {
  const observer = new ResizeObserver(changed);
  observer.observe(element);
  abort.addEventListener("abort", () => observer.disconnect(), { once: true });
}

/** Names that are unique on the page, for ids that ARIA needs. */
export function createIds(): (name: string) => string {
  const own = crypto.getRandomValues(new Uint32Array(2)).join("-");
  return (name) => `attnwidget-${own}-${name}`;
}
