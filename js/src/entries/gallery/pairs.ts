// Records with two texts: a pair in one encoder, and a translation by an encoder and a decoder of unequal depth.
import type { OpenMeta, SiteInfo, SiteKind, Tokens } from "../../wire/schema.gen";
import { createOpen, createSite, createTokens, type RecordSpec } from "./record";
import { anyRule, createMatrix, type HeadRule, type Matrix, named, sameWord } from "./synthetic";

const PAIR =
  "[CLS]¦who¦ chased¦ the¦ dog¦?¦[SEP]¦the¦ cat¦ chased¦ the¦ dog¦ because¦ it¦ was¦ play¦ful¦.¦[SEP]".split(
    "¦",
  );
const SECOND = 7;

const SOURCE =
  "trans¦late¦ English¦ to¦ German¦:¦ The¦ house¦ by¦ the¦ river¦ is¦ wonder¦ful¦ and¦ the¦ gar¦den¦ is¦ full¦ of¦ roses¦.¦</s>".split(
    "¦",
  );
const TARGET = "<pad>¦Das¦ Haus¦ am¦ Fluss¦ ist¦ wunder¦bar¦,¦ und¦ der¦ Garten¦ ist¦ voller¦ Rosen¦.".split(
  "¦",
);

function remembered(make: RecordSpec["matrix"]): RecordSpec["matrix"] {
  const made = new Map<string, Matrix>();
  return (...place: [SiteKind, number, number]) => {
    const key = place.join(" ");
    const matrix = made.get(key) ?? make(...place);
    made.set(key, matrix);
    return matrix;
  };
}

/** Question and answer: the first head looks for the same word in the other text. */
export function pairRecord(more: Partial<OpenMeta> = {}): RecordSpec {
  const tokens: Tokens = createTokens(PAIR);
  const streams = { encoder: { ...tokens, segment: PAIR.map((_, at) => (at < SECOND ? 0 : 1)) } };
  const otherText: HeadRule = (query, key, words) => {
    const isOther = query < SECOND !== key < SECOND;
    if (key === 0 || words[key] === "[SEP]") return 3.5;
    return isOther && words[key]?.trim() === words[query]?.trim() ? 6 : 0;
  };
  const open = createOpen("pair", "bert-made-up", streams, [createSite("encoder", 3, 4)], [], {
    can_merge: true,
    ...more,
  });
  const matrix = remembered((_, layer, head) =>
    createMatrix({
      queries: PAIR,
      keys: PAIR,
      rule: head === 0 ? otherText : head === 1 ? sameWord : anyRule(layer, head),
      seed: layer * 64 + head,
      causal: false,
    }),
  );
  return { open, matrix, companded: false, predictions: [] };
}

/** 24 source tokens in 3 encoder layers of 4 heads, 16 target tokens in 2 decoder layers of 6. */
export function translationRecord(): RecordSpec {
  const streams = { encoder: createTokens(SOURCE), decoder: createTokens(TARGET) };
  const sites: SiteInfo[] = [
    createSite("encoder", 3, 4),
    createSite("decoder", 2, 6),
    createSite("cross", 2, 6),
  ];
  const open = createOpen("translation", "t5-made-up", streams, sites);
  const aligned = named({
    1: [[6, 7]],
    2: [[7, 7]],
    4: [[10, 8]],
    6: [[12, 7]],
    7: [[13, 7]],
    11: [[16, 7]],
    14: [[21, 8]],
  });
  const matrix = remembered((site, layer, head) =>
    createMatrix({
      queries: site === "encoder" ? SOURCE : TARGET,
      keys: site === "decoder" ? TARGET : SOURCE,
      rule: site === "cross" && head < 2 ? aligned : anyRule(layer, head),
      seed: layer * 64 + head + site.length * 1000,
      causal: site === "decoder",
    }),
  );
  return { open, matrix, companded: false, predictions: [] };
}
