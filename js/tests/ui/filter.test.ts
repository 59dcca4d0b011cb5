// @vitest-environment happy-dom
// The filter: its panel and keys, what it writes, why something cannot be chosen, and the line that says what it does.
import { signal } from "@preact/signals-core";
import { afterEach, describe, expect, it } from "vitest";
import { createExplorer, type ExplorerApp } from "../../src/core/explorer";
import { createPalette } from "../../src/core/palette";
import { COMBINED } from "../../src/core/shown";
import { defaultState } from "../../src/entries/gallery/cases";
import { pairRecord } from "../../src/entries/gallery/pairs";
import { createAnswer, type RecordSpec } from "../../src/entries/gallery/record";
import { HIDDEN } from "../../src/math/weights";
import { countActive, createFilter, createFilterNote } from "../../src/ui/filter";
import type { State } from "../../src/wire/schema.gen";
import { answerAll, ManualTransport } from "../support/manual";
import { smallRecord } from "../support/record";

let app: ExplorerApp;
let filter: HTMLElement;
let note: HTMLElement;
let release: AbortController;

async function setUp(record: RecordSpec, more: Partial<State> = {}): Promise<void> {
  const [site] = record.open.sites;
  const state = defaultState({
    record_id: record.open.record,
    heads: [0, 1],
    site: site?.kind ?? "decoder",
    ...more,
  });
  const transport = new ManualTransport(state, createAnswer(record));
  app = createExplorer(transport, signal(createPalette(() => "", false)));
  release = new AbortController();
  filter = createFilter(app, release.signal);
  note = createFilterNote(app, release.signal);
  document.body.append(filter, note);
  await answerAll(transport);
}

afterEach(() => {
  release.abort();
  app.destroy();
  document.body.replaceChildren();
});

const button = () => filter.querySelector<HTMLButtonElement>(".aw-filter-button") as HTMLButtonElement;
const panel = () => filter.querySelector<HTMLElement>("[role=dialog]") as HTMLElement;
const radio = (group: string, value: string) =>
  filter.querySelector<HTMLButtonElement>(
    `[aria-label="${group}"] [data-value="${value}"]`,
  ) as HTMLButtonElement;
const check = (name: string) => {
  const label = [...filter.querySelectorAll("label")].find(({ textContent }) =>
    textContent?.startsWith(name),
  );
  const box = label?.querySelector("input");
  if (label === undefined || !box) throw new Error(`no box ${name}`);
  return { label, box };
};
const tick = (name: string) => check(name).box.click();

it("opens with the button, closes with Escape, and keeps Escape to itself", async () => {
  await setUp(pairRecord());
  expect([panel().hidden, button().getAttribute("aria-expanded")]).toEqual([true, "false"]);
  button().click();
  expect([panel().hidden, button().getAttribute("aria-expanded")]).toEqual([false, "true"]);
  const first = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
  panel().dispatchEvent(first);
  expect(first.defaultPrevented).toBe(true);
  expect(panel().hidden).toBe(true);
  expect(document.activeElement).toBe(button());
  const again = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
  button().dispatchEvent(again);
  expect(again.defaultPrevented).toBe(false);
});

it("filters what panes get, counts itself, and says what is not drawn", async () => {
  await setUp(pairRecord());
  expect(note.hidden).toBe(true);
  radio("Texts of the pair", "ab").click();
  expect(app.filters.value.pair).toBe("ab");
  expect(app.data.value?.patterns[0]?.weight(9, 9)).toBe(HIDDEN);
  expect(app.data.value?.patterns[0]?.weight(1, 9)).toBeGreaterThan(0);
  expect(button().textContent).toBe("Filter · 1");
  expect(button().getAttribute("aria-label")).toBe("Filter, 1 active");
  expect(note.textContent).toMatch(
    /^all but A → B hidden: \d+ % of the weight is not drawn, nothing is renormalised/,
  );
  tick("Special tokens");
  radio("Chosen heads", "max").click();
  expect(app.data.value?.patterns.map(({ head }) => head)).toEqual([COMBINED]);
  expect(note.textContent).toContain(
    "max of heads 0 and 1: rows do not sum to 1 · all but A → B hidden, special tokens hidden",
  );
  expect(button().textContent).toBe("Filter · 3");
  note.querySelector("button")?.click();
  expect(note.hidden).toBe(true);
  expect([app.filters.value.pair, app.filters.value.special, app.combine.value]).toEqual([
    "all",
    true,
    "each",
  ]);
});

it("keeps the strongest of each query, also a number that Python chose", async () => {
  await setUp(pairRecord(), { filters: { pair: "all", special: true, top: 7, heads: null } });
  const select = filter.querySelector("select") as HTMLSelectElement;
  expect(select.value).toBe("7");
  const shown = () => {
    const pattern = app.data.value?.patterns[0];
    return Array.from({ length: 19 }, (_, key) => pattern?.weight(4, key) ?? Number.NaN).filter((w) => w >= 0)
      .length;
  };
  expect(shown()).toBe(7);
  select.value = "2";
  select.dispatchEvent(new Event("change"));
  expect([app.filters.value.top, shown()]).toEqual([2, 2]);
});

describe("what cannot be chosen", () => {
  it("says why", async () => {
    await setUp(smallRecord("one"));
    expect(filter.querySelector<HTMLElement>(".aw-filter-row")?.hidden).toBe(true);
    expect(check("Words").box.disabled).toBe(true);
    expect(check("Words").label.title).toBe("every word is one token here");
    expect(check("Norms").label.title).toBe("this run did not see the values");
    expect(check("Special").box.disabled).toBe(false);
  });

  it("can always be switched back", async () => {
    const derived = { words: true, weighting: "norms", can_merge: false, can_weigh: false } as const;
    await setUp(pairRecord(derived), { words: true, weighting: "norms" });
    expect(note.textContent).toContain(
      "words: keys summed, queries averaged · share of norms in place of weights",
    );
    for (const name of ["Words", "Norms"]) {
      expect(check(name).box.disabled).toBe(false);
      tick(name);
    }
    expect([app.words.value, app.weighting.value]).toEqual([false, "weights"]);
  });
});

it("offers the filters only where patterns are drawn cell by cell", async () => {
  await setUp(pairRecord(), { filters: { pair: "ab", special: true, top: 0, heads: null } });
  const part = () => filter.querySelector<HTMLElement>(".aw-filter-part") as HTMLElement;
  expect([part().hidden, note.hidden]).toEqual([false, false]);
  app.view.value = "model";
  expect([part().hidden, note.hidden]).toEqual([true, true]);
  expect(app.data.value?.shown).toBeUndefined();
});

it("steps among the heads on offer", async () => {
  await setUp(pairRecord(), { heads: [0], filters: { pair: "all", special: true, top: 0, heads: [1, 3] } });
  expect(note.textContent).toContain("2 of 4 heads on offer");
  app.moveHead(1);
  expect(app.heads.value).toEqual([1]);
  app.moveHead(1);
  app.moveHead(1);
  expect(app.heads.value).toEqual([3]);
  app.heads.value = [2];
  app.moveHead(-1);
  expect(app.heads.value).toEqual([1]);
});

it("counts what is active", () => {
  const all = { pair: "all", special: true, top: 0, heads: null } as const;
  expect(countActive(all, "each", false, false)).toBe(0);
  expect(countActive({ pair: "ab", special: false, top: 1, heads: [0] }, "mean", true, true)).toBe(7);
});
