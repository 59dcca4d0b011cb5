// The gallery's cases: everything that a pane must be able to show.
import type { Answer } from "../../transport/fixture";
import type {
  HeadNote,
  MetricsMeta,
  OpenMeta,
  SiteInfo,
  SiteKind,
  State,
  Status,
} from "../../wire/schema.gen";
import { MASKED, PROTOCOL } from "../../wire/schema.gen";
import { createLongAnswer, type LongSpec } from "./long";
import { pairRecord, translationRecord } from "./pairs";
import { createOpen, createSite, createTokens, type RecordSpec } from "./record";
import {
  anyRule,
  broad,
  createMatrix,
  firstToken,
  type HeadRule,
  induction,
  type Matrix,
  named,
  nearby,
  previousToken,
  sameWord,
} from "./synthetic";

export interface GalleryCase {
  readonly name: string;
  readonly title: string;
  readonly state: Partial<State>;
  /** Null where no prompt has run. */
  readonly record: RecordSpec | null;
  /** In place of a record of matrices: answers about one that is too long for them. */
  readonly answer?: () => Answer;
}

const IDLE: Status = { phase: "idle", run: null, done: 0, total: 0, message: "", error: null };

/** The traits as the kernel sets them up. */
export function defaultState(more: Partial<State>): State {
  return {
    protocol: PROTOCOL,
    version: "gallery",
    record_id: "",
    prompt: "",
    context: "",
    view: "head",
    site: "decoder",
    layer: 0,
    heads: [0],
    selection: { query: null, key: null, locked: false },
    direction: "from",
    threshold: 0.02,
    scale: "sqrt",
    filters: { pair: "all", special: true, top: 0, heads: null },
    combine: "each",
    words: false,
    weighting: "weights",
    metric: "entropy",
    detectors: [],
    order: "layer",
    cut: null,
    pinned: [],
    comparing: false,
    theme: "auto",
    height: 470,
    status: IDLE,
    can_run: true,
    ...more,
  };
}

interface Shape {
  readonly layers: number;
  readonly heads: number;
  readonly rule?: (layer: number, head: number) => HeadRule;
  readonly notes?: HeadNote[];
  readonly companded?: boolean;
  readonly predictions?: RecordSpec["predictions"];
  readonly info?: Partial<SiteInfo["layers"][number]>;
  readonly sink?: number;
  readonly open?: Partial<OpenMeta>;
  readonly edit?: (matrix: Matrix) => void;
  readonly terms?: RecordSpec["terms"];
}

/** A record of one decoder over the given pieces of text. */
function decoderRecord(record: string, model: string, pieces: readonly string[], shape: Shape): RecordSpec {
  const { layers, heads, rule = anyRule, notes = [], companded = false, predictions = [] } = shape;
  const open = createOpen(
    record,
    model,
    { decoder: createTokens(pieces) },
    [createSite("decoder", layers, heads, shape.info)],
    notes,
    { predictions: predictions.length > 0, ...shape.open },
  );
  const matrix = remembered((_, layer, head) => {
    const made = createMatrix({
      queries: pieces,
      keys: pieces,
      rule: rule(layer, head),
      seed: layer * 64 + head,
      causal: true,
      ...(shape.sink === undefined ? {} : { sink: shape.sink }),
    });
    shape.edit?.(made);
    return made;
  });
  return { open, matrix, companded, predictions, terms: shape.terms };
}

/** Makes each matrix once. */
function remembered(make: RecordSpec["matrix"]): RecordSpec["matrix"] {
  const made = new Map<string, Matrix>();
  return (site: SiteKind, layer: number, head: number) => {
    const key = `${site} ${layer} ${head}`;
    const matrix = made.get(key) ?? make(site, layer, head);
    made.set(key, matrix);
    return matrix;
  };
}

const CAT =
  "<|bos|>¦The¦ cat¦ chased¦ the¦ dog¦ because¦ it¦ meowed¦,¦ so¦ the¦ dog¦ barked¦ at¦ the¦ cat¦.".split(
    "¦",
  );

const CAT_RULES: Readonly<Record<string, HeadRule>> = {
  "2.0": named({
    7: [
      [2, 8],
      [5, 5],
    ],
    12: [[5, 5]],
    16: [[2, 5]],
  }),
  "2.1": named({
    7: [
      [2, 6.5],
      [5, 5],
    ],
    8: [
      [7, 7],
      [2, 5],
    ],
    13: [[12, 7.5]],
    3: [[2, 7]],
  }),
  "2.2": firstToken,
  "2.3": nearby,
  "0.0": previousToken,
  "0.1": sameWord,
  "1.1": induction,
  "3.3": broad,
};

const CAT_NOTES: HeadNote[] = [
  {
    layer: 2,
    head: 0,
    title: "pronoun → antecedent",
    score: 0.84,
    text: "Made by rule for this gallery; a kernel sends what was measured.",
  },
  {
    layer: 2,
    head: 1,
    title: "verb → subject",
    score: 0.99,
    text: "Made by rule for this gallery; a kernel sends what was measured.",
  },
  { layer: 0, head: 0, title: "previous token", score: 0.97, text: "Made by rule for this gallery." },
];

const CAT_RECORD = decoderRecord("default", "embedded", CAT, {
  layers: 4,
  heads: 4,
  rule: (layer, head) => CAT_RULES[`${layer}.${head}`] ?? anyRule(layer, head),
  notes: CAT_NOTES,
  predictions: CAT.map((_, position) => [
    [CAT[position + 1]?.trim() ?? "⟨eos⟩", 0.4],
    ["purred", 0.39],
    ["was", 0.09],
  ]),
});

const PINS_RECORD: RecordSpec = { ...CAT_RECORD, open: { ...CAT_RECORD.open, record: "pins" } };

const CAT_STATE: Partial<State> = {
  prompt: CAT.slice(1).join(""),
  layer: 2,
  heads: [0, 1],
};

const CJK = "<s>¦中国¦的¦首都¦是¦北京¦，¦日本¦の¦首都¦は¦東京¦です¦。¦ 🐱¦追¦🐶¦👩‍🚀".split("¦");

const RTL = "<s>¦القط¦ يطارد¦ الكلب¦ لأنه¦ جائع¦،¦ و¦החתול¦ רודף¦ אחרי¦ הכלב¦.".split("¦");

const LONG_TOKENS =
  "<s>¦Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft¦ is¦ a¦ word¦;¦ https://example.org/a/very/long/path/that/one/token/would/never/hold¦ and¦\n¦ the_identifier_of_a_function_that_does_too_many_things_at_once¦ end".split(
    "¦",
  );

const WORDS = "the¦cat¦saw¦a¦dog¦and¦it¦ran¦home¦because¦rain¦fell¦over¦town¦,¦.".split("¦");

function manyTokens(count: number): string[] {
  return [
    "<s>",
    ...Array.from(
      { length: count - 1 },
      (_, index) => ` ${WORDS[(index * 7 + (index >> 3)) % WORDS.length]}`,
    ),
  ];
}

/** Layers without attention between those that have it, and only some queries behind a thumbnail. */
function hybridRecord(): RecordSpec {
  const record = decoderRecord("hybrid", "made-up-hybrid", manyTokens(96), { layers: 28, heads: 16 });
  const sites = record.open.sites.map((site) => ({
    ...site,
    layers: site.layers.filter(({ layer }) => ![0, 6, 7, 20].includes(layer)),
  }));
  return { ...record, open: { ...record.open, sites }, sampled: 48 };
}

/** As many heads as large models have, fewer in some layers. */
function largeRecord(): RecordSpec {
  const record = decoderRecord("heads64", "made-up-70B", CAT, { layers: 80, heads: 64 });
  const sites = record.open.sites.map((site) => ({
    ...site,
    layers: site.layers.map((info) => ({ ...info, heads: info.layer % 8 === 7 ? 40 : 64 })),
  }));
  return { ...record, open: { ...record.open, sites }, detectors: ["nouns"] };
}

function crossRecord(): RecordSpec {
  const encoder = "translate¦ English¦ to¦ German¦:¦ The¦ house¦ is¦ wonderful¦.¦</s>".split("¦");
  const decoder = "<pad>¦Das¦ Haus¦ ist¦ wunderbar¦.¦</s>".split("¦");
  const aligned = named({
    0: [[5, 6]],
    1: [
      [6, 7],
      [5, 4],
    ],
    2: [[7, 7]],
    3: [[8, 8]],
    4: [[9, 7]],
    5: [[10, 8]],
  });
  const streams = { encoder: createTokens(encoder), decoder: createTokens(decoder) };
  const sites = (["encoder", "decoder", "cross"] as const).map((kind) => createSite(kind, 3, 6));
  const open = createOpen("cross", "google/t5-made-up", streams, sites, [], { notes: [] });
  const matrix = remembered((site, layer, head) =>
    createMatrix({
      queries: site === "encoder" ? encoder : decoder,
      keys: site === "decoder" ? decoder : encoder,
      rule: site === "cross" && head < 2 ? aligned : anyRule(layer, head),
      seed: layer * 64 + head + site.length * 1000,
      causal: site === "decoder",
    }),
  );
  return { open, matrix, companded: false, predictions: [] };
}

/** Every term that a score can have, and key-value heads that several heads share. */
function termsRecord(): RecordSpec {
  return decoderRecord("terms", "every-term-made-up", CAT, {
    layers: 2,
    heads: 8,
    sink: 3,
    rule: (layer, head) => (query, key, words) => 0.5 * anyRule(layer, head)(query, key, words),
    info: { kv_heads: 2, sinks: true, rotary: true, window: 12 },
    edit: (matrix) => {
      for (let query = 12; query < matrix.queries; query++) {
        const row = query * matrix.keys;
        matrix.weights.fill(MASKED, row, row + query - 11);
        matrix.scores.fill(Number.NaN, row, row + query - 11);
        rescale(matrix, query, 3);
      }
    },
    terms: { dims: 128, softcap: 8, sink: 3, bias: (query, key) => -0.05 * (query - key) },
  });
}

/** Weights of a query anew from its scores and the sink's. */
function rescale({ weights, scores, keys }: Matrix, query: number, sink: number): void {
  const row = query * keys;
  let total = Math.exp(sink);
  for (let key = 0; key < keys; key++) {
    const score = scores[row + key] as number;
    if (!Number.isNaN(score)) total += Math.exp(score);
  }
  for (let key = 0; key < keys; key++) {
    const score = scores[row + key] as number;
    if (!Number.isNaN(score)) weights[row + key] = Math.exp(score) / total;
  }
}

/** Few queries over very many keys. */
function manyKeysRecord(): RecordSpec {
  const [encoder, decoder] = [manyTokens(4096), "<s>¦ Kurz¦ gesagt¦:¦ ja¦.".split("¦")];
  const streams = { encoder: createTokens(encoder), decoder: createTokens(decoder) };
  const open = createOpen("keys4096", "many-keys-made-up", streams, [createSite("cross", 1, 2)]);
  const matrix = remembered((_, layer, head) =>
    createMatrix({
      queries: decoder,
      keys: encoder,
      rule: (query, key) => (key === 2900 + 30 * query ? 9 : 0),
      seed: layer * 64 + head,
      causal: false,
    }),
  );
  return { open, matrix, companded: false, predictions: [], terms: { dims: 128 } };
}

/** The embedded model's record, as the tests' Python writes it beside the page. */
export interface EmbeddedRecord {
  readonly open: OpenMeta;
  readonly prompt: string;
  readonly layer: number;
  readonly heads: number[];
  readonly selection: State["selection"];
  /** Base64 of little-endian float32, by "layer.head": [queries, keys], q and k [tokens, d]. */
  readonly matrices: Readonly<Record<string, { weights: string; scores: string; q: string; k: string }>>;
  readonly predictions: RecordSpec["predictions"];
  /** The kernel's own reply, its buffers in base64. */
  readonly metrics: { readonly meta: MetricsMeta; readonly buffers: readonly string[] };
}

function decode(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer);
}

function embeddedRecord(from: EmbeddedRecord): RecordSpec {
  const tokens = from.open.streams.decoder?.label.length ?? 0;
  const matrix = remembered((_, layer, head) => {
    const stored = from.matrices[`${layer}.${head}`];
    if (stored === undefined) throw new RangeError(`The embedded record has no head ${layer}.${head}.`);
    return {
      queries: tokens,
      keys: tokens,
      weights: decode(stored.weights),
      scores: decode(stored.scores),
    };
  });
  const qk = (_: SiteKind, layer: number, head: number) => {
    const { q = "", k = "" } = from.matrices[`${layer}.${head}`] ?? {};
    return { q: decode(q), k: decode(k) };
  };
  const metrics = () => ({
    meta: from.metrics.meta,
    buffers: from.metrics.buffers.map((text) => new DataView(decode(text).buffer)),
  });
  return { open: from.open, matrix, qk, companded: false, predictions: from.predictions, metrics };
}

function embeddedCases(from: EmbeddedRecord | undefined): readonly GalleryCase[] {
  if (from === undefined) return [];
  const { prompt, layer, heads, selection } = from;
  return [one("embedded", "The embedded model", embeddedRecord(from), { prompt, layer, heads, selection })];
}

function one(
  name: string,
  title: string,
  record: RecordSpec | null,
  state: Partial<State> = {},
): GalleryCase {
  return { name, title, record, state: { record_id: record?.open.record ?? "", ...state } };
}

/** A prompt of which no pattern is ever whole. */
function longCase(name: string, title: string, spec: LongSpec): GalleryCase {
  const state = { record_id: "long", layer: 1, heads: [0, 1], prompt: "The report …" };
  return { name, title, state, record: null, answer: () => createLongAnswer(spec) };
}

/** All cases, in the order in which the gallery shows them; that of the embedded model where its record is there. */
export function createCases(embedded?: EmbeddedRecord): readonly GalleryCase[] {
  const spread = (matrix: Matrix) => {
    // A head that overflowed: one query without numbers, one cell without.
    matrix.weights.fill(Number.NaN, 6 * matrix.keys, 6 * matrix.keys + 7);
    matrix.weights[9 * matrix.keys + 3] = Number.NaN;
  };
  const long = manyTokens(200);
  return [
    ...embeddedCases(embedded),
    one("default", "Default prompt", CAT_RECORD, CAT_STATE),
    one(
      "cjk",
      "Chinese, Japanese, emoji",
      decoderRecord("cjk", "Qwen/Qwen-made-up", CJK, { layers: 6, heads: 8 }),
      {
        prompt: CJK.slice(1).join(""),
        heads: [2, 3],
        layer: 1,
      },
    ),
    one(
      "tokens8",
      "Eight tokens",
      decoderRecord("tokens8", "gpt2", CAT.slice(0, 8), { layers: 12, heads: 12 }),
      { prompt: CAT.slice(1, 8).join("").trim(), layer: 4, heads: [0, 1] },
    ),
    one("one-head", "One head, one layer", decoderRecord("one-head", "tiny", CAT, { layers: 1, heads: 1 }), {
      prompt: CAT_STATE.prompt as string,
    }),
    one(
      "heads32",
      "32 heads",
      decoderRecord("heads32", "meta-llama/made-up-8B", CAT, {
        layers: 32,
        heads: 32,
        info: { kv_heads: 8 },
      }),
      {
        prompt: CAT_STATE.prompt as string,
        layer: 14,
        heads: [2, 5, 9, 20, 31],
      },
    ),
    one(
      "long-tokens",
      "Long tokens",
      decoderRecord(
        "long-tokens",
        "organisation-with-a-long-name/model-with-a-rather-long-name-v2.5-instruct",
        LONG_TOKENS,
        { layers: 12, heads: 12 },
      ),
      {
        prompt: LONG_TOKENS.slice(1).join(""),
        heads: [0, 2],
      },
    ),
    one("rtl", "Right to left", decoderRecord("rtl", "rtl", RTL, { layers: 4, heads: 4 }), {
      prompt: RTL.slice(1).join(""),
      heads: [0, 3],
    }),
    one(
      "nan",
      "Weights that are not numbers",
      decoderRecord("nan", "overflowed", CAT, { layers: 2, heads: 3, edit: spread }),
      {
        prompt: CAT_STATE.prompt as string,
        heads: [0],
      },
    ),
    one(
      "sinks",
      "Learned sinks",
      decoderRecord("sinks", "gpt-oss-made-up", CAT, {
        layers: 3,
        heads: 4,
        sink: 5,
        info: { sinks: true },
        terms: { dims: 64, sink: 5 },
      }),
      {
        prompt: CAT_STATE.prompt as string,
        heads: [0, 2],
      },
    ),
    one(
      "tokens200",
      "200 tokens, 8-bit patterns",
      decoderRecord("tokens200", "gpt2", long, { layers: 12, heads: 12, companded: true }),
      {
        prompt: long.slice(1).join("").trim(),
        layer: 4,
        heads: [0, 1, 3],
      },
    ),
    one(
      "tokens512",
      "512 tokens, 12 heads chosen",
      decoderRecord("tokens512", "gpt2", manyTokens(512), { layers: 4, heads: 12, companded: true }),
      { prompt: "(512 tokens)", layer: 1, heads: Array.from({ length: 12 }, (_, head) => head) },
    ),
    one("hybrid", "Layers without attention", hybridRecord(), {
      prompt: "(96 tokens)",
      layer: 9,
      heads: [3],
    }),
    one("cross", "Encoder, decoder and cross attention", crossRecord(), {
      prompt: "translate English to German: The house is wonderful.",
      site: "cross",
      heads: [0, 1],
    }),
    one(
      "given",
      "Tensors given",
      decoderRecord("given", "given tensors", CAT, {
        layers: 2,
        heads: 2,
        info: { route: "given", scores: false, fidelity: null },
        open: { fidelity: null },
      }),
      {
        prompt: CAT_STATE.prompt as string,
        can_run: false,
      },
    ),
    one("error", "A run that failed; the last good view stays", CAT_RECORD, {
      ...CAT_STATE,
      status: {
        ...IDLE,
        phase: "failed",
        error: {
          code: "prompt-too-long",
          what: "The prompt has 1,312 tokens, the model has 1,024 positions.",
          todo: "Shorten the prompt, or choose a model with a longer context.",
        },
      },
    }),
    one("running", "A run under way", CAT_RECORD, {
      ...CAT_STATE,
      status: { ...IDLE, phase: "running", run: "r1", done: 5, total: 12 },
    }),
    one("terms", "Every term of a score", termsRecord(), {
      prompt: CAT_STATE.prompt as string,
      layer: 1,
      heads: [5],
    }),
    one("keys4096", "4,096 keys", manyKeysRecord(), { prompt: "(4096 tokens)", site: "cross" }),
    one("heads64", "80 layers of 64 heads", largeRecord(), {
      ...CAT_STATE,
      layer: 40,
      heads: [9],
      view: "metrics",
      metric: "induction",
      detectors: ["nouns"],
    }),
    longCase("long", "32,768 tokens", { tokens: 32_768, layers: 4, heads: 8 }),
    one("empty", "Before the first record", null, {
      status: { ...IDLE, phase: "running", run: "r0" },
    }),
    one("pins", "Pinned heads of several layers", PINS_RECORD, {
      ...CAT_STATE,
      heads: [0],
      pinned: [
        { site: "decoder", layer: 2, head: 0 },
        { site: "decoder", layer: 0, head: 1 },
        { site: "decoder", layer: 1, head: 1 },
      ],
    }),
    one("pair", "A pair of texts", pairRecord(), {
      prompt: "who chased the dog?",
      context: "the cat chased the dog because it was playful.",
      site: "encoder",
      heads: [0, 1],
    }),
    one(
      "norms",
      "Words, by norms",
      pairRecord({
        record: "norms",
        words: true,
        weighting: "norms",
        can_merge: false,
        notes: ["Norm-weighted: made by rule for this gallery."],
      }),
      { prompt: "who chased the dog?", site: "encoder", words: true, weighting: "norms" },
    ),
    one("translation", "Encoder and decoder of unequal depth", translationRecord(), {
      prompt:
        "translate English to German: The house by the river is wonderful and the garden is full of roses.",
      site: "cross",
      layer: 1,
      heads: [0, 1],
    }),
  ];
}
