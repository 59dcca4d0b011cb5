// The gallery page: the whole widget over prepared data, one case or all of them.
import "../app.css";
import { type App, createApp } from "../app";
import { start as startLive } from "../live";
import { readSnapshot } from "../snapshot/read";
import type { Answer } from "../transport/fixture";
import { FixtureTransport, LocalState } from "../transport/fixture";
import { SnapshotTransport, traitsOf } from "../transport/snapshot";
import { WireError } from "../wire/errors";
import type { State } from "../wire/schema.gen";
import { createCases, defaultState, type EmbeddedRecord, type GalleryCase } from "./gallery/cases";
import { createAnswer } from "./gallery/record";

/** What the tests reach for: they play the kernel's part through `state`. */
export interface Shown {
  readonly app: App;
  readonly state: LocalState;
}

const nothing: Answer = () => {
  throw new WireError({ code: "fixture", what: "This case has no record.", todo: "Choose another case." });
};

function numbers(text: string | null): number[] | null {
  return text === null ? null : text.split(",").filter(Boolean).map(Number);
}

/**
 * State that the address asks for: ?view=, theme=, layer=, heads=0,1, hold=7 or 7,2, direction=, scale=, height=.
 *
 * Also combine=, weighting=, and filters: pair=, special=0, top=, offer=0,1 (heads on offer).
 *
 * Beside it: case= (one case), width= (CSS pixels), delay= (ms a reply takes), copies= (explorers), views= (of each).
 */
function stateFrom(query: URLSearchParams): Partial<State> {
  const state: Record<string, unknown> = {};
  for (const key of ["view", "theme", "site", "direction", "scale", "prompt"]) {
    const value = query.get(key);
    if (value !== null) state[key] = value;
  }
  for (const key of ["layer", "threshold", "height"]) {
    const value = query.get(key);
    if (value !== null) state[key] = Number(value);
  }
  for (const key of ["combine", "weighting"]) {
    const value = query.get(key);
    if (value !== null) state[key] = value;
  }
  const filters = {
    pair: query.get("pair") ?? "all",
    special: query.get("special") !== "0",
    top: Number(query.get("top") ?? 0),
    heads: numbers(query.get("offer")),
  };
  if (["pair", "special", "top", "offer"].some((key) => query.has(key))) state.filters = filters;
  const heads = numbers(query.get("heads"));
  if (heads !== null) state.heads = heads;
  const hold = query.get("hold")?.split(",");
  if (hold !== undefined) {
    const at = (text: string | undefined) => (text === undefined || text === "" ? null : Number(text));
    state.selection = { query: at(hold[0]), key: at(hold[1]), locked: true };
  }
  return state;
}

/** `views` views of one explorer: they share the traits. */
function mount(host: HTMLElement, item: GalleryCase, query: URLSearchParams, views: number): Shown[] {
  const state = new LocalState(defaultState({ ...item.state, ...stateFrom(query) }));
  const answer = item.answer?.() ?? (item.record === null ? nothing : createAnswer(item.record));
  const delay = Number(query.get("delay") ?? 0);
  return Array.from({ length: views }, () => ({
    app: createApp(host, new FixtureTransport(state, answer, { delay }), startLive),
    state,
  }));
}

/** Snapshots that the tests wrote, in base64, each with what is chosen in it. */
type SavedSnapshots = Readonly<Record<string, { readonly data: string; readonly state: Partial<State> }>>;

async function mountSnapshot(
  host: HTMLElement,
  { data, state: chosen }: SavedSnapshots[string],
  query: URLSearchParams,
): Promise<Shown> {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const snapshot = await readSnapshot(new DataView(bytes.buffer));
  const values = { ...chosen, ...stateFrom(query), ...traitsOf(snapshot) };
  const state = new LocalState(defaultState(values));
  return { app: createApp(host, new SnapshotTransport(snapshot, state.store())), state };
}

async function start(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const page = document.getElementById("gallery");
  if (page === null) throw new Error("The page has no #gallery.");
  document.body.classList.toggle("dark", query.get("theme") === "dark");
  const { embeddedRecord, savedSnapshots = {} } = window as unknown as {
    embeddedRecord?: EmbeddedRecord;
    savedSnapshots?: SavedSnapshots;
  };
  const cases = createCases(embeddedRecord);
  const wanted = query.get("case");
  const many = (name: string) => Number(query.get(name) ?? 1);
  const shown: Shown[] = [];
  const isWanted = (name: string) => wanted === null || name === wanted;
  const place = (name: string, title: string) => {
    if (wanted === null) {
      const heading = document.createElement("h2");
      const link = document.createElement("a");
      link.href = `?case=${name}`;
      link.textContent = title;
      heading.append(link);
      page.append(heading);
    }
    const host = document.createElement("div");
    const width = query.get("width");
    if (width !== null) host.style.width = `${width}px`;
    page.append(host);
    return host;
  };
  for (const item of cases.filter(({ name }) => isWanted(name))) {
    const host = place(item.name, item.title);
    for (let copy = 0; copy < many("copies"); copy++) shown.push(...mount(host, item, query, many("views")));
  }
  for (const [name, saved] of Object.entries(savedSnapshots)) {
    if (isWanted(name)) shown.push(await mountSnapshot(place(name, `Snapshot: ${name}`), saved, query));
  }
  Object.assign(window, { gallery: shown, galleryCases: cases.map(({ name }) => name) });
}

void start();
