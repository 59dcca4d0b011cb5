// State and data of one view of an explorer: signals over the traits, and the loading that keeps them true.
import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { same } from "../transport/same";
import type { Source, Transport } from "../transport/types";
import { WireError } from "../wire/errors";
import type { ErrorInfo, Filters, HeadNote, HeadRef, OpenMeta, Theme, View } from "../wire/schema.gen";
import { clampPlace, clampSelection, findLayer, findSite, NOTHING_HELD, type Place, tokensOf } from "./clamp";
import { type AskAgain, followAnswer, type Wanted } from "./follow-answer";
import { whenIdle } from "./idle";
import { Latest } from "./latest";
import { LayerLoader, readPredictions } from "./loader";
import { readMetrics } from "./measures";
import { readModel } from "./overview";
import { followPins, togglePins } from "./pinned";
import { Reports } from "./reports";
import { RowLoader, type RowsWanted } from "./rows";
import { createRuns } from "./runs";
import { headsOffered, present, presentRows } from "./shown";
import { Traits } from "./synced";
import { queryAsked, TermsReader } from "./terms";
import type { ExactColumn, Explorer, Focus, LayerData, Palette, Prediction } from "./types";

/** What the frame around the panes needs besides what panes see. */
export interface ExplorerApp extends Explorer {
  readonly theme: Signal<Theme>;
  readonly prompt: ReadonlySignal<string>;
  readonly context: ReadonlySignal<string>;
  readonly height: ReadonlySignal<number>;
  readonly canRun: ReadonlySignal<boolean>;
  /** The record that the traits name; "" while there is none. */
  readonly record: ReadonlySignal<string>;
  /** A run is under way, here or started from Python. */
  readonly running: ReadonlySignal<boolean>;
  /** What is on screen is not yet what was asked for. */
  readonly loading: ReadonlySignal<boolean>;
  /** The kernel has been silent for long, or null. */
  readonly silent: ReadonlySignal<string | null>;
  /** What a reader must know of who answers; "" while nothing is. */
  readonly notice: ReadonlySignal<string>;
  /** Who answers now. */
  source(): Source;
  /** Asks for what is known of all heads again. */
  readonly again: { readonly model: AskAgain<"model">; readonly metrics: AskAgain<"metrics"> };
  /** Why a pinned head is not shown. */
  readonly pinError: ReadonlySignal<ErrorInfo | null>;
  run(prompt: string, context: string): void;
  cancel(): void;
  dismissError(): void;
  moveLayer(by: number): void;
  moveHead(by: number): void;
  toggleHead(head: number): void;
  soloHead(head: number): void;
  /** Pins the chosen heads, or takes them off where all of them are pinned. */
  togglePins(): void;
  unpin(head: HeadRef): void;
  /** Shows one head alone, of any layer and kind of attention. */
  goTo(head: HeadRef): void;
  destroy(): void;
}

export interface ExplorerOptions {
  /** Milliseconds after which a kernel that has not answered is spoken of. */
  patience?: number;
}

interface Aim {
  readonly record: string;
  readonly place: Place;
}

/** Layers with more cells than this on screen are fetched when they are asked for, not on a guess. */
const PREFETCH_CELLS = 4_000_000;

/** Bytes of answers that are kept. */
const MODEL_BYTES = 8 * 2 ** 20;
const METRICS_BYTES = 2 ** 20;
const TERMS_BYTES = 32 * 2 ** 20;

const NO_ATTENTION: ErrorInfo = {
  code: "no-attention",
  what: "This record holds no attention.",
  todo: "Choose a model with attention layers.",
};

/** The views that draw patterns cell by cell; the others show all heads as they are. */
export const FILTERED: readonly View[] = ["head", "matrix", "text"];

const NO_NOTICE = signal("");
const NO_FOCUS: Focus = { query: null, key: null };
const NO_PREDICTIONS: readonly Prediction[] = [];

export function createExplorer(
  transport: Transport,
  palette: ReadonlySignal<Palette>,
  options: ExplorerOptions = {},
): ExplorerApp {
  const { patience = 10_000 } = options;
  const release = new AbortController();
  const abort = release.signal;
  const traits = new Traits(transport.state, abort);
  const onRelease = (stop: () => void) => abort.addEventListener("abort", stop, { once: true });

  const view = traits.both("view");
  const site = traits.both("site");
  const layer = traits.both("layer");
  const heads = traits.both("heads");
  const selection = traits.both("selection");
  const direction = traits.both("direction");
  const threshold = traits.both("threshold");
  const scale = traits.both("scale");
  const filters = traits.both("filters");
  const combine = traits.both("combine");
  const words = traits.both("words");
  const weighting = traits.both("weighting");
  const metric = traits.both("metric");
  const order = traits.both("order");
  const cut = traits.both("cut");
  const pinned = traits.both("pinned");
  const theme = traits.both("theme");
  const detectors = traits.read("detectors");
  const record = traits.read("record_id");
  const status = traits.read("status");

  const hover = signal<Focus | null>(null);
  /** The layer as it came; `data` is what filters and the choice of heads make of it. */
  const loaded = signal<LayerData | null>(null);
  const data = computed(() => {
    const raw = loaded.value;
    return raw === null || !FILTERED.includes(view.value) ? raw : present(raw, filters.value, combine.value);
  });

  const loader = new LayerLoader(transport);

  const reports = new Reports({ record, status, patience, abort });
  const runs = createRuns(transport, status, reports, abort);

  // --- The layer on screen -------------------------------------------------------------------------------

  let asked = 0;
  let shown = 0;

  function show(next: LayerData, turn: number): void {
    if (abort.aborted || turn < shown) return;
    shown = turn;
    batch(() => {
      if (next.record.record === record.peek()) reports.clear();
      const now = loaded.peek();
      if (now === null || !sameView(now, next)) loaded.value = next;
    });
  }

  /** Writes back what the record forces: a site, layer, heads or selection that it does not have. */
  function settle(meta: OpenMeta): Place | null {
    const wanted = { site: site.peek(), layer: layer.peek(), heads: heads.peek() };
    const place = clampPlace(meta, wanted);
    if (place === null) return null;
    const info = findSite(meta, place.site);
    const [queries, keys] = info
      ? [tokensOf(meta, info.query_stream).label.length, tokensOf(meta, info.key_stream).label.length]
      : [0, 0];
    batch(() => {
      if (place.site !== wanted.site) site.value = place.site;
      if (place.layer !== wanted.layer) layer.value = place.layer;
      if (!same(place.heads, wanted.heads)) heads.value = [...place.heads];
      const held = clampSelection(selection.peek(), queries, keys);
      if (!same(held, selection.peek())) selection.value = held;
    });
    return place;
  }

  let forRecord = new AbortController();
  onRelease(() => forRecord.abort());

  const pump = new Latest<{ wanted: Aim; turn: number }>(async ({ wanted, turn }) => {
    const { signal: ended } = forRecord;
    try {
      const meta = await reports.patiently(loader.open(wanted.record, ended));
      if (ended.aborted || wanted.record !== record.peek()) return;
      const place = settle(meta);
      if (place === null) {
        reports.report(new WireError(NO_ATTENTION));
        return;
      }
      show(await reports.patiently(loader.load(meta, place, ended)), turn);
    } catch (error) {
      if (!ended.aborted) reports.reportAbout(wanted.record, error);
    }
  });

  let currentRecord = "";
  onRelease(
    effect(() => {
      const wanted: Aim = {
        record: record.value,
        place: { site: site.value, layer: layer.value, heads: heads.value },
      };
      if (wanted.record !== currentRecord) {
        currentRecord = wanted.record;
        forRecord.abort();
        forRecord = new AbortController();
        hover.value = null;
      }
      if (wanted.record === "") return;
      asked += 1;
      const turn = asked;
      const meta = loader.peekOpen(wanted.record);
      const place = meta && clampPlace(meta, wanted.place);
      const ready = meta && place && loader.peek(meta, place);
      if (ready && meta) {
        pump.clear();
        show(ready, turn);
      } else {
        pump.push({ wanted, turn });
      }
      // At once: a trait that is linked to another explorer's must not come back to it later.
      if (meta) settle(meta);
    }),
  );

  onRelease(
    effect(() => {
      const held = selection.value;
      const now = loaded.value;
      if (now === null || now.record.record !== record.peek() || now.site.kind !== site.peek()) return;
      const fitting = clampSelection(held, now.queryTokens.label.length, now.keyTokens.label.length);
      if (fitting !== held) selection.value = NOTHING_HELD;
    }),
  );

  onRelease(prefetchNeighbours());

  /** In idle time, fetches the layers next to the one on screen. */
  function prefetchNeighbours(): () => void {
    let cancelIdle = () => {};
    const stop = effect(() => {
      const now = loaded.value;
      cancelIdle();
      if (now === null || transport.kind !== "live" || cellsOf(now) > PREFETCH_CELLS) return;
      const ended = forRecord.signal;
      cancelIdle = whenIdle(async () => {
        const chosen = now.patterns.map((pattern) => pattern.head);
        const index = now.site.layers.indexOf(now.info);
        for (const neighbour of [now.site.layers[index + 1], now.site.layers[index - 1]]) {
          const busy = pump.busy || ended.aborted || loaded.peek() !== now;
          if (neighbour === undefined || busy || status.peek().phase === "running") continue;
          const place = clampPlace(now.record, {
            site: now.site.kind,
            layer: neighbour.layer,
            heads: chosen,
          });
          // A guess that fails is no news: whoever goes there asks again and is told.
          if (place !== null) await loader.load(now.record, place, ended).catch(() => undefined);
        }
      });
    });
    return () => {
      stop();
      cancelIdle();
    };
  }

  const loading = computed(() => {
    const now = loaded.value;
    if (record.value === "") return false;
    if (now === null || now.record.record !== record.value) return true;
    const shownHeads = now.patterns.map((pattern) => pattern.head);
    return now.site.kind !== site.value || now.info.layer !== layer.value || !same(shownHeads, heads.value);
  });

  // --- Focus, exact rows, predictions --------------------------------------------------------------------

  const focus = computed<Focus>(() => {
    const over = hover.value;
    if (over !== null && (over.query !== null || over.key !== null)) return over;
    const { locked, query, key } = selection.value;
    return locked ? { query, key } : NO_FOCUS;
  });

  const rowsWanted = computed<RowsWanted | null>(() => {
    const now = loaded.value;
    const { query: asked, key } = focus.value;
    // In the text of a long prompt a key that is held may be asked where it looks itself.
    const query =
      now?.info.tiled && view.value === "text" && direction.value === "from" ? (asked ?? key) : asked;
    if (now === null || query === null || query >= now.queryTokens.label.length) return null;
    return {
      record: now.record.record,
      site: now.site.kind,
      layer: now.info.layer,
      heads: now.patterns.map((pattern) => pattern.head),
      query,
    };
  });
  const rows = new RowLoader(transport, rowsWanted, (name, error) => reports.reportAbout(name, error), abort);
  onRelease(effect(() => rows.ask(rowsWanted.value, hover.value === null)));

  const expected = signal<{ record: string; positions: Prediction[][] } | null>(null);
  let expectedFor = "";
  onRelease(
    effect(() => {
      const now = loaded.value;
      if (now === null || focus.value.query === null || !now.record.predictions) return;
      if (expectedFor === now.record.record) return;
      const name = now.record.record;
      expectedFor = name;
      transport
        .request("predictions", {}, { record: name, signal: abort })
        .then(({ meta, buffers }) => {
          if (expectedFor === name)
            expected.value = { record: name, positions: readPredictions(meta, buffers) };
        })
        .catch((reason) => reports.reportAbout(name, reason));
    }),
  );
  const predictions = computed(() => {
    const now = loaded.value;
    const known = expected.value;
    const apply =
      known !== null && now?.record.record === known.record && now.site.query_stream === "decoder";
    return (query: number) => (apply && known.positions[query]) || NO_PREDICTIONS;
  });

  // Asked for once the layer of the same record is here, and only while it is looked at.
  const here = computed(() => {
    const now = loaded.value;
    return now === null || now.record.record !== record.value ? null : now;
  });
  const onError = (name: string, error: unknown) => reports.reportAbout(name, error);

  const modelWanted = computed<Wanted<"model"> | null>(() => {
    const now = view.value === "model" ? here.value : null;
    return now && { record: now.record.record, args: { site: now.site.kind } };
  });
  const [model, moreModel] = followAnswer(
    transport,
    {
      kind: "model",
      wanted: modelWanted,
      read: (name, { meta, buffers }) => readModel(name, meta, buffers),
      budget: MODEL_BYTES,
      onError,
    },
    abort,
  );

  // A detector may be replaced by another of its name: every change of their list asks anew.
  let changes = 0;
  const measured = computed(() => {
    detectors.value;
    changes += 1;
    return changes;
  });
  const metricsWanted = computed<Wanted<"metrics"> | null>(() => {
    const now = view.value === "model" || view.value === "metrics" ? here.value : null;
    return now && { record: now.record.record, args: { site: now.site.kind }, also: measured.value };
  });
  const [metrics, moreMetrics] = followAnswer(
    transport,
    {
      kind: "metrics",
      wanted: metricsWanted,
      read: (name, { meta, buffers }) => readMetrics(name, meta, buffers),
      budget: METRICS_BYTES,
      onError,
    },
    abort,
  );

  const termsWanted = computed<Wanted<"neuron"> | null>(() => {
    const now = view.value === "neuron" ? here.value : null;
    const head = now?.patterns[0]?.head;
    // Merged words have no queries and keys; the pane says so without an error.
    if (now === null || head === undefined || now.record.words) return null;
    const query = queryAsked(now, focus.value);
    const { site: of, info, record: meta } = now;
    return { record: meta.record, args: { site: of.kind, layer: info.layer, head, query } };
  });
  const reader = new TermsReader(TERMS_BYTES);
  const [terms] = followAnswer(
    transport,
    {
      kind: "neuron",
      wanted: termsWanted,
      send: (job) => reader.argsFor(job.record, job.args),
      read: (name, { meta, buffers }) => reader.read(name, meta, buffers),
      bytes: (value) => (value.k?.byteLength ?? 0) + 4 * value.weights.byteLength,
      budget: TERMS_BYTES,
      onError,
    },
    abort,
  );

  const exact = computed(() => {
    const now = data.value;
    return now === null ? rows.rows.value : presentRows(rows.rows.value, now);
  });

  const comparing = traits.both("comparing");
  const pins = followPins({ loader, data: loaded, pinned, comparing }, abort);
  const compared = computed(() => {
    const kept = filters.value;
    const chosen = data.value;
    return pins.compared.value.map((panel) => {
      if (panel.data === null) return panel;
      return { ...panel, data: panel.pinned ? presentAgain(panel.data, kept) : chosen };
    });
  });
  const chosenHeads = (): HeadRef[] =>
    heads.peek().map((head) => ({ site: site.peek(), layer: layer.peek(), head }));

  // --- Steps ---------------------------------------------------------------------------------------------

  function chooseLayer(step: number): void {
    const now = loaded.peek();
    if (now === null) return;
    const info = findLayer(now.site, layer.peek()) ?? now.info;
    const next = now.site.layers[now.site.layers.indexOf(info) + step];
    if (next !== undefined) layer.value = next.layer;
  }

  return {
    view,
    site,
    layer,
    heads,
    selection,
    direction,
    threshold,
    scale,
    filters,
    combine,
    words,
    weighting,
    metric,
    order,
    cut,
    pinned,
    theme,
    status,
    hover,
    comparing,
    focus,
    palette,
    data,
    model,
    metrics,
    terms,
    pins: pins.pins,
    compared,
    exact,
    columns: signal<readonly ExactColumn[]>([]),
    predictions,
    error: reports.error,
    prompt: traits.read("prompt"),
    context: traits.read("context"),
    height: traits.read("height"),
    canRun: traits.read("can_run"),
    record,
    running: runs.running,
    loading,
    silent: reports.silent,
    notice: transport.notice ?? NO_NOTICE,
    source: () => transport.kind,
    again: { model: moreModel, metrics: moreMetrics },
    pinError: pins.error,
    hold(next) {
      const empty = next === null || (next.query === null && next.key === null);
      selection.value = empty ? NOTHING_HELD : { query: next.query, key: next.key, locked: true };
    },
    headNote(inLayer, head): HeadNote | null {
      const notes = loaded.value?.record.head_notes ?? [];
      return notes.find((note) => note.layer === inLayer && note.head === head) ?? null;
    },
    run: runs.run,
    cancel: runs.cancel,
    dismissError: () => reports.dismiss(),
    moveLayer: chooseLayer,
    moveHead(by) {
      const offered = headsOffered(loaded.peek()?.info.heads ?? 0, filters.peek());
      const first = heads.peek()[0] ?? 0;
      const at = offered.indexOf(first);
      // From a head that is not on offer, to the next one that is.
      const near = at >= 0 ? at + by : offered.filter((head) => head < first).length - (by < 0 ? 1 : 0);
      const next = offered[Math.min(offered.length - 1, Math.max(0, near))];
      if (next !== undefined) heads.value = [next];
    },
    toggleHead(head) {
      const chosen = heads.peek();
      const without = chosen.filter((other) => other !== head);
      heads.value = without.length < chosen.length ? without : [...chosen, head].sort((a, b) => a - b);
    },
    soloHead(head) {
      heads.value = [head];
    },
    togglePins() {
      pinned.value = togglePins(pinned.peek(), chosenHeads());
    },
    unpin(head) {
      pinned.value = pinned.peek().filter((other) => !same(other, head));
    },
    goTo(head) {
      batch(() => {
        site.value = head.site;
        layer.value = head.layer;
        heads.value = [head.head];
      });
    },
    destroy() {
      release.abort();
      transport.destroy();
    },
  };
}

/** A layer that stands beside others: the same filters give the same object, so that nothing is redrawn for nothing. */
const beside = new WeakMap<LayerData, { filters: Filters; data: LayerData }>();

function presentAgain(raw: LayerData, filters: Filters): LayerData {
  const before = beside.get(raw);
  if (before?.filters === filters) return before.data;
  const data = present(raw, filters, "each");
  beside.set(raw, { filters, data });
  return data;
}

function cellsOf(data: LayerData): number {
  return data.patterns.reduce((sum, { queries, keys }) => sum + queries * keys, 0);
}

/** Whether two are made of the same parts, so that showing the one for the other would redraw for nothing. */
function sameView(a: LayerData, b: LayerData): boolean {
  return (
    a.record === b.record &&
    a.info === b.info &&
    a.thumbnails === b.thumbnails &&
    a.patterns.length === b.patterns.length &&
    a.patterns.every((pattern, index) => pattern === b.patterns[index])
  );
}
