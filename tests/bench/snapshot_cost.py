"""What a snapshot takes and loses: bytes, time to encode, and the error of its weights."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attnwidget import ModelRunner, demo_model
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.snapshot import decode, encode
from attnwidget.snapshot.budget import budget_of
from attnwidget.wire.schema import Precision
from tests.bench import tensors
from tests.bench.table import markdown

LENGTHS, QUICK = (64, 128, 256, 512), (64,)
TURNS = 3


@dataclass(frozen=True)
class Cost:
    """One record's snapshot under one budget; errors are of all visible weights, those left out included."""

    name: str
    tokens: int
    option: str
    stored: int
    seconds: float
    precision: Precision
    worst: float
    mean: float


def random_record(tokens: int) -> AttentionRecord:
    """Return random causal attention, 12 layers x 12 heads."""
    return AttentionRecord.from_attentions(tensors.attention(tokens), tensors.labels(tokens))


def real_record(tokens: int) -> AttentionRecord:
    """Return what the embedded model does with so many tokens of its own examples, over and over."""
    runner = ModelRunner()
    text = " ".join(example.prompt for example in demo_model.card().examples)
    ids = [token.id for token in runner.run(text).tokens]
    while len(ids) < tokens:
        ids += ids[1:]
    return runner.run([number for number in ids[:tokens] if number is not None])


def cost(name: str, record: AttentionRecord, option: str) -> Cost:
    """Encode a record and compare each of its weights with what a reader gets."""
    service = Service(record)
    for kind in record.kinds:
        service.metrics(kind)
    seconds = []
    for _ in range(TURNS):
        begun = time.process_time()
        snapshot = encode(service, budget=budget_of(option))
        seconds.append(time.process_time() - begun)
    again = decode(snapshot.data)
    worst, total, count = 0.0, 0.0, 0
    for mine, theirs in zip(record.sites, again.sites, strict=True):
        visible = np.broadcast_to(mine.visible(), (mine.heads, mine.queries, mine.keys))
        off = np.abs(mine.weights() - theirs.weights())[visible]
        worst, total, count = max(worst, float(off.max())), total + float(off.sum()), count + off.size
    stored = -(-len(snapshot.data) * 4 // 3)
    tokens = record.sites[0].queries
    middle = statistics.median(seconds)
    return Cost(name, tokens, option, stored, middle, snapshot.precision, worst, total / count)


def measure(lengths: Sequence[int], tell: Callable[[str], None]) -> list[Cost]:
    """Measure random and real attention of each length, as "auto" and in full."""
    found = []
    for tokens in lengths:
        for name, make in (("random, 12 x 12 heads", random_record), ("embedded model, 4 x 4", real_record)):
            if name.startswith("embedded") and tokens > real_limit():
                continue
            record = make(tokens)
            for option in ("auto", "full"):
                tell(f"snapshot: {name}, {tokens} tokens, {option}")
                found.append(cost(name, record, option))
    return found


def real_limit() -> int:
    """Return how many tokens the embedded model reads at most."""
    return int(ModelRunner().model.config.max_position_embeddings)


def form_of(precision: Precision) -> str:
    """Return what is kept, in a few words."""
    if precision["form"] == "top":
        return f"top {precision['kept']}, {precision['dropped']:.1%} left out"
    return {"exact": "exact", "dense": "8 bits"}[precision["form"]]


def report(found: Sequence[Cost]) -> str:
    """Return the table."""
    head = ["Attention", "Tokens", "Option", "Kept", "Stored", "Encode", "Largest error", "Mean error"]
    return markdown(
        head,
        [
            [
                each.name,
                str(each.tokens),
                each.option,
                form_of(each.precision),
                f"{each.stored / 1000:,.0f} kB",
                f"{each.seconds:.2f} s",
                f"{each.worst:.1e}",
                f"{each.mean:.1e}",
            ]
            for each in found
        ],
    )
