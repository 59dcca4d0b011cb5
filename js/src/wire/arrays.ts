// Reads the arrays of a reply: little-endian buffers, C order.
import type { ArraySpec } from "./schema.gen";

export interface Typed {
  u1: Uint8Array;
  i4: Int32Array;
  f4: Float32Array;
}

const BYTES = { u1: 1, i4: 4, f4: 4 } as const;

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * The array that `spec` describes.
 *
 * Bytes are shared with the message where their alignment allows it, else copied.
 * Throws a RangeError when the message does not hold what the spec says.
 */
export function readArray<D extends keyof Typed>(
  spec: ArraySpec,
  buffers: readonly DataView[],
  dtype: D,
): Typed[D] {
  const view = buffers[spec.buffer];
  if (view === undefined) throw new RangeError(`The reply has no buffer ${spec.buffer}.`);
  if (spec.dtype !== dtype) throw new RangeError(`The array is ${spec.dtype}, not ${dtype}.`);
  const count = sizeOf(spec.shape);
  const expected = count * BYTES[dtype];
  if (view.byteLength !== expected) {
    throw new RangeError(`Buffer ${spec.buffer} has ${view.byteLength} bytes, its shape needs ${expected}.`);
  }
  const aligned = view.byteOffset % BYTES[dtype] === 0;
  const [buffer, offset] = aligned
    ? [view.buffer, view.byteOffset]
    : [view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength), 0];
  if (dtype === "u1") return new Uint8Array(buffer, offset, count) as Typed[D];
  if (dtype === "i4") return new Int32Array(buffer, offset, count) as Typed[D];
  return new Float32Array(buffer, offset, count) as Typed[D];
}

/** The bytes of `pieces`, cut into buffers of the given lengths. */
export function cut(pieces: readonly DataView[], lengths: readonly number[]): DataView[] {
  const total = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const needed = lengths.reduce((sum, length) => sum + length, 0);
  if (total !== needed) throw new RangeError(`The pieces hold ${total} bytes of ${needed}.`);
  const joined = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    joined.set(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength), at);
    at += piece.byteLength;
  }
  let from = 0;
  return lengths.map((length) => {
    const view = new DataView(joined.buffer, from, length);
    from += length;
    return view;
  });
}
