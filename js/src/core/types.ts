// What panes see of the explorer: signals of state and of the data on screen. Panes know no transport.
import type { ReadonlySignal, Signal } from "@preact/signals-core";
import type {
  Combine,
  Direction,
  ErrorInfo,
  Filters,
  HeadNote,
  HeadRef,
  LayerInfo,
  MetricInfo,
  NeuronMeta,
  OpenMeta,
  Order,
  Scale,
  Selection,
  SiteInfo,
  SiteKind,
  Status,
  Tokens,
  View,
  Weighting,
} from "../wire/schema.gen";
import type { Shown } from "./shown";

/** A pattern as it is on screen: that of one head, or of several put together. */
export interface Pattern {
  /** The head; `COMBINED` where it is that of several. */
  readonly head: number;
  readonly queries: number;
  readonly keys: number;
  /** Largest absolute error of `weight`; 0 when the values are exact float32. */
  readonly error: number;
  /**
   * Weight from 0 to 1, NaN when the model gave none, MASKED (-1) out of reach, HIDDEN (-2) hidden by a filter, UNREAD
   * (-3) not computed yet.
   */
  weight(query: number, key: number): number;
  /** What a query leaves to its learned sink, where that is known by itself. */
  sink?(query: number): number;
  /** Of a snapshot that kept each row's largest weights only, the others being 0: their sum, and the most of each. */
  rest?(query: number): number;
  floor?(query: number): number;
}

/** Everything that the current layer shows; consistent in itself: the last good one stays until the next is whole. */
export interface LayerData {
  readonly record: OpenMeta;
  readonly site: SiteInfo;
  readonly info: LayerInfo;
  readonly queryTokens: Tokens;
  readonly keyTokens: Tokens;
  /** The chosen heads, ascending, each with its pattern. */
  readonly patterns: readonly Pattern[];
  /** Largest weight per block, one u8-companded t x t square per head of the layer. */
  readonly thumbnails: Thumbnails;
  /** How the patterns came about, where they are not simply those of the heads. */
  readonly shown?: Shown;
}

export interface Thumbnails {
  readonly heads: number;
  readonly size: readonly [queries: number, keys: number];
  /** Queries and keys behind one pixel; 1 means that every cell is shown. */
  readonly pooled: number;
  /** Companded codes of one head, row by row; see U8_* in the schema. */
  codes(head: number): Uint8Array;
  /** Queries behind them, where not all were read. */
  readonly sampled?: number;
}

/** Thumbnails of every head of every layer of one kind of attention. */
export interface ModelThumbnails {
  readonly record: string;
  readonly site: SiteKind;
  /** Layers with attention, ascending, and the number of heads of each. */
  readonly layers: readonly number[];
  readonly heads: readonly number[];
  readonly size: readonly [rows: number, columns: number];
  /** Queries and keys behind one pixel; 1 and 1 mean that every cell is shown. */
  readonly pooled: readonly [queries: number, keys: number];
  /** `sampled` of `queries` queries were computed; all of them where the numbers are equal. */
  readonly queries: number;
  readonly sampled: number;
  /** Companded codes of a head of the `row`-th layer. */
  codes(row: number, head: number): Uint8Array;
}

/** A metric of one head; not a number where nothing is eligible. */
export interface Measured {
  readonly value: number;
  /** The same metric of weights spread evenly over the visible keys. */
  readonly baseline: number;
  /** Queries (or cells, see `counted`) that the value is over. */
  readonly count: number;
  /** Half width of the value's 95 % confidence interval, where queries were sampled and there is one. */
  readonly margin?: number;
}

/** Every metric of every head of one kind of attention. */
export interface HeadMetrics {
  readonly record: string;
  readonly site: SiteKind;
  /** Layers with attention, ascending, and the number of heads of each. */
  readonly layers: readonly number[];
  readonly heads: readonly number[];
  readonly metrics: readonly MetricInfo[];
  /** `sampled` of `queries` queries were read; all of them where the numbers are equal. */
  readonly queries: number;
  readonly sampled: number;
  /** The `metric`-th metric of a head of the `row`-th layer. */
  of(metric: number, row: number, head: number): Measured;
}

/** What the scores of one query are made of, for one head; see `NeuronMeta` for how they come together. */
export interface ScoreTerms extends Omit<NeuronMeta, "q" | "k" | "bias" | "scores" | "weights"> {
  readonly record: string;
  /** MASKED where the key is out of reach. */
  readonly weights: Float32Array;
  /** [d]; null, as all below, where only weights are known. */
  readonly q: Float32Array | null;
  /** [keys, d] */
  readonly k: Float32Array | null;
  readonly bias: Float32Array | null;
  readonly scores: Float32Array | null;
}

/** Exact values of one query's row, from the kernel. */
export interface ExactRow {
  readonly site: SiteKind;
  readonly layer: number;
  readonly head: number;
  readonly query: number;
  readonly weights: Float32Array;
  readonly scores: Float32Array | null;
  readonly sink: number;
  /** The weights with nothing hidden, where a filter hides some. */
  readonly whole?: Float32Array;
  /** Largest absolute error of the weights where a recording knows them in 8 bits; exact without it. */
  readonly error?: number;
  /** The most that a weight which a snapshot left out can be; such are 0. */
  readonly floor?: number;
}

/** A token or a cell under the pointer, or reached by keyboard. */
export interface Focus {
  readonly query: number | null;
  readonly key: number | null;
}

/** What every query gives to one key, of a long prompt: exact, UNREAD where it is not computed yet. */
export interface ExactColumn {
  readonly site: SiteKind;
  readonly layer: number;
  readonly head: number;
  readonly key: number;
  readonly weights: Float32Array;
  /** `read` of `of` queries are computed. */
  readonly read: number;
  readonly of: number;
}

export interface Prediction {
  readonly label: string;
  readonly prob: number;
}

/** A pinned head: the record on screen has it, shows another kind of attention, or does not have it. */
export interface PinnedHead {
  readonly ref: HeadRef;
  readonly state: "here" | "away" | "missing";
  /** Why it is not here, in a few words; "" where it is. */
  readonly reason: string;
  /** Its layer: thumbnails, and its pattern alone while heads are compared; null until it is there. */
  readonly data: LayerData | null;
}

/** One of the small head views that stand side by side. */
export interface Compared {
  readonly key: string;
  readonly layer: number;
  readonly heads: readonly number[];
  /** Null until its pattern is there. */
  readonly data: LayerData | null;
  /** False for the heads that are chosen, which change with the controls. */
  readonly pinned: boolean;
}

/** State and data of one view of one explorer. Setting a signal of the first group writes the trait. */
export interface Explorer {
  // Shared with Python and with other views.
  readonly view: Signal<View>;
  readonly site: Signal<SiteKind>;
  readonly layer: Signal<number>;
  readonly heads: Signal<number[]>;
  readonly selection: Signal<Selection>;
  readonly direction: Signal<Direction>;
  readonly threshold: Signal<number>;
  readonly scale: Signal<Scale>;
  readonly filters: Signal<Filters>;
  readonly combine: Signal<Combine>;
  readonly words: Signal<boolean>;
  readonly weighting: Signal<Weighting>;
  readonly metric: Signal<string>;
  readonly order: Signal<Order>;
  readonly cut: Signal<number | null>;
  readonly pinned: Signal<HeadRef[]>;
  /** Whether pinned heads stand side by side in the head view. */
  readonly comparing: Signal<boolean>;
  readonly status: ReadonlySignal<Status>;
  // Of this view alone.
  readonly hover: Signal<Focus | null>;
  /** What the inspector speaks of: the hovered token or cell, else what is held. */
  readonly focus: ReadonlySignal<Focus>;
  readonly palette: ReadonlySignal<Palette>;
  // Data.
  readonly data: ReadonlySignal<LayerData | null>;
  /** All heads of all layers, once the model view has asked for them; null before. */
  readonly model: ReadonlySignal<ModelThumbnails | null>;
  /** Metrics of all heads, once a view that shows them has asked; null before. */
  readonly metrics: ReadonlySignal<HeadMetrics | null>;
  /** What the neuron view shows, once it has asked; null before. */
  readonly terms: ReadonlySignal<ScoreTerms | null>;
  readonly pins: ReadonlySignal<readonly PinnedHead[]>;
  /** What stands side by side while comparing; fewer than two are nothing to compare. */
  readonly compared: ReadonlySignal<readonly Compared[]>;
  /** Exact rows of the focused query for the chosen heads, when they have arrived; else empty. */
  readonly exact: ReadonlySignal<readonly ExactRow[]>;
  /** Columns of the focused key for the chosen heads; the views of long prompts put them here, and nobody else. */
  readonly columns: Signal<readonly ExactColumn[]>;
  /** What the model expects after the token at `query`, best first; empty when it is not a causal model. */
  readonly predictions: ReadonlySignal<(query: number) => readonly Prediction[]>;
  readonly error: ReadonlySignal<ErrorInfo | null>;
  // Actions.
  /** Hold a token or a cell (null lets go). */
  hold(focus: Focus | null): void;
  headNote(layer: number, head: number): HeadNote | null;
}

/** Colours of the current theme, read from CSS so that canvas and DOM agree. */
export interface Palette {
  readonly dark: boolean;
  readonly bg: string;
  readonly panel: string;
  readonly line: string;
  readonly ink: string;
  readonly soft: string;
  readonly faint: string;
  readonly accent: string;
  readonly hover: string;
  readonly sans: string;
  readonly mono: string;
  /** Colour of a head: stays distinct to 32 heads, safe for colour-blind readers. */
  head(index: number): readonly [r: number, g: number, b: number];
  /** Perceptually uniform ramp for weights, t from 0 to 1. */
  ramp(t: number): readonly [r: number, g: number, b: number];
}

/** A pane: builds itself into `host`, follows the explorer's signals, and lets go of everything when destroyed. */
export interface Pane {
  destroy(): void;
}

export type CreatePane = (host: HTMLElement, explorer: Explorer) => Pane;
