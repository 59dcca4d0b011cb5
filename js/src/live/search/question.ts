// What the kernel is asked for the tokens that are chosen.
import type { LayerData } from "../../core/types";
import type { Flow, Searched, StreamKind } from "../../wire/schema.gen";
import type { Span } from "../state";
import type { Asked } from "./searcher";

/** Hits of one search. */
const MOST = 20;

/** The stream whose tokens a search is about. */
export function streamFor(data: LayerData, flow: Flow): StreamKind {
  return flow === "into" ? data.site.key_stream : data.site.query_stream;
}

/** What the kernel is asked; null where the span does not fit what is on screen. */
export function questionFor(
  data: LayerData | null,
  span: Span | null,
  choice: { readonly flow: Flow; readonly by: "head" | "token"; readonly plain: boolean },
): Asked | null {
  if (data === null || span === null || span.stream !== streamFor(data, choice.flow)) return null;
  const count = data.record.streams[span.stream]?.label.length ?? 0;
  if (span.first < 0 || span.last > count || span.first >= span.last) return null;
  const token: Searched = choice.flow === "into" ? "query" : "key";
  return {
    record: data.record.record,
    args: {
      site: data.site.kind,
      first: span.first,
      last: span.last,
      flow: choice.flow,
      by: choice.by === "head" ? "head" : token,
      k: MOST,
      plain: choice.plain,
    },
  };
}
