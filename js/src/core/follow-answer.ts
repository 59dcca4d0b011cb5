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

/** Asks again with other arguments and shows the answer in place of the last one; false if that is no longer wanted. */
export type AskAgain<K extends keyof Requests> = (more: Partial<Requests[K]["args"]>) => Promise<boolean>;

/** The last whole answer; it stays until the next is here. */
export function followAnswer<K extends keyof Requests, T>(
  transport: Transport,
  { kind, wanted, send, read, budget, bytes, onError }: Followed<K, T>,
  abort: AbortSignal,
): [shown: ReadonlySignal<T | null>, again: AskAgain<K>] {
  const cache = new Lru<T>(budget);
  const shown = signal<T | null>(null);
  const ask = async (job: Wanted<K>, args: Requests[K]["args"]): Promise<boolean> => {
    const { record } = job;
    const key = JSON.stringify(job);
    const reply = await transport.request(kind, args, { record, signal: abort });
    const value = read(record, reply);
    const received = reply.buffers.reduce((sum, view) => sum + view.byteLength, 0);
    cache.set(key, value, bytes?.(value) ?? received);
    const here = !abort.aborted && JSON.stringify(wanted.peek()) === key;
    if (here) shown.value = value;
    return here;
  };
  const latest = new Latest<Wanted<K>>(async (job) => {
    if (abort.aborted || cache.get(JSON.stringify(job)) !== undefined) return;
    try {
      await ask(job, send?.(job) ?? job.args);
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
  return [
    shown,
    async (more) => {
      const now = wanted.peek();
      return now !== null && !abort.aborted && ask(now, { ...now.args, ...more });
    },
  ];
}
