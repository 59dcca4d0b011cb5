// Prepared data instead of a kernel: for the gallery and for tests.

import { aborted, WireError } from "../wire/errors";
import type { Requests, State } from "../wire/schema.gen";
import { same } from "./same";
import type { Reply, StateKey, StateStore, Transport } from "./types";

/** Answers one request from prepared data; throws a `WireError` where a kernel would reply with an error. */
export type Answer = <K extends keyof Requests>(
  kind: K,
  args: Requests[K]["args"],
  record: string,
) => Reply<K>;

interface Listener {
  owner: LocalStore | null;
  key: StateKey;
  call(): void;
}

/** The traits of one explorer, shared by its views. */
export class LocalState {
  readonly #values: State;
  readonly #listeners = new Set<Listener>();

  constructor(values: State) {
    this.#values = { ...values };
  }

  get<K extends StateKey>(key: K): State[K] {
    return this.#values[key];
  }

  /** Sets a value as the kernel would: every view hears of it. */
  set<K extends StateKey>(key: K, value: State[K], author: LocalStore | null = null): void {
    if (same(this.#values[key], value)) return;
    this.#values[key] = value;
    for (const listener of [...this.#listeners]) {
      if (listener.key === key && (author === null || listener.owner !== author)) listener.call();
    }
  }

  /** Sets several values as one message of the kernel does: all of them before anyone hears. */
  setAll(values: Partial<State>): void {
    const keys = (Object.keys(values) as StateKey[]).filter((key) => !same(this.#values[key], values[key]));
    Object.assign(this.#values, values);
    for (const listener of [...this.#listeners]) {
      if (keys.includes(listener.key)) listener.call();
    }
  }

  store(): StateStore {
    return new LocalStore(this, this.#listeners);
  }
}

class LocalStore implements StateStore {
  readonly #state: LocalState;
  readonly #listeners: Set<Listener>;

  constructor(state: LocalState, listeners: Set<Listener>) {
    this.#state = state;
    this.#listeners = listeners;
  }

  get<K extends StateKey>(key: K): State[K] {
    return this.#state.get(key);
  }

  set<K extends StateKey>(key: K, value: State[K]): void {
    this.#state.set(key, value, this);
  }

  watch<K extends StateKey>(key: K, listener: (value: State[K]) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const entry: Listener = { owner: this, key, call: () => listener(this.get(key)) };
    this.#listeners.add(entry);
    signal.addEventListener("abort", () => this.#listeners.delete(entry), { once: true });
  }
}

export interface FixtureOptions {
  /** Milliseconds until a reply; 0 answers in a microtask. */
  delay?: number;
}

export class FixtureTransport implements Transport {
  readonly kind = "fixture";
  readonly state: StateStore;
  readonly #answer: Answer;
  readonly #delay: number;
  #closed = false;

  constructor(state: LocalState, answer: Answer, options: FixtureOptions = {}) {
    this.state = state.store();
    this.#answer = answer;
    this.#delay = options.delay ?? 0;
  }

  async request<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    options: { record?: string; signal?: AbortSignal } = {},
  ): Promise<Reply<K>> {
    const { record = "", signal } = options;
    await wait(this.#delay);
    if (signal?.aborted || this.#closed) throw aborted();
    if (kind === "run") {
      throw new WireError({
        code: "fixture",
        what: "A new prompt needs a kernel.",
        todo: "Run the notebook's cell to get one.",
      });
    }
    return this.#answer(kind, args, record);
  }

  destroy(): void {
    this.#closed = true;
  }
}

function wait(milliseconds: number): Promise<void> {
  if (milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
