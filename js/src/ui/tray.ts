// Pinned heads: a strip of chips that outlives layers and prompts, and the switch that sets them side by side.
import type { ExplorerApp } from "../core/explorer";
import { isHead } from "../core/pinned";
import type { PinnedHead } from "../core/types";
import { decimal } from "../math/format";
import type { HeadRef } from "../wire/schema.gen";
import { paintThumbnail } from "./chips";
import { el, follow, setAttribute, setText } from "./dom";

interface Chip {
  readonly ref: HeadRef;
  readonly root: HTMLElement;
  readonly go: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
  readonly note: HTMLElement;
}

function fullName({ site, layer, head }: HeadRef, many: boolean): string {
  return `Layer ${layer}, head ${head}${many ? `, ${site} attention` : ""}`;
}

function createChip(ref: HeadRef, number: number): Chip {
  const canvas = el("canvas", { width: 1, height: 1, "aria-hidden": "true" });
  const note = el("span", { class: "aw-chip-note" });
  const name = el("span", { class: "aw-chip-name" }, `L${ref.layer} H${ref.head}`);
  const go = el(
    "button",
    { type: "button", class: "aw-pin-go", "aria-keyshortcuts": "Delete", "data-pin": number },
    canvas,
    el("span", { class: "aw-chip-text" }, name, note),
  );
  // The keyboard has Delete; one stop per chip is enough.
  const off = el(
    "button",
    {
      type: "button",
      class: "aw-pin-off",
      tabindex: "-1",
      "data-pin": number,
      "aria-label": `Unpin layer ${ref.layer}, head ${ref.head}`,
    },
    "×",
  );
  return { ref, root: el("span", { class: "aw-pinned" }, go, off), go, canvas, note };
}

export function createTray(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const listen = { signal: abort };
  const group = el("div", { class: "aw-chip-list", role: "group", "aria-label": "Pinned heads" });
  const compare = el("button", { type: "button", class: "aw-pin" }, "Compare");
  const trouble = el("p", { class: "aw-pin-error", role: "status" });
  const tray = el(
    "div",
    { class: "aw-chips aw-tray" },
    el("span", { class: "aw-label", "aria-hidden": "true" }, "Pinned"),
    group,
    compare,
    trouble,
  );
  let chips: Chip[] = [];
  let current = 0;

  const reach = (number: number, focus: boolean) => {
    current = Math.min(chips.length - 1, Math.max(0, number));
    chips.forEach(({ go }, index) => {
      go.tabIndex = index === current ? 0 : -1;
    });
    if (focus) chips[current]?.go.focus();
  };
  const buttonOf = (event: Event) => (event.target as Element).closest<HTMLElement>("[data-pin]");
  const unpin = (number: number) => {
    const ref = chips[number]?.ref;
    if (ref === undefined) return;
    const held = tray.matches(":focus-within");
    app.unpin(ref);
    if (!held) return;
    // Keys must not fall through to the host when the last chip goes.
    if (chips.length > 0) reach(number, true);
    else tray.closest<HTMLElement>(".attnwidget")?.focus({ preventScroll: true });
  };

  group.addEventListener(
    "click",
    (event) => {
      const button = buttonOf(event);
      const chip = button === null ? undefined : chips[Number(button.dataset.pin)];
      if (chip === undefined) return;
      if (button !== chip.go) unpin(chips.indexOf(chip));
      else if (chip.go.getAttribute("aria-disabled") !== "true") {
        reach(chips.indexOf(chip), false);
        app.goTo(chip.ref);
      }
    },
    listen,
  );
  group.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const number = Number(buttonOf(event)?.dataset.pin ?? current);
      const target = {
        ArrowLeft: number - 1,
        ArrowUp: number - 1,
        ArrowRight: number + 1,
        ArrowDown: number + 1,
        Home: 0,
        End: chips.length - 1,
      }[event.key];
      if (target !== undefined) reach(target, true);
      else if (event.key === "Delete" || event.key === "Backspace") unpin(number);
      else return;
      event.preventDefault();
    },
    listen,
  );
  compare.addEventListener(
    "click",
    () => {
      const on = compare.getAttribute("aria-pressed") === "true";
      app.comparing.value = !on;
      if (!on) app.view.value = "head";
    },
    listen,
  );

  follow(abort, () => {
    const pins = app.pins.value;
    tray.hidden = pins.length === 0;
    const kept =
      pins.length === chips.length && pins.every(({ ref }, at) => isHead(ref, (chips[at] as Chip).ref));
    if (!kept) {
      chips = pins.map(({ ref }, at) => createChip(ref, at));
      group.replaceChildren(...chips.map(({ root }) => root));
      reach(current, false);
    }
    const palette = app.palette.value;
    const now = app.data.value;
    const many = (now?.record.sites.length ?? 0) > 1;
    pins.forEach((pin, at) => {
      const { root, go, canvas, note } = chips[at] as Chip;
      const { ref, state, reason } = pin;
      const known = state === "missing" ? null : app.headNote(ref.layer, ref.head);
      const about = known === null ? "" : `${known.title} ${decimal(known.score, 2)}`;
      const isShown = isHead(ref, { site: app.site.value, layer: app.layer.value, head: ref.head });
      root.style.setProperty("--c", `rgb(${palette.head(ref.head).join(" ")})`);
      setAttribute(root, "data-state", state);
      setAttribute(go, "aria-disabled", state === "missing" ? "true" : null);
      setAttribute(go, "aria-current", isShown && app.heads.value.includes(ref.head) ? "true" : null);
      setAttribute(go, "aria-label", [fullName(ref, many), reason || about].filter(Boolean).join(", "));
      go.title = [fullName(ref, many), reason || about, "Delete takes it off"].filter(Boolean).join("\n");
      setText(note, reason || about);
      note.hidden = note.textContent === "";
      paint(canvas, pin, app);
    });
  });
  follow(abort, () => {
    const possible = app.compared.value.length > 1;
    compare.disabled = !possible;
    const on = possible && app.comparing.value && app.view.value === "head";
    setAttribute(compare, "aria-pressed", String(on));
    compare.title = possible
      ? "Show the pinned heads side by side in the head view"
      : "Choose or pin another head to compare it with";
  });
  follow(abort, () => {
    const error = app.pinError.value;
    trouble.hidden = error === null;
    setText(trouble, error === null ? "" : `A pinned head could not be fetched: ${error.what} ${error.todo}`);
  });
  return tray;
}

/** The head's pattern, or an empty square while it is not here. */
function paint(canvas: HTMLCanvasElement, { ref, data }: PinnedHead, app: ExplorerApp): void {
  if (data !== null) paintThumbnail(canvas, data.thumbnails, ref.head, app.palette.value);
  else canvas.width = 1;
}
