// Signals that mirror traits. The kernel can change several traits in one message, and the signals follow in one batch.
import {
  batch,
  signal as createSignal,
  effect,
  type ReadonlySignal,
  type Signal,
} from "@preact/signals-core";
import { same } from "../transport/same";
import type { StateKey, StateStore } from "../transport/types";
import type { State } from "../wire/schema.gen";

interface Mirror {
  /** Takes over the trait's value, unless the signal holds one that is yet to be written. */
  refresh(): void;
}

export class Traits {
  readonly #store: StateStore;
  readonly #abort: AbortSignal;
  readonly #mirrors: Mirror[] = [];

  /** Follows `store` until `abort`. */
  constructor(store: StateStore, abort: AbortSignal) {
    this.#store = store;
    this.#abort = abort;
  }

  /** A signal of a trait; setting it writes the trait. */
  both<K extends StateKey>(key: K): Signal<State[K]> {
    const store = this.#store;
    const value = createSignal(store.get(key));
    let agreed = value.peek();
    this.#follow(key, () => {
      if (!same(agreed, value.peek())) return;
      agreed = store.get(key);
      if (!same(agreed, value.peek())) value.value = agreed;
    });
    const stop = effect(() => {
      const next = value.value;
      if (same(next, agreed)) return;
      agreed = next;
      store.set(key, next);
    });
    this.#abort.addEventListener("abort", stop, { once: true });
    return value;
  }

  /** A signal of a trait that only the kernel writes. */
  read<K extends StateKey>(key: K): ReadonlySignal<State[K]> {
    const value = createSignal(this.#store.get(key));
    this.#follow(key, () => {
      const next = this.#store.get(key);
      if (!same(next, value.peek())) value.value = next;
    });
    return value;
  }

  #follow(key: StateKey, refresh: () => void): void {
    this.#mirrors.push({ refresh });
    this.#store.watch(key, () => this.#refresh(), this.#abort);
  }

  #refresh(): void {
    batch(() => {
      for (const mirror of this.#mirrors) mirror.refresh();
    });
  }
}
