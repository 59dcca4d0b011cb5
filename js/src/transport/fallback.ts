// The widget's transport: the kernel while there is one, else the snapshot that was saved with the notebook.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { readSnapshot } from "../snapshot/read";
import type { Snapshot } from "../snapshot/types";
import { aborted, toErrorInfo, WireError } from "../wire/errors";
import type { Requests } from "../wire/schema.gen";
import { type AnyModel, CommTransport, toDataView } from "./comm";
import type { ModelState } from "./model";
import { SnapshotTransport, traitsOf } from "./snapshot";
import type { Reply, Source, Transport } from "./types";

/** Milliseconds of silence after which a snapshot answers. */
const PATIENCE_MS = 5000;

export interface FallbackOptions {
  /** Whether the host shows this view as one whose kernel is gone. */
  isCut?: () => boolean;
  patience?: number;
}

/** Why the kernel does not answer: the host says that it is gone, or it stays silent and may come back. */
type Absence = "gone" | "silent";

function goneError(): WireError {
  return new WireError({ code: "closed", what: "The kernel is gone.", todo: "Run the cell again." });
}

/** The same under a name of its own: nothing that a kernel said of the record must pass for the snapshot's. */
function renamed(snapshot: Snapshot): Snapshot {
  const open = { ...snapshot.open, record: `${snapshot.open.record} (snapshot)` };
  return { ...snapshot, open };
}

export class FallbackTransport implements Transport {
  readonly state: ModelState;
  readonly #notice = signal("");
  readonly #model: AnyModel;
  readonly #comm: CommTransport;
  readonly #isCut: () => boolean;
  readonly #patience: number;
  readonly #release = new AbortController();
  #absence: Absence | null = null;
  /** Whether there was a kernel to begin with. */
  readonly #began: boolean;
  /** Answers in the kernel's place. */
  #standIn: SnapshotTransport | null = null;
  #opening: Promise<void> | null = null;
  #heard = false;
  /** Aborted when a silent kernel is stood in for. */
  #over = new AbortController();
  /** What a silent kernel was asked and may still answer; asked again, it is not sent again. */
  readonly #late = new Map<string, Promise<unknown>>();

  /** `version` is the front end's own. */
  constructor(model: AnyModel, version: string, options: FallbackOptions = {}) {
    const { isCut = () => false, patience = PATIENCE_MS } = options;
    this.#model = model;
    this.#isCut = isCut;
    this.#patience = patience;
    this.#comm = new CommTransport(model, version);
    this.state = this.#comm.state;
    this.#began = !isCut();
    const heard = () => this.#hear();
    this.#comm.onHeard = heard;
    this.#on("comm_live_update", () => (this.#isCut() ? this.#lose("gone") : this.#regain()));
    // Only the kernel sets these.
    for (const key of ["status", "record_id"]) this.#on(`change:${key}`, heard);
    if (!this.#began) this.#lose("gone");
  }

  get kind(): Source {
    return this.#standIn === null ? this.#comm.kind : "snapshot";
  }

  /** What a reader must know of who answers; "" while the kernel does. */
  get notice(): ReadonlySignal<string> {
    return this.#notice;
  }

  async request<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    options: { record?: string; signal?: AbortSignal } = {},
  ): Promise<Reply<K>> {
    await this.#opening;
    const { record = "" } = options;
    if (options.signal?.aborted || this.#release.signal.aborted) throw aborted();
    if (this.#standIn !== null) {
      // It was asked of what was on screen before.
      if (record !== "" && record !== this.state.get("record_id")) throw aborted();
      return this.#standIn.request(kind, args, options);
    }
    if (this.#absence === "gone") throw goneError();
    const watch = setInterval(() => this.#miss(kind), this.#patience);
    try {
      return await this.#ask(kind, args, record, options.signal);
    } catch (error) {
      if (!(error instanceof WireError) || error.info.code !== "closed" || this.#release.signal.aborted)
        throw error;
      this.#lose("gone");
      await this.#opening;
      if (this.#standIn === null || kind === "run") throw error;
      throw aborted();
    } finally {
      clearInterval(watch);
    }
  }

  destroy(): void {
    this.#release.abort();
    this.#standIn?.destroy();
    this.#comm.destroy();
  }

  #ask<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    record: string,
    signal?: AbortSignal,
  ): Promise<Reply<K>> {
    const key = JSON.stringify([kind, record, args]);
    const late = this.#late.get(key) as Promise<Reply<K>> | undefined;
    this.#late.delete(key);
    const [stop, ended] = [new AbortController(), new AbortController()];
    const reply = late ?? this.#comm.request(kind, args, { record, signal: stop.signal });
    return new Promise((resolve, reject) => {
      const once = { once: true, signal: ended.signal };
      const leave = (how: () => void) => () => {
        ended.abort();
        how();
        reject(aborted());
      };
      const wait = leave(() => {
        this.#late.set(key, reply);
        reply.catch(() => this.#late.delete(key));
      });
      if (kind !== "run") this.#over.signal.addEventListener("abort", wait, once);
      signal?.addEventListener(
        "abort",
        leave(() => stop.abort()),
        once,
      );
      reply.then(resolve, reject).finally(() => ended.abort());
    });
  }

  #on(event: string, listener: () => void): void {
    this.#model.on(event, listener);
    this.#release.signal.addEventListener("abort", () => this.#model.off(event, listener), { once: true });
  }

  #hear(): void {
    this.#heard = true;
    if (this.#absence === "silent") this.#regain();
  }

  /** A request has waited for long; a run that is under way explains that, unless it was to be stopped. */
  #miss(kind: keyof Requests): void {
    if (kind === "run" || (this.state.get("status").phase === "running" && kind !== "cancel")) return;
    this.#lose("silent");
  }

  #lose(absence: Absence): void {
    if (this.#release.signal.aborted || this.#absence === "gone" || this.#absence === absence) return;
    this.#absence = absence;
    this.state.connected = absence === "silent";
    if (this.#standIn !== null) {
      this.#say();
      this.#comm.drop(goneError());
    } else
      this.#opening ??= this.#open().finally(() => {
        this.#opening = null;
      });
  }

  #regain(): void {
    if (this.#absence === null) return;
    this.#absence = null;
    this.state.connected = true;
    this.#standIn?.destroy();
    this.#standIn = null;
    this.#over = new AbortController();
    this.#notice.value = "";
    this.state.cover({});
  }

  /** Reads the snapshot and puts it in the kernel's place. */
  async #open(): Promise<void> {
    const saved = this.#model.get("_snapshot");
    const bytes = saved instanceof ArrayBuffer || ArrayBuffer.isView(saved) ? toDataView(saved) : null;
    let snapshot: Snapshot | null = null;
    let damage = "";
    try {
      if (bytes !== null && bytes.byteLength > 0) snapshot = await readSnapshot(bytes);
    } catch (error) {
      const { what, todo } = toErrorInfo(error);
      damage = `${what} ${todo}`;
    }
    const absence = this.#absence;
    if (this.#release.signal.aborted || absence === null) return;
    const older = snapshot !== null && snapshot.open.record !== this.#model.get("record_id");
    // What is on screen does not give way to something else for a kernel that may be busy only.
    if (absence === "silent" && (snapshot === null || (older && this.#heard))) {
      this.#absence = null;
      return;
    }
    if (snapshot === null) {
      this.#notice.value = damage;
      this.#comm.drop(goneError());
      return;
    }
    const shown = this.#began ? renamed(snapshot) : snapshot;
    this.#standIn = new SnapshotTransport(shown, this.state);
    this.#say(older);
    if (absence === "silent") this.#over.abort();
    else this.#comm.drop(goneError());
    this.state.cover(traitsOf(shown));
  }

  #say(older = false): void {
    const why =
      this.#absence === "silent"
        ? "The kernel does not answer: it is busy, or gone. Until it does, a snapshot is shown."
        : `${this.#began ? "The kernel is gone" : "There is no kernel"}, a saved snapshot is shown. Run the cell to make it live.`;
    this.#notice.value = older ? `${why} The snapshot is older than what was on screen.` : why;
  }
}
