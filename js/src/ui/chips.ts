// The heads of the layer: toggles with a small pattern each; a double click shows one head alone. Pin puts them aside.
import type { ExplorerApp } from "../core/explorer";
import { isHead } from "../core/pinned";
import { headsOffered } from "../core/shown";
import type { Palette, Thumbnails } from "../core/types";
import { mix, parseColour, type Rgb } from "../math/colour";
import { decimal, formatCount } from "../math/format";
import { decodeTable } from "../math/weights";
import { U8_MASKED, U8_NAN } from "../wire/schema.gen";
import { el, follow, setAttribute, setText } from "./dom";

/** With more heads than this, chips carry no notes and are small. */
const FULL_CHIPS = 8;

export interface ThumbnailColours {
  readonly head: Rgb;
  readonly ground: Rgb;
  readonly masked: Rgb;
  readonly nan: Rgb;
}

/** RGBA pixels of one head's thumbnail: its colour, stronger with the weight; masked cells are never like zero. */
export function thumbnailPixels(
  codes: Uint8Array,
  colours: ThumbnailColours,
): Uint8ClampedArray<ArrayBuffer> {
  const weights = decodeTable();
  const pixels = new Uint8ClampedArray(codes.length * 4);
  codes.forEach((code, cell) => {
    const colour =
      code === U8_MASKED
        ? colours.masked
        : code === U8_NAN
          ? colours.nan
          : mix(colours.ground, colours.head, Math.sqrt(weights[code] as number));
    pixels.set(colour, cell * 4);
    pixels[cell * 4 + 3] = 255;
  });
  return pixels;
}

export function paintThumbnail(
  canvas: HTMLCanvasElement,
  thumbnails: Thumbnails,
  head: number,
  palette: Palette,
): void {
  const [rows, columns] = thumbnails.size;
  const context = canvas.getContext("2d");
  if (context === null || rows === 0 || columns === 0) return;
  canvas.width = columns;
  canvas.height = rows;
  const pixels = thumbnailPixels(thumbnails.codes(head), {
    head: palette.head(head),
    ground: parseColour(palette.bg) ?? [255, 255, 255],
    masked: parseColour(palette.line) ?? [200, 200, 200],
    nan: palette.dark ? [255, 90, 90] : [200, 20, 20],
  });
  context.putImageData(new ImageData(pixels, columns, rows), 0, 0);
}

interface Chip {
  readonly button: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
  readonly name: HTMLElement;
  readonly note: HTMLElement;
}

function createChip(head: number): Chip {
  const canvas = el("canvas", { width: 1, height: 1, "aria-hidden": "true" });
  const name = el("span", { class: "aw-chip-name" });
  const note = el("span", { class: "aw-chip-note" });
  const button = el(
    "button",
    { type: "button", class: "aw-chip", "aria-label": `Head ${head}`, "data-head": head },
    canvas,
    el("span", { class: "aw-chip-text" }, name, note),
  );
  return { button, canvas, name, note };
}

/** Puts the chosen heads aside, or takes them off again. */
function createPin(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const pin = el("button", { type: "button", class: "aw-pin" }, "Pin");
  pin.addEventListener("click", () => app.togglePins(), { signal: abort });
  follow(abort, () => {
    const [site, layer, heads] = [app.site.value, app.layer.value, app.heads.value];
    const isPinned = (head: number) => app.pinned.value.some((ref) => isHead(ref, { site, layer, head }));
    const names = `${heads.length === 1 ? "head" : "heads"} ${heads.join(", ")}`;
    pin.disabled = heads.length === 0;
    setAttribute(pin, "aria-pressed", String(heads.length > 0 && heads.every(isPinned)));
    setAttribute(pin, "aria-label", heads.length === 0 ? "Pin" : `Pin ${names}`);
    pin.title = "Keep the chosen heads, to compare them with heads of other layers (p)";
  });
  return pin;
}

export function createChips(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const group = el("div", { class: "aw-chip-list", role: "group", "aria-label": "Heads" });
  const row = el(
    "div",
    { class: "aw-chips" },
    el("span", { class: "aw-label", "aria-hidden": "true" }, "Heads"),
    group,
    createPin(app, abort),
  );
  let chips: Chip[] = [];
  let current = 0;

  const headOf = (event: Event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-head]");
    return button === null ? null : Number(button.dataset.head);
  };
  const reach = (head: number, focus: boolean) => {
    current = Math.min(chips.length - 1, Math.max(0, head));
    chips.forEach(({ button }, index) => {
      button.tabIndex = index === current ? 0 : -1;
    });
    if (focus) chips[current]?.button.focus();
  };

  group.addEventListener(
    "click",
    (event) => {
      const head = headOf(event);
      if (head === null) return;
      reach(head, false);
      app.toggleHead(head);
    },
    { signal: abort },
  );
  group.addEventListener(
    "dblclick",
    (event) => {
      const head = headOf(event);
      if (head !== null) app.soloHead(head);
    },
    { signal: abort },
  );
  /** The next chip on offer from a place on, in a direction. */
  const offeredFrom = (place: number, step: 1 | -1) => {
    let at = place;
    while (chips[at]?.button.hidden === true) at += step;
    return chips[at] === undefined ? current : at;
  };
  group.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = {
        ArrowLeft: offeredFrom(current - 1, -1),
        ArrowUp: offeredFrom(current - 1, -1),
        ArrowRight: offeredFrom(current + 1, 1),
        ArrowDown: offeredFrom(current + 1, 1),
        Home: offeredFrom(0, 1),
        End: offeredFrom(chips.length - 1, -1),
      }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      reach(target, true);
    },
    { signal: abort },
  );

  follow(abort, () => {
    const now = app.data.value;
    const count = now?.info.heads ?? 0;
    row.hidden = count === 0;
    if (count !== chips.length) {
      chips = Array.from({ length: count }, (_, head) => createChip(head));
      group.replaceChildren(...chips.map(({ button }) => button));
      reach(app.heads.peek()[0] ?? 0, false);
    }
    if (now === null) return;
    const compact = count > FULL_CHIPS;
    setAttribute(group, "data-compact", compact);
    const palette = app.palette.value;
    // Among all heads a click changes the layer: chips of another width would move the grid under the pointer.
    const wordless = compact || app.view.value === "model" || app.view.value === "metrics";
    chips.forEach(({ button, canvas, name, note }, head) => {
      const known = app.headNote(now.info.layer, head);
      const about = known === null ? "" : `${known.title} ${decimal(known.score, 2)}`;
      button.style.setProperty("--c", `rgb(${palette.head(head).join(" ")})`);
      const { sampled } = now.thumbnails;
      const read = sampled
        ? `Drawn from ${formatCount(sampled)} of ${formatCount(now.queryTokens.label.length)} queries`
        : "";
      button.title = [`Head ${head}`, about, read, "Double-click: this head alone"]
        .filter(Boolean)
        .join("\n");
      setAttribute(button, "aria-description", about === "" ? null : about);
      setText(name, compact ? String(head) : `Head ${head}`);
      setText(note, wordless ? "" : about);
      note.hidden = wordless || about === "";
      paintThumbnail(canvas, now.thumbnails, head, palette);
    });
  });
  follow(abort, () => {
    app.data.value;
    const offered = headsOffered(chips.length, app.filters.value);
    chips.forEach(({ button }, head) => {
      button.hidden = !offered.includes(head);
    });
    if (chips[current]?.button.hidden === true) reach(offered[0] ?? 0, false);
  });
  follow(abort, () => {
    app.data.value;
    const chosen = new Set(app.heads.value);
    chips.forEach(({ button }, head) => {
      setAttribute(button, "aria-pressed", String(chosen.has(head)));
    });
  });
  return row;
}
