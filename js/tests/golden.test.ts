// The messages that the kernel's tests write are read here by the code that reads a kernel's.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readPredictions } from "../src/core/loader";
import { readMetrics } from "../src/core/measures";
import { readModel } from "../src/core/overview";
import { createPattern } from "../src/core/pattern";
import { readRows } from "../src/core/rows";
import { TermsReader } from "../src/core/terms";
import { readFound } from "../src/live/search/searcher";
import { CommTransport } from "../src/transport/comm";
import type { Reply } from "../src/transport/types";
import { readArray } from "../src/wire/arrays";
import { WireError } from "../src/wire/errors";
import type { ErrorInfo, Request, RequestKind, Requests, SearchArgs } from "../src/wire/schema.gen";
import { PROTOCOL } from "../src/wire/schema.gen";
import { PageModel } from "./support/model";

const FOLDER = resolve(import.meta.dirname, "../../tests/wire/golden");

/** Nested numbers; "nan" stands for a value that is not a number. */
type Nested = number | "nan" | Nested[];

interface Golden {
  request: Request;
  messages: { content: Record<string, unknown>; buffers: string[] }[];
  expect: { meta?: unknown; error?: ErrorInfo } & Record<string, Nested>;
}

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

function read(name: string): Golden {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
}

/** The bytes at an odd place in a larger buffer, as they arrive in a notebook. */
function decode(base64: string): DataView {
  const bytes = Buffer.from(base64, "base64");
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  return new DataView(shifted.buffer, 3, bytes.length);
}

function withId(content: Record<string, unknown>, id: string): Record<string, unknown> {
  const reply = content.reply as Record<string, unknown> | undefined;
  return reply === undefined ? { ...content, id } : { ...content, id, reply: { ...reply, id } };
}

/** Sends the golden request through a live transport and delivers the golden messages, in the given order. */
async function play(golden: Golden, backwards = false): Promise<Reply<RequestKind>> {
  const model = new PageModel({ protocol: PROTOCOL, version: "test" });
  const transport = new CommTransport(model, "test");
  const { kind, args, record } = golden.request;
  const promise = transport.request(kind, args as Requests[typeof kind]["args"], { record });
  const sent = model.sent[0] as Request;
  expect(sent).toEqual({ ...golden.request, id: sent.id });
  const messages = backwards ? [...golden.messages].reverse() : golden.messages;
  for (const { content, buffers } of messages) model.deliver(withId(content, sent.id), buffers.map(decode));
  return promise;
}

/** The same numbers, but for the last bit of float32 arithmetic; what is not a number stays so. */
function expectNumbers(found: ArrayLike<number>, wanted: Nested): void {
  const flat = [wanted].flat(9 as 1) as (number | "nan")[];
  expect(found.length).toBe(flat.length);
  flat.forEach((value, at) => {
    if (value === "nan") expect(found[at]).toBeNaN();
    else expect(Math.abs((found[at] as number) - value)).toBeLessThan(1.2e-7);
  });
}

function weightsOf(reply: Reply<"layer">): number[] {
  const { patterns, heads, error } = reply.meta;
  const [, queries = 0, keys = 0] = patterns.shape;
  const values =
    patterns.dtype === "f4"
      ? readArray(patterns, reply.buffers, "f4")
      : readArray(patterns, reply.buffers, "u1");
  return heads.flatMap((head, index) => {
    const part = values.subarray(index * queries * keys, (index + 1) * queries * keys);
    const pattern = createPattern(head, queries, keys, part, error);
    return Array.from({ length: queries * keys }, (_, cell) =>
      pattern.weight(Math.floor(cell / keys), cell % keys),
    );
  });
}

/** The weights that codes stand for, as patterns read them. */
function companded(codes: Uint8Array): number[] {
  const decoded = createPattern(0, 1, codes.length, codes, 0);
  return Array.from(codes, (_, cell) => decoded.weight(0, cell));
}

describe("golden messages", () => {
  it("are there, of every kind that carries arrays", () => {
    const kinds = new Set(names.map((name) => read(name).request.kind));
    expect([...kinds].sort()).toEqual(
      expect.arrayContaining([
        "column",
        "layer",
        "metrics",
        "model",
        "neuron",
        "open",
        "predictions",
        "row",
        "run",
        "search",
        "strips",
        "tiles",
      ]),
    );
  });

  it.each(names)("%s decodes to what the kernel meant", async (name) => {
    const golden = read(name);
    if (golden.expect.error !== undefined) {
      const reason = await play(golden).catch((error: unknown) => error);
      expect(reason).toBeInstanceOf(WireError);
      expect((reason as WireError).info).toEqual(golden.expect.error);
      return;
    }
    const reply = await play(golden);
    expect(reply.meta).toEqual(golden.expect.meta);
    const { kind } = golden.request;
    if (kind === "layer") {
      const layer = reply as Reply<"layer">;
      expectNumbers(weightsOf(layer), golden.expect.patterns as Nested);
      if (layer.meta.thumbnails !== null) {
        const codes = readArray(layer.meta.thumbnails, layer.buffers, "u1");
        expectNumbers(companded(codes), golden.expect.thumbnails as Nested);
      }
    } else if (kind === "row") {
      const rows = readRows((reply as Reply<"row">).meta, reply.buffers);
      expectNumbers(
        rows.flatMap((row) => [...row.weights]),
        golden.expect.weights as Nested,
      );
      expectNumbers(
        rows.flatMap((row) => [...(row.scores ?? [])]),
        golden.expect.scores as Nested,
      );
      expect(rows.map((row) => row.sink)).toEqual((golden.expect.meta as { sink: number[] }).sink);
    } else if (kind === "model") {
      const model = readModel("g0", (reply as Reply<"model">).meta, reply.buffers);
      const [rows, columns] = model.size;
      const weights = model.heads.flatMap((heads, row) =>
        Array.from({ length: heads }, (_, head) => [...model.codes(row, head)]).flat(),
      );
      expect(weights).toHaveLength(4 * rows * columns);
      expectNumbers(companded(Uint8Array.from(weights)), golden.expect.thumbnails as Nested);
    } else if (kind === "predictions") {
      const meta = (reply as Reply<"predictions">).meta;
      const read = readPredictions(meta, reply.buffers);
      const probs = read.map((row) => row.map((item) => item.prob));
      expect(probs).toEqual(golden.expect.probs);
      const labels = (golden.expect.index as number[][]).map((row) => row.map((at) => meta.labels[at]));
      expect(read.map((row) => row.map((item) => item.label))).toEqual(labels);
    } else if (kind === "metrics") {
      const metrics = readMetrics("g0", (reply as Reply<"metrics">).meta, reply.buffers);
      const all = metrics.metrics.flatMap((_, metric) =>
        metrics.heads.flatMap((heads, row) =>
          Array.from({ length: heads }, (_, head) => metrics.of(metric, row, head)),
        ),
      );
      expectNumbers(
        all.map(({ value }) => value),
        golden.expect.values as Nested,
      );
      expectNumbers(
        all.map(({ baseline }) => baseline),
        golden.expect.baselines as Nested,
      );
      expectNumbers(
        all.map(({ count }) => count),
        golden.expect.counts as Nested,
      );
      expect(metrics.metrics.map(({ own }) => own)).toEqual([false, true]);
    } else if (kind === "neuron") {
      const terms = new TermsReader(1).read("g0", (reply as Reply<"neuron">).meta, reply.buffers);
      expectNumbers(terms.weights, golden.expect.weights as Nested);
      expectNumbers(terms.q ?? [], golden.expect.q as Nested);
      expectNumbers(terms.k ?? [], golden.expect.k as Nested);
      expectNumbers(terms.scores ?? [], golden.expect.scores as Nested);
      expect([terms.bias, terms.scaling, terms.shared]).toEqual([null, 0.5, [1]]);
    } else if (kind === "tiles") {
      const { meta, buffers } = reply as Reply<"tiles">;
      expectNumbers(companded(readArray(meta.codes, buffers, "u1")), golden.expect.codes as Nested);
    } else if (kind === "strips") {
      const { meta, buffers } = reply as Reply<"strips">;
      expectNumbers(companded(readArray(meta.strips, buffers, "u1")), golden.expect.strips as Nested);
      expectNumbers(readArray(meta.peaks, buffers, "i4"), golden.expect.peaks as Nested);
      expectNumbers(readArray(meta.weights, buffers, "f4"), golden.expect.weights as Nested);
    } else if (kind === "column") {
      const { meta, buffers } = reply as Reply<"column">;
      expectNumbers(readArray(meta.weights, buffers, "f4"), golden.expect.weights as Nested);
    } else if (kind === "search") {
      const args = golden.request.args as unknown as SearchArgs;
      const { hits, done, total } = readFound({ record: "g0", args }, reply as Reply<"search">);
      const { expect: meant } = golden;
      expect(hits.map(({ layer, head, query, key }) => [layer, head, query, key])).toEqual(meant.hits);
      expect(hits.map(({ value }) => value)).toEqual(meant.values);
      expect(hits.map(({ baseline }) => baseline)).toEqual(meant.baselines);
      expectNumbers(
        hits.map(({ margin }) => margin),
        meant.margins as Nested,
      );
      expect(hits.map(({ read, of }) => [read, of])).toEqual(meant.read);
      expect([done, total]).toEqual([4, 4]);
    } else {
      expect(kind).toBe("open");
    }
  });

  it("chunks may arrive in any order", async () => {
    const golden = read("layer-chunked.json");
    expect(golden.messages.length).toBeGreaterThan(1);
    const reply = (await play(golden, true)) as Reply<"layer">;
    expectNumbers(weightsOf(reply), golden.expect.patterns as Nested);
  });
});
