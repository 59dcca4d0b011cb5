// @vitest-environment happy-dom
// The tray: chips that say what is pinned and why it is not here; keys; the Compare switch.
import { signal } from "@preact/signals-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createExplorer, type ExplorerApp } from "../../src/core/explorer";
import { createPalette } from "../../src/core/palette";
import { defaultState } from "../../src/entries/gallery/cases";
import { createAnswer } from "../../src/entries/gallery/record";
import { createTray } from "../../src/ui/tray";
import { WireError } from "../../src/wire/errors";
import type { HeadRef } from "../../src/wire/schema.gen";
import { answerAll, ManualTransport, settle } from "../support/manual";
import { smallRecord } from "../support/record";

const ref = (layer: number, head: number): HeadRef => ({ site: "decoder", layer, head });

let transport: ManualTransport;
let app: ExplorerApp;
let tray: HTMLElement;
let host: HTMLElement;
let release: AbortController;

const chips = () => [...tray.querySelectorAll<HTMLButtonElement>("button.aw-pin-go")];
const labels = () => chips().map((chip) => chip.getAttribute("aria-label"));
const compare = () => tray.querySelector<HTMLButtonElement>("button.aw-pin") as HTMLButtonElement;
const press = (key: string) =>
  document.activeElement?.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }),
  );

beforeEach(async () => {
  const state = defaultState({
    record_id: "one",
    layer: 1,
    heads: [0],
    pinned: [ref(1, 0), ref(3, 1), ref(7, 0)],
  });
  transport = new ManualTransport(state, createAnswer(smallRecord("one")));
  app = createExplorer(transport, signal(createPalette(() => "", false)));
  release = new AbortController();
  tray = createTray(app, release.signal);
  host = document.createElement("div");
  host.className = "attnwidget";
  host.tabIndex = -1;
  host.append(tray);
  document.body.append(host);
  expect(tray.hidden).toBe(true);
  await answerAll(transport);
});
afterEach(() => {
  release.abort();
  app.destroy();
  host.remove();
});

describe("the tray", () => {
  it("names each head with its note, and what the record lacks", () => {
    expect(tray.hidden).toBe(false);
    expect(labels()).toEqual([
      "Layer 1, head 0, previous token .90",
      "Layer 3, head 1",
      "Layer 7, head 0, no layer 7 here",
    ]);
    expect(chips().map((chip) => chip.getAttribute("aria-disabled"))).toEqual([null, null, "true"]);
    expect(chips().map((chip) => chip.getAttribute("aria-current"))).toEqual(["true", null, null]);
  });

  it("a click goes to the head, where it is here", async () => {
    chips()[1]?.click();
    await answerAll(transport);
    expect([transport.kernel.get("layer"), transport.kernel.get("heads")]).toEqual([3, [1]]);
    expect(chips()[1]?.getAttribute("aria-current")).toBe("true");
    chips()[2]?.click();
    await answerAll(transport);
    expect(transport.kernel.get("layer")).toBe(3);
  });

  it("one stop for Tab; arrows move, Delete takes off", () => {
    expect(chips().map(({ tabIndex }) => tabIndex)).toEqual([0, -1, -1]);
    chips()[0]?.focus();
    press("ArrowRight");
    expect(document.activeElement).toBe(chips()[1]);
    press("Delete");
    expect(transport.kernel.get("pinned")).toEqual([ref(1, 0), ref(7, 0)]);
    chips()[0]?.focus();
    press("Backspace");
    expect(labels()).toEqual(["Layer 7, head 0, no layer 7 here"]);
    chips()[0]?.focus();
    press("Delete");
    expect(transport.kernel.get("pinned")).toEqual([]);
    expect(tray.hidden).toBe(true);
  });

  it("says what could not be fetched, until the pins change", async () => {
    const status = tray.querySelector<HTMLElement>('[role="status"]') as HTMLElement;
    expect(status.hidden).toBe(true);
    app.pinned.value = [ref(2, 2)];
    await settle();
    const info = { code: "too-large", what: "Too many cells.", todo: "Shorten the prompt." };
    transport.of("layer")[0]?.fail(new WireError(info));
    await settle();
    expect(status.hidden).toBe(false);
    expect(status.textContent).toBe(
      "A pinned head could not be fetched: Too many cells. Shorten the prompt.",
    );
    app.pinned.value = [ref(1, 2)];
    await answerAll(transport);
    expect(status.hidden).toBe(true);
  });

  it("the cross takes off", () => {
    const off = tray.querySelector<HTMLButtonElement>('[aria-label="Unpin layer 3, head 1"]');
    off?.click();
    expect(transport.kernel.get("pinned")).toEqual([ref(1, 0), ref(7, 0)]);
  });

  it("Compare needs two heads, and leads to the head view", async () => {
    app.view.value = "matrix";
    expect(compare().disabled).toBe(false);
    compare().click();
    expect([app.comparing.value, app.view.value]).toEqual([true, "head"]);
    expect(compare().getAttribute("aria-pressed")).toBe("true");
    app.unpin(ref(3, 1));
    // The chosen head is the only one that is left.
    expect([compare().disabled, compare().getAttribute("aria-pressed")]).toEqual([true, "false"]);
    app.soloHead(2);
    await answerAll(transport);
    expect(compare().disabled).toBe(false);
    compare().click();
    expect(app.comparing.value).toBe(false);
  });
});
