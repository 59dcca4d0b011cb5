// What every query of a long prompt gives to the key in focus, as far as it is read: asked for until all of it is here.
import { computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import type { LiveHost } from "../core/live";
import { Lru } from "../core/lru";
import type { ExactColumn } from "../core/types";
import { isSelf } from "../panes/kit/readings";
import type { Reply } from "../transport/types";
import { readArray } from "../wire/arrays";
import { toErrorInfo } from "../wire/errors";
import type { ColumnArgs } from "../wire/schema.gen";
import { askInParts, pause } from "./ask";

const BYTES = 16 * 2 ** 20;
/** A pointer that passes over tokens asks for none of them. */
const REST_MS = 60;

interface Wanted {
  readonly record: string;
  readonly args: ColumnArgs;
}

/** The key whose column the focus asks for; in the text a token stands for itself in the role of the direction. */
function keyWanted({ app }: LiveHost): Wanted | null {
  const data = app.data.value;
  if (data === null || data.info.tiled !== true || data.patterns.length === 0) return null;
  const { query, key } = app.focus.value;
  const asKey = app.view.value === "text" && isSelf(data) && app.direction.value === "to";
  const asQuery = app.view.value === "text" && isSelf(data) && app.direction.value === "from";
  const at = asKey ? (key ?? query) : query === null && !asQuery ? key : null;
  if (at === null || at >= data.keyTokens.label.length) return null;
  const heads = data.shown === undefined ? data.patterns.map(({ head }) => head) : [...data.shown.heads];
  return {
    record: data.record.record,
    args: { site: data.site.kind, layer: data.info.layer, heads, key: at },
  };
}

export function readColumns({ meta, buffers }: Reply<"column">): readonly ExactColumn[] {
  const { site, layer, key, heads, read, of } = meta;
  const weights = readArray(meta.weights, buffers, "f4");
  const queries = meta.weights.shape[1] ?? 0;
  return heads.map((head, at) => ({
    site,
    layer,
    head,
    key,
    weights: weights.subarray(at * queries, (at + 1) * queries),
    read,
    of,
  }));
}

/**
 * Keeps `app.columns` at the key in focus while the layer on screen is tiled, until the host's signal aborts.
 *
 * Returns why the last column cannot be had, "" while nothing is wrong.
 */
export function followColumns(host: LiveHost): ReadonlySignal<string> {
  const { app, request } = host;
  const cache = new Lru<readonly ExactColumn[]>(BYTES);
  const failed = signal("");
  const wanted = computed(() => JSON.stringify(keyWanted(host)));
  let current = new AbortController();
  const stop = effect(() => {
    const name = wanted.value;
    current.abort();
    const job = JSON.parse(name) as Wanted | null;
    const own = new AbortController();
    current = own;
    untracked(() => {
      failed.value = "";
      const known = cache.get(name);
      if (known !== undefined) app.columns.value = known;
      if (known !== undefined || job === null) return;
      void follow(name, job, own.signal, app.hover.value === null ? 0 : REST_MS);
    });
  });
  async function follow(name: string, { record, args }: Wanted, over: AbortSignal, rest: number) {
    try {
      if (rest > 0) await pause(rest, over);
      await askInParts(
        request,
        { kind: "column", args, record },
        (reply) => {
          const columns = readColumns(reply);
          app.columns.value = columns;
          const bytes = columns.reduce((sum, { weights }) => sum + weights.byteLength, 0);
          if (reply.meta.read >= reply.meta.of) cache.set(name, columns, bytes);
          return reply.meta;
        },
        over,
      );
    } catch (error) {
      if (over.aborted) return;
      const { what, todo } = toErrorInfo(error);
      failed.value = `${what} ${todo}`;
    }
  }
  host.signal.addEventListener(
    "abort",
    () => {
      stop();
      current.abort();
    },
    { once: true },
  );
  return failed;
}
