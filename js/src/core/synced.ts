// A signal that mirrors a trait, in both directions.
import { signal as createSignal, effect, type Signal } from "@preact/signals-core";
import { same } from "../transport/same";
import type { StateKey, StateStore } from "../transport/types";
import type { State } from "../wire/schema.gen";

/** Follows the trait until `abort`; setting the signal writes the trait. */
export function synced<K extends StateKey>(store: StateStore, key: K, abort: AbortSignal): Signal<State[K]> {
  const value = createSignal(store.get(key));
  store.watch(
    key,
    (next) => {
      if (!same(next, value.peek())) value.value = next;
    },
    abort,
  );
  const stop = effect(() => {
    const next = value.value;
    if (!same(next, store.get(key))) store.set(key, next);
  });
  abort.addEventListener("abort", stop, { once: true });
  return value;
}

/** Follows a trait that only the kernel writes. */
export function followed<K extends StateKey>(
  store: StateStore,
  key: K,
  abort: AbortSignal,
): Signal<State[K]> {
  const value = createSignal(store.get(key));
  store.watch(
    key,
    (next) => {
      value.value = next;
    },
    abort,
  );
  return value;
}
