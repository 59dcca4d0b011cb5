// One interface to whatever answers: a live kernel (comm), a snapshot, or prepared data (fixture).
import type { ReadonlySignal } from "@preact/signals-core";
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

/** Who answers: a kernel, a snapshot, or prepared data; only a kernel can run a new prompt. */
export type Source = "live" | "snapshot" | "fixture";

/** Asks for data. Rejects with a `WireError` (in-band error, lost kernel) or an `AbortError`. */
export interface Transport {
  readonly state: StateStore;
  readonly kind: Source;
  /** What a reader must know of who answers; "" while nothing is. */
  readonly notice?: ReadonlySignal<string>;
  request<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    options?: { record?: string; signal?: AbortSignal },
  ): Promise<Reply<K>>;
  destroy(): void;
}
