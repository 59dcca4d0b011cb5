// An explorer without a transport: signals that a test sets, the same that panes see of the real one.
import { computed, type Signal, signal } from "@preact/signals-core";
import type {
  Compared,
  ExactColumn,
  ExactRow,
  Explorer,
  Focus,
  HeadMetrics,
  LayerData,
  ModelThumbnails,
  Palette,
  ScoreTerms,
} from "../../src/core/types";
import type {
  Combine,
  Direction,
  ErrorInfo,
  Filters,
  HeadRef,
  Order,
  Scale,
  Selection,
  SiteKind,
  Status,
  View,
  Weighting,
} from "../../src/wire/schema.gen";

export const PALETTE: Palette = {
  dark: false,
  bg: "#ffffff",
  panel: "#f7f7f8",
  line: "#e3e4e8",
  ink: "#1b1d22",
  soft: "#5c616b",
  faint: "#666b76",
  accent: "#2f6fde",
  hover: "#eef3fd",
  sans: "sans-serif",
  mono: "monospace",
  head: (index) => [(index * 50) % 256, 80, 160],
  ramp: (t) => [Math.round(255 * (1 - t)), Math.round(255 * (1 - t)), 255],
};

export interface TestExplorer extends Explorer {
  readonly data: Signal<LayerData | null>;
  readonly model: Signal<ModelThumbnails | null>;
  readonly metrics: Signal<HeadMetrics | null>;
  readonly terms: Signal<ScoreTerms | null>;
  readonly compared: Signal<readonly Compared[]>;
  readonly exact: Signal<readonly ExactRow[]>;
}

const IDLE: Status = { phase: "idle", run: null, done: 0, total: 0, message: "", error: null };
const FREE: Selection = { query: null, key: null, locked: false };

export function testExplorer(start: LayerData | null): TestExplorer {
  const selection = signal<Selection>(FREE);
  const hover = signal<Focus | null>(null);
  return {
    view: signal<View>("head"),
    site: signal<SiteKind>("decoder"),
    layer: signal(2),
    heads: signal([0, 3]),
    selection,
    direction: signal<Direction>("from"),
    threshold: signal(0.02),
    scale: signal<Scale>("linear"),
    filters: signal<Filters>({ pair: "all", special: true, top: 0, heads: null }),
    combine: signal<Combine>("each"),
    words: signal(false),
    weighting: signal<Weighting>("weights"),
    metric: signal("entropy"),
    order: signal<Order>("layer"),
    cut: signal<number | null>(null),
    pinned: signal<HeadRef[]>([]),
    status: signal(IDLE),
    hover,
    comparing: signal(false),
    focus: computed(
      () => hover.value ?? (selection.value.locked ? selection.value : { query: null, key: null }),
    ),
    palette: signal(PALETTE),
    data: signal(start),
    model: signal<ModelThumbnails | null>(null),
    metrics: signal<HeadMetrics | null>(null),
    terms: signal<ScoreTerms | null>(null),
    pins: signal([]),
    compared: signal<readonly Compared[]>([]),
    exact: signal<readonly ExactRow[]>([]),
    columns: signal<readonly ExactColumn[]>([]),
    predictions: signal(() => []),
    error: signal<ErrorInfo | null>(null),
    hold: (focus) => {
      selection.value = focus === null ? FREE : { ...focus, locked: true };
    },
    headNote: () => null,
  };
}
