// Runs one job at a time and, of the jobs that arrive meanwhile, only the newest.

export class Latest<T> {
  readonly #work: (job: T) => Promise<void>;
  #next: { job: T } | null = null;
  #busy = false;

  /** `work` handles its own errors; it is never called twice at a time. */
  constructor(work: (job: T) => Promise<void>) {
    this.#work = work;
  }

  get busy(): boolean {
    return this.#busy;
  }

  push(job: T): void {
    this.#next = { job };
    if (!this.#busy) void this.#run();
  }

  /** Forgets the job that waits. */
  clear(): void {
    this.#next = null;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#next !== null) {
        const { job } = this.#next;
        this.#next = null;
        await this.#work(job);
      }
    } finally {
      this.#busy = false;
    }
  }
}
