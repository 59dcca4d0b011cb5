// Whatever bytes a reader is given, it ends with a `WireError` or with a snapshot that can be read to the end.
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readSnapshot } from "../../src/snapshot/read";
import type { Snapshot } from "../../src/snapshot/types";
import { WireError } from "../../src/wire/errors";
import { randomFrom } from "../math/random";
import { NAMES, readBytes, viewOf } from "./golden";

const PREFIX = 12;
const TRIES = 60;

/** Reads all that can be asked for; only a `WireError` may come of it. */
function readAll(snapshot: Snapshot): number {
  let read = 0;
  for (const { kind, layers } of snapshot.open.sites)
    for (const { layer, heads } of layers)
      try {
        const found = snapshot.layer(kind, layer);
        for (let head = 0; found !== null && head < heads; head++) {
          read += found.sink(head)?.length ?? 0;
          read += found.terms(head)?.q.length ?? 0;
          read += found.row(head, 0)?.length ?? 0;
          for (const query of found.peaks?.queries ?? [])
            read += found.peaks?.row(head, query)?.weights.length ?? 0;
          if (!found.holds(head)) continue;
          const pattern = found.pattern(head);
          expect(pattern.length).toBe(found.queries * found.keys);
          read += pattern.length + (found.floor(head)?.length ?? 0) + (found.rest(head)?.length ?? 0);
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
  return read;
}

/** True if the bytes were read, false if they were refused. */
async function survives(bytes: Uint8Array): Promise<boolean> {
  try {
    readAll(await readSnapshot(viewOf(bytes)));
    return true;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    expect(error.info.code).toBe("snapshot");
    return false;
  }
}

/** A snapshot of another body. */
function packed(body: Uint8Array): Uint8Array {
  const zipped = gzipSync(body);
  const bytes = new Uint8Array(PREFIX + zipped.length);
  bytes.set([0x41, 0x57, 0x53, 0x4e, 1, 0, 0, 0]);
  new DataView(bytes.buffer).setUint32(8, body.length, true);
  bytes.set(zipped, PREFIX);
  return bytes;
}

interface Body {
  header: unknown;
  rest: Uint8Array;
}

function unpacked(bytes: Uint8Array): Body {
  const body = gunzipSync(bytes.subarray(PREFIX));
  const size = body.readUInt32LE(0);
  return { header: JSON.parse(body.toString("utf8", 4, 4 + size)), rest: body.subarray(4 + size) };
}

function repacked({ header, rest }: Body): Uint8Array {
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  return packed(Buffer.concat([size, text, rest]));
}

const ODD = [null, -1, 0, 0.5, 3, 1e9, 2 ** 53, "", "top", "exact", "f4", true, [], [1e6, 1e6], {}, [null]];

/** Puts something odd in the place of some value of the header. */
function mutate(value: unknown, random: () => number): unknown {
  const places: [object, string][] = [];
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const name of Object.keys(node)) {
      places.push([node, name]);
      visit((node as Record<string, unknown>)[name]);
    }
  };
  visit(value);
  const [node, name] = places[Math.floor(random() * places.length)] as [Record<string, unknown>, string];
  if (random() < 0.2) delete node[name];
  else node[name] = ODD[Math.floor(random() * ODD.length)];
  return value;
}

describe.each(NAMES.filter((name) => !name.startsWith("odd")))("%s", (name) => {
  const golden = readBytes(name);

  it("is read whole", async () => {
    expect(readAll(await readSnapshot(viewOf(golden)))).toBeGreaterThan(0);
    expect(await survives(repacked(unpacked(golden)))).toBe(true);
  });

  it("is refused when it is cut short, and survives more", async () => {
    const random = randomFrom(1);
    for (let time = 0; time < 20; time++)
      expect(await survives(golden.subarray(0, Math.floor(random() * golden.length)))).toBe(false);
    // Browsers refuse what follows the stream; Node reads past it.
    await survives(Uint8Array.of(...golden, 0, 1, 2));
  });

  it("survives changed bytes", async () => {
    const random = randomFrom(2);
    for (let time = 0; time < TRIES; time++) {
      const bytes = golden.slice();
      for (let change = 0; change <= time % 4; change++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      await survives(bytes);
    }
  });

  it("survives another header and other arrays", async () => {
    const random = randomFrom(3);
    let refused = 0;
    for (let time = 0; time < TRIES; time++) {
      const body = unpacked(golden);
      for (let change = 0; change <= time % 3; change++) {
        if (random() < 0.75) mutate(body.header, random);
        else if (body.rest.length > 0)
          body.rest[Math.floor(random() * body.rest.length)] = Math.floor(random() * 256);
      }
      if (!(await survives(repacked(body)))) refused += 1;
    }
    expect(refused).toBeGreaterThan(0);
  });
});

it("refuses what claims to be larger or smaller than it is", async () => {
  const golden = readBytes(NAMES[0] as string);
  for (const length of [0, 1, 3, 100, 2 ** 30, 2 ** 30 + 1, 2 ** 32 - 1]) {
    const bytes = golden.slice();
    new DataView(bytes.buffer).setUint32(8, length, true);
    expect(await survives(bytes)).toBe(false);
  }
});

it("stops unpacking at the length that is told", async () => {
  // 64 MiB of zeros in 64 kB.
  const bomb = packed(new Uint8Array(2 ** 26));
  new DataView(bomb.buffer).setUint32(8, 5000, true);
  const since = performance.now();
  expect(await survives(bomb)).toBe(false);
  expect(performance.now() - since).toBeLessThan(2000);
});

it("refuses noise", async () => {
  const random = randomFrom(4);
  for (let length = 0; length < 64; length++)
    expect(await survives(Uint8Array.from({ length }, () => Math.floor(random() * 256)))).toBe(false);
});
