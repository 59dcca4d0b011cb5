// The kernel while there is one, else the saved snapshot: which of them answers, and what the reader is told.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FallbackTransport } from "../../src/transport/fallback";
import { isAbort, WireError } from "../../src/wire/errors";
import { PROTOCOL, type Request, type State } from "../../src/wire/schema.gen";
import { PageModel } from "../support/model";
import { createSnapshot } from "../support/snapshot";

let saved: { record: string; prompt?: string } | Error = { record: "r1" };
vi.mock("../../src/snapshot/read", () => ({
  readSnapshot: async () => {
    if (saved instanceof Error) throw saved;
    return createSnapshot(saved.record, saved.prompt);
  },
}));

const IDLE = { phase: "idle", run: null, done: 0, total: 0, message: "", error: null } as const;
const RUNNING = { ...IDLE, phase: "running", run: "x" } as const;
const ROW = { site: "decoder", layer: 0, heads: [0], query: 1 } as const;

class Page extends PageModel {
  cut = false;
  send_fails = false;

  override send(content: unknown): void {
    if (this.send_fails) throw new Error("Kernel is dead");
    super.send(content);
  }

  /** The host's news about the kernel. */
  tell(cut: boolean): void {
    this.cut = cut;
    this.emit("comm_live_update");
  }
}

function page(values: Partial<State> & { _snapshot?: DataView } = {}, cut = false) {
  const model = new Page({
    protocol: PROTOCOL,
    version: "1.0",
    record_id: "r1",
    prompt: "typed",
    can_run: true,
    status: IDLE,
    layer: 0,
    words: false,
    weighting: "weights",
    ...({ _snapshot: new DataView(new ArrayBuffer(8)) } as object),
    ...values,
  });
  model.cut = cut;
  const transport = new FallbackTransport(model, "1.0", { isCut: () => model.cut, patience: 100 });
  return { model, transport };
}

const open = (transport: FallbackTransport, record = "r1") => transport.request("open", {}, { record });
const row = (transport: FallbackTransport, record = "r1") =>
  transport.request("row", { ...ROW, heads: [0] }, { record });

/** Answers what was sent last as a kernel does. */
function answer(model: PageModel, meta: unknown): void {
  const { id } = model.sent.at(-1) as Request;
  model.deliver({ protocol: PROTOCOL, id, ok: true, meta });
}

/** Whether a promise is settled, and how. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => value,
    (error: unknown) => error,
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  saved = { record: "r1" };
  return () => vi.useRealTimers();
});

describe("with a kernel", () => {
  it("asks the kernel, and does not touch the snapshot", async () => {
    const { model, transport } = page();
    const reply = open(transport);
    await vi.advanceTimersByTimeAsync(0);
    answer(model, { record: "r1" });
    expect((await reply).meta).toEqual({ record: "r1" });
    expect([transport.kind, transport.notice.value]).toEqual(["live", ""]);
    transport.destroy();
    expect(model.listening).toBe(0);
  });

  it("waits for a run however long it takes", async () => {
    const { model, transport } = page({ status: RUNNING });
    const reply = row(transport);
    await vi.advanceTimersByTimeAsync(1000);
    expect(transport.kind).toBe("live");
    answer(model, { query: 1 });
    expect((await reply).meta).toEqual({ query: 1 });
  });
});

describe("restored without a kernel", () => {
  it("answers from the snapshot at once, and lets nothing run", async () => {
    const { model, transport } = page({}, true);
    expect((await open(transport)).meta.record).toBe("r1");
    expect((await row(transport)).meta.query).toBe(1);
    expect(transport.kind).toBe("snapshot");
    expect(transport.state.get("can_run")).toBe(false);
    expect(transport.notice.value).toMatch(/no kernel.*Run the cell/);
    expect(model.sent).toEqual([]);
    const reason = await outcome(transport.request("run", { prompt: "x" }));
    expect(reason).toBeInstanceOf(WireError);
    expect((reason as WireError).info.what).toContain("needs a kernel");
  });

  it("keeps what the reader sets, and sends it to nobody", async () => {
    const { model, transport } = page({}, true);
    await open(transport);
    const heard = vi.fn();
    transport.state.watch("words", heard, new AbortController().signal);
    transport.state.set("layer", 3);
    transport.state.set("words", true);
    expect([model.get("layer"), model.saves]).toEqual([3, 0]);
    expect(transport.state.get("words"), "a snapshot cannot be read otherwise").toBe(false);
    expect(heard).toHaveBeenCalledOnce();
  });

  it("says when the snapshot is older than what was on screen, and shows its own prompt", async () => {
    saved = { record: "r0", prompt: "earlier" };
    const { transport } = page({}, true);
    expect(isAbort(await outcome(open(transport)))).toBe(true);
    expect(transport.state.get("record_id")).toBe("r0");
    expect(transport.state.get("prompt")).toBe("earlier");
    expect((await open(transport, "r0")).meta.record).toBe("r0");
    expect(transport.notice.value).toContain("older");
  });

  it.each([
    ["without a snapshot", undefined],
    ["with an empty one", new DataView(new ArrayBuffer(0))],
  ])("%s, says so once", async (_, _snapshot) => {
    const { transport } = page({ _snapshot } as object, true);
    const reason = (await outcome(open(transport))) as WireError;
    expect(reason.info).toMatchObject({ code: "closed", todo: "Run the cell again." });
    expect(transport.kind).toBe("live");
  });

  it("says why a snapshot cannot be read", async () => {
    saved = new WireError({ code: "snapshot", what: "The snapshot is damaged.", todo: "Get another." });
    const { transport } = page({}, true);
    expect(((await outcome(open(transport))) as WireError).info.code).toBe("closed");
    expect(transport.notice.value).toContain("damaged");
  });
});

describe("a kernel that goes while the explorer is open", () => {
  it.each([
    ["the host says so", (model: Page) => model.tell(true)],
    ["messages cannot be sent", (model: Page) => Object.assign(model, { send_fails: true })],
  ])("%s: goes over to the snapshot, under a name of its own", async (_, kill) => {
    const { model, transport } = page();
    const waiting = outcome(row(transport));
    await vi.advanceTimersByTimeAsync(0);
    const heard = vi.fn();
    transport.state.watch("record_id", heard, new AbortController().signal);
    kill(model);
    if (model.send_fails) expect(isAbort(await outcome(row(transport)))).toBe(true);
    expect(isAbort(await waiting)).toBe(true);
    const name = transport.state.get("record_id");
    expect(name).not.toBe("r1");
    expect(heard).toHaveBeenCalled();
    expect((await open(transport, name)).meta.record).toBe(name);
    expect((await row(transport, name)).meta.query).toBe(1);
    expect(isAbort(await outcome(row(transport, "r1")))).toBe(true);
    expect(transport.notice.value).toMatch(/is gone.*Run the cell/);
  });

  it("a run under way ends with an error", async () => {
    const { model, transport } = page();
    const running = outcome(transport.request("run", { prompt: "x" }));
    await vi.advanceTimersByTimeAsync(0);
    model.receive({ status: RUNNING });
    model.tell(true);
    expect(((await running) as WireError).info.code).toBe("closed");
    expect(transport.state.get("status").phase).toBe("idle");
  });

  it("a host that takes it back gets the kernel's view back", async () => {
    const { model, transport } = page();
    model.tell(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(transport.kind).toBe("snapshot");
    model.tell(false);
    expect([transport.kind, transport.notice.value]).toEqual(["live", ""]);
    expect(transport.state.get("record_id")).toBe("r1");
    transport.state.set("layer", 2);
    expect(model.saves).toBe(1);
  });
});

describe("a kernel that is silent", () => {
  it("is stood in for until it speaks", async () => {
    const { model, transport } = page();
    const waiting = outcome(row(transport));
    await vi.advanceTimersByTimeAsync(99);
    expect(transport.kind).toBe("live");
    await vi.advanceTimersByTimeAsync(2);
    expect(isAbort(await waiting)).toBe(true);
    expect(transport.kind).toBe("snapshot");
    expect(transport.notice.value).toMatch(/busy, or gone/);
    transport.state.set("layer", 2);
    expect(model.saves, "it hears of changes when it is back").toBe(1);
    answer(model, { query: 1 });
    expect([transport.kind, transport.notice.value]).toEqual(["live", ""]);
    expect(transport.state.get("record_id")).toBe("r1");
    expect(transport.state.get("can_run")).toBe(true);
  });

  it("may answer late: what it was asked is not asked again", async () => {
    const { model, transport } = page();
    const stop = new AbortController();
    const ask = (signal?: AbortSignal) =>
      transport.request("row", { ...ROW, heads: [0] }, { record: "r1", ...(signal && { signal }) });
    const waiting = outcome(ask(stop.signal));
    const running = outcome(transport.request("run", { prompt: "x" }));
    await vi.advanceTimersByTimeAsync(150);
    expect(isAbort(await waiting)).toBe(true);
    // The view that asked has gone over to another record; the kernel goes on with its answer.
    stop.abort();
    const [first] = model.sent;
    expect(model.sent.map(({ kind }) => kind)).toEqual(["row", "run"]);
    model.deliver({ protocol: PROTOCOL, id: first?.id, ok: true, meta: { query: 1 } });
    expect(transport.kind).toBe("live");
    expect((await ask()).meta).toEqual({ query: 1 });
    expect(model.sent).toHaveLength(2);
    // The next one is sent, and can be called off; the run was waited for all the time.
    const next = new AbortController();
    const called = outcome(ask(next.signal));
    await vi.advanceTimersByTimeAsync(0);
    next.abort();
    expect(isAbort(await called)).toBe(true);
    expect(model.sent.map(({ kind }) => kind)).toEqual(["row", "run", "row", "cancel"]);
    model.deliver({ protocol: PROTOCOL, id: model.sent[1]?.id, ok: true, meta: { record: "r2" } });
    expect(await running).toMatchObject({ meta: { record: "r2" } });
  });

  it("is said to be gone once the host says so", async () => {
    const { model, transport } = page();
    row(transport).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(150);
    model.tell(true);
    expect(transport.notice.value).toMatch(/is gone/);
    expect(transport.kind).toBe("snapshot");
  });

  it("does not give way to an older record once it has spoken", async () => {
    saved = { record: "r0" };
    const { model, transport } = page();
    const first = open(transport);
    await vi.advanceTimersByTimeAsync(0);
    answer(model, { record: "r1" });
    await first;
    row(transport).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(350);
    expect([transport.kind, transport.notice.value]).toEqual(["live", ""]);
  });

  it("that was to stop a run counts as silent too", async () => {
    const { transport } = page({ status: RUNNING });
    transport.request("cancel", {}).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(150);
    expect(transport.kind).toBe("snapshot");
    transport.destroy();
    expect(isAbort(await outcome(row(transport)))).toBe(true);
  });
});
