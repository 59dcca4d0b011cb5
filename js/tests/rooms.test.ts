// The rooms' import rule: a file imports only from its own room or from one below it.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = resolve(import.meta.dirname, "../src");
const ORDER = [
  "wire",
  "math",
  "snapshot",
  "transport",
  "core",
  "draw",
  "save",
  "ui",
  "panes",
  "live",
  "app",
  "entries",
];

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return path.endsWith(".ts") && !path.endsWith(".d.ts") ? [path] : [];
  });
}

/** The room of a source file: its folder under src, or its name for a file that lies in src itself. */
function roomOf(path: string): string {
  return relative(SRC, path).split("/")[0]?.replace(/\.ts$/, "") as string;
}

function relativeImports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s+"(\.[^"]+)"/g)].map((match) => match[1] as string);
}

describe("rooms", () => {
  const files = sources(SRC);

  it("finds the sources", () => {
    expect(files.map(roomOf)).toContain("core");
    expect(files.map(roomOf)).toContain("wire");
  });

  it("reads every form of a relative import", () => {
    const text =
      'import { a } from "./a";\nimport "../b.css";\nexport * from "../c/d";\nimport x from "pkg";';
    expect(relativeImports(text)).toEqual(["./a", "../b.css", "../c/d"]);
  });

  it.each(files.map((path) => [relative(SRC, path), path]))("%s imports downwards", (_, path) => {
    const rank = ORDER.indexOf(roomOf(path));
    expect(rank, "every file lies in a known room").toBeGreaterThanOrEqual(0);
    for (const target of relativeImports(readFileSync(path, "utf8"))) {
      const other = roomOf(join(dirname(path), target));
      if (target.endsWith(".css")) continue;
      expect(ORDER.indexOf(other), `${target} lies in a lower room`).toBeLessThanOrEqual(rank);
    }
  });

  it("no signal is read with `?.` for the reading alone: the minifier drops that, and with it what follows", () => {
    const bare = /^\s*[\w.#]+\?\.(?:\w+\??\.)*value;/m;
    expect(bare.test("  kind.changed?.value;")).toBe(true);
    expect(files.filter((path) => bare.test(readFileSync(path, "utf8")))).toEqual([]);
  });

  it("panes import no transport", () => {
    for (const path of files.filter((file) => roomOf(file) === "panes")) {
      const rooms = relativeImports(readFileSync(path, "utf8")).map((target) =>
        roomOf(join(dirname(path), target)),
      );
      expect(rooms).not.toContain("transport");
    }
  });
});
