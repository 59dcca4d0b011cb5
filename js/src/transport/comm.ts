// The live kernel, over the custom messages and the traits of an anywidget model.

import { aborted, toErrorInfo, WireError } from "../wire/errors";
import {
  type Chunk,
  PROTOCOL,
  type ReplyError,
  type ReplyOk,
  type Request,
  type Requests,
} from "../wire/schema.gen";
import { Assembler } from "./assemble";
import { type AnyModel, ModelState } from "./model";
import type { Reply, Transport } from "./types";

export type { AnyModel } from "./model";

interface Waiting {
  readonly kind: keyof Requests;
  resolve(reply: { meta: Record<string, unknown>; buffers: DataView[] }): void;
  reject(reason: unknown): void;
}

export function toDataView(buffer: DataView | ArrayBuffer | ArrayBufferView): DataView {
  if (buffer instanceof DataView) return buffer;
  if (buffer instanceof ArrayBuffer) return new DataView(buffer);
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Whether the content has the form of a reply; that the rest of it is well-formed, the protocol's number promises. */
function isMessage(content: unknown): content is Chunk | ReplyOk | ReplyError {
  return typeof content === "object" && content !== null && "id" in content && typeof content.id === "string";
}

/** A name that no other view has; `crypto.randomUUID` is missing on plain http. */
function uniqueName(): string {
  return [...crypto.getRandomValues(new Uint32Array(3))].map((word) => word.toString(36)).join("");
}

export class CommTransport implements Transport {
  readonly kind = "live";
  readonly state: ModelState;
  /** Called when the kernel says anything at all. */
  onHeard = () => {};
  readonly #model: AnyModel;
  readonly #version: string;
  readonly #name = uniqueName();
  readonly #assembler = new Assembler();
  readonly #waiting = new Map<string, Waiting>();
  readonly #release = new AbortController();
  #count = 0;

  /** `version` is the front end's own, named when the kernel speaks another protocol. */
  constructor(model: AnyModel, version: string) {
    this.#model = model;
    this.#version = version;
    this.state = new ModelState(model);
    const listener = (content: unknown, buffers?: DataView[]) => this.#receive(content, buffers ?? []);
    model.on("msg:custom", listener);
    this.#release.signal.addEventListener("abort", () => model.off("msg:custom", listener), { once: true });
  }

  request<K extends keyof Requests>(
    kind: K,
    args: Requests[K]["args"],
    options: { record?: string; signal?: AbortSignal } = {},
  ): Promise<Reply<K>> {
    const { record = "", signal } = options;
    if (signal?.aborted || this.#release.signal.aborted) return Promise.reject(aborted());
    if (this.state.get("protocol") !== PROTOCOL) return Promise.reject(this.#mismatch());
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      const cancel = () => {
        if (!this.#waiting.has(id)) return;
        this.#forget(id);
        this.#send("cancel", { id }, record, this.#nextId());
        reject(aborted());
      };
      const settle = () => signal?.removeEventListener("abort", cancel);
      this.#waiting.set(id, {
        kind,
        resolve: (reply) => {
          settle();
          resolve(reply as unknown as Reply<K>);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      });
      signal?.addEventListener("abort", cancel, { once: true });
      try {
        this.#send(kind, args as Record<string, unknown>, record, id);
      } catch (error) {
        this.#fail(id, new WireError(unreachable(error)));
      }
    });
  }

  destroy(): void {
    if (this.#release.signal.aborted) return;
    this.#release.abort();
    this.drop();
  }

  /** Waits for nothing any more; a run ends with `reason`, what else was asked for as if it had been called off. */
  drop(reason: unknown = aborted()): void {
    for (const [id, { kind }] of [...this.#waiting]) this.#fail(id, kind === "run" ? reason : aborted());
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.#name}.${this.#count}`;
  }

  #send(kind: keyof Requests, args: Record<string, unknown>, record: string, id: string): void {
    const request: Request = { protocol: PROTOCOL, id, kind, record, args };
    this.#model.send(request);
  }

  #forget(id: string): void {
    this.#waiting.delete(id);
    this.#assembler.drop(id);
  }

  #fail(id: string, reason: unknown): void {
    const waiting = this.#waiting.get(id);
    this.#forget(id);
    waiting?.reject(reason);
  }

  /** Every view of a widget hears every message; what answers another view's request is not ours. */
  #receive(content: unknown, buffers: DataView[]): void {
    this.onHeard();
    if (!isMessage(content)) return;
    const message = content;
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.protocol !== PROTOCOL) {
      this.#fail(message.id, this.#mismatch(message.protocol));
      return;
    }
    try {
      const whole = this.#assembler.add(message, buffers.map(toDataView));
      if (whole === null) return;
      this.#forget(message.id);
      if (whole.reply.ok) waiting.resolve({ meta: whole.reply.meta, buffers: whole.buffers });
      else waiting.reject(new WireError(whole.reply.error));
    } catch (error) {
      this.#fail(message.id, new WireError(toErrorInfo(error)));
    }
  }

  #mismatch(protocol: unknown = this.state.get("protocol")): WireError {
    const kernel = this.state.get("version");
    const known = kernel !== undefined && kernel !== this.#version;
    return new WireError({
      code: "protocol",
      what: known
        ? `The page has attnwidget ${this.#version}, the kernel ${kernel}.`
        : `The page speaks protocol ${PROTOCOL}, the kernel ${String(protocol)}.`,
      todo: "Restart the kernel, reload the page, and run the cell again.",
    });
  }
}

function unreachable(error: unknown): { code: string; what: string; todo: string } {
  const detail = error instanceof Error ? ` (${error.message})` : "";
  return {
    code: "closed",
    what: `The kernel cannot be reached${detail}.`,
    todo: "Run the cell again.",
  };
}
