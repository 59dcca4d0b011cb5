// A tiled layer with its cells as far as their tiles are here.
import { createUnread, isReached } from "../../core/pattern";
import { COMBINED, present } from "../../core/shown";
import type { ExactColumn, LayerData, Pattern } from "../../core/types";
import { combineRows } from "../../math/filters";
import { HIDDEN, isWeight } from "../../math/weights";
import { type Filters, MASKED, UNREAD } from "../../wire/schema.gen";
import { columnsOf } from "../text/shade";
import { CODE_ERROR } from "../tiles/mix";
import type { HeadPlace, TileStore } from "../tiles/store";

export function headsOf({ patterns, shown }: LayerData): readonly number[] {
  return shown?.heads ?? patterns.map(({ head }) => head);
}

export function placesOf(data: LayerData): HeadPlace[] {
  const place = { record: data.record.record, site: data.site.kind, layer: data.info.layer };
  return headsOf(data).map((head) => ({ ...place, head }));
}

/** The same layer, its heads put together and filtered as they are, with weights from the store; they come as they come. */
export function withTiles(data: LayerData, store: TileStore, filters: Filters): LayerData {
  const [first] = data.patterns;
  if (first === undefined) return data;
  const { queries, keys } = first;
  const { shown, ...raw } = data;
  const patterns = placesOf(data).map((place): Pattern => {
    const read = store.reader(place);
    return {
      ...createUnread(place.head, queries, keys, data.info),
      error: CODE_ERROR,
      weight: (query, key) => (isReached(data.info, query, key) ? read(query, key) : MASKED),
    };
  });
  return present({ ...raw, patterns }, filters, shown?.combine ?? "each");
}

/** What each chosen head's queries give to a key, as far as it is read; `UNREAD` before. */
export function columnsAt(
  data: LayerData,
  key: number,
  known: readonly ExactColumn[],
): readonly Float32Array[] {
  const queries = data.queryTokens.label.length;
  const found = columnsOf(data, key, known);
  if (found === null) return data.patterns.map(() => new Float32Array(queries).fill(UNREAD));
  const weights = found.map((one) => one.weights);
  const combined = data.patterns[0]?.head === COMBINED;
  const shown = combined ? [combineRows(weights, data.shown?.combine ?? "each")] : weights;
  const rule = data.shown?.rule ?? null;
  if (rule === null) return shown;
  return shown.map((column) =>
    column.map((weight, query) => (isWeight(weight) && rule.hides(query, key) ? HIDDEN : weight)),
  );
}
