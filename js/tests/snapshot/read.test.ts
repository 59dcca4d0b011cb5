// The front end's reader finds in a snapshot what Python's finds.
import { describe, expect, it } from "vitest";
import { attend } from "../../src/math/attend";
import { decodeWeight } from "../../src/math/weights";
import { readSnapshot } from "../../src/snapshot/read";
import { WireError } from "../../src/wire/errors";
import { MASKED, type Precision, type SiteKind } from "../../src/wire/schema.gen";
import { NAMES, readBytes, readExpected, viewOf } from "./golden";

type Listed = number | "nan" | "inf" | "-inf";

interface Head {
  pattern: Listed[] | null;
  visible: string;
  sink: Listed[] | null;
  rest: Listed[] | null;
  row: Listed[] | null;
  width: number | null;
  scores: Listed[] | null;
}

interface Expected {
  prompt: string;
  precision: Precision;
  layers: {
    kind: SiteKind;
    layer: number;
    form: string;
    query: number;
    heads: Head[];
    peaks?: { query: number; weights: Listed[]; floor: Listed[]; sink: Listed[] }[];
  }[];
}

/** Python's numbers, but for the last bit of single precision. */
function expectNumbers(found: ArrayLike<number> | null, wanted: Listed[] | null, within = 2e-7): void {
  expect(found === null).toBe(wanted === null);
  expect(found?.length).toBe(wanted?.length);
  wanted?.forEach((value, at) => {
    const here = found?.[at] as number;
    if (value === "nan") expect(here).toBeNaN();
    else if (typeof value === "string") expect(here).toBe(Number(value.replace("inf", "Infinity")));
    else expect(Math.abs(here - value)).toBeLessThanOrEqual(within * Math.max(1, Math.abs(value)));
  });
}

describe.each(NAMES)("%s", (name) => {
  const expected = readExpected<Expected>(name);

  it("says what it is", async () => {
    const { header, open } = await readSnapshot(viewOf(readBytes(name)));
    expect(header.prompt).toBe(expected.prompt);
    expect(open.precision).toEqual(expected.precision);
  });

  it("has every pattern, sink, row and score as Python reads it", async () => {
    const snapshot = await readSnapshot(viewOf(readBytes(name)));
    for (const { kind, layer, form, query, heads } of expected.layers) {
      const found = snapshot.layer(kind, layer);
      if (found === null) throw new Error(`no ${kind} ${layer}`);
      expect(found.form).toBe(form);
      expect(found.heads).toBe(heads.length);
      heads.forEach((wanted, head) => {
        expect(found.holds(head)).toBe(wanted.pattern !== null);
        const seen = [...wanted.visible].map((bit) => bit === "1");
        expect(
          seen.map((_, at) => found.visible(head, Math.floor(at / found.keys), at % found.keys)),
        ).toEqual(seen);
        if (wanted.pattern === null) expect(() => found.pattern(head)).toThrow(WireError);
        else {
          const pattern = found.pattern(head);
          const weights =
            pattern instanceof Float32Array ? pattern : Float32Array.from(pattern, decodeWeight);
          expect(Array.from(weights, (weight) => weight !== MASKED)).toEqual(seen);
          // Python keeps masked cells as 0 and codes as they are.
          const cells = pattern instanceof Float32Array ? weights : pattern;
          expectNumbers(
            Array.from(cells, (cell, at) => (seen[at] ? cell : 0)),
            wanted.pattern,
          );
        }
        expectNumbers(found.sink(head), wanted.sink);
        expectNumbers(found.rest(head), wanted.rest);
        expectNumbers(query < 0 ? null : found.row(head, query), wanted.row);
        expect(found.row(head, query + 1)).toBeNull();
        const terms = found.terms(head);
        expect(terms?.width ?? null).toBe(wanted.width);
        if (terms === null || wanted.scores === null) return;
        const last = found.queries - 1;
        const { q, bias, width } = terms;
        const row = attend(
          {
            ...terms,
            q: q.subarray(last * width),
            bias: bias?.subarray(last * found.keys) ?? null,
          },
          (key) => found.visible(head, last, key),
        );
        expectNumbers(
          Array.from(row.scores, (score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score)),
          wanted.scores,
          1e-5,
        );
      });
    }
  });

  it("has the rows of long prompts as Python reads them", async () => {
    const snapshot = await readSnapshot(viewOf(readBytes(name)));
    for (const { kind, layer, heads, peaks } of expected.layers) {
      const found = snapshot.layer(kind, layer)?.peaks ?? null;
      expect(found?.queries ?? null).toEqual(peaks?.map(({ query }) => query) ?? null);
      expect(found?.row(0, 1) ?? null).toBeNull();
      for (const { query, weights, floor, sink } of peaks ?? []) {
        const rows = heads.map((_, head) => found?.row(head, query) ?? null);
        expectNumbers(
          rows.flatMap((row) => Array.from(row?.weights ?? [])),
          weights,
        );
        expectNumbers(
          rows.map((row) => row?.floor ?? -1),
          floor,
        );
        expectNumbers(
          rows.map((row) => row?.sink ?? -1),
          sink,
        );
      }
    }
  });

  it("bounds what was left out by what was kept", async () => {
    const snapshot = await readSnapshot(viewOf(readBytes(name)));
    for (const { kind, layer, heads } of expected.layers) {
      const found = snapshot.layer(kind, layer);
      heads.forEach((wanted, head) => {
        const floor = found?.floor(head) ?? null;
        expect(floor === null).toBe(wanted.rest === null);
        floor?.forEach((most, query) => {
          const rest = wanted.rest?.[query];
          if (rest === "nan") expect(most).toBeNaN();
          else expect(most).toBeLessThanOrEqual((rest as number) + 1e-6);
        });
      });
    }
  });
});

it("takes bytes of another version for what they are", async () => {
  const bytes = readBytes(NAMES[0] as string);
  bytes[4] = 9;
  await expect(readSnapshot(viewOf(bytes))).rejects.toThrow("format version 9");
});
