// Asking again for an answer that comes in parts, until all of it is here or nobody wants it any more.
import type { Reply, Transport } from "../transport/types";
import type { Requests } from "../wire/schema.gen";

/** After an answer without news the next request waits this long, then twice as long, and so on. */
const PAUSE_MS = 50;
const MOST_PAUSES = 7;

export interface Asked<K extends keyof Requests> {
  readonly kind: K;
  readonly args: Requests[K]["args"];
  readonly record: string;
}

/**
 * Asks until `take` says that it has everything; it returns how much there is, of how much.
 *
 * Ends without an error once `signal` aborts, and when answers bring nothing new for seconds; rejects with what the
 * kernel says is wrong.
 */
export async function askInParts<K extends keyof Requests>(
  request: Transport["request"],
  { kind, args, record }: Asked<K>,
  take: (reply: Reply<K>) => { readonly read: number; readonly of: number },
  signal: AbortSignal,
): Promise<void> {
  let had = -1;
  let pauses = 0;
  while (!signal.aborted && pauses <= MOST_PAUSES) {
    let reply: Reply<K>;
    try {
      reply = await request(kind, args, { record, signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (signal.aborted) return;
    const { read, of } = take(reply);
    if (read >= of) return;
    if (read > had) {
      had = read;
      pauses = 0;
      continue;
    }
    await pause(PAUSE_MS * 2 ** pauses++, signal);
  }
}

/** Waits, at most until `signal` aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, { once: true });
  });
}
