// What the text shows of a long prompt: exact rows, and columns as far as they are read.
import type { ExactColumn, ExactRow, Focus, LayerData } from "../../core/types";
import { combineRows } from "../../math/filters";
import { formatCount } from "../../math/format";
import { isolate } from "../../math/labels";
import { HIDDEN, isUnread, isWeight } from "../../math/weights";
import { labelOf } from "../../panes/kit/tokens";
import { type Shading, shade, subjectOf } from "../../panes/text/state";
import { type Direction, UNREAD } from "../../wire/schema.gen";

/** The chosen heads' columns of one key; null unless all of them are here. */
export function columnsOf(
  data: LayerData,
  key: number,
  columns: readonly ExactColumn[],
): readonly ExactColumn[] | null {
  const heads = data.shown === undefined ? data.patterns.map(({ head }) => head) : data.shown.heads;
  const found = heads.map((head) =>
    columns.find(
      (one) =>
        one.head === head &&
        one.key === key &&
        one.layer === data.info.layer &&
        one.site === data.site.kind &&
        one.weights.length === data.queryTokens.label.length,
    ),
  );
  return found.length > 0 && found.every((one) => one !== undefined) ? found : null;
}

/** What filters leave as it is in a column: what the strongest of a query are, only its whole row tells. */
export function unfiltered({ shown }: LayerData): string {
  return (shown?.rule?.top ?? 0) > 0 ? "strongest keys of each query: not applied to a column" : "";
}

/** Values of every token for what is in focus; what is not computed yet, of a tiled layer, is `UNREAD`. */
export function shadeLong(
  data: LayerData,
  focus: Focus,
  direction: Direction,
  exact: readonly ExactRow[],
  columns: readonly ExactColumn[],
): Shading {
  if (!data.info.tiled) return shade(data, focus, direction, exact);
  const subject = subjectOf(data, focus, direction);
  const unread = (count: number) => new Float32Array(count).fill(UNREAD);
  const none = { error: 0, sink: null, note: "" };
  if (subject === null) {
    const title = `Click a word to see ${direction === "from" ? "where it looks" : "what looks at it"}`;
    return { ...none, subject, side: "key", values: unread(data.keyTokens.label.length), title };
  }
  if (subject.side === "query") {
    const made = shade(data, focus, direction, exact);
    return made.values.some(isUnread) ? { ...made, sink: null, note: "reading the row …" } : made;
  }
  const title = `what looks at “${isolate(labelOf(data.keyTokens, subject.index))}”`;
  const queries = data.queryTokens.label.length;
  const found = columnsOf(data, subject.index, columns);
  if (found === null) {
    const values = unread(queries);
    return { ...none, subject, side: "query", values, title, note: "reading the column …" };
  }
  const values = combineRows(
    found.map(({ weights }) => weights),
    data.shown?.combine === "max" ? "max" : "mean",
  );
  const rule = data.shown?.rule ?? null;
  values.forEach((value, query) => {
    if (isWeight(value) && rule?.hides(query, subject.index) === true) values[query] = HIDDEN;
  });
  const read = Math.min(...found.map((one) => one.read));
  const of = Math.max(...found.map((one) => one.of));
  const notes = [
    ...(read < of ? [`reading ${formatCount(read)} of ${formatCount(of)} queries`] : []),
    unfiltered(data),
  ];
  return { ...none, subject, side: "query", values, title, note: notes.filter(Boolean).join(" · ") };
}
