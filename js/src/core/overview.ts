// Thumbnails of every head of every layer, as the kernel sends them.
import { readArray } from "../wire/arrays";
import type { ModelMeta } from "../wire/schema.gen";
import type { ModelThumbnails } from "./types";

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
