// Queries and keys made up so that they add up to the scores of a gallery's record.
import type { Reply } from "../../transport/types";
import type { ArraySpec, LayerInfo, NeuronArgs } from "../../wire/schema.gen";
import { type Matrix, noise } from "./synthetic";

/** What the scores of a made-up head are made of beside q and k. */
export interface TermsSpec {
  readonly dims: number;
  readonly softcap?: number;
  /** Position bias of a query and a key. */
  readonly bias?: (query: number, key: number) => number;
  /** Score of the learned sink. */
  readonly sink?: number;
  /** The factor is 1 over the root of `dims` if not given. */
  readonly scaling?: number;
}

interface Adding {
  readonly views: DataView[];
  add(array: Float32Array, shape: number[]): ArraySpec;
}

/** Noise around zero, with the long tails that real queries and keys have. */
function wild(...parts: readonly number[]): number {
  const spread = noise(...parts) + noise(7, ...parts) - 1;
  return 1.6 * spread * (1 + 2 * noise(13, parts[parts.length - 1] ?? 0) ** 8);
}

export function answerNeuron(
  args: NeuronArgs,
  matrix: Matrix,
  info: LayerInfo,
  spec: TermsSpec | undefined,
  given: { readonly q: Float32Array; readonly k: Float32Array } | undefined,
  buffers: Adding,
): Reply<"neuron"> {
  const { site, layer, head, query } = args;
  const { keys } = matrix;
  const row = (values: Float32Array) => values.subarray(query * keys, (query + 1) * keys);
  const weights = row(matrix.weights);
  const all = given === undefined ? null : given.q.length / matrix.queries;
  const { dims = all ?? 32, softcap = null, bias, sink, scaling = 1 / Math.sqrt(dims) } = spec ?? {};
  const group = info.heads / info.kv_heads;
  const kv = Math.floor(head / group);
  const mass = weights.reduce((sum, weight) => (weight < 0 ? sum : sum + weight), 0);
  const known = info.scores;
  const meta = {
    site,
    layer,
    head,
    query,
    q: null,
    k: null,
    bias: null,
    scores: null,
    weights: buffers.add(weights, [keys]),
    scaling: known ? scaling : null,
    softcap: known ? softcap : null,
    sink: info.sinks ? 1 - mass : 0,
    sink_score: known && info.sinks ? (sink ?? 0) : null,
    kv_head: kv,
    shared: Array.from({ length: group }, (_, at) => kv * group + at),
    rotary: info.rotary,
  };
  if (!known) return { meta, buffers: buffers.views };
  const scores = row(matrix.scores);
  const biases = bias === undefined ? null : Float32Array.from(scores, (_, key) => bias(query, key));
  const { q, k } =
    given === undefined ? makeUp() : { q: given.q.subarray(query * dims, (query + 1) * dims), k: given.k };
  const sent = {
    q: buffers.add(q, [dims]),
    // Also where they are not asked for: made-up keys fit one query only.
    k: buffers.add(k, [keys, dims]),
    bias: biases === null ? null : buffers.add(biases, [keys]),
    scores: buffers.add(scores, [keys]),
  };
  return { meta: { ...meta, ...sent }, buffers: buffers.views };

  function makeUp() {
    const q = Float32Array.from({ length: dims }, (_, d) => wild(1, layer, head, query, d));
    const k = Float32Array.from({ length: keys * dims }, (_, at) =>
      wild(2, layer, kv, Math.floor(at / dims), at % dims),
    );
    const length = q.reduce((sum, value) => sum + value * value, 0);
    for (let key = 0; key < keys; key++) {
      const score = (scores[key] as number) - (biases?.[key] ?? 0);
      if (Number.isNaN(score)) continue;
      const before = (softcap === null ? score : softcap * Math.atanh(score / softcap)) / scaling;
      let now = 0;
      for (let d = 0; d < dims; d++) now += (q[d] as number) * (k[key * dims + d] as number);
      // The least change of the key that gives the score.
      for (let d = 0; d < dims; d++)
        k[key * dims + d] = (k[key * dims + d] as number) + ((before - now) / length) * (q[d] as number);
    }
    return { q, k };
  }
}
