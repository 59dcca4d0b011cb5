// The part of the front end that only a kernel can serve: a module that notebooks do not store, loaded when it is wanted.

import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import type { Transport } from "../transport/types";
import { readArray } from "../wire/arrays";
import { toErrorInfo } from "../wire/errors";
import type { View } from "../wire/schema.gen";
import type { ExplorerApp } from "./explorer";
import type { CreatePane, LayerData } from "./types";

/** Texts of as many tokens are shown with a map of them. */
const LONG_TEXT = 1500;

/** Whether the text pane of long prompts shows this layer's text, where there is a kernel. */
export function isLongText({ queryTokens, keyTokens }: LayerData): boolean {
  return Math.max(queryTokens.label.length, keyTokens.label.length) >= LONG_TEXT;
}

/** What the live parts are given. */
export interface LiveHost {
  readonly app: ExplorerApp;
  /** Asks the kernel; see `Transport`. */
  readonly request: Transport["request"];
  /** Ends with the explorer. */
  readonly signal: AbortSignal;
}

/** What the live module brings. */
export interface LiveParts {
  readonly css: string;
  /** Panes in place of the widget's own while the layer on screen is tiled; that of the text wherever it is long. */
  readonly panes: Readonly<Partial<Record<View, CreatePane>>>;
  /** Stands above the panes; hides itself while it has nothing to show. */
  readonly bar: HTMLElement;
  /** Opens the search of attention, or closes it. */
  search(): void;
}

export type StartLive = (host: LiveHost) => LiveParts;

export interface Live {
  /** Null until the module is here. */
  readonly parts: ReadonlySignal<LiveParts | null>;
  /** Why it cannot be had; "" while nothing is wrong. */
  readonly failed: ReadonlySignal<string>;
  /** Loads the module, unless it is here or on its way. */
  want(): void;
  /** Opens the search of attention once it is here, or closes it. */
  search(): void;
}

/** What the live module needs of the signals; see the build. */
const SIGNALS = { batch, computed, effect, signal, untracked };

/** Fetches the module from the kernel. Its signals must be ours, or neither would hear of the other's. */
async function fetchLive(host: LiveHost): Promise<StartLive> {
  const { meta, buffers } = await host.request("live", {}, { signal: host.signal });
  const bytes = readArray(meta.module, buffers, "u1");
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return (await import(url)).default(SIGNALS) as StartLive;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** `start` is there where the module need not be fetched, as in the gallery. */
export function createLive(host: LiveHost, start?: StartLive): Live {
  const parts = signal<LiveParts | null>(null);
  const failed = signal("");
  let asked = false;
  let searches = false;
  const want = () => {
    if (asked || (start === undefined && host.app.source() !== "live")) return;
    asked = true;
    failed.value = "";
    const found = start === undefined ? fetchLive(host) : Promise.resolve(start);
    found
      .then((begin) => {
        if (host.signal.aborted) return;
        parts.value = begin(host);
        if (searches) parts.value.search();
      })
      .catch((error) => {
        asked = false;
        const { what, todo } = toErrorInfo(error);
        if (!host.signal.aborted) failed.value = `${what} ${todo}`;
      });
  };
  const stop = effect(() => {
    const { data, model, metrics } = host.app;
    const sampled = [model.value, metrics.value].some((of) => of && of.sampled < of.queries);
    const now = data.value;
    if (sampled || (now && (now.info.tiled || isLongText(now)))) want();
  });
  host.signal.addEventListener("abort", stop, { once: true });
  const search = () => {
    parts.peek()?.search();
    searches = true;
    want();
  };
  return { parts, failed, want, search };
}
