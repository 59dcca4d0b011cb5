// The button that saves what is on screen: as a picture or as a table; where downloads are forbidden, as a copy.
import type { ExplorerApp } from "../core/explorer";
import { formatCount } from "../math/format";
import { capture } from "../save/capture";
import { MOST_ROWS, tableOf } from "../save/csv";
import { download, toPng } from "../save/files";
import { captionOf, fileName } from "../save/words";
import { copyText } from "./copy";
import { el, follow, setAttribute } from "./dom";

export interface SaveActions {
  readonly root: HTMLElement;
  readonly pane: HTMLElement;
  /** Has the pane draw all of its canvases anew. */
  redraw(): void;
}

export interface Save {
  readonly element: HTMLElement;
  open(): void;
}

/** Pixels of a PNG to a pixel of the layout. */
const SCALE = 2;

const KINDS = [
  ["png", "Picture (PNG)"],
  ["svg", "Picture (SVG)"],
  ["csv", "Data (CSV)"],
] as const;

type Kind = (typeof KINDS)[number][0];

interface Made {
  readonly blob: Blob;
  /** What it is as text; null for pixels. */
  readonly text: string | null;
}

const ofText = (text: string, type: string): Made => ({ blob: new Blob([text], { type }), text });

async function make(kind: Kind, app: ExplorerApp, { root, pane, redraw }: SaveActions): Promise<Made> {
  if (kind === "csv") {
    const table = tableOf(app);
    if (table === null) throw new Error("There are no numbers to save here, or not yet.");
    return ofText(table, "text/csv");
  }
  const notes = [".aw-filter-note:not([hidden]) .aw-filter-text", ".aw-claim"];
  const said = notes.map((selector) => root.querySelector(selector)?.textContent ?? "");
  const prompt = [app.prompt.peek(), app.context.peek()].filter(Boolean).join(" / ");
  const figure = await capture(pane, redraw, () => app.palette.peek(), captionOf(app, prompt, said));
  if (kind === "svg") return ofText(figure.svg, "image/svg+xml");
  return { blob: await toPng(figure, SCALE), text: null };
}

async function copy({ blob, text }: Made): Promise<boolean> {
  if (text !== null) return copyText(text);
  try {
    await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
    return true;
  } catch {
    return false;
  }
}

function whyNot(error: unknown): string {
  if (error instanceof RangeError)
    return `This would be more than ${formatCount(MOST_ROWS)} rows. Choose fewer heads, or read record.weights in Python.`;
  return error instanceof Error ? error.message : String(error);
}

export function createSave(app: ExplorerApp, actions: SaveActions, abort: AbortSignal): Save {
  const button = el(
    "button",
    { type: "button", class: "aw-keys-button", "aria-haspopup": "menu", "aria-label": "Save" },
    el("kbd", {}, "s"),
    " save",
  );
  const items = KINDS.map(([kind, text]) =>
    el("button", { type: "button", role: "menuitem", tabindex: -1, "data-kind": kind }, text),
  );
  const menu = el("div", { role: "menu", "aria-label": "Save what is shown" }, ...items);
  const result = el("div", { class: "aw-save-result", role: "status" });
  const popup = el("div", { class: "aw-save-popup", hidden: true }, menu, result);
  const element = el("div", { class: "aw-save" }, button, popup);

  const show = (open: boolean) => {
    popup.hidden = !open;
    menu.hidden = false;
    result.replaceChildren();
    setAttribute(button, "aria-expanded", String(open));
    if (open) items[0]?.focus();
  };
  const close = () => {
    show(false);
    button.focus({ preventScroll: true });
  };
  const small = (text: string, act: () => void) => {
    const made = el("button", { type: "button", class: "aw-dismiss" }, text);
    made.addEventListener("click", act, { signal: abort });
    return made;
  };
  const say = (...content: (Node | string)[]) => {
    const done = small("Done", close);
    result.replaceChildren(...content, done);
    done.focus();
  };

  async function save(kind: Kind): Promise<void> {
    menu.hidden = true;
    result.replaceChildren("Preparing the file …");
    // In the tree of focus until there is something to press.
    button.focus({ preventScroll: true });
    const name = `${fileName(app)}.${kind}`;
    try {
      const made = await make(kind, app, actions);
      if (abort.aborted || popup.hidden) return;
      download(made.blob, name);
      const again = small("Copy instead", async () => {
        if (await copy(made)) say(`Copied ${name}.`);
        else if (made.text === null) {
          const picture = el("img", { alt: name, src: URL.createObjectURL(made.blob) });
          say("The browser does not allow to copy. Right-click the picture to take it.", picture);
        } else say("The browser does not allow to copy.");
      });
      say(
        el("b", {}, name),
        " went to your downloads. If it is not there, this page forbids downloads: ",
        again,
      );
    } catch (error) {
      say(whyNot(error));
    }
  }

  button.addEventListener("click", () => show(popup.hidden !== false), { signal: abort });
  menu.addEventListener(
    "click",
    (event) => {
      const kind = (event.target as Element).closest("button")?.dataset.kind;
      if (kind !== undefined) save(kind as Kind);
    },
    { signal: abort },
  );
  element.addEventListener(
    "keydown",
    (event) => {
      if (popup.hidden) return;
      const at = items.indexOf(event.target as HTMLButtonElement);
      const last = items.length - 1;
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
      if (event.key === "Escape") close();
      else if (event.key === "Tab" && at >= 0) {
        show(false);
        return;
      } else if (to !== undefined && at >= 0) items.at(to > last ? 0 : to)?.focus();
      else return;
      event.preventDefault();
    },
    { signal: abort },
  );
  actions.root.addEventListener(
    "pointerdown",
    (event) => {
      if (!popup.hidden && !element.contains(event.target as Node)) show(false);
    },
    { signal: abort },
  );
  show(false);
  follow(abort, () => {
    button.disabled = app.data.value === null;
  });
  return {
    element,
    open() {
      if (!button.disabled) show(true);
    },
  };
}
