"""The most probable next tokens at each position, without ever holding a second copy of the logits."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from attnwidget.errors import CancelledError, CaptureError
from attnwidget.record import Predictions
from attnwidget.runner.needs import LOGITS_AT_A_TIME, WHOLE_LOGITS, text_config
from attnwidget.runner.vocabulary import Vocabulary

TOP = 10
_BLOCK = LOGITS_AT_A_TIME
_AGREES = {torch.float32: 1e-5, torch.float64: 1e-5}
_AGREES_IN_HALF = 2e-2
"""How far a probability may be from the model's own; in half precision logits near 20 are 0.1 apart."""


Top = tuple[np.ndarray, np.ndarray]
"""Ids and probabilities, both [positions, count]."""


class LogitsTap:
    """Keeps a language model from building logits for every position of a long prompt.

    Used around a forward pass, or several of one prompt in pieces. Where the logits would be too many, the
    output layer is given the last position only, and its input for all positions is kept; `top` then computes
    the logits in blocks.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    whole : int
        Logits that may be made in one piece.
    """

    def __init__(self, model: nn.Module, whole: int = WHOLE_LOGITS) -> None:
        self._config = text_config(model)
        self._head = _output_layer(model)
        self._rows = _rows(self._head)
        self._whole = whole
        self._hidden: Tensor | None = None
        self._handle: Any = None
        self._reading = False
        self._taken: list[Top | str | None] = []

    def __enter__(self) -> Self:
        if self._rows is not None and self._head is not None:
            self._handle = self._head.register_forward_pre_hook(self._keep_input)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _keep_input(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._reading:
            return None
        self._hidden = None
        if not args or not isinstance(args[0], Tensor) or args[0].ndim != 3:
            return None
        if args[0].shape[1] * (self._rows or 0) <= self._whole:
            return None
        self._hidden = args[0].detach()
        return (self._hidden[:, -1:], *args[1:])

    def take(
        self, output: Any, first: int, count: int = TOP, cancelled: Callable[[], bool] | None = None
    ) -> None:
        """Take the best next tokens of a piece of the prompt, which begins at position `first`; see `top`."""
        if first == 0:
            self._taken.clear()
        self._reading = True
        try:
            self._taken.append(self.top(output, count, cancelled))
        finally:
            self._reading = False
            self._hidden = None

    @property
    def found(self) -> Top | str | None:
        """What `top` says of all pieces that were taken."""
        pieces = [piece for piece in self._taken if isinstance(piece, tuple)]
        if len(pieces) < len(self._taken):
            return next(piece for piece in self._taken if not isinstance(piece, tuple))
        if not pieces:
            return None
        ids, probabilities = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return ids, probabilities

    def top(
        self,
        output: Any,
        count: int = TOP,
        cancelled: Callable[[], bool] | None = None,
        told: Callable[[float], None] | None = None,
    ) -> Top | str | None:
        """Best next tokens at every position.

        Parameters
        ----------
        output : ModelOutput
            What the model returned inside this context.
        count : int
            How many per position.
        cancelled : callable, optional
            Asked between blocks.
        told : callable, optional
            Told between blocks which share of the positions is done.

        Returns
        -------
        tuple of (int32 [n, count], float32 [n, count]), str or None
            Ids and probabilities, best first; None if the model predicts no tokens; a sentence that says
            why, if it does but its logits cannot be computed in blocks.

        Raises
        ------
        CaptureError
            If the logits hold NaN.
        CancelledError
            If `cancelled` returned True.
        """
        logits = getattr(output, "logits", None)
        if (
            self._rows is None
            or not isinstance(logits, Tensor)
            or logits.ndim != 3
            or logits.shape[-1] != self._rows
        ):
            return None
        if self._hidden is None:
            return best(logits.shape[1], lambda block: logits[0, block], self._rows, count, cancelled, told)
        hidden, head = self._hidden, self._head
        assert head is not None

        def rows(block: slice) -> Tensor:
            return finish_logits(head(hidden[:, block])[0].float(), self._config)

        mine, theirs = rows(slice(hidden.shape[1] - 1, None)), logits[0, -1:].float().to(hidden.device)
        apart = (mine.softmax(-1) - theirs.softmax(-1)).abs().max().item()
        bound = _AGREES.get(hidden.dtype, _AGREES_IN_HALF)
        if not apart <= bound and not torch.isnan(theirs).any():
            return "Predictions are left out: the logits of this model cannot be computed in blocks."
        return best(hidden.shape[1], rows, self._rows, count, cancelled, told)


def _output_layer(model: nn.Module) -> nn.Module | None:
    getter = getattr(model, "get_output_embeddings", None)
    try:
        head = getter() if getter is not None else None
    except (AttributeError, NotImplementedError):
        return None
    return head if isinstance(head, nn.Module) else None


def _rows(head: nn.Module | None) -> int | None:
    rows = getattr(head, "out_features", None)
    if isinstance(rows, int):
        return rows
    weight = getattr(head, "weight", None)
    return int(weight.shape[0]) if isinstance(weight, Tensor) else None


def finish_logits(logits: Tensor, config: Any) -> Tensor:
    """Apply what some families do to logits after the output layer.

    Parameters
    ----------
    logits : float32 tensor [n, vocabulary]
        From the output layer.
    config : PretrainedConfig
        Names the family's constants: a factor (`logit_scale`), a divisor (`logits_scaling`), a soft cap
        (`final_logit_softcapping`).

    Returns
    -------
    float32 tensor [n, vocabulary]
    """
    scale, divisor, cap = (
        getattr(config, name, None) for name in ("logit_scale", "logits_scaling", "final_logit_softcapping")
    )
    if isinstance(scale, (int, float)):
        logits = logits * scale
    if isinstance(divisor, (int, float)) and divisor:
        logits = logits / divisor
    if isinstance(cap, (int, float)) and cap:
        logits = torch.tanh(logits / cap) * cap
    return logits


def best(
    positions: int,
    rows: Callable[[slice], Tensor],
    vocabulary: int,
    count: int,
    cancelled: Callable[[], bool] | None = None,
    told: Callable[[float], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Best ids and their probabilities, block by block.

    Parameters
    ----------
    positions : int
        Number of positions.
    rows : callable
        Returns the logits [block, vocabulary] of a slice of positions.
    vocabulary : int
        Logits per position.
    count : int
        How many to keep.
    cancelled : callable, optional
        Asked between blocks.
    told : callable, optional
        Told between blocks which share of the positions is done.

    Returns
    -------
    ids : int32 array [positions, count]
    probabilities : float32 array [positions, count]
        Softmax over the whole vocabulary in single precision, best first.

    Raises
    ------
    CaptureError
        If a logit is NaN.
    CancelledError
        If `cancelled` returned True.
    """
    count = min(count, vocabulary)
    ids = np.empty((positions, count), dtype=np.int32)
    probabilities = np.empty((positions, count), dtype=np.float32)
    step = max(_BLOCK // vocabulary, 1)
    for start in range(0, positions, step):
        if start and cancelled is not None and cancelled():
            raise CancelledError("The run was cancelled.", "Start it again when needed.")
        if start and told is not None:
            told(start / positions)
        block = slice(start, min(start + step, positions))
        logits = rows(block).detach().float()
        total = logits.logsumexp(-1, keepdim=True)
        if torch.isnan(total).any():
            raise CaptureError(
                "The model's predictions are not numbers (NaN).",
                "Check the weights, or load the model in another dtype.",
            )
        values, found = logits.topk(count, dim=-1)
        ids[block] = found.to("cpu", torch.int32).numpy()
        probabilities[block] = (values - total).exp().cpu().numpy()
    return ids, probabilities


def label_predictions(ids: np.ndarray, probabilities: np.ndarray, vocabulary: Vocabulary) -> Predictions:
    """Give predicted ids readable labels."""
    labels = tuple(tuple(vocabulary.label(int(index)) for index in row) for row in ids)
    return Predictions(ids=ids, probs=probabilities, labels=labels)
