// "Go to": a cell by its numbers, typed in.
import { centred, type Frame, type Viewport, zoomMax } from "../../math/viewport";
import { element } from "../../panes/kit/dom";

export interface Cell {
  readonly query: number;
  readonly key: number;
}

/** Cells are at least this large after going to one, CSS pixels. */
const CLOSE = 24;

/** "12, 7" or "12 7"; one number is a query, looked at where it meets itself (or the last key). Null for anything else. */
export function parseCell(text: string, queries: number, keys: number): Cell | null {
  const found = /^\s*(\d+)(?:\s*[,;:→ ]\s*(\d+))?\s*$/.exec(text);
  if (found === null) return null;
  const query = Number(found[1]);
  const key = found[2] === undefined ? Math.min(query, keys - 1) : Number(found[2]);
  return query < queries && key < keys ? { query, key } : null;
}

/** The view that has a cell in its middle, near enough to read; as near as it was where that was nearer. */
export function closeTo({ query, key }: Cell, frame: Frame, before: Viewport): Viewport {
  const near = CLOSE / Math.min(frame.cellWidth, frame.cellHeight);
  const zoom = Math.min(zoomMax(frame), Math.max(before.zoom, near));
  return centred(frame, query, key, zoom);
}

/** A field for a cell's numbers. `go` says whether there is such a cell. */
export function createGoTo(go: (text: string) => string | null, abort: AbortSignal): HTMLInputElement {
  const input = element("input", "al-goto", {
    type: "text",
    size: 14,
    "aria-label": "Go to query, key",
    placeholder: "query, key",
    title: "Go to a cell: query, key (g)",
    autocomplete: "off",
    spellcheck: false,
  });
  const say = (problem: string | null) => {
    input.setCustomValidity(problem ?? "");
    input.toggleAttribute("aria-invalid", problem !== null);
    if (problem !== null) input.reportValidity();
  };
  input.addEventListener("input", () => say(null), { signal: abort });
  input.addEventListener(
    "keydown",
    (event) => {
      // The pane's keys are for the matrix.
      event.stopPropagation();
      if (event.key === "Enter" && input.value.trim() !== "") {
        event.preventDefault();
        say(go(input.value));
      }
    },
    { signal: abort },
  );
  return input;
}
