// The snapshots that Python wrote for the tests of both readers.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const FOLDER = resolve(import.meta.dirname, "../../../tests/snapshot/golden");

export const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".snap"))
  .map((name) => name.replace(".snap", ""));

export function readBytes(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(FOLDER, `${name}.snap`)));
}

export function readExpected<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8"));
}

/** The bytes at an odd place in a larger buffer, as they arrive in a notebook. */
export function viewOf(bytes: Uint8Array): DataView {
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  return new DataView(shifted.buffer, 3, bytes.length);
}
