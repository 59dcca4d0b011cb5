// A transport whose replies the test gives, in the order that it wants.

import { type Answer, LocalState } from "../../src/transport/fixture";
import type { Reply, StateStore, Transport } from "../../src/transport/types";
import { aborted } from "../../src/wire/errors";
import type { Requests, State } from "../../src/wire/schema.gen";

export interface Pending {
  readonly kind: keyof Requests;
  readonly args: unknown;
  readonly record: string;
  readonly signal: AbortSignal | undefined;
  /** Replies from the prepared data. */
  answer(): void;
  fail(reason: unknown): void;
}

export class ManualTransport implements Transport {
  readonly kind: "live" | "fixture";
  readonly state: StateStore;
  readonly kernel: LocalState;
  readonly pending: Pending[] = [];
  readonly asked: Pending[] = [];
  destroyed = false;
  readonly #answer: Answer;

  constructor(values: State, answer: Answer, kind: "live" | "fixture" = "fixture") {
    this.kernel = new LocalState(values);
    this.state = this.kernel.store();
    this.#answer = answer;
    this.kind = kind;
  }

  request<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    options: { record?: string; signal?: AbortSignal } = {},
  ): Promise<Reply<K>> {
    const { record = "", signal } = options;
    return new Promise((resolve, reject) => {
      const item: Pending = {
        kind,
        args,
        record,
        signal,
        answer: () => {
          this.#done(item);
          try {
            resolve(this.#answer(kind, args, record));
          } catch (error) {
            reject(error);
          }
        },
        fail: (reason) => {
          this.#done(item);
          reject(reason);
        },
      };
      this.pending.push(item);
      this.asked.push(item);
      signal?.addEventListener("abort", () => item.fail(aborted()), { once: true });
    });
  }

  destroy(): void {
    this.destroyed = true;
  }

  of(kind: keyof Requests): Pending[] {
    return this.pending.filter((item) => item.kind === kind);
  }

  #done(item: Pending): void {
    const at = this.pending.indexOf(item);
    if (at >= 0) this.pending.splice(at, 1);
  }
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Answers whatever is asked until nothing is asked any more. */
export async function answerAll(transport: ManualTransport): Promise<void> {
  await settle();
  while (transport.pending.length > 0) {
    for (const item of [...transport.pending]) item.answer();
    await settle();
  }
}
