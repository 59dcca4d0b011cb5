// A snapshot in memory, as the reader of the format gives it: one layer, two heads, three tokens.
import { createOpen, createSite, createTokens } from "../../src/entries/gallery/record";
import type { Snapshot, SnapshotLayer } from "../../src/snapshot/types";
import { MASKED, type SnapshotHeader } from "../../src/wire/schema.gen";

const PATTERN = Float32Array.of(1, MASKED, MASKED, 0.25, 0.75, MASKED, 0.5, 0.25, 0.25);

export const LAYER: SnapshotLayer = {
  form: "exact",
  error: 0,
  heads: 2,
  queries: 3,
  keys: 3,
  pooled: 1,
  visible: (_head, query, key) => key <= query,
  holds: () => true,
  pattern: () => PATTERN,
  sink: () => null,
  rest: () => null,
  floor: () => null,
  row: () => null,
  terms: () => null,
  peaks: null,
  thumbnails: null,
};

export function createSnapshot(
  record: string,
  prompt = "typed",
  layer: Partial<SnapshotLayer> = {},
): Snapshot {
  const made = createOpen(record, "small", { decoder: createTokens(["a", "b", "c"]) }, [
    createSite("decoder", 1, 2),
  ]);
  const precision = { form: "exact", error: 0, kept: null, dropped: 0, dropped_most: 0, terms: "none" };
  const open = { ...made, precision: precision as never };
  const model = {
    site: "decoder",
    layers: [0],
    heads: [2],
    thumbnails: null,
    pooled_queries: 1,
    pooled_keys: 1,
    queries: 3,
    sampled: 3,
  };
  const site = { model, metrics: null, layers: { 0: { terms: null } } } as never;
  return {
    header: { prompt, context: null, open, sites: { decoder: site } } as unknown as SnapshotHeader,
    open,
    predictions: null,
    buffers: [],
    site: (kind) => (kind === "decoder" ? site : null),
    layer: (kind, at) => (kind === "decoder" && at === 0 ? { ...LAYER, ...layer } : null),
  };
}
