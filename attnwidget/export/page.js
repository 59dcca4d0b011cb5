// Stands in for the notebook's model in a page without a kernel: holds the traits, answers from recorded replies.
// The data is base64 of gzip of: length of the header (4 bytes), header (JSON), arrays one after the other.
async function openPage(name) {
  const host = document.querySelector(`[data-attnwidget-page="${name}"]:not([data-open])`);
  if (host === null) return;
  host.dataset.open = "";
  const [still, note] = ["img", "p"].map((part) => host.querySelector(part));
  try {
    await startExplorer(host);
    still?.remove();
  } catch (error) {
    note.textContent = `The interactive view could not start here (${error}). The picture shows how it opens.`;
  }
  note.hidden = false;
}

async function startExplorer(host) {
  const packed = atob(host.querySelector("script").textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer();
  const length = new DataView(whole).getUint32(0, true);
  const data = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length)));
  let at = 4 + length;
  const buffers = data.lengths.map((size) => whole.slice(at, (at += size)));

  const ARRAYS = { u1: Uint8Array, i4: Int32Array, f4: Float32Array };
  const read = ({ buffer, dtype }) => new ARRAYS[dtype](buffers[buffer]);
  const isRecorded = (value) => value !== null && typeof value === "object" && "buffer" in value;

  /** A reply, with its arrays as buffers of their own; what is no array stays as it is. */
  function reply(meta) {
    const parts = [];
    const entries = Object.entries(meta).map(([key, value]) => {
      if (value?.array === undefined && !isRecorded(value)) return [key, value];
      const [array, { dtype, shape }] = isRecorded(value) ? [read(value), value] : [value.array, value];
      parts.push(new DataView(array.buffer.slice(array.byteOffset, array.byteOffset + array.byteLength)));
      return [key, { buffer: parts.length - 1, dtype, shape }];
    });
    return { meta: Object.fromEntries(entries), parts };
  }

  class Refusal extends Error {
    constructor(what, todo) {
      super(what);
      this.info = { code: "not-recorded", what, todo };
    }
  }

  function layerOf({ site, layer }) {
    const found = data.sites[site]?.layers[layer];
    if (found === undefined) throw new Refusal(`Layer ${layer} has no ${site} attention.`, "Choose another layer.");
    return found;
  }

  function infoOf({ site, layer }) {
    return data.open.sites.find(({ kind }) => kind === site).layers.find((info) => info.layer === layer);
  }

  // In 8 bits a weight is 253 times its square root; 254 stands for no number, 255 for a masked cell.
  const MASKED = -1;

  /** A weight in 8 bits, rounded step by step as the kernel does it. */
  function codeOf(weight) {
    if (weight === MASKED) return 255;
    if (Number.isNaN(weight)) return 254;
    return Math.round(Math.fround(Math.fround(Math.sqrt(Math.min(1, Math.max(0, weight)))) * 253));
  }

  /** Thumbnails of all heads of a layer: the largest weight of each block of cells that is in reach. */
  function poolOf({ patterns }, tall, wide) {
    const [heads, queries, keys] = patterns.shape;
    const shape = [heads, Math.ceil(queries / tall), Math.ceil(keys / wide)];
    const array = new Uint8Array(shape[0] * shape[1] * shape[2]).fill(255);
    const cells = read(patterns);
    let at = 0;
    for (let row = 0; row < heads * queries; row++) {
      const block = Math.floor(row / queries) * shape[1] + Math.floor((row % queries) / tall);
      for (let key = 0; key < keys; key++) {
        const code = patterns.dtype === "u1" ? cells[at++] : codeOf(cells[at++]);
        const to = block * shape[2] + Math.floor(key / wide);
        if (code !== 255 && (array[to] === 255 || code > array[to])) array[to] = code;
      }
    }
    return { array, dtype: "u1", shape };
  }

  /** Weights of one row. */
  function recordedRow({ patterns }, head, query) {
    const [, queries, keys] = patterns.shape;
    const start = (head * queries + query) * keys;
    const row = read(patterns).subarray(start, start + keys);
    if (patterns.dtype === "f4") return row;
    return Float32Array.from(row, (code) =>
      code === 255 ? MASKED : code === 254 ? Number.NaN : (code / 253) ** 2,
    );
  }

  /** What one row's scores and weights are made of, computed from the recorded queries and keys. */
  function termsOf(layer, head, query) {
    const { q, k, bias, scaling, softcap, sink_score } = layer.terms;
    const [heads, queries, width] = q.shape;
    const [kvHeads, keys] = k.shape;
    const kvHead = Math.floor(head / (heads / kvHeads));
    const row = read(q).subarray((head * queries + query) * width, (head * queries + query + 1) * width);
    const all = read(k).subarray(kvHead * keys * width, (kvHead + 1) * keys * width);
    const first = (head * queries + query) * keys;
    const added = bias === null ? null : read(bias).subarray(first, first + keys);
    const recorded = recordedRow(layer, head, query);
    const scores = Array.from(recorded, (weight, key) => {
      if (weight === MASKED) return NaN;
      let score = 0;
      for (let d = 0; d < width; d++) score += row[d] * all[key * width + d];
      score *= scaling;
      if (softcap !== null) score = softcap * Math.tanh(score / softcap);
      return score + (added?.[key] ?? 0);
    });
    const sink = sink_score[head] ?? -Infinity;
    const top = scores.reduce((most, score) => (score > most ? score : most), sink);
    const powers = scores.map((score) => Math.exp(score - top));
    const total = powers.reduce((sum, power) => sum + (Number.isNaN(power) ? 0 : power), Math.exp(sink - top));
    const weights = recorded.map((weight, key) => (weight === MASKED ? MASKED : powers[key] / total));
    return { q: row, k: all, bias: added, scores: Float32Array.from(scores), weights, width, keys };
  }

  /** Weights and, where queries and keys were recorded, scores of one row; exact then. */
  function rowOf(layer, head, query) {
    if (layer.terms !== null) return { ...termsOf(layer, head, query), error: 0 };
    return { weights: recordedRow(layer, head, query), scores: null, error: data.error };
  }

  function sinkOf({ sink }, head, query) {
    return read(sink)[head * sink.shape[1] + query];
  }

  const answers = {
    open: () => data.open,
    model({ site }) {
      const { shape, ...reply } = data.sites[site].model;
      if (reply.thumbnails !== null) return reply;
      const { pooled_queries, pooled_keys, layers } = reply;
      const array = new Uint8Array(shape[0] * shape[1] * shape[2]);
      let first = 0;
      for (const layer of layers) {
        const pooled = poolOf(layerOf({ site, layer }), pooled_queries, pooled_keys);
        array.set(pooled.array, first);
        first += pooled.array.length;
      }
      return { ...reply, thumbnails: { array, dtype: "u1", shape } };
    },
    metrics: ({ site }) => data.sites[site].metrics,
    predictions: () => {
      if (data.predictions === null) throw new Refusal("This model does not predict next tokens.", "");
      return data.predictions;
    },
    layer(args) {
      const found = layerOf(args);
      const { patterns, pooled, sink } = found;
      const [, queries, keys] = patterns.shape;
      const all = read(patterns);
      const array = new all.constructor(args.heads.length * queries * keys);
      args.heads.forEach((head, index) => {
        const start = head * queries * keys;
        array.set(all.subarray(start, start + queries * keys), index * queries * keys);
      });
      const sinks = args.heads.flatMap((head) => [...read(sink).subarray(head * queries, (head + 1) * queries)]);
      return {
        site: args.site,
        layer: args.layer,
        heads: args.heads,
        sinks: infoOf(args).sinks
          ? { array: Float32Array.from(sinks), dtype: "f4", shape: [args.heads.length, queries] }
          : null,
        patterns: { array, dtype: patterns.dtype, shape: [args.heads.length, queries, keys] },
        thumbnails: args.thumbnails ? poolOf(found, pooled, pooled) : null,
        error: data.error,
        pooled,
      };
    },
    row(args) {
      const layer = layerOf(args);
      const rows = args.heads.map((head) => rowOf(layer, head, args.query));
      const shape = [args.heads.length, layer.patterns.shape[2]];
      const join = (part) => {
        const array = new Float32Array(shape[0] * shape[1]);
        rows.forEach((row, index) => array.set(row[part], index * shape[1]));
        return { array, dtype: "f4", shape };
      };
      return {
        ...args,
        weights: join("weights"),
        scores: layer.terms === null ? null : join("scores"),
        sink: args.heads.map((head) => sinkOf(layer, head, args.query)),
        error: layer.terms === null ? data.error : 0,
      };
    },
    neuron(args) {
      const layer = layerOf(args);
      const { site, head, query } = args;
      const info = infoOf(args);
      const group = info.heads / info.kv_heads;
      const kvHead = Math.floor(head / group);
      const row = rowOf(layer, head, query);
      const f4 = (array, ...shape) => (array ? { array, dtype: "f4", shape } : null);
      const keys = row.weights.length;
      return {
        site,
        layer: args.layer,
        head,
        query,
        q: f4(row.q, row.width),
        k: args.keys === false ? null : f4(row.k, keys, row.width),
        bias: f4(row.bias, keys),
        scores: f4(row.scores, keys),
        weights: f4(row.weights, keys),
        scaling: layer.terms?.scaling ?? null,
        softcap: layer.terms?.softcap ?? null,
        sink: sinkOf(layer, head, query),
        sink_score: layer.terms?.sink_score[head] ?? null,
        kv_head: kvHead,
        shared: Array.from({ length: group }, (_, index) => kvHead * group + index),
        rotary: info.rotary,
        error: row.error,
      };
    },
    cancel: () => ({}),
    run() {
      throw new Refusal("A new prompt needs a kernel: this page is a recording.", "Open the prompt in a notebook.");
    },
  };

  const listeners = new Map();
  const tell = (event, ...args) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(...args);
  };
  const model = {
    source: "fixture",
    get: (key) => data.state[key],
    set(key, value) {
      data.state[key] = value;
      tell(`change:${key}`);
    },
    save_changes() {},
    on(event, listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    off(event, listener) {
      listeners.get(event)?.delete(listener);
    },
    async send({ protocol, id, kind, args }) {
      // Never before the front end has taken note of its request.
      await null;
      try {
        const { meta, parts } = reply(answers[kind](args));
        tell("msg:custom", { protocol, id, ok: true, meta }, parts);
      } catch (error) {
        const unknown = { code: "page", what: `The page failed: ${error}.`, todo: "Reload it." };
        tell("msg:custom", { protocol, id, ok: false, error: error.info ?? unknown }, []);
      }
    },
  };

  const address = URL.createObjectURL(new Blob([data.esm], { type: "text/javascript" }));
  const module = (await import(address)).default;
  URL.revokeObjectURL(address);
  const widget = typeof module === "function" ? await module() : module;
  widget.render({ model, el: host.querySelector(":scope > div") });
}
