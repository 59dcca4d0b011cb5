// anywidget's model as a notebook gives it: traits with change events, custom messages in both directions.
import type { AnyModel } from "../../src/transport/comm";
import type { Request, State } from "../../src/wire/schema.gen";

type Listener = (...args: never[]) => void;

export class PageModel implements AnyModel {
  readonly sent: Request[] = [];
  saves = 0;
  readonly #values: Record<string, unknown>;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(values: Partial<State>) {
    this.#values = { ...values };
  }

  get(key: string): unknown {
    return this.#values[key];
  }

  set(key: string, value: unknown): void {
    this.#values[key] = value;
    this.emit(`change:${key}`);
  }

  /** Several traits in one message from the kernel: all values are set before the first event. */
  receive(values: Partial<State>): void {
    Object.assign(this.#values, values);
    for (const key of Object.keys(values)) this.emit(`change:${key}`);
  }

  save_changes(): void {
    this.saves += 1;
  }

  on(event: string, listener: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(event, listeners);
  }

  off(event: string, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  send(content: unknown): void {
    this.sent.push(content as Request);
  }

  deliver(content: unknown, buffers: unknown[] = []): void {
    this.emit("msg:custom", content, buffers);
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, listeners) => sum + listeners.size, 0);
  }

  emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...(args as never[]));
  }
}
