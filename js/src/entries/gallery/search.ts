// Searches of a made-up record: the definition with loops, in slices as a kernel answers.
import type { Reply } from "../../transport/types";
import { MASKED, type SearchArgs, type Tokens } from "../../wire/schema.gen";
import { Buffers } from "./record";

export interface Searchable {
  /** Layer and head of every head. */
  readonly heads: readonly (readonly [layer: number, head: number])[];
  readonly queryTokens: Tokens;
  readonly keyTokens: Tokens;
  /** Whether both axes hold the same tokens. */
  readonly self: boolean;
  /** MASKED where the key is out of reach. */
  weight(layer: number, head: number, query: number, key: number): number;
}

interface Best {
  readonly place: readonly number[];
  readonly value: number;
  readonly baseline: number;
  readonly count: number;
  readonly margin: number;
}

interface HeadFound {
  readonly best: readonly Best[];
  readonly read: number;
  readonly of: number;
}

/** Queries that a first look at a head reads, where it has many more. */
const SAMPLE = 64;
/** Cells that are worked out for one reply. */
const CELLS = 400_000;

function readHead(of: Searchable, args: SearchArgs, at: number, sampled: boolean): HeadFound {
  const [layer, head] = of.heads[at] as readonly [number, number];
  const { first, last, flow, by } = args;
  const inside = (position: number) => position >= first && position < last;
  const outside = ({ special, label }: Tokens) =>
    label.flatMap((_, position) => {
      const out = of.self ? !inside(position) : true;
      return out && !(args.plain && (position === 0 || special[position])) ? [position] : [];
    });
  const span = Array.from({ length: last - first }, (_, place) => first + place);
  const queries = flow === "into" ? outside(of.queryTokens) : span;
  const keys = flow === "into" ? span : outside(of.keyTokens);
  const reach = queries.filter((query) => !of.self || (keys[0] as number) <= query);
  const step = sampled ? Math.max(1, Math.ceil(reach.length / SAMPLE)) : 1;
  const read = reach.filter((_, place) => (reach.length - 1 - place) % step === 0);
  const rows: Best[] = [];
  const columns = new Map<number, { sum: number; even: number; count: number; top: number; query: number }>();
  for (const query of read) {
    const seen = of.self ? query + 1 : of.keyTokens.label.length;
    let mass = 0;
    let within = 0;
    let [top, strongest] = [-1, -1];
    for (const key of keys) {
      const weight = of.weight(layer, head, query, key);
      if (weight === MASKED) continue;
      within += 1;
      mass += weight;
      if (weight > top) [top, strongest] = [weight, key];
      if (by !== "key" || Number.isNaN(weight)) continue;
      const column = columns.get(key) ?? { sum: 0, even: 0, count: 0, top: -1, query: -1 };
      column.sum += weight;
      column.even += 1 / seen;
      column.count += 1;
      if (weight > column.top) [column.top, column.query] = [weight, query];
      columns.set(key, column);
    }
    if (within === 0 || Number.isNaN(mass)) continue;
    rows.push({
      place: [layer, head, query, strongest],
      value: mass,
      baseline: within / seen,
      count: 1,
      margin: Number.NaN,
    });
  }
  const order = (best: Best[]) => best.sort((a, b) => b.value - a.value).slice(0, args.k);
  const progress = { read: read.length, of: reach.length };
  if (by === "key") {
    const best = [...columns].map(([key, { sum, even, count, query }]) => ({
      place: [layer, head, query, key],
      value: sum / count,
      baseline: even / count,
      count,
      margin: Number.NaN,
    }));
    return { best: order(best), ...progress };
  }
  if (by === "query" || rows.length === 0) return { best: order(rows), ...progress };
  const mean = (of: (row: Best) => number) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const [value, baseline] = [mean((row) => row.value), mean((row) => row.baseline)];
  const top = rows.reduce((a, b) => (b.value > a.value ? b : a));
  const spread = rows.reduce((sum, row) => sum + (row.value - value) ** 2, 0) / Math.max(1, rows.length - 1);
  const left = Math.max(0, 1 - read.length / reach.length);
  const margin = left > 0 ? 2 * Math.sqrt((left * spread) / rows.length) : Number.NaN;
  return { best: [{ place: top.place, value, baseline, count: rows.length, margin }], ...progress };
}

export function createSearchAnswer(of: Searchable): (args: SearchArgs) => Reply<"search"> {
  const kept = new Map<string, { found: (HeadFound | undefined)[]; order: number[] | null }>();
  return (args) => {
    const key = JSON.stringify(args);
    const state = kept.get(key) ?? { found: [], order: null };
    kept.set(key, state);
    const cells = of.queryTokens.label.length * (args.last - args.first);
    const many = Math.max(1, Math.floor(CELLS / cells));
    const long = cells * of.heads.length > CELLS;
    if (long && state.found.length === 0) {
      for (let at = 0; at < of.heads.length; at++) state.found[at] = readHead(of, args, at, true);
    } else {
      state.order ??= of.heads
        .map((_, at) => at)
        .sort(
          (a, b) => (state.found[b]?.best[0]?.value ?? -1) - (state.found[a]?.best[0]?.value ?? -1) || a - b,
        );
      const left = state.order.filter((at) => {
        const head = state.found[at];
        return head === undefined || head.read < head.of;
      });
      for (const at of left.slice(0, many)) state.found[at] = readHead(of, args, at, false);
    }
    const heads = state.found.filter((head) => head !== undefined);
    const hits = heads
      .flatMap((head) => head.best.map((best) => ({ ...best, head })))
      .sort((a, b) => b.value - a.value)
      .slice(0, args.k);
    const buffers = new Buffers();
    const ints = (values: readonly number[], shape: readonly number[]) =>
      buffers.add(Int32Array.from(values), [...shape]);
    const floats = (values: readonly number[]) => buffers.add(Float32Array.from(values), [values.length]);
    return {
      meta: {
        ...args,
        hits: ints(
          hits.flatMap(({ place }) => place),
          [hits.length, 4],
        ),
        values: floats(hits.map(({ value }) => value)),
        baselines: floats(hits.map(({ baseline }) => baseline)),
        margins: floats(hits.map(({ margin }) => margin)),
        counts: ints(
          hits.map(({ count }) => count),
          [hits.length],
        ),
        read: ints(
          hits.flatMap(({ head }) => [head.read, head.of]),
          [hits.length, 2],
        ),
        sampled: heads.length,
        done: heads.filter((head) => head.read === head.of).length,
        total: of.heads.length,
      },
      buffers: buffers.views,
    };
  };
}
