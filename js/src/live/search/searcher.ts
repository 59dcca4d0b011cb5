// Follows one search: asks the kernel slice by slice, and keeps the best so far.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import type { Reply, Transport } from "../../transport/types";
import { readArray } from "../../wire/arrays";
import { toErrorInfo } from "../../wire/errors";
import type { SearchArgs, SearchMeta } from "../../wire/schema.gen";

export interface Hit {
  readonly layer: number;
  readonly head: number;
  readonly query: number;
  readonly key: number;
  readonly value: number;
  /** The same of weights spread evenly over the visible keys. */
  readonly baseline: number;
  /** Queries behind the value. */
  readonly count: number;
  /** Queries of the head that were read, of those that may count: fewer are an estimate. */
  readonly read: number;
  readonly of: number;
  /** Half width of an estimated mean's confidence interval at 95 %, by head; else not a number. */
  readonly margin: number;
}

export interface Asked {
  readonly record: string;
  readonly args: SearchArgs;
}

export interface Found {
  readonly asked: Asked;
  readonly hits: readonly Hit[];
  /** Heads that were read in part at least, whole, and all. */
  readonly sampled: number;
  readonly done: number;
  readonly total: number;
}

export interface Progress {
  /** "working" while it asks for more, "stopped" where a person stopped it. */
  readonly phase: "idle" | "working" | "stopped" | "done";
  readonly found: Found | null;
  /** What is wrong and what to do, or "". */
  readonly failed: string;
}

const IDLE: Progress = { phase: "idle", found: null, failed: "" };

/** The reply as it is shown. */
export function readFound(asked: Asked, { meta, buffers }: Reply<"search">): Found {
  const { sampled, done, total }: SearchMeta = meta;
  const [places, read, counts] = [meta.hits, meta.read, meta.counts].map((spec) =>
    readArray(spec, buffers, "i4"),
  ) as [Int32Array, Int32Array, Int32Array];
  const [values, baselines, margins] = [meta.values, meta.baselines, meta.margins].map((spec) =>
    readArray(spec, buffers, "f4"),
  ) as [Float32Array, Float32Array, Float32Array];
  const hits = Array.from(values, (value, index): Hit => {
    const [layer, head, query, key] = places.subarray(4 * index, 4 * index + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    return {
      layer,
      head,
      query,
      key,
      value,
      baseline: baselines[index] as number,
      count: counts[index] as number,
      read: read[2 * index] as number,
      of: read[2 * index + 1] as number,
      margin: margins[index] as number,
    };
  });
  return { asked, hits, sampled, done, total };
}

export class Searcher {
  readonly progress: ReadonlySignal<Progress>;
  readonly #progress = signal<Progress>(IDLE);
  readonly #request: Transport["request"];
  #asked = "";
  #job = new AbortController();

  constructor(request: Transport["request"], abort: AbortSignal) {
    this.#request = request;
    this.progress = this.#progress;
    abort.addEventListener("abort", () => this.#job.abort(), { once: true });
  }

  /** Searches for this from now on; null ends it. Asked for what it is at already, it goes on. */
  want(asked: Asked | null): void {
    const text = asked === null ? "" : JSON.stringify(asked);
    if (text === this.#asked) return;
    this.#asked = text;
    this.#job.abort();
    this.#progress.value = IDLE;
    if (asked !== null) void this.#work(asked);
  }

  stop(): void {
    if (this.#progress.peek().phase !== "working") return;
    this.#job.abort();
    this.#progress.value = { ...this.#progress.peek(), phase: "stopped" };
  }

  /** Goes on after a stop, or tries again after an error; the kernel knows what it has read. */
  resume(): void {
    const { phase } = this.#progress.peek();
    if (this.#asked !== "" && phase === "stopped") void this.#work(JSON.parse(this.#asked) as Asked);
  }

  async #work(asked: Asked): Promise<void> {
    const job = new AbortController();
    this.#job = job;
    this.#progress.value = { ...this.#progress.peek(), phase: "working", failed: "" };
    try {
      while (!job.signal.aborted) {
        const reply = await this.#request("search", asked.args, {
          record: asked.record,
          signal: job.signal,
        });
        if (job.signal.aborted) return;
        const found = readFound(asked, reply);
        const phase = found.done >= found.total ? "done" : "working";
        this.#progress.value = { phase, found, failed: "" };
        if (phase === "done") return;
      }
    } catch (error) {
      if (job.signal.aborted) return;
      const { what, todo } = toErrorInfo(error);
      this.#progress.value = { ...this.#progress.peek(), phase: "stopped", failed: `${what} ${todo}` };
    }
  }
}
