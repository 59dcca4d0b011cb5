"""Runs the embedded model with its attention weights visible, and with one head zeroed or one row edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

_ROWS_AT_ONCE = 64

RowEdit = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]
"""(text number, weights [keys] of the edited row) -> new weights [keys]."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a run over several texts of unequal length, padded on the right.

    Attributes
    ----------
    log_probabilities : float32 array [texts, positions, vocabulary]
        Natural logarithm of the probability of each next token.
    weights : float32 array [layers, texts, heads, queries, keys]
        Attention weights; empty on the first axis when they were not asked for.
    """

    log_probabilities: NDArray[np.float32]
    weights: NDArray[np.float32]


class Probe:
    """The model of a folder, loaded in float32.

    Parameters
    ----------
    folder : Path
        Where `save_pretrained` wrote model and tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        # from_pretrained leaves the model in evaluation mode
        self.model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        self.layers: int = self.model.config.n_layer
        self.heads: int = self.model.config.n_head
        self._size = self.model.config.n_embd // self.heads

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text, the beginning-of-sequence token first."""
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids

    def run(self, texts: Sequence[Sequence[int]], *, weights: bool = False) -> Outcome:
        """Run the model over texts given as token ids (with the beginning-of-sequence token).

        Parameters
        ----------
        texts : sequence of sequences of int
            Token ids; unequal lengths are padded on the right, which a causal model does not see.
        weights : bool
            Also return the attention weights.
        """
        padded = _padded(texts)
        logs, patterns = [], []
        with torch.no_grad():
            for rows in torch.split(padded, _ROWS_AT_ONCE):
                output = self.model(rows, output_attentions=weights, use_cache=False)
                logs.append(output.logits.log_softmax(-1).numpy())
                if weights:
                    patterns.append(torch.stack(output.attentions).numpy())
        kept = np.concatenate(patterns, axis=1) if patterns else np.zeros((0, 0, 0, 0, 0), np.float32)
        return Outcome(np.concatenate(logs), kept)

    @contextmanager
    def zeroed(self, layer: int, head: int) -> Iterator[None]:
        """Leave a head's output out of every run inside the `with` block."""

        def zero(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            mixed = inputs[0].clone()
            mixed[..., self._columns(head)] = 0
            return (mixed, *inputs[1:])

        handle = self._part(layer, "c_proj").register_forward_pre_hook(zero)
        try:
            yield
        finally:
            handle.remove()

    def run_edited(
        self, texts: Sequence[Sequence[int]], queries: Sequence[int], layer: int, head: int, edit: RowEdit
    ) -> Outcome:
        """Run with one attention row per text replaced: all else in the layer and below stays as it was.

        Parameters
        ----------
        texts : sequence of sequences of int
            Token ids.
        queries : sequence of int
            For each text, the query whose row is edited.
        layer, head : int
            The head whose row it is.
        edit : callable
            Given the text's number and the row, returns the row to use instead.
        """
        values: list[torch.Tensor] = []
        width = self.model.config.n_embd

        def keep(_: torch.nn.Module, __: object, output: torch.Tensor) -> None:
            values.append(output[..., 2 * width :][..., self._columns(head)])

        handle = self._part(layer, "c_attn").register_forward_hook(keep)
        try:
            before = self.run(texts, weights=True)
        finally:
            handle.remove()
        value = torch.cat(values)
        rows = [
            edit(number, before.weights[layer, number, head, query]) for number, query in enumerate(queries)
        ]
        replaced = torch.einsum("bk,bkd->bd", torch.from_numpy(np.stack(rows)), value)
        at = torch.as_tensor(list(queries))
        done = 0

        def replace(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            nonlocal done
            mixed = inputs[0].clone()
            count = len(mixed)
            here = slice(done, done + count)
            mixed[torch.arange(count), at[here], self._columns(head)] = replaced[here]
            done += count
            return (mixed, *inputs[1:])

        handle = self._part(layer, "c_proj").register_forward_pre_hook(replace)
        try:
            return self.run(texts)
        finally:
            handle.remove()

    def _part(self, layer: int, name: str) -> torch.nn.Module:
        return self.model.get_submodule(f"transformer.h.{layer}.attn.{name}")

    def _columns(self, head: int) -> slice:
        return slice(head * self._size, (head + 1) * self._size)


def _padded(texts: Sequence[Sequence[int]]) -> torch.Tensor:
    longest = max(map(len, texts))
    return torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts])
