// The frame of a snapshot: magic, version, length, then one gzip stream of a header and arrays.
import { WireError } from "../wire/errors";

const MAGIC = 0x4e535741; // "AWSN", little-endian
const VERSION = 1;
const PREFIX = 12;

/** Bytes that are unpacked at most. */
const MAX_BODY = 2 ** 30;

export function damaged(): WireError {
  return new WireError({
    code: "snapshot",
    what: "The snapshot is damaged.",
    todo: "Get a fresh copy, or run the prompt again.",
  });
}

/** The header as JSON says it, and the arrays, each from where its elements may begin; rejects what is not so. */
export async function readFrame(bytes: DataView): Promise<{ header: unknown; buffers: DataView[] }> {
  if (bytes.byteLength < PREFIX || bytes.getUint32(0, true) !== MAGIC) throw damaged();
  // The version, and flags that none has.
  const version = bytes.getUint32(4, true);
  if (version !== VERSION) {
    throw new WireError({
      code: "snapshot",
      what: `The snapshot has format version ${version & 0xffff}, this page reads version ${VERSION}.`,
      todo: "Install a newer attnwidget and run the cell again.",
    });
  }
  const body = await inflate(bytes, bytes.getUint32(8, true));
  const size = new DataView(body.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(body.subarray(4, 4 + size)));
  const { lengths, widths } = header as { lengths: number[]; widths: number[] };
  let at = 4 + size;
  const buffers = lengths.map((length, index) => {
    const planes = body.subarray(at, at + length);
    at += length;
    const width = widths[index];
    if ((width !== 1 && width !== 4) || planes.length !== length || length % width !== 0) throw damaged();
    if (width === 1) return new DataView(body.buffer, planes.byteOffset, length);
    const woven = new Uint8Array(length);
    const count = length / width;
    for (let plane = 0; plane < width; plane++)
      for (let index = 0; index < count; index++)
        woven[index * width + plane] = planes[plane * count + index] as number;
    return new DataView(woven.buffer);
  });
  if (at !== body.length) throw damaged();
  return { header, buffers };
}

/** The body, which has to be of the length that it says; no more than that is unpacked. */
async function inflate(bytes: DataView, length: number): Promise<Uint8Array> {
  if (length < 4 || length > MAX_BODY) throw damaged();
  // Blobs take no views of shared memory, and hosts may hand in such.
  const packed = new Uint8Array(bytes.buffer, bytes.byteOffset + PREFIX, bytes.byteLength - PREFIX).slice();
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    total += value.length;
    if (total > length) {
      await reader.cancel();
      throw damaged();
    }
  }
  if (total !== length) throw damaged();
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
