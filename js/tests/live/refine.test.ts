// @vitest-environment happy-dom
// Reading on: while heads of a long prompt are in sight and nobody paused it, and no longer.
import { type Signal, signal } from "@preact/signals-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExplorerApp } from "../../src/core/explorer";
import type { LiveHost } from "../../src/core/live";
import type { HeadMetrics, ModelThumbnails } from "../../src/core/types";
import { createRefiner } from "../../src/live/refine";
import { timeLeft } from "../../src/live/refine/line";
import type { Source } from "../../src/transport/types";
import type { View } from "../../src/wire/schema.gen";
import { sampleMetrics } from "../panes/metrics-sample";
import { selfData } from "../panes/sample";

const QUERIES = 64;

const measured = (sampled: number, queries = QUERIES) => sampleMetrics({ queries, sampled });

function drawn(sampled: number): ModelThumbnails {
  const { record, site, layers, heads } = sampleMetrics();
  const none = new Uint8Array();
  return {
    record,
    site,
    layers,
    heads,
    size: [1, 1],
    pooled: [1, 1],
    queries: QUERIES,
    sampled,
    codes: () => none,
  };
}

/** What the kernel has read, and how much more it reads for each request. */
interface Stand {
  readonly line: HTMLElement;
  readonly view: Signal<View>;
  readonly running: Signal<boolean>;
  readonly metrics: Signal<HeadMetrics | null>;
  readonly model: Signal<ModelThumbnails | null>;
  readonly abort: AbortController;
  readonly asked: string[];
  fail: Error | null;
  step: number;
}

function stand(start: View, source: Source = "live"): Stand {
  const view = signal<View>(start);
  const running = signal(false);
  const metrics = signal<HeadMetrics | null>(measured(8));
  const model = signal<ModelThumbnails | null>(drawn(8));
  const abort = new AbortController();
  const made = {
    view,
    running,
    metrics,
    model,
    abort,
    asked: [] as string[],
    fail: null as Error | null,
    step: 8,
  };
  const known = () => metrics.peek()?.sampled ?? 0;
  const again: ExplorerApp["again"] = {
    metrics: async ({ more }) => {
      made.asked.push(`metrics${more ? "+" : ""}`);
      await Promise.resolve();
      if (made.fail) throw made.fail;
      metrics.value = measured(Math.min(QUERIES, known() + made.step));
      return true;
    },
    model: async ({ more }) => {
      made.asked.push(`model${more ? "+" : ""}`);
      await Promise.resolve();
      const read = more ? (model.peek()?.sampled ?? 0) + made.step : known();
      model.value = drawn(Math.min(QUERIES, read));
      return true;
    },
  };
  const app = { view, running, metrics, model, data: signal(selfData()), again, source: () => source };
  const host = { app, signal: abort.signal, request: () => Promise.reject(new Error("unused")) };
  const line = createRefiner(host as unknown as LiveHost);
  document.body.append(line);
  return {
    line,
    ...made,
    get fail() {
      return made.fail;
    },
    set fail(error) {
      made.fail = error;
    },
    get step() {
      return made.step;
    },
    set step(value) {
      made.step = value;
    },
  };
}

const words = ({ line }: Stand) => line.querySelector("span")?.textContent;
const button = ({ line }: Stand) => line.querySelector("button") as HTMLButtonElement;

let now: Stand;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  now.abort.abort();
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("reading on", () => {
  it("goes on to the end in the metrics view, and the line goes with the view", async () => {
    now = stand("metrics");
    expect(words(now)).toBe("8 of 64 queries read");
    await vi.advanceTimersByTimeAsync(2000);
    expect(now.metrics.value?.sampled).toBe(QUERIES);
    expect(now.asked).toEqual(Array.from({ length: 7 }, () => "metrics+"));
    expect([words(now), now.line.hidden, button(now).hidden]).toEqual(["all 64 queries read", false, true]);
    now.view.value = "head";
    expect(now.line.hidden).toBe(true);
    now.view.value = "metrics";
    expect(now.line.hidden).toBe(true);
  });

  it("brings pictures too in the model view, though not with every step", async () => {
    now = stand("model");
    now.step = 2;
    await vi.advanceTimersByTimeAsync(150);
    expect(now.asked).toEqual(["metrics+", "metrics+", "model", "metrics+"]);
    await vi.advanceTimersByTimeAsync(4000);
    expect(now.model.value?.sampled).toBe(QUERIES);
    const times = (what: string) => now.asked.filter((one) => one === what).length;
    expect(times("metrics+")).toBe(28);
    expect(times("model")).toBeLessThan(9);
  });

  it("reads pictures alone where all metrics are there", async () => {
    now = stand("head");
    now.metrics.value = measured(QUERIES);
    now.view.value = "model";
    await vi.advanceTimersByTimeAsync(2000);
    expect(new Set(now.asked)).toEqual(new Set(["model+"]));
    expect(words(now)).toBe("all 64 queries read");
  });

  it("rests while another view is on screen, a prompt runs, the page is hidden or it is paused", async () => {
    now = stand("head");
    now.step = 0.01;
    const reads = async () => {
      const before = now.asked.length;
      await vi.advanceTimersByTimeAsync(500);
      return now.asked.length - before > 1;
    };
    expect([now.line.hidden, await reads()]).toEqual([true, false]);
    now.view.value = "metrics";
    expect([now.line.hidden, await reads()]).toEqual([false, true]);
    now.running.value = true;
    expect(await reads()).toBe(false);
    now.running.value = false;
    expect(await reads()).toBe(true);
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(await reads()).toBe(false);
    hidden.mockRestore();
    document.dispatchEvent(new Event("visibilitychange"));
    expect(await reads()).toBe(true);
    button(now).click();
    expect([button(now).textContent, await reads()]).toEqual(["Resume", false]);
    expect(words(now)).toContain("· paused");
    button(now).click();
    expect([button(now).textContent, await reads()]).toEqual(["Pause", true]);
    now.abort.abort();
    expect(await reads()).toBe(false);
  });

  it("ends where nothing more comes, until there is something new", async () => {
    now = stand("metrics");
    now.step = 0;
    await vi.advanceTimersByTimeAsync(1000);
    expect([now.asked.length, words(now), button(now).hidden]).toEqual([
      1,
      "8 of 64 queries read · the others are not known here",
      true,
    ]);
    now.step = 56;
    now.metrics.value = measured(8);
    await vi.advanceTimersByTimeAsync(1000);
    expect(now.asked.length).toBe(2);
  });

  it("pauses on an error and says what is wrong; a click tries again", async () => {
    now = stand("metrics");
    now.fail = Object.assign(new Error("The kernel is gone."), { info: null });
    await vi.advanceTimersByTimeAsync(1000);
    expect(now.asked.length).toBe(1);
    expect(button(now).textContent).toBe("Resume");
    expect(words(now)).toContain("The kernel is gone.");
    now.fail = null;
    button(now).click();
    await vi.advanceTimersByTimeAsync(2000);
    expect(now.metrics.value?.sampled).toBe(QUERIES);
  });

  it("does nothing for a snapshot, nor for what is of another record", async () => {
    now = stand("metrics", "snapshot");
    await vi.advanceTimersByTimeAsync(500);
    expect(now.asked).toEqual([]);
    now.abort.abort();
    now = stand("head");
    now.metrics.value = sampleMetrics({ record: "other", queries: QUERIES, sampled: 8 });
    now.view.value = "metrics";
    await vi.advanceTimersByTimeAsync(500);
    expect([now.asked.length, now.line.hidden]).toEqual([0, true]);
  });
});

it("says how long it takes in words", () => {
  const said = [5_000, 120_000, 3_600_000, 9_000_000, Number.NaN].map(timeLeft);
  expect(said).toEqual([
    "less than a minute left",
    "about 2 min left",
    "about 60 min left",
    "about 3 h left",
    "",
  ]);
});
