// Chunks: any cut, any order, several at once.
import { describe, expect, it } from "vitest";
import { Assembler } from "../../src/transport/assemble";
import { type Chunk, PROTOCOL, type ReplyOk } from "../../src/wire/schema.gen";

function bytes(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (from + index * 7) % 256);
}

function chunks(id: string, buffers: Uint8Array[], limit: number): { message: Chunk; piece: DataView }[] {
  const all = Uint8Array.from(buffers.flatMap((buffer) => [...buffer]));
  const parts = Math.max(1, Math.ceil(all.length / limit));
  const reply: ReplyOk = { protocol: PROTOCOL, id, ok: true, meta: { name: id } };
  return Array.from({ length: parts }, (_, part) => {
    const slice = all.slice(part * limit, (part + 1) * limit);
    const head = part === 0 ? { reply, lengths: buffers.map((buffer) => buffer.length) } : {};
    return { message: { protocol: PROTOCOL, id, part, parts, ...head }, piece: new DataView(slice.buffer) };
  });
}

function content(views: DataView[]): number[][] {
  return views.map((view) => [...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)]);
}

describe("Assembler", () => {
  it.each([1, 2, 3, 5, 8, 1000])("puts buffers cut every %i bytes together", (limit) => {
    const buffers = [bytes(9), bytes(0), bytes(17, 100)];
    const list = chunks("a", buffers, limit);
    // A fixed shuffle: every other piece first, then the rest backwards.
    const order = [
      ...list.filter((_, at) => at % 2 === 1),
      ...list.filter((_, at) => at % 2 === 0).reverse(),
    ];
    const assembler = new Assembler();
    const results = order.map(({ message, piece }) => assembler.add(message, [piece]));
    expect(results.slice(0, -1).every((result) => result === null)).toBe(true);
    const whole = results.at(-1);
    expect(content(whole?.buffers ?? [])).toEqual(buffers.map((buffer) => [...buffer]));
    expect(assembler.pending).toBe(0);
  });

  it("keeps replies that are under way at once apart", () => {
    const assembler = new Assembler();
    const [a, b] = [chunks("a", [bytes(8)], 4), chunks("b", [bytes(8, 50)], 4)];
    const feed = (item: { message: Chunk; piece: DataView } | undefined) =>
      item === undefined ? null : assembler.add(item.message, [item.piece]);
    feed(a[0]);
    feed(b[0]);
    expect(content(feed(b[1])?.buffers ?? [])).toEqual([[...bytes(8, 50)]]);
    expect(content(feed(a[1])?.buffers ?? [])).toEqual([[...bytes(8)]]);
  });

  it("counts a piece that comes twice once", () => {
    const assembler = new Assembler();
    const [first, second] = chunks("a", [bytes(8)], 4);
    if (first === undefined || second === undefined) throw new Error("two pieces are needed");
    assembler.add(first.message, [first.piece]);
    expect(assembler.add(first.message, [first.piece])).toBeNull();
    expect(assembler.add(second.message, [second.piece])).not.toBeNull();
  });

  it("forgets what is dropped", () => {
    const assembler = new Assembler();
    const [first, second] = chunks("a", [bytes(8)], 4);
    if (first === undefined || second === undefined) throw new Error("two pieces are needed");
    assembler.add(first.message, [first.piece]);
    assembler.drop("a");
    expect(assembler.pending).toBe(0);
    expect(assembler.add(second.message, [second.piece])).toBeNull();
  });

  it("refuses pieces that do not fill the buffers", () => {
    const assembler = new Assembler();
    const [only] = chunks("a", [bytes(8)], 100);
    if (only === undefined) throw new Error("a piece is needed");
    expect(() => assembler.add({ ...only.message, lengths: [9] }, [only.piece])).toThrow(RangeError);
  });
});
