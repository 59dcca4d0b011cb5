// A small record with known numbers: weight 1/(query + 1 + head), so that every head differs.
import { createOpen, createSite, createTokens, type RecordSpec } from "../../src/entries/gallery/record";
import { createMatrix } from "../../src/entries/gallery/synthetic";
import type { HeadNote } from "../../src/wire/schema.gen";

export const WORDS = ["<s>", "a", " b", " c", " d"];

export const NOTE: HeadNote = { layer: 1, head: 0, title: "previous token", score: 0.9, text: "Measured." };

export function smallRecord(
  name: string,
  shape: { layers?: number; heads?: number; words?: string[] } = {},
): RecordSpec {
  const { layers = 4, heads = 3, words = WORDS } = shape;
  return {
    open: createOpen(
      name,
      "small",
      { decoder: createTokens(words) },
      [createSite("decoder", layers, heads)],
      [NOTE],
      {
        predictions: true,
      },
    ),
    matrix: (_, layer, head) =>
      createMatrix({
        queries: words,
        keys: words,
        rule: (query, key) => (key === (query + head + layer) % words.length ? 3 : 0),
        seed: layer * 16 + head,
        causal: true,
      }),
    companded: false,
    predictions: words.map((word) => [
      [`${word}!`, 0.5],
      ["?", 0.25],
    ]),
  };
}
