// Small helpers for the DOM and for work that waits for the next frame.

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** An element with a class, attributes and children; text children are text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Writes only what differs: a write that changes nothing still costs a style pass. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: HTMLElement, name: string, value: string | null): void {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** Work done at most once a frame. */
export interface FrameTask {
  request(): void;
}

/** Runs `work` on the next frame after `request`, once; never after `signal` aborts. `work` asks again with true. */
export function onFrame(work: () => boolean, signal: AbortSignal): FrameTask {
  let pending = 0;
  const request = () => {
    if (pending === 0 && !signal.aborted) pending = requestAnimationFrame(run);
  };
  const run = () => {
    pending = 0;
    if (work()) request();
  };
  signal.addEventListener("abort", () => cancelAnimationFrame(pending), { once: true });
  return { request };
}

/** Calls `changed` when the element's size or the screen's pixel ratio changes. */
export function onResize(node: Element, changed: () => void, signal: AbortSignal): void {
  const observer = new ResizeObserver(changed);
  observer.observe(node);
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  const watchRatio = () => {
    if (signal.aborted) return;
    const query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    const step = () => {
      query.removeEventListener("change", step);
      changed();
      watchRatio();
    };
    query.addEventListener("change", step);
    signal.addEventListener("abort", () => query.removeEventListener("change", step), { once: true });
  };
  watchRatio();
}

/** Whether someone points at an element or is in it with the keyboard: what they look at stays in its place. */
export function isInUse(root: Element): boolean {
  return root.matches(":hover") || root.contains((root.getRootNode() as Document).activeElement);
}

/** Calls `left` once an element is no longer in use. */
export function onLeave(root: Element, left: () => void, signal: AbortSignal): void {
  // While it is told of what leaves, nothing has the focus yet.
  const ask = () => setTimeout(() => isInUse(root) || left());
  for (const type of ["pointerleave", "focusout"]) root.addEventListener(type, ask, { signal });
}
