// Thumbnails of every head of every layer: fetched while the model view is on screen, and kept.
import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import type { Transport } from "../transport/types";
import { readArray } from "../wire/arrays";
import type { ModelMeta, SiteKind } from "../wire/schema.gen";
import { Latest } from "./latest";
import { Lru } from "./lru";
import type { ModelThumbnails } from "./types";

const MODEL_BYTES = 8 * 2 ** 20;

export interface ModelWanted {
  readonly record: string;
  readonly site: SiteKind;
}

export function readModel(record: string, meta: ModelMeta, buffers: readonly DataView[]): ModelThumbnails {
  const [count = 0, rows = 0, columns = 0] = meta.thumbnails.shape;
  const firsts: number[] = [];
  let first = 0;
  for (const heads of meta.heads) {
    firsts.push(first);
    first += heads;
  }
  if (first !== count || meta.heads.length !== meta.layers.length) {
    throw new RangeError(`The reply names ${first} heads and holds ${count} thumbnails.`);
  }
  const codes = readArray(meta.thumbnails, buffers, "u1");
  const cells = rows * columns;
  return {
    record,
    site: meta.site,
    layers: meta.layers,
    heads: meta.heads,
    size: [rows, columns],
    pooled: [meta.pooled_queries, meta.pooled_keys],
    queries: meta.queries,
    sampled: meta.sampled,
    codes(row, head) {
      const at = (firsts[row] as number) + head;
      return codes.subarray(at * cells, (at + 1) * cells);
    },
  };
}

/** The last whole thumbnails; they stay until the next are here. */
export function followModel(
  transport: Transport,
  wanted: ReadonlySignal<ModelWanted | null>,
  onError: (record: string, error: unknown) => void,
  abort: AbortSignal,
): ReadonlySignal<ModelThumbnails | null> {
  const cache = new Lru<ModelThumbnails>(MODEL_BYTES);
  const shown = signal<ModelThumbnails | null>(null);
  const keyOf = ({ record, site }: ModelWanted) => `${record} ${site}`;
  const latest = new Latest<ModelWanted>(async (job) => {
    if (abort.aborted || cache.get(keyOf(job)) !== undefined) return;
    try {
      const { record, site } = job;
      const { meta, buffers } = await transport.request("model", { site }, { record, signal: abort });
      const read = readModel(record, meta, buffers);
      const [count = 0, rows = 0, columns = 0] = meta.thumbnails.shape;
      cache.set(keyOf(job), read, count * rows * columns);
      const now = wanted.peek();
      if (!abort.aborted && now !== null && keyOf(now) === keyOf(job)) shown.value = read;
    } catch (error) {
      onError(job.record, error);
    }
  });
  const stop = effect(() => {
    const now = wanted.value;
    if (now === null) return;
    const known = cache.get(keyOf(now));
    if (known === undefined) latest.push(now);
    else {
      latest.clear();
      shown.value = known;
    }
  });
  abort.addEventListener("abort", stop, { once: true });
  return shown;
}
