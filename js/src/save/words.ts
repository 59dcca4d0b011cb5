// What a saved file is called, and what stands under a saved picture.
import { nameOf, unitOf } from "../core/shown";
import type { Explorer } from "../core/types";
import { formatList } from "../math/format";
import { isolate } from "../math/labels";

/** Longer prompts are cut: a caption is no text. */
const PROMPT = 200;

function headsOf(explorer: Explorer): readonly number[] {
  const terms = explorer.view.peek() === "neuron" ? explorer.terms.peek() : null;
  return terms === null ? explorer.heads.peek() : [terms.head];
}

const ofLayer = (explorer: Explorer) => !["model", "metrics"].includes(explorer.view.peek());

/** "attnwidget-layer2-head0-matrix-view", without an ending. */
export function fileName(explorer: Explorer): string {
  const heads = headsOf(explorer);
  const data = explorer.data.peek();
  const parts = ["attnwidget"];
  if ((data?.record.sites.length ?? 0) > 1) parts.push(explorer.site.peek());
  if (ofLayer(explorer)) {
    parts.push(`layer${explorer.layer.peek()}`);
    if (heads.length > 0 && heads.length < 5)
      parts.push(`head${heads.length > 1 ? "s" : ""}${heads.join("-")}`);
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
  if (ofLayer(explorer)) {
    const heads = headsOf(explorer);
    const [pattern] = data.patterns;
    const combined = pattern !== undefined && pattern.head < 0 && explorer.view.peek() !== "neuron";
    const names = `head${heads.length > 1 ? "s" : ""} ${formatList(heads)}`;
    what.push(`layer ${data.info.layer}`, combined ? nameOf(data, pattern.head) : names);
  } else what.push(`${explorer.view.peek()} view`);
  const { query, key } = explorer.focus.peek();
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
