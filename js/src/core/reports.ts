// What went wrong, and a kernel that stays silent.
import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { same } from "../transport/same";
import { isAbort, toErrorInfo } from "../wire/errors";
import type { ErrorInfo, Status } from "../wire/schema.gen";

/** Milliseconds in which the news of a new record may still arrive. */
const GRACE_MS = 500;

export interface ReportsOptions {
  readonly record: ReadonlySignal<string>;
  readonly status: ReadonlySignal<Status>;
  /** Milliseconds after which a kernel that has not answered is spoken of. */
  readonly patience: number;
  readonly abort: AbortSignal;
}

export class Reports {
  /** What is to be shown: what failed here, else what the status tells; null when dismissed. */
  readonly error: ReadonlySignal<ErrorInfo | null>;
  readonly #failure = signal<ErrorInfo | null>(null);
  readonly #dismissed = signal<ErrorInfo | null>(null);
  readonly #silent = signal<string | null>(null);
  readonly #options: ReportsOptions;

  constructor(options: ReportsOptions) {
    this.#options = options;
    this.error = computed(() => {
      const { phase, error } = options.status.value;
      const found = this.#failure.value ?? (phase === "failed" ? error : null);
      return found !== null && same(found, this.#dismissed.value) ? null : found;
    });
  }

  get silent(): ReadonlySignal<string | null> {
    return this.#silent;
  }

  report(error: unknown): void {
    if (!isAbort(error) && !this.#options.abort.aborted) this.#failure.value = toErrorInfo(error);
  }

  /** Reports what went wrong with a record, unless a new one is about to replace it: the kernel has moved on first. */
  reportAbout(name: string, error: unknown): void {
    const { record, abort } = this.#options;
    const ifStill = () => {
      if (name === record.peek()) this.report(error);
    };
    if (toErrorInfo(error).code !== "not-recorded") {
      ifStill();
      return;
    }
    const timer = setTimeout(ifStill, GRACE_MS);
    abort.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  /** Speaks up when the kernel stays silent; a run that is under way explains the silence. */
  async patiently<T>(promise: Promise<T>): Promise<T> {
    const { status, patience } = this.#options;
    const timer = setInterval(() => {
      if (status.peek().phase === "running") return;
      this.#silent.value =
        "The kernel has not answered yet. It is busy, or gone; if it is gone, run the cell again.";
    }, patience);
    let gaveUp = false;
    try {
      return await promise;
    } catch (error) {
      gaveUp = isAbort(error);
      throw error;
    } finally {
      clearInterval(timer);
      if (!gaveUp) this.#silent.value = null;
    }
  }

  dismiss(): void {
    this.#dismissed.value = this.error.peek();
  }

  /** Nothing is waited for any more. */
  stopWaiting(): void {
    this.#silent.value = null;
  }

  /** What failed here no longer matters. */
  clear(): void {
    this.#failure.value = null;
  }

  /** A new attempt: what was dismissed may be said again. */
  reset(): void {
    this.clear();
    this.#dismissed.value = null;
  }
}
