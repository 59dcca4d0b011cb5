"""What a search asks: which queries give how much to which keys, of which heads, ranked how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attnwidget.errors import InputError, NotRecordedError
from attnwidget.record import AttentionRecord, Kind, Token, streams_of
from attnwidget.search.spans import Ranges, Where, around, resolve
from attnwidget.wire.schema import Searched


@dataclass(frozen=True)
class Question:
    """Which queries give how much to which keys.

    A query counts where it sees one of the keys and none of its weights on them is NaN. Its mass is the sum
    of its weights on them. Weights are not renormalised: what a learned sink takes is part of no mass.

    Parameters
    ----------
    kind : {"encoder", "decoder", "cross"}
    layers : tuple of int
        Layers that are searched, ascending.
    queries, keys : tuple of (int, int)
        Half-open ranges of positions.
    by : {"head", "query", "key"}
        What is ranked. "head": heads, by the mean mass of the queries that count. "query": single queries of
        heads, by their mass. "key": single keys of heads, by the mean weight on them over the queries that
        see them.
    """

    kind: Kind
    layers: tuple[int, ...]
    queries: Ranges
    keys: Ranges
    by: Searched = "head"


def ask(
    record: AttentionRecord,
    key: Where | None,
    query: Where | None,
    by: Searched = "head",
    *,
    site: Kind | None = None,
    layers: Iterable[int] | None = None,
    plain: bool = False,
) -> Question:
    """Return the question that arguments of `AttentionRecord.top` stand for.

    Without `query` it is about the queries outside of `key`; without `key`, about the keys outside of
    `query`. In cross-attention, where the two axes hold different tokens, these are all of them. `plain`
    leaves special tokens, and the first token, out of them.

    Raises
    ------
    InputError
        If neither is given, nothing is left outside, or a token, layer or kind of attention does not exist.
    NotRecordedError
        If the record was read from a snapshot that left out weights.
    """
    kind = record.default_kind if site is None else site
    known = record.layers(kind)
    chosen = known if layers is None else tuple(sorted({int(layer) for layer in layers}))
    if not chosen:
        raise InputError("No layer is left to search.", "Leave out layers= to search all of them.")
    first = record.site(chosen[0], kind)
    for layer in chosen:
        record.site(layer, kind)
    if by not in ("head", "query", "key"):
        raise InputError(f"Nothing can be ranked by {by!r}.", 'Give by="head", "query" or "key".')
    if not record.whole and record.precision is not None and record.precision["form"] == "top":
        raise NotRecordedError(
            "The snapshot left out the smallest weights of each row, so weights cannot be added up.",
            "Load the whole record, or run the prompt again.",
        )
    if key is None and query is None:
        raise InputError(
            "Nothing says which tokens the search is about.", "Give key= (attention into) or query= (out of)."
        )
    asking, asked = streams_of(kind)
    k = None if key is None else resolve(key, first.keys, asked, "key")
    q = None if query is None else resolve(query, first.queries, asking, "query")
    own = kind != "cross"
    if k is not None and q is not None:
        return Question(kind, chosen, (q,), (k,), by)
    if k is not None:
        outside = around(*k, first.queries) if own else ((0, first.queries),)
        queries = _plain(outside, record.query_tokens(kind)) if plain else outside
        question = Question(kind, chosen, queries, (k,), by)
    else:
        assert q is not None
        outside = around(*q, first.keys) if own else ((0, first.keys),)
        keys = _plain(outside, record.key_tokens(kind)) if plain else outside
        question = Question(kind, chosen, (q,), keys, by)
    if not question.queries or not question.keys:
        raise InputError("Nothing is outside of the span.", "Choose fewer tokens.")
    return question


def _plain(ranges: Ranges, tokens: Sequence[Token]) -> Ranges:
    """Leave the first token and special tokens out of ranges."""
    parts: list[tuple[int, int]] = []
    for first, last in ranges:
        begin = first
        for place in range(first, last + 1):
            if place == last or place == 0 or tokens[place].special:
                parts += [(begin, place)] if begin < place else []
                begin = place + 1
    return tuple(parts)
