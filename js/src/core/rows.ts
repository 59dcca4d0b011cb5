// Exact rows of the focused query: fetched a moment after the pointer rests, at once when it is held.
import { computed, signal as createSignal, type ReadonlySignal } from "@preact/signals-core";
import type { Transport } from "../transport/types";
import { readArray } from "../wire/arrays";
import type { RowMeta, SiteKind } from "../wire/schema.gen";
import { Latest } from "./latest";
import { Lru } from "./lru";
import type { ExactRow } from "./types";

const ROW_BYTES = 16 * 2 ** 20;
const REST_MS = 60;

/** The rows that are wanted: one query, some heads. */
export interface RowsWanted {
  readonly record: string;
  readonly site: SiteKind;
  readonly layer: number;
  readonly heads: readonly number[];
  readonly query: number;
}

const NONE: readonly ExactRow[] = [];

export function readRows(meta: RowMeta, buffers: readonly DataView[]): ExactRow[] {
  const [heads = 0, keys = 0] = meta.weights.shape;
  if (heads !== meta.heads.length) {
    throw new RangeError(`The reply names ${meta.heads.length} heads and holds ${heads} rows.`);
  }
  const weights = readArray(meta.weights, buffers, "f4");
  const scores = meta.scores === null ? null : readArray(meta.scores, buffers, "f4");
  return meta.heads.map((head, index) => ({
    site: meta.site,
    layer: meta.layer,
    head,
    query: meta.query,
    weights: weights.subarray(index * keys, (index + 1) * keys),
    scores: scores?.subarray(index * keys, (index + 1) * keys) ?? null,
    sink: meta.sink[index] ?? 0,
    error: meta.error ?? 0,
    floor: meta.floor?.[index] ?? 0,
  }));
}

function keyOf(wanted: RowsWanted, head: number): string {
  return `${wanted.record} ${wanted.site} ${wanted.layer} ${head} ${wanted.query}`;
}

export class RowLoader {
  /** The wanted rows, once all of them are here; else empty. */
  readonly rows: ReadonlySignal<readonly ExactRow[]>;
  readonly #cache = new Lru<ExactRow>(ROW_BYTES);
  readonly #version = createSignal(0);
  readonly #latest: Latest<RowsWanted>;
  readonly #abort: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    transport: Pick<Transport, "request">,
    wanted: ReadonlySignal<RowsWanted | null>,
    onError: (record: string, error: unknown) => void,
    abort: AbortSignal,
  ) {
    this.#abort = abort;
    this.#latest = new Latest(async (job) => {
      const heads = this.#missing(job);
      if (heads.length === 0 || abort.aborted) return;
      const { site, layer, query, record } = job;
      try {
        const reply = await transport.request(
          "row",
          { site, layer, heads: [...heads], query },
          { record, signal: abort },
        );
        for (const row of readRows(reply.meta, reply.buffers)) {
          const bytes = row.weights.byteLength + (row.scores?.byteLength ?? 0);
          this.#cache.set(keyOf(job, row.head), row, bytes);
        }
        this.#version.value += 1;
      } catch (error) {
        onError(record, error);
      }
    });
    this.rows = computed(() => {
      this.#version.value;
      const now = wanted.value;
      if (now === null) return NONE;
      const rows = now.heads.map((head) => this.#cache.get(keyOf(now, head)));
      return rows.every((row) => row !== undefined) ? rows : NONE;
    });
    abort.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  /** Fetches what is missing of `wanted`; at once, or when nothing else was asked for a moment. */
  ask(wanted: RowsWanted | null, atOnce: boolean): void {
    clearTimeout(this.#timer);
    if (wanted === null || this.#abort.aborted || this.#missing(wanted).length === 0) return;
    if (atOnce) this.#latest.push(wanted);
    else this.#timer = setTimeout(() => this.#latest.push(wanted), REST_MS);
  }

  #missing(wanted: RowsWanted): readonly number[] {
    return wanted.heads.filter((head) => this.#cache.get(keyOf(wanted, head)) === undefined);
  }
}
