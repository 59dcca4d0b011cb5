// Reads a snapshot's bytes; whatever they are, it ends with a snapshot or with a `WireError`.

import { cut, readArray } from "../wire/arrays";
import { WireError } from "../wire/errors";
import { MASKED, type SnapshotHeader, type StoredLayer, U8_MASKED } from "../wire/schema.gen";
import type { Snapshot, SnapshotLayer, StoredHeadTerms } from "./types";

const MAGIC = 0x4e535741; // "AWSN", little-endian
const VERSION = 1;
const PREFIX = 12;

function damaged(): WireError {
  return new WireError({
    code: "snapshot",
    what: "The snapshot is damaged.",
    todo: "Get a fresh copy, or run the prompt again.",
  });
}

/** The snapshot in `bytes`. */
export async function readSnapshot(bytes: DataView): Promise<Snapshot> {
  if (bytes.byteLength < PREFIX || bytes.getUint32(0, true) !== MAGIC) throw damaged();
  const version = bytes.getUint16(4, true);
  if (version !== VERSION) {
    throw new WireError({
      code: "snapshot",
      what: `The snapshot has format version ${version}, this page reads version ${VERSION}.`,
      todo: "Install a newer attnwidget and run the cell again.",
    });
  }
  const packed = new Uint8Array(bytes.buffer, bytes.byteOffset + PREFIX, bytes.byteLength - PREFIX).slice();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const body = await new Response(stream).arrayBuffer();
  const size = new DataView(body).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, size))) as SnapshotHeader;
  const buffers = cut([new DataView(body, 4 + size)], header.lengths);
  return {
    header,
    open: header.open,
    predictions: header.predictions,
    buffers,
    site: (kind) => header.sites[kind] ?? null,
    layer(kind, layer) {
      const stored = header.sites[kind]?.layers[String(layer)];
      const site = header.open.sites.find((each) => each.kind === kind);
      const info = site?.layers.find((each) => each.layer === layer);
      if (stored === undefined || site === undefined || info === undefined) return null;
      const queries = header.open.streams[site.query_stream]?.text.length ?? 0;
      const keys = header.open.streams[site.key_stream]?.text.length ?? 0;
      return createLayer(stored, buffers, info.heads, info.kv_heads, queries, keys);
    },
  };
}

function createLayer(
  stored: StoredLayer,
  buffers: readonly DataView[],
  heads: number,
  kvHeads: number,
  queries: number,
  keys: number,
): SnapshotLayer {
  const exact = stored.form === "exact";
  const cells = readArray(stored.cells, buffers, exact ? "f4" : "u1");
  const mask = stored.mask === null ? null : readArray(stored.mask, buffers, "u1");
  const shared = mask !== null && mask.length * 8 < heads * queries * keys;
  const visible = (head: number, query: number, key: number) => {
    if (mask !== null) {
      const bit = ((shared ? 0 : head) * queries + query) * keys + key;
      return ((mask[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
    }
    return (!stored.causal || key <= query) && (stored.window === null || key > query - stored.window);
  };
  // Where each head's cells begin.
  const starts = [0];
  for (let head = 0; head < heads; head++) {
    let count = 0;
    for (let query = 0; query < queries; query++)
      for (let key = 0; key < keys; key++) if (visible(head, query, key)) count += 1;
    starts.push((starts[head] ?? 0) + count);
  }
  const sinks = stored.sink === null ? null : readArray(stored.sink, buffers, "f4");
  return {
    form: stored.form,
    error: stored.error,
    heads,
    queries,
    keys,
    pooled: stored.pooled,
    pattern(head) {
      const array = exact
        ? new Float32Array(queries * keys).fill(MASKED)
        : new Uint8Array(queries * keys).fill(U8_MASKED);
      let at = starts[head] ?? 0;
      for (let query = 0; query < queries; query++)
        for (let key = 0; key < keys; key++)
          if (visible(head, query, key)) array[query * keys + key] = cells[at++] ?? 0;
      return array;
    },
    sink: (head) => sinks?.subarray(head * queries, (head + 1) * queries) ?? null,
    rest: () => null,
    floor: () => null,
    row: () => null,
    terms(head): StoredHeadTerms | null {
      const { terms } = stored;
      const place = terms?.heads.indexOf(head) ?? -1;
      const kv = terms?.kv_heads.indexOf(Math.floor(head / (heads / kvHeads))) ?? -1;
      if (terms === null || place < 0 || kv < 0) return null;
      const width = terms.q.shape[2] ?? 0;
      const bias = terms.bias === null ? null : readArray(terms.bias, buffers, "f4");
      return {
        q: readArray(terms.q, buffers, "f4").subarray(place * queries * width, (place + 1) * queries * width),
        k: readArray(terms.k, buffers, "f4").subarray(kv * keys * width, (kv + 1) * keys * width),
        bias: bias?.subarray(place * queries * keys, (place + 1) * queries * keys) ?? null,
        width,
        scaling: terms.scaling,
        softcap: terms.softcap,
        sinkScore: terms.sink_score[place] ?? null,
      };
    },
    thumbnails: stored.thumbnails === null ? null : readArray(stored.thumbnails, buffers, "u1"),
  };
}
