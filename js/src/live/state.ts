// What the live parts of one view share with each other: which tokens are searched, and whether the search is open.
import { type Signal, signal } from "@preact/signals-core";
import type { Explorer } from "../core/types";
import type { StreamKind } from "../wire/schema.gen";

/** Tokens of one stream, half open as on the wire: `first` is the first of them, `last` the one after the last. */
export interface Span {
  readonly first: number;
  readonly last: number;
  readonly stream: StreamKind;
}

export interface LiveState {
  /** What attention is searched into or out of; null while nothing is chosen. */
  readonly span: Signal<Span | null>;
  /** Whether the search panel is open. */
  readonly searching: Signal<boolean>;
  /** The queries, or keys, that the search found, by position and without order: marks for a map of the prompt. */
  readonly found: Signal<readonly number[]>;
}

const states = new WeakMap<Explorer, LiveState>();

/** The state of one view; the same object each time. */
export function liveState(explorer: Explorer): LiveState {
  const known = states.get(explorer);
  if (known !== undefined) return known;
  const made = { span: signal(null), searching: signal(false), found: signal([]) } satisfies LiveState;
  states.set(explorer, made);
  return made;
}
