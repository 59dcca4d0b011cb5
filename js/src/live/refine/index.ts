// Reading on: while the heads of a long prompt are in sight, more of its queries are read, until all are.
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import type { HeadMetrics, ModelThumbnails } from "../../core/types";
import { toErrorInfo } from "../../wire/errors";
import { pause } from "../ask";
import { createLine, type Reading } from "./line";

/** Between two requests the kernel and the page see to other things. */
const GAP_MS = 60;
/** Pictures travel again once this many times the queries that they show are read. */
const GROWN = 1.3;

type Sampled = HeadMetrics | ModelThumbnails;

/** Reads on while it is wanted; returns the line that says how far it is, hidden where all is read. */
export function createRefiner(host: LiveHost): HTMLElement {
  const { app } = host;
  const paused = signal(false);
  const failed = signal("");
  /** The answer that brought nothing new: no more is known of these, as of what was measured in a run. */
  const ended = signal<Sampled | null>(null);
  const shown = signal(document.visibilityState !== "hidden");
  const inSight = signal(true);

  /** What there is of the record on screen, if not all of its queries were read. */
  const part = <T extends Sampled>(of: ReadonlySignal<T | null>): T | null => {
    const now: T | null = of.value;
    const data = app.data.value;
    if (now === null || data === null || Object.is(now, ended.value)) return null;
    const here = now.record === data.record.record && now.site === data.site.kind;
    return here && now.sampled < now.queries ? now : null;
  };
  /** Where reading was last shown: there the line stays once it is over, so that nothing moves. */
  let last: { readonly of: Sampled; readonly view: string } | null = null;
  const reading = computed<Reading | null>(() => {
    const [view, { source, metrics, model, data }] = [app.view.value, app];
    const heads = view === "model" || view === "metrics";
    const found = heads ? (part<Sampled>(metrics) ?? (view === "model" ? part<Sampled>(model) : null)) : null;
    if (source() === "snapshot") return null;
    if (found !== null) last = { of: found, view };
    else if (last?.view !== view || last.of.record !== data.value?.record.record) last = null;
    if (last === null) return null;
    const now = found ?? (metrics.value?.record === last.of.record ? metrics.value : last.of);
    return { sampled: now.sampled, queries: now.queries, over: found === null };
  });
  const wanted = computed(
    () =>
      reading.value?.over === false && !paused.value && !app.running.value && shown.value && inSight.value,
  );

  const step = async (): Promise<void> => {
    const [metrics, model] = [part(app.metrics), part(app.model)];
    if (metrics === null) {
      await app.again.model({ more: true });
      if (app.model.peek()?.sampled === model?.sampled) ended.value = app.model.peek();
      return;
    }
    await app.again.metrics({ more: true });
    const now = app.metrics.peek();
    if (now === null || now.record !== metrics.record || now.site !== metrics.site) return;
    if (now.sampled === metrics.sampled) ended.value = now;
    const behind = model !== null && now.sampled >= Math.min(now.queries, GROWN * model.sampled);
    if (app.view.peek() === "model" && behind) await app.again.model({});
  };
  let busy = false;
  const run = async (): Promise<void> => {
    busy = true;
    try {
      while (wanted.peek() && !host.signal.aborted) {
        await step();
        await pause(GAP_MS, host.signal);
      }
    } catch (error) {
      if (!host.signal.aborted) {
        const { what, todo } = toErrorInfo(error);
        failed.value = `${what} ${todo}`;
        paused.value = true;
      }
    } finally {
      busy = false;
    }
  };

  const line = createLine(
    {
      reading,
      paused,
      failed,
      toggle: () => {
        failed.value = "";
        paused.value = !paused.peek();
      },
    },
    host.signal,
  );
  const stop = effect(() => {
    if (wanted.value && !busy) void run();
  });
  watchSight(
    line,
    (visible) => {
      inSight.value = visible;
    },
    host.signal,
  );
  document.addEventListener(
    "visibilitychange",
    () => {
      shown.value = document.visibilityState !== "hidden";
    },
    { signal: host.signal },
  );
  host.signal.addEventListener("abort", stop, { once: true });
  return line;
}

/** Tells whether any of the explorer around an element is in the window, once the element has its place. */
function watchSight(inside: HTMLElement, tell: (visible: boolean) => void, abort: AbortSignal): void {
  queueMicrotask(() => {
    const frame = inside.closest(".attnwidget");
    if (frame === null || abort.aborted || typeof IntersectionObserver !== "function") return;
    const observer = new IntersectionObserver((entries) => tell(entries.at(-1)?.isIntersecting ?? true));
    observer.observe(frame);
    abort.addEventListener("abort", () => observer.disconnect(), { once: true });
  });
}
