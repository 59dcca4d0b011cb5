// Running a prompt, and stopping it.
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";
import type { Transport } from "../transport/types";
import { toErrorInfo } from "../wire/errors";
import type { Status } from "../wire/schema.gen";
import type { Reports } from "./reports";

export interface Runs {
  /** A run is under way, here or started from Python. */
  readonly running: ReadonlySignal<boolean>;
  run(prompt: string, context: string): void;
  /** Stops the run, whoever started it; one that the kernel has not begun is not waited for any more. */
  cancel(): void;
}

export function createRuns(
  transport: Transport,
  status: ReadonlySignal<Status>,
  reports: Reports,
  abort: AbortSignal,
): Runs {
  const starting = signal(false);
  const running = computed(() => starting.value || status.value.phase === "running");
  let current = new AbortController();
  let asked = "";
  abort.addEventListener("abort", () => current.abort(), { once: true });

  return {
    running,
    run(prompt, context) {
      const args = context === "" ? { prompt } : { prompt, context };
      const wanted = JSON.stringify(args);
      // Another prompt overtakes the one under way, which the kernel then ends; the same one is on its way.
      if (abort.aborted || (running.peek() && wanted === asked)) return;
      asked = wanted;
      batch(() => {
        reports.reset();
        starting.value = true;
      });
      const mine = new AbortController();
      current = mine;
      reports
        .patiently(transport.request("run", args, { signal: mine.signal }))
        .catch((reason) => {
          // The status trait tells of a run that failed or was cancelled; here only what it cannot know.
          const over = current !== mine || toErrorInfo(reason).code === "cancelled";
          if (!over && status.peek().phase !== "failed") reports.report(reason);
        })
        .finally(() => {
          if (current === mine) starting.value = false;
        });
    },
    cancel() {
      if (status.peek().phase === "running") {
        transport.request("cancel", {}, { signal: abort }).catch((reason) => reports.report(reason));
      } else {
        current.abort();
        reports.stopWaiting();
      }
    },
  };
}
