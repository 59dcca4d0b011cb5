// What is known of a row right now: exact where the kernel has answered, else what is on screen.
import type { ExactRow, LayerData, Pattern } from "../../core/types";
import { isUnread, readRow, sinkOf } from "../../math/weights";

export interface RowReading {
  readonly weights: Float32Array;
  /** Largest absolute error of the weights; 0 when exact. */
  readonly error: number;
  /** The most that a weight which a snapshot left out can be; 0 where none was. */
  readonly floor: number;
  /** What the row leaves to its learned sink; null where the layer has none. */
  readonly sink: number | null;
}

/** The row of `query` in one chosen head. */
export function readingOf(
  data: LayerData,
  pattern: Pattern,
  query: number,
  exact: readonly ExactRow[],
): RowReading {
  const row = exact.find(
    (candidate) =>
      candidate.head === pattern.head &&
      candidate.query === query &&
      candidate.layer === data.info.layer &&
      candidate.site === data.site.kind &&
      candidate.weights.length === pattern.keys,
  );
  if (row !== undefined) {
    const { weights, error = 0, floor = 0 } = row;
    return { weights, error, floor, sink: data.info.sinks ? row.sink : null };
  }
  const weights = readRow(pattern, query);
  const sink = data.info.sinks && !weights.some(isUnread) ? sinkOf(pattern, query) : null;
  return { weights, error: pattern.error, floor: pattern.floor?.(query) ?? 0, sink };
}

/** Whether queries and keys are the same tokens. */
export function isSelf(data: LayerData): boolean {
  return data.site.query_stream === data.site.key_stream;
}
