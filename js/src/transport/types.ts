// One interface to whatever answers: a live kernel (comm), or prepared data (fixture, later snapshot).
import type { Requests, State } from "../wire/schema.gen";

export type StateKey = keyof State;

/** The synced state: read, write, watch. */
export interface StateStore {
  get<K extends StateKey>(key: K): State[K];
  set<K extends StateKey>(key: K, value: State[K]): void;
  /** Calls `listener` after the value changed from outside; ends when `signal` aborts. */
  watch<K extends StateKey>(key: K, listener: (value: State[K]) => void, signal: AbortSignal): void;
}

export interface Reply<K extends keyof Requests> {
  meta: Requests[K]["meta"];
  buffers: DataView[];
}

/** Asks for data. Rejects with a `WireError` (in-band error, lost kernel) or an `AbortError`. */
export interface Transport {
  readonly state: StateStore;
  /** "live": a kernel answers; "fixture": prepared data, a new prompt cannot run. */
  readonly kind: "live" | "fixture";
  request<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    options?: { record?: string; signal?: AbortSignal },
  ): Promise<Reply<K>>;
  destroy(): void;
}
