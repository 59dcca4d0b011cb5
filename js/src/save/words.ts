// What a saved file is called, and what stands under a saved picture.
import { nameOf, unitOf } from "../core/shown";
import type { Explorer, LayerData } from "../core/types";
import { formatList } from "../math/format";
import { isolate } from "../math/labels";
import { sideBySide } from "./csv";

/** Longer prompts are cut: a caption is no text. */
const PROMPT = 200;

interface Place {
  readonly layer: number;
  readonly heads: readonly number[];
}

/** Layer and heads on screen; null where it is all of them. */
function placeOf(explorer: Explorer, { info, shown, patterns }: LayerData): Place | null {
  const view = explorer.view.peek();
  const terms = explorer.terms.peek();
  if (view === "model" || view === "metrics") return null;
  if (view === "neuron" && terms !== null) return { layer: terms.layer, heads: [terms.head] };
  return { layer: info.layer, heads: shown?.heads ?? patterns.map(({ head }) => head) };
}

const headWord = (heads: readonly number[]) => (heads.length > 1 ? "heads" : "head");

/** "attnwidget-layer2-head0-matrix-view", without an ending. */
export function fileName(explorer: Explorer): string {
  const data = explorer.data.peek();
  const parts = ["attnwidget"];
  const place = data && placeOf(explorer, data);
  if (data !== null && data.record.sites.length > 1) parts.push(data.site.kind);
  if (sideBySide(explorer).length > 0) parts.push("side-by-side");
  else if (place !== null) {
    const { layer, heads } = place;
    parts.push(`layer${layer}`);
    if (heads.length > 0 && heads.length < 5) parts.push(headWord(heads) + heads.join("-"));
  }
  return `${parts.join("-")}-${explorer.view.peek()}-view`;
}

/** Lines under a picture: what it shows, of which prompt; `notes` are what the screen says beside. */
export function captionOf(explorer: Explorer, prompt: string, notes: readonly string[]): readonly string[] {
  const data = explorer.data.peek();
  if (data === null) return [];
  const { record, site, queryTokens, keyTokens } = data;
  const what = [record.model.name];
  if (record.sites.length > 1) what.push(site.kind);
  const place = placeOf(explorer, data);
  const [pattern] = data.patterns;
  if (sideBySide(explorer).length > 0) what.push("heads side by side");
  else if (place === null) what.push(`${explorer.view.peek()} view`);
  else {
    const { layer, heads } = place;
    const combined = pattern !== undefined && pattern.head < 0 && heads.length > 1;
    const each = heads.length > 6 ? `${heads.length} heads` : `${headWord(heads)} ${formatList(heads)}`;
    const names = combined ? nameOf(data, pattern.head) : each;
    what.push(`layer ${layer}`, names);
  }
  const { query: focused, key } = explorer.focus.peek();
  // The neuron view is always about one query.
  const terms = explorer.view.peek() === "neuron" ? explorer.terms.peek() : null;
  const query = terms?.query ?? focused;
  const held = [
    query === null ? "" : `query “${isolate(queryTokens.label[query] ?? "")}”`,
    key === null ? "" : `key “${isolate(keyTokens.label[key] ?? "")}”`,
  ].filter(Boolean);
  if (held.length > 0) what.push(held.join(" → "));
  const text = (prompt.trim() || queryTokens.text.join("")).replace(/\s+/g, " ");
  const letters = [...text];
  const cut = letters.length > PROMPT ? `${letters.slice(0, PROMPT).join("")}…` : text;
  const [queries, keys] = [queryTokens.label.length, keyTokens.label.length];
  const self = site.query_stream === site.key_stream;
  const count = self ? `${queries} ${unitOf(record)}s` : `${queries} queries, ${keys} keys`;
  return [what.join(" · "), `“${isolate(cut)}” (${count})`, ...notes.filter(Boolean)];
}
