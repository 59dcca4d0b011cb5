// Answers about neurons: the keys of a head travel once, and the query is the one in focus or the last.
import { describe, expect, it } from "vitest";
import { queryAsked, TermsReader } from "../../src/core/terms";
import type { NeuronMeta } from "../../src/wire/schema.gen";
import { selfData } from "../panes/sample";

const ASKED = { site: "decoder", layer: 2, head: 1, query: 0 } as const;

function reply(values: Record<string, readonly number[] | null>, more: Partial<NeuronMeta> = {}) {
  const buffers: DataView[] = [];
  const spec = (name: string) => {
    const numbers = values[name];
    if (numbers === null || numbers === undefined) return null;
    buffers.push(new DataView(Float32Array.from(numbers).buffer));
    return { buffer: buffers.length - 1, dtype: "f4" as const, shape: [numbers.length] };
  };
  const meta: NeuronMeta = {
    ...ASKED,
    weights: spec("weights") as NonNullable<ReturnType<typeof spec>>,
    q: spec("q"),
    k: spec("k"),
    bias: spec("bias"),
    scores: spec("scores"),
    scaling: 1,
    softcap: null,
    sink: 0,
    sink_score: null,
    kv_head: 0,
    shared: [0],
    rotary: false,
    ...more,
  };
  return { meta, buffers };
}

const WHOLE = { weights: [0.25, 0.75], q: [1, 2], k: [3, 4, 5, 6], scores: [11, 17] };

describe("TermsReader", () => {
  it("asks for the keys of a head once", () => {
    const reader = new TermsReader(1000);
    expect(reader.argsFor("r", ASKED)).toEqual(ASKED);
    const first = reply(WHOLE);
    expect([...(reader.read("r", first.meta, first.buffers).k ?? [])]).toEqual([3, 4, 5, 6]);
    expect(reader.argsFor("r", { ...ASKED, query: 1 })).toEqual({ ...ASKED, query: 1, keys: false });
    const second = reply({ ...WHOLE, k: null }, { query: 1 });
    const terms = reader.read("r", second.meta, second.buffers);
    expect([terms.query, ...(terms.k ?? [])]).toEqual([1, 3, 4, 5, 6]);
  });

  it("asks again for another head, layer, kind of attention or record", () => {
    const reader = new TermsReader(1000);
    const { meta, buffers } = reply(WHOLE);
    reader.read("r", meta, buffers);
    for (const other of [{ head: 2 }, { layer: 0 }, { site: "cross" as const }]) {
      expect(reader.argsFor("r", { ...ASKED, ...other })).not.toHaveProperty("keys");
    }
    expect(reader.argsFor("next", ASKED)).not.toHaveProperty("keys");
  });

  it("forgets what does not fit, and never makes keys of weights alone", () => {
    const reader = new TermsReader(20);
    for (const head of [1, 2]) {
      const { meta, buffers } = reply(WHOLE, { head });
      reader.read("r", meta, buffers);
    }
    expect(reader.argsFor("r", ASKED)).not.toHaveProperty("keys");
    const bare = reply({ weights: [1], q: null, k: null, scores: null }, { head: 2 });
    expect(reader.read("r", bare.meta, bare.buffers)).toMatchObject({ q: null, k: null, scores: null });
  });
});

describe("queryAsked", () => {
  it("is the one in focus, else the last", () => {
    expect(queryAsked(selfData(), { query: 1, key: 0 })).toBe(1);
    expect(queryAsked(selfData(), { query: null, key: 0 })).toBe(2);
    expect(queryAsked(selfData(), { query: 40, key: null })).toBe(2);
  });
});
