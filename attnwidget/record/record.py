"""The record: all that one run of one prompt left behind."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError, NoAttentionError, NotRecordedError, ShapeError
from attnwidget.record.given import sites_from_attentions
from attnwidget.record.norms import norm_site
from attnwidget.record.sites import ALL, Floats, Kind, Pick, Place, ScoreTerms, Site
from attnwidget.record.tokens import Token, text_tokens
from attnwidget.record.words import WordSite, merged_site, word_starts, word_tokens
from attnwidget.wire.schema import Precision

if TYPE_CHECKING:
    from attnwidget.search.api import HeadSums, Hit, Progress, SearchState, Span, Where

Stream: TypeAlias = Literal["encoder", "decoder"]

Weighting: TypeAlias = Literal["weights", "norms"]

_MERGED = (
    "Words: weights are summed over the keys of a word and averaged over its queries (Clark et al. 2019)."
)
_WEIGHED = (
    "Norm-weighted: weight times the norm of the value through the output projection, as a share of its row "
    "(Kobayashi et al. 2020)."
)

KINDS: tuple[Kind, ...] = ("encoder", "decoder", "cross")


@dataclass(frozen=True)
class ModelInfo:
    """What is worth knowing of the model behind a record.

    Parameters
    ----------
    name : str
        As the user named it, or the class name.
    architecture : str
        Model class.
    layers : int
        Number of layers, those without attention included.
    embedded : bool
        Whether it is the model that ships with this package.
    dtype, device : str
        Of the parameters.
    parameters : int
        Their number; 0 where unknown.
    """

    name: str
    architecture: str = ""
    layers: int = 0
    embedded: bool = False
    dtype: str = ""
    device: str = ""
    parameters: int = 0


@dataclass(frozen=True, eq=False)
class Predictions:
    """Most probable next tokens after each position, best first.

    Parameters
    ----------
    ids : int32 array [n, k]
    probs : float32 array [n, k]
    labels : tuple of n tuples of k str
    """

    ids: NDArray[np.int32]
    probs: NDArray[np.float32]
    labels: tuple[tuple[str, ...], ...]


def streams_of(kind: Kind) -> tuple[Stream, Stream]:
    """Return the streams on the query and key axes of a kind of site."""
    if kind == "cross":
        return "decoder", "encoder"
    return kind, kind


def _tokenwise(site: Site) -> Site:
    return site.tokenwise if isinstance(site, WordSite) else site


def _by_norms(site: Site) -> Site:
    """Return a site that answers with norms; those of words are worked out before words are merged."""
    own = _tokenwise(site)
    if own.value_norms is None:
        return site
    weighed = norm_site(own, own.value_norms)
    return merged_site(weighed, site.query_starts, site.key_starts) if isinstance(site, WordSite) else weighed


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AttentionRecord:
    """All that one run of one prompt left behind.

    Parameters
    ----------
    model : ModelInfo
    prompt : str
        As typed.
    streams : mapping of {"encoder", "decoder"} to tuple of Token
        A BERT has only "encoder", a GPT only "decoder", a T5 both.
    sites : sequence of Site
        In order of the run.
    context : str or None
        Second text of a pair.
    predictions : Predictions or None
        Next-token predictions.
    exact : bool
        Whether the run was eager, so that weights equal what `output_attentions` returns.
    notes : tuple of str
        What a reader of the numbers should know.
    words : bool
        Whether its tokens are words that were merged from tokens.
    weighting : {"weights", "norms"}
        What its numbers are; see `norm_weighted`.
    id : str
        Made up unless given.
    precision : Precision or None
        What stands between its numbers and those of the run, where it was read from a snapshot.
    tables : mapping of {"encoder", "decoder", "cross"} to HeadTable
        Metrics that were measured in the run, where it was read from a snapshot.

    Raises
    ------
    NoAttentionError
        If there is no site.
    ShapeError
        If a site does not fit its tokens.
    """

    model: ModelInfo
    prompt: str
    streams: Mapping[Stream, tuple[Token, ...]]
    sites: tuple[Site, ...]
    context: str | None = None
    predictions: Predictions | None = None
    exact: bool = False
    notes: tuple[str, ...] = ()
    words: bool = False
    weighting: Weighting = "weights"
    id: str = field(default_factory=_new_id)
    precision: Precision | None = None
    # Metrics are a room above this one.
    tables: Mapping[Kind, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", tuple(self.sites))
        if not self.sites:
            raise NoAttentionError(
                f"{self.model.name} left no attention behind.", "Use a model that has attention layers."
            )
        seen: set[tuple[Kind, int]] = set()
        for site in self.sites:
            if (site.kind, site.layer) in seen:
                raise ShapeError(
                    f"There are two {site.kind} sites in layer {site.layer}.",
                    "Give each site a layer of its own.",
                )
            seen.add((site.kind, site.layer))
            for noun, count, tokens in (
                ("queries", site.queries, self.query_tokens(site.kind)),
                ("keys", site.keys, self.key_tokens(site.kind)),
            ):
                if count != len(tokens):
                    raise ShapeError(
                        f"Layer {site.layer} ({site.kind}) has {count} {noun} for {len(tokens)} tokens.",
                        "Give exactly one token per position.",
                    )

    # ------------------------------------------------------------------ what there is

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of site that exist, in the order encoder, decoder, cross."""
        present = {site.kind for site in self.sites}
        return tuple(kind for kind in KINDS if kind in present)

    @property
    def default_kind(self) -> Kind:
        """The kind that is meant when none is named: decoder if there is one, else encoder, else cross."""
        return next(kind for kind in ("decoder", "encoder", "cross") if kind in self.kinds)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Query tokens of the default kind."""
        return self.query_tokens(self.default_kind)

    def query_tokens(self, kind: Kind | None = None) -> tuple[Token, ...]:
        """Tokens that ask: the decoder's for cross-attention."""
        kind = self._kind(kind)
        return self._stream(streams_of(kind)[0])

    def key_tokens(self, kind: Kind | None = None) -> tuple[Token, ...]:
        """Tokens that are looked at: the encoder's for cross-attention."""
        kind = self._kind(kind)
        return self._stream(streams_of(kind)[1])

    def layers(self, kind: Kind | None = None) -> tuple[int, ...]:
        """Layer numbers that have attention of a kind, ascending."""
        kind = self._kind(kind)
        return tuple(sorted(site.layer for site in self.sites if site.kind == kind))

    def site(self, layer: int, kind: Kind | None = None) -> Site:
        """Return the attention site of a layer; InputError names the layers that exist."""
        kind = self._kind(kind)
        for site in self.sites:
            if site.kind == kind and site.layer == layer:
                return site
        raise InputError(
            f"Layer {layer} has no {kind} attention.",
            f"Layers with {kind} attention: {_ranges(self.layers(kind))}.",
        )

    @property
    def fidelity(self) -> float | None:
        """Worst fidelity of the sites that were checked; None if none was."""
        return max((site.fidelity for site in self.sites if site.fidelity is not None), default=None)

    @property
    def nbytes(self) -> int:
        """Bytes held, arrays that sites share counted once."""
        shared = {key: size for site in self.sites for key, size in site.shared}
        return sum(site.nbytes for site in self.sites) + sum(shared.values())

    @property
    def place(self) -> Place:
        """Where most of it lies: in memory, on the model's device, or on disk."""
        places = {site.place for site in self.sites}
        return next(place for place in ("disk", "device", "memory") if place in places)

    @property
    def whole(self) -> bool:
        """Whether every weight is known: a snapshot may have left out the smallest of each row, or heads."""
        kept = self.precision
        return kept is None or (kept["form"] != "top" and kept["patterns"] == "all")

    # ------------------------------------------------------------------ numbers

    def weights(self, layer: int, head: int, site: Kind | None = None, queries: Pick = ALL) -> Floats:
        """Weights of one head.

        Parameters
        ----------
        layer, head : int
            0-based.
        site : {"encoder", "decoder", "cross"}, optional
            The default kind if not given.
        queries : slice, int or sequence of int
            Which rows; all by default.

        Returns
        -------
        float32 array [queries, keys]

        Raises
        ------
        InputError
            If the layer, head, site or query does not exist.
        """
        weights: Floats = self.site(layer, site).weights(int(head), queries)[0]
        return weights

    def scores(self, layer: int, head: int, site: Kind | None = None, queries: Pick = ALL) -> Floats:
        """Scores of one head before the softmax: float32 [queries, keys], -inf where masked."""
        scores: Floats = self.site(layer, site).scores(int(head), queries)[0]
        return scores

    def qk(self, layer: int, head: int, site: Kind | None = None) -> tuple[Floats, Floats]:
        """Return queries and keys of one head: float32 [queries, d] and [keys, d]."""
        return self.site(layer, site).qk(int(head))

    def terms(self, layer: int, head: int, query: int, site: Kind | None = None) -> ScoreTerms:
        """Return what the scores of one query are made of, for one head.

        Parameters
        ----------
        layer, head : int
            0-based.
        query : int
            Query position.
        site : {"encoder", "decoder", "cross"}, optional
            The default kind if not given.

        Returns
        -------
        ScoreTerms
            Query [d], keys [keys, d], and what is done with their products; all float32.

        Raises
        ------
        InputError
            If the layer, head, site or query does not exist.
        NotRecordedError
            Where only weights are known.

        Examples
        --------
        >>> import attnwidget as aw
        >>> record = aw.ModelRunner().run("The cat sat.")
        >>> last = len(record.tokens) - 1
        >>> terms = record.terms(layer=1, head=0, query=last)
        >>> bool(abs(terms.scores() - record.scores(layer=1, head=0)[last]).max() < 1e-4)
        True
        """
        return self.site(layer, site).terms(int(head), int(query))

    def row(self, query: int, site: Kind | None = None) -> Floats:
        """One query's weights in every layer and head.

        Parameters
        ----------
        query : int
            Query position.
        site : {"encoder", "decoder", "cross"}, optional

        Returns
        -------
        float32 array [layers, heads, keys]
            In the order of `layers`; NaN for heads that a layer with fewer heads lacks.
        """
        found = [self.site(layer, site) for layer in self.layers(site)]
        out = np.full((len(found), max(s.heads for s in found), found[0].keys), np.nan, dtype=np.float32)
        for place, one in enumerate(found):
            out[place, : one.heads] = one.weights(queries=int(query))[:, 0]
        return out

    # ------------------------------------------------------------------ where to look

    def find(
        self,
        text: str,
        site: Kind | None = None,
        *,
        stream: Stream | None = None,
        regex: bool = False,
        case: bool = False,
    ) -> list[Span]:
        """Find a text in the prompt, as the tokens that it is in.

        Parameters
        ----------
        text : str
            What to find; it may go over several tokens, though not over a special token or from one text of a
            pair to the other. A special token is found by its whole text or label.
        site : {"encoder", "decoder", "cross"}, optional
            Among the keys of this kind of attention; of the default kind if not given.
        stream : {"encoder", "decoder"}, optional
            Among these tokens instead.
        regex : bool
            Whether `text` is a regular expression (Python's `re`).
        case : bool
            Whether case counts.

        Returns
        -------
        list of Span
            In order; none where there is no match. A match that begins or ends in the middle of a token
            stands for the whole of it: `widened` is True then.

        Raises
        ------
        InputError
            If there is nothing to find, the expression is none, or there are no such tokens.

        Examples
        --------
        >>> import attnwidget as aw
        >>> record = aw.ModelRunner().run("The cat sat. The dog saw the cat.")
        >>> record.find("the cat")
        [Span(1, 3, 'The cat'), Span(8, 10, ' the cat')]
        """
        from attnwidget.search.api import find

        return find(self, text, site, stream=stream, regex=regex, case=case)

    def top(
        self,
        key: Where | None = None,
        query: Where | None = None,
        by: Literal["head", "query", "key"] = "head",
        k: int = 10,
        *,
        site: Kind | None = None,
        layers: Iterable[int] | None = None,
        plain: bool = False,
        sample: int | None = None,
        progress: Progress = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Hit]:
        """Find where the most attention goes to some keys, or comes from some queries.

        The mass of a query is the sum of its weights on the keys in question. It counts where it sees one of
        them and none of these weights is NaN. Weights are not renormalised: a learned sink's part is in no
        mass.

        Parameters
        ----------
        key : Span, slice or int, optional
            Attention into these tokens. Without `query`, from the queries outside of them (in
            cross-attention: from all).
        query : Span, slice or int, optional
            Attention out of these tokens. Without `key`, to the keys outside of them (in cross-attention:
            to all).
        by : {"head", "query", "key"}
            What is ranked. "head": heads, by the mean mass of the queries that count. "query": single queries
            of heads, by their mass. "key": single keys of heads, by the mean weight on them over the queries
            that see them.
        k : int
            How many at most.
        site : {"encoder", "decoder", "cross"}, optional
            The default kind if not given.
        layers : iterable of int, optional
            Which layers; all by default.
        plain : bool
            Leave special tokens and the first token, on which many heads rest (Xiao et al. 2023, "Efficient
            Streaming Language Models with Attention Sinks"), out of what is outside of the span.
        sample : int, optional
            Read only this many evenly spread queries of each head: an estimate, and the hits say so.
        progress : bool or callable
            True draws a bar (tqdm); a function is called with the number of heads that are done, and of all.
        cancelled : callable, optional
            Asked now and then; True ends the search.

        Returns
        -------
        list of Hit
            Best first, each with layer, head, value, baseline, query and key.

        Raises
        ------
        InputError
            If a token, layer or kind of attention does not exist.
        NotRecordedError
            If the record was read from a snapshot that left out weights.
        CancelledError

        Notes
        -----
        Patterns are read block by block and never held whole.

        Examples
        --------
        >>> import attnwidget as aw
        >>> weights = [[[[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0]], [[1, 0, 0], [0, 1, 0], [0, 0.25, 0.75]]]]
        >>> record = aw.AttentionRecord.from_attentions(weights, ["The", "cat", "sat"])
        >>> record.top(key=1, k=1)
        [Hit(layer=0, head=0, value=0.500, baseline=0.333, query=2 'sat', key=1 'cat')]
        """
        from attnwidget.search.api import top

        return top(
            self,
            key,
            query,
            by,
            k,
            site=site,
            layers=layers,
            plain=plain,
            sample=sample,
            progress=progress,
            cancelled=cancelled,
        )

    def search(
        self,
        key: Where | None = None,
        query: Where | None = None,
        by: Literal["head", "query", "key"] = "head",
        k: int = 10,
        *,
        site: Kind | None = None,
        layers: Iterable[int] | None = None,
        plain: bool = False,
    ) -> Iterator[SearchState]:
        """Search as `top` does, and tell the best so far about five times a second.

        On a long prompt all heads are sampled first; then they are read whole, one by one, the promising ones
        first. The last state is exact. Nothing goes on when no further state is taken.

        Returns
        -------
        iterator of SearchState
            Each has the hits (those of heads that were only sampled say so), and how many heads are done.
        """
        from attnwidget.search.api import search

        return search(self, key, query, by, k, site=site, layers=layers, plain=plain)

    def into(
        self,
        span: Where,
        *,
        site: Kind | None = None,
        layers: Iterable[int] | None = None,
        plain: bool = False,
        sample: int | None = None,
        progress: Progress = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> HeadSums:
        """Add up attention into a span, per head: what the queries outside of it give to it.

        A query's mass is the sum of its weights on the span's keys; the value of a head is the mean over the
        queries outside of the span (in cross-attention: all) that see some of it. See `top` for the
        parameters, and for what is raised.

        Returns
        -------
        HeadSums
            Values, baselines (of weights spread evenly) and counts of queries: [layers, heads].
        """
        from attnwidget.search.api import span_sums

        return span_sums(
            self,
            span,
            "into",
            site=site,
            layers=layers,
            plain=plain,
            sample=sample,
            progress=progress,
            cancelled=cancelled,
        )

    def out_of(
        self,
        span: Where,
        *,
        site: Kind | None = None,
        layers: Iterable[int] | None = None,
        plain: bool = False,
        sample: int | None = None,
        progress: Progress = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> HeadSums:
        """Add up attention out of a span, per head: what its queries give to the keys outside of it.

        As `into`, of the mean over the span's queries that see keys outside of it (in cross-attention: any).
        """
        from attnwidget.search.api import span_sums

        return span_sums(
            self,
            span,
            "out of",
            site=site,
            layers=layers,
            plain=plain,
            sample=sample,
            progress=progress,
            cancelled=cancelled,
        )

    # ------------------------------------------------------------------ other ways to read it

    @property
    def can_merge(self) -> bool:
        """Whether some word has several tokens, so that `merge_words` changes something."""
        if self.words or not self.whole:
            return False
        return any(len(word_starts(each)) < len(each) for each in self.streams.values())

    @property
    def can_weigh(self) -> bool:
        """Whether `norm_weighted` is possible: the norms of the values are known at every site."""
        if self.weighting == "norms":
            return False
        return all(_tokenwise(site).value_norms is not None for site in self.sites)

    def merge_words(self) -> AttentionRecord:
        """Return this record read word by word.

        Weights are summed over the keys of a word and averaged over its queries (Clark et al. 2019, section
        4.1); rows keep their sum. Special tokens stay apart. Scores, queries and keys exist for tokens only.

        Returns
        -------
        AttentionRecord
            With words in place of tokens.

        Raises
        ------
        NotRecordedError
            If it was read from a snapshot that left weights out.

        Examples
        --------
        >>> import attnwidget as aw
        >>> weights = [[[[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]]]]
        >>> record = aw.AttentionRecord.from_attentions(weights, ["The", " cat", "s"]).merge_words()
        >>> [token.label for token in record.tokens]
        ['The', 'cats']
        >>> record.weights(layer=0, head=0).round(2).tolist()
        [[1.0, 0.0], [0.3499999940395355, 0.6499999761581421]]
        """
        if self.words:
            return self
        if not self.whole:
            raise NotRecordedError(
                "The snapshot left out the smallest weights of each row, so words cannot be added up.",
                "Load the whole record, or run the prompt again.",
            )
        starts = {stream: word_starts(tokens) for stream, tokens in self.streams.items()}
        sites = tuple(
            merged_site(site, starts[query_stream], starts[key_stream])
            for site in self.sites
            for query_stream, key_stream in [streams_of(site.kind)]
        )
        merged = {stream: word_tokens(tokens, starts[stream]) for stream, tokens in self.streams.items()}
        predictions = self.predictions
        if predictions is not None:
            stream: Stream = "decoder" if "decoder" in starts else "encoder"
            last = np.append(starts[stream][1:], len(self.streams[stream])) - 1
            predictions = Predictions(
                predictions.ids[last],
                predictions.probs[last],
                tuple(predictions.labels[place] for place in last),
            )
        return replace(
            self,
            streams=merged,
            sites=sites,
            predictions=predictions,
            words=True,
            tables={},
            notes=(*self.notes, _MERGED),
            id=f"{self.id}.words",
        )

    def norm_weighted(self) -> AttentionRecord:
        """Return this record with weights times the norm of what each key's value adds.

        Kobayashi et al. 2020: the weight of a key times the norm of its value vector through the head's part
        of the output projection. Each row is divided by its sum.

        Returns
        -------
        AttentionRecord

        Raises
        ------
        NotRecordedError
            Where values were not seen (given weights, softmax route, projections that are not known).

        Examples
        --------
        >>> import attnwidget as aw
        >>> record = aw.ModelRunner().run("The cat sat.").norm_weighted()
        >>> bool(abs(record.weights(layer=0, head=0).sum(-1) - 1).max() < 1e-5)
        True
        """
        if self.weighting == "norms":
            return self
        if not self.can_weigh:
            raise NotRecordedError(
                "The norms of the values were not recorded in this run.",
                "Use a model whose attention is captured with its values, token by token.",
            )
        sites = tuple(_by_norms(site) for site in self.sites)
        return replace(
            self,
            sites=sites,
            weighting="norms",
            tables={},
            notes=(*self.notes, _WEIGHED),
            id=f"{self.id}.norms",
        )

    # ------------------------------------------------------------------ keeping it

    def save(
        self, path: str | os.PathLike[str], *, exact: bool = True, snapshot: int | str | bool = "auto"
    ) -> None:
        """Write this record to a file that `attnwidget.load` opens.

        It is a safetensors file: a snapshot, which is read without torch, and what exact numbers are made of,
        queries and keys (each key-value head once) in the model's own dtype. It is written completely or not
        at all; a file that exists is replaced.

        Parameters
        ----------
        path : str or path
            Usually ends in ".attn".
        exact : bool
            Whether to keep what exact numbers are made of.
        snapshot : "auto", int or str, "full" or False
            Whether to keep a snapshot, and how large it may be: as in a notebook ("auto": 1 MB in base64), a
            size such as "500 kB", everything, or none. "auto" leaves it out where a record is too long for it
            and exact numbers are kept.

        Raises
        ------
        NotRecordedError
            If exact numbers are asked for and this record does not hold what they are made of: it is another
            one read word by word or by norms, or was itself read from a snapshot.
        SnapshotError
            If the snapshot does not fit its size.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import attnwidget as aw, tempfile
        >>> record = aw.ModelRunner().run("The cat sat.")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     record.save(f"{folder}/cat.attn", snapshot="200 kB")
        ...     [token.label for token in aw.load(f"{folder}/cat.attn").tokens]
        ['⟨bos⟩', 'The', 'cat', 'sat', '.']
        """
        from attnwidget.snapshot.file import save_record

        save_record(self, path, exact=exact, snapshot=snapshot)

    # ------------------------------------------------------------------ making one

    @classmethod
    def from_attentions(
        cls,
        attentions: Any = None,
        tokens: Sequence[str] | Sequence[Token] | None = None,
        *,
        encoder_attention: Any = None,
        decoder_attention: Any = None,
        cross_attention: Any = None,
        encoder_tokens: Sequence[str] | Sequence[Token] | None = None,
        decoder_tokens: Sequence[str] | Sequence[Token] | None = None,
        prompt: str | None = None,
        name: str = "given attention",
    ) -> AttentionRecord:
        """Make a record from attention weights of any source.

        Parameters
        ----------
        attentions : array or sequence of arrays
            Self-attention: one array [heads, queries, keys] or [1, heads, queries, keys] per layer, or one
            array [layers, heads, queries, keys]. NumPy arrays or torch tensors. None stands for a layer
            without attention.
        tokens : sequence of str or Token
            One per position.
        encoder_attention, decoder_attention, cross_attention
            The same, for models with an encoder and a decoder.
        encoder_tokens, decoder_tokens
            Their tokens.
        prompt : str, optional
            The tokens' text if not given.
        name : str
            What to call the source on screen.

        Returns
        -------
        AttentionRecord

        Raises
        ------
        NoAttentionError
            If there is no array at all.
        ShapeError
            If shapes do not fit each other or the tokens.
        InputError
            If values are not weights.
        """
        sites, notes, heard = sites_from_attentions(
            attentions, encoder_attention=encoder_attention, decoder=decoder_attention, cross=cross_attention
        )
        kinds = {site.kind for site in sites}
        streams: dict[Stream, tuple[Token, ...]] = {}
        for stream, given in (("encoder", encoder_tokens), ("decoder", decoder_tokens)):
            needed = stream in kinds or "cross" in kinds
            chosen = given if given is not None else tokens if needed and stream in heard else None
            if chosen is not None and needed:
                streams["encoder" if stream == "encoder" else "decoder"] = text_tokens(chosen)
            elif needed:
                option = "tokens" if attentions is not None else f"{stream}_tokens"
                raise InputError(f"The {stream}'s tokens are missing.", f"Pass them as {option}=[...].")
        shown = streams.get("decoder") or streams["encoder"]
        return cls(
            model=ModelInfo(name=name, layers=1 + max(site.layer for site in sites)),
            prompt="".join(t.text for t in shown).strip() if prompt is None else prompt,
            streams=streams,
            sites=sites,
            notes=notes,
        )

    def __repr__(self) -> str:
        parts = []
        for kind in self.kinds:
            heads = sorted({site.heads for site in self.sites if site.kind == kind})
            many = f"{heads[0]}" if len(heads) == 1 else f"{heads[0]}-{heads[-1]}"
            parts.append(f"{kind} {len(self.layers(kind))} layers x {many} heads")
        tokens = " + ".join(str(len(stream)) for stream in self.streams.values())
        kind_of_run = (
            "exact"
            if self.exact
            else f"fidelity {self.fidelity:.1g}"
            if self.fidelity is not None
            else "given"
        )
        return (
            f"<AttentionRecord {self.model.name}: {tokens} tokens, {', '.join(parts)}, "
            f"{kind_of_run}, {self.nbytes / 1e6:.1f} MB{' on disk' if self.place == 'disk' else ''}>"
        )

    # ------------------------------------------------------------------ helpers

    def _kind(self, kind: Kind | None) -> Kind:
        if kind is None:
            return self.default_kind
        if kind not in self.kinds:
            raise InputError(f"There is no {kind!r} site.", f"Sites that exist: {', '.join(self.kinds)}.")
        return kind

    def _stream(self, stream: Stream) -> tuple[Token, ...]:
        if stream not in self.streams:
            raise ShapeError(f"The record has no tokens of the {stream}.", f"Give streams[{stream!r}].")
        return self.streams[stream]


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write ascending numbers shortly: 0-3, 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
