// Fetches the layers of a record, keeps them under a byte budget, and asks only for what is missing.
import type { Transport } from "../transport/types";
import { readArray } from "../wire/arrays";
import type { LayerMeta, OpenMeta, PredictionsMeta, SiteInfo } from "../wire/schema.gen";
import { findLayer, findSite, type Place, tokensOf } from "./clamp";
import { Lru } from "./lru";
import { createPattern, createUnread } from "./pattern";
import type { LayerData, Pattern, Prediction, Thumbnails } from "./types";

const LAYER_BYTES = 96 * 2 ** 20;

interface CachedLayer {
  readonly patterns: ReadonlyMap<number, Pattern>;
  readonly thumbnails: Thumbnails;
  readonly bytes: number;
}

function readThumbnails(meta: LayerMeta, buffers: readonly DataView[]): Thumbnails | null {
  if (meta.thumbnails === null) return null;
  const [heads = 0, queries = 0, keys = 0] = meta.thumbnails.shape;
  const codes = readArray(meta.thumbnails, buffers, "u1");
  return {
    heads,
    size: [queries, keys],
    pooled: meta.pooled,
    ...(meta.sampled && { sampled: meta.sampled }),
    codes: (head) => codes.subarray(head * queries * keys, (head + 1) * queries * keys),
  };
}

function readPatterns(meta: LayerMeta, buffers: readonly DataView[]): [Map<number, Pattern>, number] {
  const spec = meta.patterns;
  const [heads = 0, queries = 0, keys = 0] = spec.shape;
  if (heads !== meta.heads.length) {
    throw new RangeError(`The reply names ${meta.heads.length} heads and holds ${heads} patterns.`);
  }
  const values = spec.dtype === "f4" ? readArray(spec, buffers, "f4") : readArray(spec, buffers, "u1");
  const { sinks, rest, floor } = meta;
  const perQuery = Object.entries({ sink: sinks, rest, floor }).map(
    ([name, of]) => [name, of ? readArray(of, buffers, "f4") : null] as const,
  );
  const cells = queries * keys;
  const patterns = new Map<number, Pattern>();
  meta.heads.forEach((head, index) => {
    const part = values.subarray(index * cells, (index + 1) * cells);
    const own = perQuery.map(([name, all]) => [name, all?.subarray(index * queries, (index + 1) * queries)]);
    patterns.set(head, createPattern(head, queries, keys, part, meta.error, Object.fromEntries(own)));
  });
  return [patterns, values.byteLength];
}

export class LayerLoader {
  readonly #transport: Transport;
  readonly #layers: Lru<CachedLayer>;
  readonly #opened = new Map<string, OpenMeta>();

  constructor(transport: Transport, budget = LAYER_BYTES) {
    this.#transport = transport;
    this.#layers = new Lru(budget);
  }

  /** What is known of a record so far. */
  peekOpen(record: string): OpenMeta | null {
    return this.#opened.get(record) ?? null;
  }

  async open(record: string, signal: AbortSignal): Promise<OpenMeta> {
    const known = this.#opened.get(record);
    if (known !== undefined) return known;
    const { meta } = await this.#transport.request("open", {}, { record, signal });
    this.#opened.set(record, meta);
    for (const oldest of this.#opened.keys()) {
      if (this.#opened.size <= 8) break;
      this.#opened.delete(oldest);
    }
    return meta;
  }

  /** The layer with all of its wanted heads, if it is here already. */
  peek(meta: OpenMeta, place: Place): LayerData | null {
    const cached = this.#layers.get(keyOf(meta, place));
    return cached === undefined ? null : assemble(meta, place, cached);
  }

  async load(meta: OpenMeta, place: Place, signal: AbortSignal): Promise<LayerData> {
    const key = keyOf(meta, place);
    const cached = this.#layers.get(key);
    const heads = place.heads.filter((head) => !cached?.patterns.has(head));
    const whole = cached !== undefined && heads.length === 0 ? cached : null;
    const layer = whole ?? (await this.#fetch(meta, place, heads, cached, key, signal));
    const data = assemble(meta, place, layer);
    if (data === null) throw new RangeError(`The reply for layer ${place.layer} lacks a head.`);
    return data;
  }

  async #fetch(
    meta: OpenMeta,
    place: Place,
    heads: number[],
    cached: CachedLayer | undefined,
    key: string,
    signal: AbortSignal,
  ): Promise<CachedLayer> {
    const args = { site: place.site, layer: place.layer, heads, thumbnails: cached === undefined };
    const site = findSite(meta, place.site);
    const info = site && findLayer(site, place.layer);
    const tiled = info?.tiled ? info : null;
    if (tiled) args.heads = [];
    const reply = await this.#transport.request("layer", args, { record: meta.record, signal });
    const [patterns, bytes] = readPatterns(reply.meta, reply.buffers);
    // Patterns of a tiled layer come piece by piece, to whoever draws them.
    if (site && tiled) {
      const count = (stream: SiteInfo["query_stream"]) => tokensOf(meta, stream).label.length;
      const shape = [count(site.query_stream), count(site.key_stream)] as const;
      for (const head of heads) patterns.set(head, createUnread(head, ...shape, tiled));
    }
    const thumbnails = readThumbnails(reply.meta, reply.buffers) ?? cached?.thumbnails;
    if (thumbnails === undefined)
      throw new RangeError(`The reply for layer ${place.layer} lacks thumbnails.`);
    const [rows, columns] = thumbnails.size;
    // Another request for this layer may have been answered meanwhile.
    const before = this.#layers.get(key) ?? cached;
    const layer: CachedLayer = {
      patterns: new Map([...(before?.patterns ?? []), ...patterns]),
      thumbnails,
      bytes: bytes + (before?.bytes ?? thumbnails.heads * rows * columns),
    };
    this.#layers.set(key, layer, layer.bytes);
    return layer;
  }
}

function keyOf(meta: OpenMeta, place: Place): string {
  return `${meta.record} ${place.site} ${place.layer}`;
}

function assemble(meta: OpenMeta, place: Place, cached: CachedLayer): LayerData | null {
  const site = findSite(meta, place.site);
  const info = site && findLayer(site, place.layer);
  const patterns = place.heads.map((head) => cached.patterns.get(head)).filter((item) => item !== undefined);
  if (site === undefined || info === undefined || patterns.length !== place.heads.length) return null;
  return {
    record: meta,
    site,
    info,
    queryTokens: tokensOf(meta, site.query_stream),
    keyTokens: tokensOf(meta, site.key_stream),
    patterns,
    thumbnails: cached.thumbnails,
  };
}

/** Reads the reply to `predictions` into a list per position. */
export function readPredictions(meta: PredictionsMeta, buffers: readonly DataView[]): Prediction[][] {
  const [positions = 0, k = 0] = meta.index.shape;
  const index = readArray(meta.index, buffers, "i4");
  const probs = readArray(meta.probs, buffers, "f4");
  return Array.from({ length: positions }, (_, position) =>
    Array.from({ length: k }, (_, rank) => ({
      label: meta.labels[index[position * k + rank] as number] ?? "",
      prob: probs[position * k + rank] as number,
    })),
  );
}
