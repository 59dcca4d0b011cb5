// The answer to one kind of request: fetched while it is wanted, kept, and shown until the next is here.
import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import type { Reply, Transport } from "../transport/types";
import type { Requests } from "../wire/schema.gen";
import { Latest } from "./latest";
import { Lru } from "./lru";

/** What is wanted: the arguments, about a record. `also` asks again when it changes. */
export interface Wanted<K extends keyof Requests> {
  readonly record: string;
  readonly args: Requests[K]["args"];
  readonly also?: unknown;
}

export interface Followed<K extends keyof Requests, T> {
  readonly kind: K;
  readonly wanted: ReadonlySignal<Wanted<K> | null>;
  /** The arguments as they are sent, where they depend on what is here by then. */
  readonly send?: (wanted: Wanted<K>) => Requests[K]["args"];
  readonly read: (record: string, reply: Reply<K>) => T;
  /** Bytes of answers that are kept. */
  readonly budget: number;
  /** Bytes that an answer holds on to, where that is not what came with it. */
  readonly bytes?: (value: T) => number;
  readonly onError: (record: string, error: unknown) => void;
}

/** The last whole answer; it stays until the next is here. */
export function followAnswer<K extends keyof Requests, T>(
  transport: Transport,
  { kind, wanted, send, read, budget, bytes, onError }: Followed<K, T>,
  abort: AbortSignal,
): ReadonlySignal<T | null> {
  const cache = new Lru<T>(budget);
  const shown = signal<T | null>(null);
  const latest = new Latest<Wanted<K>>(async (job) => {
    const key = JSON.stringify(job);
    if (abort.aborted || cache.get(key) !== undefined) return;
    try {
      const { record } = job;
      const reply = await transport.request(kind, send?.(job) ?? job.args, { record, signal: abort });
      const value = read(record, reply);
      const received = reply.buffers.reduce((sum, view) => sum + view.byteLength, 0);
      cache.set(key, value, bytes?.(value) ?? received);
      const now = wanted.peek();
      if (!abort.aborted && now !== null && JSON.stringify(now) === key) shown.value = value;
    } catch (error) {
      onError(job.record, error);
    }
  });
  const stop = effect(() => {
    const now = wanted.value;
    if (now === null) {
      latest.clear();
      return;
    }
    const known = cache.get(JSON.stringify(now));
    if (known === undefined) latest.push(now);
    else {
      latest.clear();
      shown.value = known;
    }
  });
  abort.addEventListener("abort", stop, { once: true });
  return shown;
}
