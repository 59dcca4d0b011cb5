// The snapshot of a prompt too long for patterns answers what it holds, and says what it does not.
import { describe, expect, it } from "vitest";
import { describeExactness, describeLeftOut } from "../../src/core/fidelity";
import { LayerLoader } from "../../src/core/loader";
import { isReached } from "../../src/core/pattern";
import { readRows } from "../../src/core/rows";
import { readSnapshot } from "../../src/snapshot/read";
import { LocalState } from "../../src/transport/fixture";
import { SnapshotTransport, traitsOf } from "../../src/transport/snapshot";
import { WireError } from "../../src/wire/errors";
import { MASKED, type State, UNREAD } from "../../src/wire/schema.gen";
import { readBytes, readExpected, viewOf } from "../snapshot/golden";

interface Expected {
  layers: { peaks: { query: number; weights: number[]; floor: number[]; sink: number[] }[] }[];
}

const NAME = "sinks-long";
const PLACE = { site: "decoder", layer: 0, heads: [0, 2] } as const;

async function open() {
  const snapshot = await readSnapshot(viewOf(readBytes(NAME)));
  const transport = new SnapshotTransport(snapshot, new LocalState(traitsOf(snapshot) as State).store());
  const { meta } = await transport.request("open", {});
  return { transport, meta };
}

describe("a snapshot of a long prompt", () => {
  it("answers with the rows that it keeps, and what each leaves out at most", async () => {
    const { transport } = await open();
    const { peaks } = readExpected<Expected>(NAME).layers[0] as Expected["layers"][0];
    for (const { query, weights, floor, sink } of peaks) {
      const { meta, buffers } = await transport.request("row", { ...PLACE, heads: [2], query });
      expect(meta.floor?.[0]).toBeCloseTo(floor[2] as number, 6);
      expect(meta.sink[0]).toBeCloseTo(sink[2] as number, 6);
      expect(meta.error).toBe(0);
      const [row] = readRows(meta, buffers);
      const keys = row?.weights.length ?? 0;
      row?.weights.forEach((weight, key) => {
        if (key > query) expect(weight).toBe(MASKED);
        else expect(weight).toBeCloseTo(weights[2 * keys + key] as number, 6);
      });
    }
  });

  it("refuses other rows in a sentence", async () => {
    const { transport } = await open();
    const asked = transport.request("row", { ...PLACE, heads: [2], query: 1 });
    await expect(asked).rejects.toThrow(WireError);
    await expect(asked).rejects.toThrow("keeps the rows of 5 tokens");
  });

  it("has thumbnails, no pattern, and says so", async () => {
    const { transport, meta } = await open();
    const loader = new LayerLoader(transport);
    const signal = new AbortController().signal;
    const data = await loader.load(meta, { ...PLACE, heads: [0, 2] }, signal);
    expect(data.patterns.map(({ head }) => head)).toEqual([0, 2]);
    for (let key = 0; key < 19; key++)
      expect(data.patterns[0]?.weight(9, key)).toBe(isReached(data.info, 9, key) ? UNREAD : MASKED);
    const { strong, text, more } = describeExactness(data, "snapshot");
    expect(`${strong}${text}${more}`).toContain(
      "long prompt: a snapshot of thumbnails (19 queries sampled) and the rows of tokens 2, 3, 10, 14, 18",
    );
    expect(more).toContain("the rest needs a kernel");
    expect(describeLeftOut(data)).toBe("patterns of long prompts need a kernel");
    const { meta: layer } = await transport.request("layer", { ...PLACE, heads: [], thumbnails: true });
    expect([layer.sampled, layer.patterns.shape[0]]).toEqual([19, 0]);
  });
});
