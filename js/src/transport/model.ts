// The traits of an anywidget model; a snapshot may stand before some of them while no kernel speaks.
import type { State } from "../wire/schema.gen";
import { same } from "./same";
import type { StateKey, StateStore } from "./types";

/** The part of anywidget's model that is used here. */
export interface AnyModel {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, listener: (...args: never[]) => void): void;
  off(event: string, listener: (...args: never[]) => void): void;
  send(content: unknown): void;
}

export class ModelState implements StateStore {
  /** Whether there is a kernel that hears of changes. */
  connected = true;
  readonly #model: AnyModel;
  readonly #listeners = new Set<readonly [key: StateKey, changed: () => void]>();
  /** The key that this view is writing: its own change event is not news to it. */
  #writing: StateKey | null = null;
  #cover: Partial<State> = {};

  constructor(model: AnyModel) {
    this.#model = model;
  }

  get<K extends StateKey>(key: K): State[K] {
    return (key in this.#cover ? this.#cover[key] : this.#model.get(key)) as State[K];
  }

  set<K extends StateKey>(key: K, value: State[K]): void {
    if (same(this.get(key), value)) return;
    if (key in this.#cover) {
      // A snapshot's words and weighting are what they are; whoever set them takes them back.
      this.#tell([key]);
      return;
    }
    this.#writing = key;
    try {
      this.#model.set(key, value);
    } finally {
      this.#writing = null;
    }
    if (this.connected) this.#model.save_changes();
  }

  watch<K extends StateKey>(key: K, listener: (value: State[K]) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const changed = () => {
      if (this.#writing !== key) listener(this.get(key));
    };
    const entry = [key, changed] as const;
    this.#model.on(`change:${key}`, changed);
    this.#listeners.add(entry);
    signal.addEventListener(
      "abort",
      () => {
        this.#model.off(`change:${key}`, changed);
        this.#listeners.delete(entry);
      },
      { once: true },
    );
  }

  /** Shows these values in place of the traits', until others are given. */
  cover(values: Partial<State>): void {
    const keys = Object.keys({ ...this.#cover, ...values });
    this.#cover = values;
    this.#tell(keys);
  }

  #tell(keys: readonly string[]): void {
    for (const [key, changed] of [...this.#listeners]) if (keys.includes(key)) changed();
  }
}
