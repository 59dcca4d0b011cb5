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
  abort.addEventListener("abort", () => current.abort(), { once: true });

  return {
    running,
    run(prompt, context) {
      if (running.peek() || abort.aborted) return;
      batch(() => {
        reports.reset();
        starting.value = true;
      });
      current = new AbortController();
      const args = context === "" ? { prompt } : { prompt, context };
      reports
        .patiently(transport.request("run", args, { signal: current.signal }))
        .catch((reason) => {
          // The status trait tells of a run that failed or was cancelled; here only what it cannot know.
          const cancelled = toErrorInfo(reason).code === "cancelled";
          if (!cancelled && status.peek().phase !== "failed") reports.report(reason);
        })
        .finally(() => {
          starting.value = false;
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
