// The live transport: ids, chunks, cancelling, versions, and two views of one model.
import { describe, expect, it, vi } from "vitest";
import { CommTransport } from "../../src/transport/comm";
import { isAbort, WireError } from "../../src/wire/errors";
import { PROTOCOL } from "../../src/wire/schema.gen";
import { PageModel } from "../support/model";

function setUp(values = {}) {
  const model = new PageModel({ protocol: PROTOCOL, version: "1.0", layer: 0, heads: [0], ...values });
  return { model, transport: new CommTransport(model, "1.0") };
}

const ROW = { site: "decoder", layer: 0, heads: [0], query: 0 } as const;
const row = (transport: CommTransport, signal?: AbortSignal) =>
  transport.request("row", { ...ROW, heads: [0] }, signal === undefined ? {} : { signal });

function ok(id: string, meta: unknown = {}) {
  return { protocol: PROTOCOL, id, ok: true, meta };
}

describe("CommTransport", () => {
  it("pairs replies with requests by id, in any order", async () => {
    const { model, transport } = setUp();
    const first = transport.request("open", {}, { record: "a" });
    const second = transport.request("open", {}, { record: "b" });
    const [a, b] = model.sent;
    expect([a?.record, b?.record]).toEqual(["a", "b"]);
    model.deliver(ok(b?.id ?? "", { record: "b" }));
    model.deliver(ok(a?.id ?? "", { record: "a" }));
    expect((await first).meta.record).toBe("a");
    expect((await second).meta.record).toBe("b");
  });

  it("ignores what answers another view", async () => {
    const { model, transport } = setUp();
    const other = new CommTransport(model, "1.0");
    const mine = row(transport);
    const theirs = row(other);
    expect(new Set(model.sent.map(({ id }) => id)).size).toBe(2);
    let settled = false;
    void theirs.finally(() => {
      settled = true;
    });
    model.deliver(ok(model.sent[0]?.id ?? ""));
    await mine;
    expect(settled).toBe(false);
    model.deliver(ok(model.sent[1]?.id ?? ""));
    await theirs;
  });

  it("rejects with the kernel's error", async () => {
    const { model, transport } = setUp();
    const promise = row(transport);
    const error = { code: "shape", what: "No.", todo: "Try again." };
    model.deliver({ protocol: PROTOCOL, id: model.sent[0]?.id, ok: false, error });
    await expect(promise).rejects.toMatchObject({ info: error });
  });

  it("cancels by id when aborted, and drops the late reply", async () => {
    const { model, transport } = setUp();
    const stop = new AbortController();
    const promise = row(transport, stop.signal);
    const id = model.sent[0]?.id ?? "";
    stop.abort();
    const reason = await promise.catch((error: unknown) => error);
    expect(isAbort(reason)).toBe(true);
    expect(model.sent[1]).toMatchObject({ kind: "cancel", args: { id } });
    model.deliver(ok(id));
    expect(model.sent).toHaveLength(2);
  });

  it("does not cancel what is already answered", async () => {
    const { model, transport } = setUp();
    const stop = new AbortController();
    const promise = row(transport, stop.signal);
    model.deliver(ok(model.sent[0]?.id ?? ""));
    await promise;
    stop.abort();
    expect(model.sent).toHaveLength(1);
  });

  it("names both versions when the kernel speaks another protocol", async () => {
    const { model, transport } = setUp({ protocol: PROTOCOL + 1, version: "2.0" });
    const reason = (await row(transport).catch((error: unknown) => error)) as WireError;
    expect(reason).toBeInstanceOf(WireError);
    expect(reason.info.code).toBe("protocol");
    expect(reason.info.what).toContain("1.0");
    expect(reason.info.what).toContain("2.0");
    expect(reason.info.todo).toMatch(/reload/i);
    expect(model.sent).toHaveLength(0);
  });

  it("refuses a reply of another protocol", async () => {
    const { model, transport } = setUp();
    const promise = row(transport);
    model.deliver({ ...ok(model.sent[0]?.id ?? ""), protocol: PROTOCOL + 1 });
    await expect(promise).rejects.toMatchObject({ info: { code: "protocol" } });
  });

  it("fails one request whose chunks are malformed", async () => {
    const { model, transport } = setUp();
    const promise = row(transport);
    const id = model.sent[0]?.id ?? "";
    const piece = new DataView(new ArrayBuffer(3));
    model.deliver({ protocol: PROTOCOL, id, part: 0, parts: 1, reply: ok(id), lengths: [5] }, [piece]);
    await expect(promise).rejects.toBeInstanceOf(WireError);
  });

  it("says that the kernel cannot be reached when sending fails", async () => {
    const { model, transport } = setUp();
    vi.spyOn(model, "send").mockImplementation(() => {
      throw new Error("comm is closed");
    });
    await expect(row(transport)).rejects.toMatchObject({ info: { code: "closed" } });
  });

  it("lets go of everything when destroyed", async () => {
    const { model, transport } = setUp();
    const promise = row(transport);
    transport.destroy();
    expect(isAbort(await promise.catch((error: unknown) => error))).toBe(true);
    expect(model.listening).toBe(0);
    expect(isAbort(await row(transport).catch((error: unknown) => error))).toBe(true);
  });

  it("keeps state: own writes are saved and are no news, others' are", () => {
    const { model, transport } = setUp();
    const stop = new AbortController();
    const heard: number[] = [];
    transport.state.watch("layer", (value) => heard.push(value), stop.signal);
    transport.state.set("layer", 3);
    expect([model.get("layer"), model.saves, heard]).toEqual([3, 1, []]);
    transport.state.set("layer", 3);
    expect(model.saves).toBe(1);
    model.receive({ layer: 5 });
    expect(heard).toEqual([5]);
    stop.abort();
    model.receive({ layer: 6 });
    expect(heard).toEqual([5]);
  });

  it("one view's write is news to the other", () => {
    const { model, transport } = setUp();
    const other = new CommTransport(model, "1.0");
    const heard: number[][] = [];
    other.state.watch("heads", (value) => heard.push(value), new AbortController().signal);
    transport.state.set("heads", [1, 2]);
    expect(heard).toEqual([[1, 2]]);
  });
});
