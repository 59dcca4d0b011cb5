// One record's snapshots of every form answer what the kernel answers, within the error that they state.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { LayerLoader, readPredictions } from "../../src/core/loader";
import { readMetrics } from "../../src/core/measures";
import { readModel } from "../../src/core/overview";
import { readRows } from "../../src/core/rows";
import { TermsReader } from "../../src/core/terms";
import type { Pattern } from "../../src/core/types";
import { attend } from "../../src/math/attend";
import { readSnapshot } from "../../src/snapshot/read";
import { LocalState } from "../../src/transport/fixture";
import { SnapshotTransport, traitsOf } from "../../src/transport/snapshot";
import type { Reply, Transport } from "../../src/transport/types";
import { isAbort, WireError } from "../../src/wire/errors";
import type { LayerArgs, OpenMeta, Precision, Requests, State } from "../../src/wire/schema.gen";
import { createSnapshot } from "../support/snapshot";

const FOLDER = resolve(import.meta.dirname, "../../../tests/wire/snapshots");
const FORMS = ["exact", "dense", "top", "none"] as const;
/** The query whose exact rows are kept. */
const HELD = 5;
/** Float32 arithmetic in another order. */
const ROUNDING = 2e-6;

interface Recorded {
  kind: keyof Requests;
  args: object;
  meta: never;
  buffers: string[];
}

const recorded: Recorded[] = JSON.parse(readFileSync(`${FOLDER}/kernel.json`, "utf8"));

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A kernel that says again what it said. */
const kernel: Transport = {
  kind: "live",
  state: new LocalState({} as State).store(),
  async request(kind, args) {
    const wanted = JSON.stringify(args);
    const found = recorded.find((one) => one.kind === kind && JSON.stringify(one.args) === wanted);
    if (found === undefined) throw new Error(`Nothing is recorded of ${kind} ${wanted}.`);
    return { meta: found.meta, buffers: found.buffers.map((text) => view(Buffer.from(text, "base64"))) };
  },
  destroy() {},
};

async function open(form: string): Promise<SnapshotTransport> {
  const snapshot = await readSnapshot(view(readFileSync(`${FOLDER}/${form}.snapshot`)));
  return new SnapshotTransport(snapshot, new LocalState(traitsOf(snapshot) as State).store());
}

/** The kernel's answer and the snapshot's, to every request of a kind. */
async function both<K extends keyof Requests>(
  transport: Transport,
  kind: K,
): Promise<(readonly [Requests[K]["args"], Reply<K>, Reply<K>])[]> {
  const asked = recorded.filter((one) => one.kind === kind).map((one) => one.args as Requests[K]["args"]);
  expect(asked.length).toBeGreaterThan(0);
  return Promise.all(
    asked.map(
      async (args) => [args, await kernel.request(kind, args), await transport.request(kind, args)] as const,
    ),
  );
}

/** Weights that agree within `error`; what was left out is 0, and at most `floor`. */
function expectWeights(found: Float32Array, wanted: Float32Array, error: number, floor: number): void {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((weight, at) => {
    const other = found[at] as number;
    if (floor > 0 && other === 0) expect(weight).not.toBeGreaterThan(floor + ROUNDING);
    else if (Number.isNaN(weight) || weight < 0) expect(other).toEqual(weight);
    else expect(Math.abs(other - weight)).toBeLessThanOrEqual(error + ROUNDING);
  });
}

function expectScores(found: Float32Array | null, wanted: Float32Array): void {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((score, at) => {
    if (Number.isNaN(score)) expect(found?.[at]).toBeNaN();
    else expect(Math.abs((found?.[at] as number) - score)).toBeLessThan(1e-4);
  });
}

async function patternsOf(transport: Transport, args: LayerArgs): Promise<readonly Pattern[]> {
  const { meta } = await transport.request("open", {});
  const { site, layer, heads } = args;
  const loaded = new LayerLoader(transport).load(meta, { site, layer, heads }, new AbortController().signal);
  return (await loaded).patterns;
}

function rowOf(pattern: Pattern, query: number): Float32Array {
  return Float32Array.from({ length: pattern.keys }, (_, key) => pattern.weight(query, key));
}

describe.each(FORMS)("%s", (form) => {
  it("says what it is, and else what the kernel says of the record", async () => {
    const transport = await open(form);
    const { precision, sites, ...rest } = (await transport.request("open", {})).meta;
    const { sites: wanted, ...known } = (await kernel.request("open", {})).meta;
    expect(precision?.form).toBe(form === "none" ? "dense" : form);
    expect(precision?.patterns).toBe(form === "none" ? "none" : "all");
    expect(rest).toEqual({ ...known, can_merge: false, can_weigh: false });
    const layersOf = (all: OpenMeta["sites"]) =>
      all.map(({ kind, layers }) => [kind, layers.map((info) => info.layer)]);
    expect(layersOf(sites)).toEqual(layersOf(wanted));
  });

  it("patterns, what is missing of them, and sinks", async () => {
    const transport = await open(form);
    const { error } = (await transport.request("open", {})).meta.precision as Precision;
    for (const [args] of await both(transport, "layer")) {
      const [wanted, found] = [await patternsOf(kernel, args), await patternsOf(transport, args)];
      wanted.forEach((pattern, index) => {
        const other = found[index] as Pattern;
        expect(other.error).toBeLessThanOrEqual(error);
        for (let query = 0; query < pattern.queries; query++) {
          const row = rowOf(pattern, query);
          const floor = other.floor?.(query) ?? 0;
          expectWeights(rowOf(other, query), row, other.error, floor);
          const isLost = (key: number) => other.weight(query, key) === 0;
          const lost = row.reduce((sum, weight, key) => sum + (weight > 0 && isLost(key) ? weight : 0), 0);
          if (floor > 0) {
            expect(other.rest?.(query)).toBeGreaterThanOrEqual(lost - ROUNDING);
            expect(other.rest?.(query)).toBeLessThanOrEqual(form === "none" ? 1 : lost + 0.01);
          } else expect(lost).toBeLessThan(1e-4);
          const sink = pattern.sink?.(query);
          if (sink === undefined || form === "none") continue;
          expect(Math.abs((other.sink?.(query) as number) - sink)).toBeLessThanOrEqual(error + ROUNDING);
        }
      });
    }
  });

  it("rows: exact where queries and keys are kept, or the query was held", async () => {
    const transport = await open(form);
    const counts = { exact: 0, other: 0 };
    for (const [args, reply] of await both(transport, "row")) {
      for (const [index, head] of args.heads.entries()) {
        const one = await transport.request("row", { ...args, heads: [head] });
        const [row] = readRows(one.meta, one.buffers);
        const wanted = readRows(reply.meta, reply.buffers)[index];
        if (row === undefined || wanted === undefined) throw new Error("A row is missing.");
        const { error = 0, floor = 0 } = row;
        const whole = error === 0 && floor === 0;
        counts[whole ? "exact" : "other"] += 1;
        if (args.query === HELD || form === "exact") expect(whole).toBe(true);
        expectWeights(row.weights, wanted.weights, error, floor);
        if (form !== "none") expect(Math.abs(row.sink - wanted.sink)).toBeLessThanOrEqual(0.004);
        if (row.scores !== null) expectScores(row.scores, wanted.scores as Float32Array);
      }
    }
    expect(counts.exact).toBeGreaterThan(0);
    expect(counts.other > 0).toBe(form !== "exact");
  });

  it("what scores are made of, or the heads of which that is kept", async () => {
    const readers = [new TermsReader(1e6), new TermsReader(1e6)] as const;
    let known = 0;
    for (const [, reply, other] of await both(await open(form), "neuron")) {
      const wanted = readers[0].read("g1", reply.meta, reply.buffers);
      const terms = readers[1].read("g1", other.meta, other.buffers);
      const facts = (of: typeof terms) => [of.kv_head, of.shared, of.rotary];
      expect(facts(terms)).toEqual(facts(wanted));
      expectWeights(terms.weights, wanted.weights, terms.error ?? 0, terms.floor ?? 0);
      if (terms.q === null) {
        expect(terms.kept?.some(({ layer, head }) => layer === terms.layer && head === terms.head)).toBe(
          false,
        );
        if (form === "top" && terms.site === "decoder")
          expect(terms.kept).toEqual([{ site: "decoder", layer: 0, head: 1 }]);
        continue;
      }
      known += 1;
      expect(terms.kept).toBeUndefined();
      expect([terms.scaling, terms.softcap, terms.bias]).toEqual([
        wanted.scaling,
        wanted.softcap,
        wanted.bias,
      ]);
      expect([terms.q, terms.k]).toEqual([wanted.q, wanted.k]);
      expectScores(terms.scores, wanted.scores as Float32Array);
      expect(terms.sink_score).toEqual(wanted.sink_score);
    }
    expect(known > 0).toBe(form !== "none");
  });

  it("thumbnails of every head", async () => {
    for (const [, wanted, found] of await both(await open(form), "model")) {
      const model = readModel("g1", wanted.meta, wanted.buffers);
      const other = readModel("g1", found.meta, found.buffers);
      expect([other.layers, other.heads, other.queries]).toEqual([model.layers, model.heads, model.queries]);
      const whole = form === "exact" || form === "dense";
      expect(other.pooled).toEqual(whole ? model.pooled : [2, 2]);
      model.heads.forEach((heads, row) => {
        for (let head = 0; head < heads; head++) {
          const [codes, others] = [model.codes(row, head), other.codes(row, head)];
          if (whole) expect([...others]).toEqual([...codes]);
          // A pixel is the largest of the kernel's that lie under it; 255 is out of reach.
          const largest = (all: Uint8Array) => Math.max(...all.map((code) => (code === 255 ? 0 : code)));
          expect(largest(others)).toBe(largest(codes));
        }
      });
    }
  });

  it("metrics and predictions as the kernel gave them", async () => {
    const transport = await open(form);
    for (const [, wanted, found] of await both(transport, "metrics")) {
      const metrics = readMetrics("g1", wanted.meta, wanted.buffers);
      const other = readMetrics("g1", found.meta, found.buffers);
      expect(other.metrics).toEqual(metrics.metrics);
      metrics.metrics.forEach((_, metric) => {
        metrics.heads.forEach((heads, row) => {
          for (let head = 0; head < heads; head++)
            expect(other.of(metric, row, head)).toEqual(metrics.of(metric, row, head));
        });
      });
    }
    for (const [, wanted, found] of await both(transport, "predictions")) {
      const read = (reply: Reply<"predictions">) => readPredictions(reply.meta, reply.buffers);
      expect(read(found)).toEqual(read(wanted));
    }
  });
});

describe("what it does not hold", () => {
  const refusals: [string, keyof Requests, object][] = [
    ["a new prompt", "run", { prompt: "x" }],
    ["predictions", "predictions", {}],
    ["metrics", "metrics", { site: "decoder" }],
    ["another kind of attention", "model", { site: "cross" }],
    ["another layer", "layer", { site: "decoder", layer: 3, heads: [0], thumbnails: true }],
    ["another head", "layer", { site: "decoder", layer: 0, heads: [2], thumbnails: false }],
    ["another query", "row", { site: "decoder", layer: 0, heads: [0], query: 3 }],
  ];

  it.each(refusals)("%s is refused in so many words", async (_, kind, args) => {
    const transport = new SnapshotTransport(createSnapshot("r"), kernel.state);
    const reason: unknown = await transport.request(kind, args as never).catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(WireError);
    expect((reason as WireError).info.what).toMatch(/\w.*\.$/);
    expect((reason as WireError).info.todo).toMatch(/\w.*\.$/);
  });

  it("nothing is answered after it was called off, or closed", async () => {
    const transport = new SnapshotTransport(createSnapshot("r"), kernel.state);
    const stop = new AbortController();
    const late = transport.request("open", {}, { signal: stop.signal }).catch((error: unknown) => error);
    stop.abort();
    expect(isAbort(await late)).toBe(true);
    transport.destroy();
    expect(isAbort(await transport.request("open", {}).catch((error: unknown) => error))).toBe(true);
  });
});

describe("heads whose rows were cut, or that are not there", () => {
  const terms = {
    q: Float32Array.of(1, 2, 3),
    k: Float32Array.of(1, 0.5, -1),
    bias: null,
    width: 1,
    scaling: 1,
    softcap: null,
    sinkScore: null,
    rounded: false,
  };
  const cut = {
    form: "top" as const,
    error: 0.004,
    rest: () => Float32Array.of(0, 0.25, 0.5),
    floor: () => Float32Array.of(0, 0.25, 0.25),
  };
  const of = async (layer: Parameters<typeof createSnapshot>[2], head = 0) => {
    const transport = new SnapshotTransport(createSnapshot("r", "", layer), kernel.state);
    const args = { site: "decoder" as const, layer: 0, heads: [head], thumbnails: true };
    return (await patternsOf(transport, args))[0] as Pattern;
  };
  const own = (head: number) => (head === 0 ? terms : null);

  it.each([
    ["cut", {}],
    ["missing", { holds: () => false }],
  ])("%s, are computed whole from queries and keys", async (_, more) => {
    const pattern = await of({ ...cut, ...more, terms: own });
    expect([pattern.error, pattern.rest]).toEqual([0, undefined]);
    const { weights } = attend({ ...terms, q: Float32Array.of(3) }, () => true);
    expect(rowOf(pattern, 2)).toEqual(weights);
  });

  it("of half precision are not: what is kept of them is shown", async () => {
    const pattern = await of({ ...cut, terms: () => ({ ...terms, rounded: true }) });
    expect([pattern.error, pattern.rest?.(2), pattern.floor?.(2)]).toEqual([0.004, 0.5, 0.25]);
  });

  it("without queries and keys say how much is missing", async () => {
    const pattern = await of({ ...cut, terms: own }, 1);
    expect([pattern.error, pattern.rest?.(2), pattern.floor?.(2)]).toEqual([0.004, 0.5, 0.25]);
    const nothing = await of({ ...cut, holds: () => false });
    expect([nothing.rest?.(2), nothing.floor?.(2), [...rowOf(nothing, 1)]]).toEqual([1, 1, [0, 0, -1]]);
  });
});
