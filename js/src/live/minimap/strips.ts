// One token's row (or column) in every head, along the prompt: read from the wire, and put into columns of pixels.
import { readArray } from "../../wire/arrays";
import { type Direction, type StripsMeta, U8_MASKED, U8_NAN } from "../../wire/schema.gen";

/** One head's largest weight. */
export interface Peak {
  readonly layer: number;
  readonly head: number;
  readonly position: number;
  readonly weight: number;
}

export interface Strips {
  readonly position: number;
  readonly direction: Direction;
  /** Layer and head of each strip. */
  readonly places: readonly { readonly layer: number; readonly head: number }[];
  /** Pixels of a strip, and the positions behind one. */
  readonly pixels: number;
  readonly pooled: number;
  /** Companded codes, strip after strip. */
  readonly codes: Uint8Array;
  readonly peaks: readonly Peak[];
  /** The peak of each strip, null where nothing is visible. */
  readonly peakOf: readonly (Peak | null)[];
  /** `read` of `of` positions are computed. */
  readonly read: number;
  readonly of: number;
}

export function readStrips(meta: StripsMeta, buffers: readonly DataView[]): Strips {
  const { position, direction, pooled, read, of } = meta;
  const places = meta.layers.flatMap((layer, row) =>
    Array.from({ length: meta.heads[row] ?? 0 }, (_, head) => ({ layer, head })),
  );
  const [strips = 0, pixels = 0] = meta.strips.shape;
  if (strips !== places.length) {
    throw new RangeError(`The reply names ${places.length} heads and holds ${strips} strips.`);
  }
  const positions = readArray(meta.peaks, buffers, "i4");
  const weights = readArray(meta.weights, buffers, "f4");
  const peakOf = places.map((place, at) => {
    const where = positions[at] as number;
    return where < 0 ? null : { ...place, position: where, weight: weights[at] as number };
  });
  const peaks = peakOf.filter((peak) => peak !== null);
  const codes = readArray(meta.strips, buffers, "u1");
  return { position, direction, places, pixels, pooled, codes, peaks, peakOf, read, of };
}

/** The columns of a map: which strips stand behind each, one where there is room. */
export interface Columns {
  readonly strips: readonly (readonly number[])[];
  /** Pixels of a column. */
  readonly width: number;
}

/** At most `most` pixels for these strips: several to a column where they are many. */
export function layColumns(strips: readonly number[], most: number): Columns {
  const count = Math.max(1, Math.min(strips.length, Math.floor(most)));
  const width = Math.max(1, Math.floor(most / count));
  const columns = Array.from({ length: count }, (_, at) =>
    strips.slice(Math.floor((at * strips.length) / count), Math.floor(((at + 1) * strips.length) / count)),
  );
  return { strips: columns, width };
}

/** The larger of two codes: a weight that is not a number is never covered, a masked one always. */
function larger(a: number, b: number): number {
  if (a === U8_NAN || b === U8_NAN) return U8_NAN;
  if (a === U8_MASKED) return b;
  return b === U8_MASKED ? a : Math.max(a, b);
}

/** The largest code of some strips at one pixel. */
export function codeAt({ codes, pixels }: Strips, strips: readonly number[], pixel: number): number {
  let code = U8_MASKED;
  for (const strip of strips) code = larger(code, codes[strip * pixels + pixel] as number);
  return code;
}

/** Of some strips, the one with the largest code at a pixel. */
export function strongestAt({ codes, pixels }: Strips, strips: readonly number[], pixel: number): number {
  const of = (strip: number) => {
    const code = codes[strip * pixels + pixel] as number;
    return code === U8_MASKED ? -1 : code;
  };
  return strips.reduce((best, strip) => (of(strip) > of(best) ? strip : best), strips[0] as number);
}

/** The largest peak of some strips. */
export function strongest({ peakOf }: Strips, strips: readonly number[]): Peak | null {
  let best: Peak | null = null;
  for (const strip of strips) {
    const peak = peakOf[strip] ?? null;
    if (peak !== null && (best === null || peak.weight > best.weight)) best = peak;
  }
  return best;
}

/** A token that is the strongest of some heads. */
export interface PeakGroup {
  readonly position: number;
  /** Strongest first. */
  readonly heads: readonly Peak[];
}

/**
 * The strongest peaks, those of one token together, strongest first.
 *
 * The token itself and the first of the prompt, where heads rest, come after all others.
 */
export function groupPeaks({ peaks, position }: Strips, count: number): readonly PeakGroup[] {
  const groups = new Map<number, Peak[]>();
  for (const peak of [...peaks].sort((a, b) => b.weight - a.weight)) {
    groups.set(peak.position, [...(groups.get(peak.position) ?? []), peak]);
  }
  const rests = (at: number) => at === 0 || at === position;
  return [...groups]
    .map(([at, heads]) => ({ position: at, heads }))
    .sort((a, b) => Number(rests(a.position)) - Number(rests(b.position)))
    .slice(0, count);
}
