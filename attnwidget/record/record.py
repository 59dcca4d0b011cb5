"""The record: all that one run of one prompt left behind."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError, NoAttentionError, ShapeError
from attnwidget.record.given import sites_from_attentions
from attnwidget.record.sites import ALL, Floats, Kind, Pick, Site
from attnwidget.record.tokens import Token, text_tokens

Stream: TypeAlias = Literal["encoder", "decoder"]

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
    id : str
        Made up unless given.

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
    id: str = field(default_factory=_new_id)

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
        return self._stream("encoder" if kind == "encoder" else "decoder")

    def key_tokens(self, kind: Kind | None = None) -> tuple[Token, ...]:
        """Tokens that are looked at: the encoder's for cross-attention."""
        kind = self._kind(kind)
        return self._stream("decoder" if kind == "decoder" else "encoder")

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
            f"{kind_of_run}, {self.nbytes / 1e6:.1f} MB>"
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
