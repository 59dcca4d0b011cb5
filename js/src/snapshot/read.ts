// Reads a snapshot's bytes; whatever they are, it ends with a snapshot or with a `WireError`.
import { readArray } from "../wire/arrays";
import { WireError } from "../wire/errors";
import { type ArraySpec, SHAPE, type SnapshotHeader } from "../wire/schema.gen";
import { fits } from "../wire/shape";
import { damaged, readFrame } from "./frame";
import { createLayer } from "./layer";
import type { Snapshot } from "./types";

/** The snapshot in `bytes`. Its layers are checked when they are opened. */
export async function readSnapshot(bytes: DataView): Promise<Snapshot> {
  try {
    const { header, buffers } = await readFrame(bytes);
    if (!isHeader(header)) throw damaged();
    checkReplies(header, buffers);
    return open(header, buffers);
  } catch (error) {
    throw error instanceof WireError ? error : damaged();
  }
}

function isHeader(header: unknown): header is SnapshotHeader {
  return fits(header, SHAPE);
}

/** Throws what is not a snapshot's where the replies that it keeps cannot be given. */
function checkReplies({ open, sites, predictions }: SnapshotHeader, buffers: readonly DataView[]): void {
  const read = (spec: ArraySpec, dtype: "u1" | "i4" | "f4", ...shape: number[]) => {
    const array = readArray(spec, buffers, dtype);
    if (spec.shape.length !== shape.length || shape.some((length, axis) => spec.shape[axis] !== length))
      throw damaged();
    return array;
  };
  for (const { text, ...others } of Object.values(open.streams))
    if (Object.values(others).some((column) => column.length !== text.length)) throw damaged();
  for (const { kind, layers, query_stream, key_stream } of open.sites) {
    const { model, metrics, layers: stored } = sites[kind] ?? {};
    if (model === undefined || stored === undefined || layers.length === 0) throw damaged();
    const listed = layers.every(
      ({ layer, heads }, at) => model.layers[at] === layer && model.heads[at] === heads && stored[layer],
    );
    const all = layers.reduce((sum, { heads }) => sum + heads, 0);
    const { pooled_queries, pooled_keys, queries, sampled, thumbnails } = model;
    const known = open.streams[query_stream]?.text.length === queries && open.streams[key_stream];
    if (!listed || !known || pooled_queries < 1 || pooled_keys < 1 || sampled > queries) throw damaged();
    if (thumbnails !== null)
      read(
        thumbnails,
        "u1",
        all,
        Math.ceil(queries / pooled_keys),
        Math.ceil(known.text.length / pooled_keys),
      );
    if (metrics === null || metrics === undefined) continue;
    read(metrics.values, "f4", metrics.metrics.length, all);
    read(metrics.baselines, "f4", metrics.metrics.length, all);
    read(metrics.counts, "i4", metrics.metrics.length, all);
    if (metrics.margins) read(metrics.margins, "f4", metrics.metrics.length, all);
  }
  if (predictions === null) return;
  const [positions = 0, count = 0] = predictions.index.shape;
  read(predictions.probs, "f4", positions, count);
  const index = read(predictions.index, "i4", positions, count);
  if (index.some((at) => at < 0 || at >= predictions.labels.length)) throw damaged();
}

function open(header: SnapshotHeader, buffers: readonly DataView[]): Snapshot {
  return {
    header,
    open: header.open,
    predictions: header.predictions,
    buffers,
    site: (kind) => header.sites[kind] ?? null,
    layer(kind, layer) {
      const site = header.open.sites.find((each) => each.kind === kind);
      const info = site?.layers.find((each) => each.layer === layer);
      const from = header.sites[kind];
      const stored = from?.layers[layer];
      if (site === undefined || info === undefined || stored === undefined) return null;
      const queries = header.open.streams[site.query_stream]?.text.length ?? 0;
      const keys = header.open.streams[site.key_stream]?.text.length ?? 0;
      try {
        return createLayer(stored, (from as NonNullable<typeof from>).model, info, queries, keys, buffers);
      } catch (error) {
        throw error instanceof WireError ? error : damaged();
      }
    },
  };
}
