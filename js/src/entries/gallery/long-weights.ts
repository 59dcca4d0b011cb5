// A pattern of any length whose weights follow from their place alone, so that nothing of it need be stored.
import { MASKED } from "../../wire/schema.gen";
import { noise } from "./synthetic";

/** What a head of a long prompt does; the parts of each row sum to one. */
export interface LongHead {
  /** To the first token. */
  readonly first: number;
  /** To the token before. */
  readonly previous: number;
  /** To one token far back, which follows from the query. */
  readonly link: number;
  /** How many tokens back the rest reaches until it has faded to a third. */
  readonly fade: number;
  readonly seed: number;
  /** How much of the part that fades is left after so many tokens. */
  readonly left: Float64Array;
}

/** Tokens that the longest of these records has. */
const MOST = 2 ** 15;
const heads = new Map<number, LongHead>();

export function longHead(layer: number, head: number): LongHead {
  const seed = layer * 31 + head;
  const known = heads.get(seed);
  if (known !== undefined) return known;
  const kinds = [
    { first: 0.1, previous: 0.6, link: 0, fade: 40 },
    { first: 0.3, previous: 0.05, link: 0.45, fade: 900 },
    { first: 0.75, previous: 0, link: 0.05, fade: 300 },
    { first: 0.05, previous: 0.1, link: 0.2, fade: 6000 },
  ] as const;
  const kind = kinds[seed % kinds.length] as (typeof kinds)[number];
  const left = Float64Array.from({ length: MOST + 1 }, (_, back) => Math.exp(-back / kind.fade));
  const made = { ...kind, seed, left };
  heads.set(seed, made);
  return made;
}

/** The token that a query links to: the same place one chapter back, a little off. */
export function linkOf(query: number, { seed }: LongHead): number {
  const chapter = 1500 + 400 * (seed % 5);
  const back = query - chapter * (1 + Math.floor(3 * noise(seed, Math.floor(query / 600))));
  return Math.max(0, back + Math.round(4 * noise(seed, 7, query)));
}

function leftAt({ left }: LongHead, back: number): number {
  return left[back] as number;
}

/** What the part that fades gives to the key `back` tokens before the query. */
function faded(head: LongHead, query: number, back: number): number {
  const whole = (1 - leftAt(head, query + 1)) / (1 - leftAt(head, 1));
  return ((1 - head.first - head.previous - head.link) * leftAt(head, back)) / whole;
}

/** The exact weight of one cell; causal. */
export function longWeight(head: LongHead, query: number, key: number): number {
  if (key > query) return MASKED;
  let weight = faded(head, query, query - key);
  if (key === 0) weight += head.first;
  if (key === Math.max(0, query - 1)) weight += head.previous;
  if (key === Math.min(query, linkOf(query, head))) weight += head.link;
  return weight;
}

/** The largest and the mean weight of one query's keys from `start` to `end`; null where none is in reach. */
export function longStretch(
  head: LongHead,
  query: number,
  start: number,
  end: number,
): { readonly max: number; readonly mean: number; readonly count: number } | null {
  const stop = Math.min(end, query + 1);
  if (start >= stop) return null;
  const near = faded(head, query, query - stop + 1);
  let sum = (near * (1 - leftAt(head, stop - start))) / (1 - leftAt(head, 1));
  let max = near;
  const add = (key: number, more: number) => {
    if (more === 0 || key < start || key >= stop) return;
    sum += more;
    max = Math.max(max, longWeight(head, query, key));
  };
  add(0, head.first);
  add(Math.max(0, query - 1), head.previous);
  if (head.link > 0) add(Math.min(query, linkOf(query, head)), head.link);
  const count = stop - start;
  return { max, mean: sum / count, count };
}
