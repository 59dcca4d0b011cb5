// Pinned heads on the record on screen: which of them it has, their small pictures, and their patterns while compared.
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { toErrorInfo } from "../wire/errors";
import type { ErrorInfo, HeadRef, OpenMeta, SiteKind } from "../wire/schema.gen";
import { findLayer } from "./clamp";
import { Latest } from "./latest";
import type { LayerLoader } from "./loader";
import type { Compared, LayerData, PinnedHead } from "./types";

export interface PinsOptions {
  readonly loader: LayerLoader;
  /** The layer on screen; only heads of its record are fetched. */
  readonly data: ReadonlySignal<LayerData | null>;
  readonly pinned: ReadonlySignal<readonly HeadRef[]>;
  /** Whether patterns are wanted, not only thumbnails. */
  readonly comparing: ReadonlySignal<boolean>;
}

export interface Pins {
  /** The pinned heads, in the order in which they were pinned; empty before the first record. */
  readonly pins: ReadonlySignal<readonly PinnedHead[]>;
  /** What stands side by side: fewer than two are nothing to compare. */
  readonly compared: ReadonlySignal<readonly Compared[]>;
  readonly error: ReadonlySignal<ErrorInfo | null>;
}

interface Job {
  readonly meta: OpenMeta;
  readonly wanted: readonly HeadRef[];
  readonly patterns: boolean;
  readonly ended: AbortSignal;
}

export function isHead(a: HeadRef, b: HeadRef): boolean {
  return a.site === b.site && a.layer === b.layer && a.head === b.head;
}

/** Pins these heads; takes them all off where all of them are pinned. */
export function togglePins(pinned: readonly HeadRef[], heads: readonly HeadRef[]): HeadRef[] {
  const fresh = heads.filter((ref) => !pinned.some((other) => isHead(ref, other)));
  if (fresh.length > 0) return [...pinned, ...fresh];
  return pinned.filter((ref) => !heads.some((other) => isHead(ref, other)));
}

/** Why a record has no such head; "" where it has. */
export function whyMissing(meta: OpenMeta, { site, layer, head }: HeadRef): string {
  const found = meta.sites.find(({ kind }) => kind === site);
  if (found === undefined) return `no ${site} attention here`;
  const info = findLayer(found, layer);
  if (info === undefined) return `no layer ${layer} here`;
  return head < info.heads ? "" : `no head ${head} here`;
}

function keyOf(meta: OpenMeta, { site, layer, head }: HeadRef): string {
  return `${meta.record} ${site} ${layer} ${head}`;
}

export function followPins({ loader, data, pinned, comparing }: PinsOptions, abort: AbortSignal): Pins {
  const loaded = signal<ReadonlyMap<string, LayerData>>(new Map());
  const error = signal<ErrorInfo | null>(null);
  const record = computed(() => data.value?.record ?? null);
  const site = computed<SiteKind | null>(() => data.value?.site.kind ?? null);

  const pins = computed<readonly PinnedHead[]>(() => {
    const meta = record.value;
    if (meta === null) return [];
    return pinned.value.map((ref) => {
      const missing = whyMissing(meta, ref);
      const away = ref.site === site.value ? "" : `${ref.site} attention; ${site.value} is on screen`;
      return {
        ref,
        state: missing !== "" ? "missing" : away !== "" ? "away" : "here",
        reason: missing || away,
        data: loaded.value.get(keyOf(meta, ref)) ?? null,
      };
    });
  });

  const compared = computed<readonly Compared[]>(() => {
    const now = data.value;
    if (now === null) return [];
    const here = pins.value.filter(({ state }) => state === "here");
    const isShown = (head: number) =>
      here.some(({ ref }) => ref.layer === now.info.layer && ref.head === head);
    const panels: Compared[] = here.map(({ ref, data: own }) => ({
      key: keyOf(now.record, ref),
      layer: ref.layer,
      heads: [ref.head],
      data: own !== null && own.patterns.length > 0 ? own : null,
      pinned: true,
    }));
    const chosen = now.patterns.map(({ head }) => head);
    if (!chosen.every(isShown)) {
      panels.push({ key: "chosen", layer: now.info.layer, heads: chosen, data: now, pinned: false });
    }
    return panels;
  });

  const pump = new Latest<Job>(async ({ meta, wanted, patterns, ended }) => {
    const kept = new Set(wanted.map((ref) => keyOf(meta, ref)));
    for (const ref of wanted) {
      const key = keyOf(meta, ref);
      const known = loaded.peek().get(key);
      if (ended.aborted) return;
      if (known !== undefined && (!patterns || known.patterns.length > 0)) continue;
      try {
        const place = { site: ref.site, layer: ref.layer, heads: patterns ? [ref.head] : [] };
        const layer = await loader.load(meta, place, ended);
        const rest = [...loaded.peek()].filter(([other]) => kept.has(other));
        loaded.value = new Map([...rest, [key, layer]]);
      } catch (reason) {
        const info = toErrorInfo(reason);
        // Where the kernel has moved on to another prompt, that one's heads are asked for next.
        if (!ended.aborted && info.code !== "not-recorded") error.value = info;
      }
    }
  });

  let job = new AbortController();
  const stop = effect(() => {
    const meta = record.value;
    const wanted = meta === null ? [] : pinned.value.filter((ref) => whyMissing(meta, ref) === "");
    const patterns = comparing.value;
    job.abort();
    job = new AbortController();
    error.value = null;
    if (meta !== null && wanted.length > 0) pump.push({ meta, wanted, patterns, ended: job.signal });
    else pump.clear();
  });
  abort.addEventListener(
    "abort",
    () => {
      stop();
      job.abort();
    },
    { once: true },
  );
  return { pins, compared, error };
}
