// What is on screen as a table: comma-separated, quoted as RFC 4180 says, exact to the last digit of float32.
import { areOf } from "../core/measures";
import { measureOf, nameOf } from "../core/shown";
import type {
  Compared,
  ExactRow,
  Explorer,
  HeadMetrics,
  LayerData,
  Pattern,
  ScoreTerms,
} from "../core/types";
import { isMasked, sinkOf } from "../math/weights";
import type { Tokens } from "../wire/schema.gen";

export type Cell = string | number | null;

/** Rows that are written within seconds, and that spreadsheets read. */
export const MOST_ROWS = 500_000;

/** The shortest decimal that is the same float32; nothing where there is no number to give. */
function numeral(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(9)));
}

/**
 * A token as spreadsheets leave it alone. One that they would run as a formula gets an apostrophe in front, as does one
 * that begins with apostrophes and such a sign; taking one apostrophe off those gives every token back.
 */
export function guard(token: string): string {
  return /^'*[=+\-@\t\r]/.test(token) ? `'${token}` : token;
}

function field(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return numeral(cell);
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** The table's text, line by line; a RangeError where it would be too long. */
export function writeCsv(
  header: readonly string[],
  rows: Iterable<readonly Cell[]>,
  most = MOST_ROWS,
): string {
  const lines = [header.map(field).join(",")];
  for (const row of rows) {
    if (lines.length > most) throw new RangeError("too many rows");
    lines.push(row.map(field).join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

const place = (tokens: Tokens, index: number): readonly [number, string] => [
  index,
  guard(tokens.label[index] ?? ""),
];
const SINK: readonly Cell[] = [null, "sink"];

/** `rows` are those that are here of a tiled layer, whose other cells are not; null where all are. */
function* weightsOf(
  data: LayerData,
  pattern: Pattern,
  least: number,
  rows: readonly ExactRow[] | null,
): Generator<Cell[]> {
  const { queryTokens, keyTokens, info } = data;
  const head = pattern.head < 0 ? nameOf(data, pattern.head) : pattern.head;
  // What a snapshot left out is unknown, not zero.
  const holes = pattern.floor !== undefined;
  const error = rows === null ? pattern.error : 0;
  for (let query = 0; query < pattern.queries; query++) {
    const row = rows?.find(
      (one) => one.query === query && one.head === pattern.head && one.layer === info.layer,
    );
    if (rows !== null && row === undefined) continue;
    const from = [info.layer, head, ...place(queryTokens, query)];
    for (let key = 0; key < pattern.keys; key++) {
      const weight = row === undefined ? pattern.weight(query, key) : (row.weights[key] as number);
      if (isMasked(weight) || weight < least || (holes && weight === 0)) continue;
      yield [...from, ...place(keyTokens, key), weight, error];
    }
    if (info.sinks) yield [...from, ...SINK, row?.sink ?? sinkOf(pattern, query), error];
  }
}

function* termsOf(data: LayerData, terms: ScoreTerms): Generator<Cell[]> {
  const { layer, head, query, q, k, scores, weights, error = 0, floor } = terms;
  const from = [layer, head, ...place(data.queryTokens, query)];
  for (const [key, weight] of weights.entries()) {
    if (isMasked(weight) || (floor !== undefined && weight === 0)) continue;
    const to = place(data.keyTokens, key);
    const end = [scores?.[key] ?? null, weight, error];
    if (q === null || k === null) yield [...from, ...to, null, null, null, null, ...end];
    else {
      for (const [d, own] of q.entries()) {
        const other = k[key * q.length + d] as number;
        yield [...from, ...to, d, own, other, own * other, ...end];
      }
    }
  }
  if (terms.sink > 0 || terms.sink_score !== null)
    yield [...from, ...SINK, null, null, null, null, terms.sink_score, terms.sink, error];
}

/** Every metric of every head; of how many queries they were read. */
export function* metricRows(metrics: HeadMetrics, offered: readonly number[] | null): Generator<Cell[]> {
  for (const [row, layer] of metrics.layers.entries()) {
    for (let head = 0; head < (metrics.heads[row] as number); head++) {
      if (offered !== null && !offered.includes(head)) continue;
      const values = metrics.metrics.map((_, metric) => {
        const { value } = metrics.of(metric, row, head);
        return Number.isNaN(value) ? null : value;
      });
      yield [layer, head, ...values, metrics.sampled, metrics.queries];
    }
  }
}

/** What the view shows; null while it is not there, and where there is nothing. */
export function tableOf(explorer: Explorer): string | null {
  const view = explorer.view.peek();
  const data = explorer.data.peek();
  if (data === null) return null;
  const { record, site } = data;
  const cell = ["layer", "head", "query", "query_token", "key", "key_token"];
  const write = (header: readonly string[], rows: Iterable<readonly Cell[]>) => {
    const text = writeCsv(header, rows);
    return text === writeCsv(header, []) ? null : text;
  };
  if (view === "model" || view === "metrics") {
    const metrics = explorer.metrics.peek();
    if (!areOf(metrics, { record: record.record, site: site.kind })) return null;
    const header = ["layer", "head", ...metrics.metrics.map(({ name }) => name), "queries_read", "queries"];
    return write(header, metricRows(metrics, explorer.filters.peek().heads));
  }
  if (view === "neuron") {
    const terms = explorer.terms.peek();
    const header = [...cell, "dimension", "q", "k", "product", "score", "weight", "error"];
    return terms?.record === record.record ? write(header, termsOf(data, terms)) : null;
  }
  const compared = sideBySide(explorer);
  const all = compared.length > 0 ? compared.map((panel) => panel.data) : [data];
  const exact = explorer.exact.peek();
  const least = view === "head" ? explorer.threshold.peek() : 0;
  const rows = function* () {
    for (const one of all)
      for (const pattern of one?.patterns ?? [])
        yield* weightsOf(one as LayerData, pattern, least, one?.info.tiled ? exact : null);
  };
  return write([...cell, measureOf(record).replaceAll(" ", "_"), "error"], rows());
}

/** The heads that stand side by side on screen; none where one view has the pane. */
export function sideBySide(explorer: Explorer): readonly Compared[] {
  const all = explorer.compared.peek();
  return explorer.view.peek() === "head" && explorer.comparing.peek() && all.length > 1 ? all : [];
}
