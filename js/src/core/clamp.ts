// Fits what was asked for to what a record has.
import type { OpenMeta, Selection, SiteInfo, SiteKind, Tokens } from "../wire/schema.gen";

export interface Place {
  readonly site: SiteKind;
  readonly layer: number;
  readonly heads: readonly number[];
}

export const NOTHING_HELD: Selection = { query: null, key: null, locked: false };

const NO_TOKENS: Tokens = { text: [], label: [], id: [], special: [], continued: [], segment: [] };

export function findSite(meta: OpenMeta, kind: SiteKind): SiteInfo | undefined {
  return meta.sites.find((site) => site.kind === kind) ?? meta.sites[0];
}

export function findLayer(site: SiteInfo, layer: number): SiteInfo["layers"][number] | undefined {
  return site.layers.find((info) => info.layer === layer);
}

export function tokensOf(meta: OpenMeta, stream: SiteInfo["query_stream"]): Tokens {
  return meta.streams[stream] ?? NO_TOKENS;
}

/**
 * The nearest place that the record has, or null when it has no attention at all.
 *
 * No head may be chosen; but where heads were chosen and the layer has none of them, its first head is.
 */
export function clampPlace(meta: OpenMeta, wanted: Place): Place | null {
  const site = findSite(meta, wanted.site);
  if (site === undefined || site.layers.length === 0) return null;
  const info = site.layers.reduce((best, other) =>
    Math.abs(other.layer - wanted.layer) < Math.abs(best.layer - wanted.layer) ? other : best,
  );
  const heads = [...new Set(wanted.heads)]
    .filter((head) => Number.isInteger(head) && head >= 0 && head < info.heads)
    .sort((a, b) => a - b);
  return {
    site: site.kind,
    layer: info.layer,
    heads: heads.length > 0 || wanted.heads.length === 0 ? heads : [0],
  };
}

function within(index: number | null, length: number): boolean {
  return index === null || (Number.isInteger(index) && index >= 0 && index < length);
}

/** The selection, or nothing held when it names tokens that are not there. */
export function clampSelection(selection: Selection, queries: number, keys: number): Selection {
  if (!selection.locked) return selection;
  const held = selection.query !== null || selection.key !== null;
  return held && within(selection.query, queries) && within(selection.key, keys) ? selection : NOTHING_HELD;
}
