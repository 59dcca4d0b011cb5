// A kernel's reply to `strips`, from weights that are given one by one.
import type { Reply } from "../../transport/types";
import { MASKED, type StripsArgs, U8_LEVELS, U8_MASKED } from "../../wire/schema.gen";

/** Heads of a record, and what the token asked for gives to (or gets from) a position in one of them. */
export interface StripSource {
  readonly layers: readonly number[];
  readonly heads: readonly number[];
  readonly positions: number;
  readonly weight: (layer: number, head: number, position: number) => number;
}

interface Arrays {
  add(array: Uint8Array | Int32Array | Float32Array, shape: number[]): Reply<"strips">["meta"]["strips"];
  readonly views: DataView[];
}

export function answerStrips(
  { site, position, direction, pixels }: StripsArgs,
  { layers, heads, positions, weight }: StripSource,
  buffers: Arrays,
): Reply<"strips"> {
  const pooled = Math.max(1, Math.ceil(positions / pixels));
  const wide = Math.ceil(positions / pooled);
  const places = layers.flatMap((layer, row) =>
    Array.from({ length: heads[row] ?? 0 }, (_, head) => [layer, head] as const),
  );
  const codes = new Uint8Array(places.length * wide).fill(U8_MASKED);
  const peaks = new Int32Array(places.length).fill(-1);
  const weights = new Float32Array(places.length);
  places.forEach(([layer, head], at) => {
    for (let other = 0; other < positions; other++) {
      const value = weight(layer, head, other);
      if (value === MASKED) continue;
      const pixel = at * wide + Math.floor(other / pooled);
      const code = Math.round(U8_LEVELS * Math.sqrt(Math.min(1, value)));
      const before = codes[pixel] as number;
      codes[pixel] = before === U8_MASKED ? code : Math.max(before, code);
      if (peaks[at] === -1 || value > (weights[at] as number)) {
        peaks[at] = other;
        weights[at] = value;
      }
    }
  });
  const meta = { site, position, direction, layers: [...layers], heads: [...heads], pooled };
  return {
    meta: {
      ...meta,
      strips: buffers.add(codes, [places.length, wide]),
      peaks: buffers.add(peaks, [places.length]),
      weights: buffers.add(weights, [places.length]),
      read: positions,
      of: positions,
    },
    buffers: buffers.views,
  };
}
