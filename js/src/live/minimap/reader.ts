// Asks where each head looks from the token that is held (or is looked at from), over the whole prompt.
import { computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import { Lru } from "../../core/lru";
import { subjectOf } from "../../panes/text/state";
import { toErrorInfo } from "../../wire/errors";
import type { StripsArgs } from "../../wire/schema.gen";
import { askInParts } from "../ask";
import { readStrips, type Strips } from "./strips";

const BYTES = 8 * 2 ** 20;

interface Wanted {
  readonly record: string;
  readonly args: StripsArgs;
}

export interface StripsState {
  /** Those of the token that is held, as far as they are here. */
  readonly strips: Strips | null;
  /** They are on their way. */
  readonly waiting: boolean;
  readonly failed: string;
}

const NOTHING: StripsState = { strips: null, waiting: false, failed: "" };

function stripsWanted({ app }: LiveHost, pixels: number): Wanted | null {
  const data = app.data.value;
  const { locked, query, key } = app.selection.value;
  if (data === null || !locked || pixels <= 0) return null;
  const subject = subjectOf(data, { query, key }, app.direction.value);
  if (subject === null) return null;
  const direction = subject.side === "query" ? "from" : "to";
  const args = { site: data.site.kind, position: subject.index, direction, pixels } as const;
  return { record: data.record.record, args };
}

/** Follows the token that is held; `pixels` are those of the map's height. */
export function followStrips(
  host: LiveHost,
  pixels: ReadonlySignal<number>,
  abort: AbortSignal,
): ReadonlySignal<StripsState> {
  const cache = new Lru<Strips>(BYTES);
  const state = signal(NOTHING);
  const wanted = computed(() => JSON.stringify(stripsWanted(host, pixels.value)));
  let current = new AbortController();
  async function follow(name: string, { record, args }: Wanted, over: AbortSignal): Promise<void> {
    try {
      await askInParts(
        host.request,
        { kind: "strips", args, record },
        ({ meta, buffers }) => {
          const strips = readStrips(meta, buffers);
          const whole = strips.read >= strips.of;
          if (whole) cache.set(name, strips, strips.codes.byteLength);
          state.value = { strips, waiting: !whole, failed: "" };
          return strips;
        },
        over,
      );
    } catch (error) {
      if (over.aborted) return;
      const { what, todo } = toErrorInfo(error);
      state.value = { ...NOTHING, failed: `${what} ${todo}` };
    }
  }
  const stop = effect(() => {
    const name = wanted.value;
    current.abort();
    current = new AbortController();
    const { signal: over } = current;
    const job = JSON.parse(name) as Wanted | null;
    untracked(() => {
      const known = cache.get(name);
      if (job === null) state.value = NOTHING;
      else if (known !== undefined) state.value = { strips: known, waiting: false, failed: "" };
      else {
        state.value = { ...NOTHING, waiting: true };
        void follow(name, job, over);
      }
    });
  });
  abort.addEventListener(
    "abort",
    () => {
      stop();
      current.abort();
    },
    { once: true },
  );
  return state;
}
