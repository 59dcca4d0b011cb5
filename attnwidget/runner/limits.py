"""How long a prompt may be, whether ids fit the model, and what to say when memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnwidget.capture import memory
from attnwidget.capture.structure import OTHER_SENSES
from attnwidget.errors import InputError, OutOfMemoryError, PromptTooLongError, TokenizerMismatchError
from attnwidget.record import Stream
from attnwidget.runner.cache import show_bytes
from attnwidget.runner.needs import kept_bytes, most_tokens, text_config, working_bytes

_POSITION_MODULES = {
    "embed_positions",
    "pos_embedding",
    "position_embedding",
    "position_embeddings",
    "positions_embed",
    "wpe",
}
_POSITION_FIELDS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
)
_SANE_LENGTH = 10_000_000
"""Tokenizers without a limit of their own claim 10**30."""


def part_of(model: nn.Module, stream: Stream) -> nn.Module:
    """Return the encoder or decoder of a model that has both; other models are returned whole."""
    if not getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return model
    getter = getattr(model, f"get_{stream}", None)
    part = getter() if getter is not None else None
    return part if isinstance(part, nn.Module) else model


def position_limit(model: nn.Module, tokenizer: Any, stream: Stream) -> int | None:
    """How many tokens one prompt may have.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    tokenizer : PreTrainedTokenizerBase or None
        Its tokenizer; asked only where the model itself sets no limit.
    stream : {"encoder", "decoder"}
        Which side of a model that has two.

    Returns
    -------
    int or None
        Rows of a learned position table (less those it keeps for padding), else what the configuration
        says, else a sane `model_max_length`; None where nothing sets a limit.
    """
    part = part_of(model, stream)
    tables = [
        module.num_embeddings - _reserved_rows(module)
        for name, module in part.named_modules()
        if isinstance(module, nn.Embedding)
        and name.rpartition(".")[2] in _POSITION_MODULES
        and OTHER_SENSES.search(name) is None
    ]
    if tables:
        return min(tables)
    config = text_config(part) or text_config(model)
    for field in _POSITION_FIELDS:
        value = getattr(config, field, None)
        if isinstance(value, int) and value > 0:
            return value
    length = getattr(tokenizer, "model_max_length", None)
    return int(length) if length is not None and 0 < length < _SANE_LENGTH else None


def _reserved_rows(table: nn.Embedding) -> int:
    """Count the rows of a position table before position 0: some families begin after their padding row."""
    if table.padding_idx is not None:
        return table.padding_idx + 1
    offset = getattr(table, "offset", 0)
    return offset if isinstance(offset, int) and offset > 0 else 0


def check_length(count: int, limit: int | None, what: str = "prompt") -> None:
    """Raise PromptTooLongError, saying by how much, if there are more tokens than positions."""
    if limit is not None and count > limit:
        raise PromptTooLongError(
            f"The {what} has {count:,} tokens and the model takes {limit:,}: {count - limit:,} too many.",
            f"Shorten it by {count - limit:,} tokens, or use a model with more positions.",
        )


def embedding_rows(model: nn.Module, stream: Stream) -> int | None:
    """How many ids the model has rows for; None where that cannot be told."""
    for part in (part_of(model, stream), model):
        getter = getattr(part, "get_input_embeddings", None)
        try:
            table = getter() if getter is not None else None
        except (AttributeError, NotImplementedError):
            table = None
        rows = getattr(table, "num_embeddings", None)
        if isinstance(rows, int):
            return rows
    return None


def check_ids(ids: tuple[int, ...], rows: int | None, tokenizer: Any, *, typed: bool) -> None:
    """Check that the model has a row for every id.

    Parameters
    ----------
    ids : tuple of int
        Token ids.
    rows : int or None
        Rows of the input embedding.
    tokenizer : PreTrainedTokenizerBase or None
        Asked for its size.
    typed : bool
        Whether the tokenizer made the ids.

    Raises
    ------
    TokenizerMismatchError
        If the tokenizer made an id that the model does not have.
    InputError
        If the user gave one.
    """
    largest = max(ids)
    if rows is None or largest < rows:
        return
    if not typed:
        raise InputError(
            f"The prompt holds the id {largest:,}, and the model has {rows:,} tokens.",
            f"Give ids from 0 to {rows - 1:,}.",
        )
    raise TokenizerMismatchError(
        f"The tokenizer has {len(tokenizer):,} tokens and made the id {largest:,}, but the model has only "
        f"{rows:,}.",
        "Load the tokenizer that belongs to this model.",
    )


# ---------------------------------------------------------------------- memory


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on a GPU or on the host."""
    if isinstance(error, OutOfMemoryError):
        return False
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        phrase in text for phrase in ("can't allocate memory", "not enough memory", "out of memory")
    )


def bytes_needed(model: nn.Module, tokens: int) -> int:
    """Estimate the bytes that a run takes beside the model: what it keeps and what it works with."""
    return kept_bytes(model, tokens) + working_bytes(model, tokens)


def out_of_memory(model: nn.Module, tokens: int, free: int | None) -> OutOfMemoryError:
    """Make the error for a run that did not fit.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    tokens : int
        Tokens of the run.
    free : int or None
        Bytes that were free on the device before the run.

    Returns
    -------
    OutOfMemoryError
        Says how many tokens were tried, about how much they need, and about how many would fit.
    """
    spared = None if free is None else 0.8 * free
    fits = 0 if spared is None else most_tokens(tokens, lambda count: bytes_needed(model, count) <= spared)
    advice = "Try a shorter prompt, or a smaller dtype such as bfloat16."
    if fits > 0:
        advice = f"About {fits:,} tokens would fit; or use a smaller dtype such as bfloat16."
    room = "" if free is None else f" and {show_bytes(free)} were free"
    return OutOfMemoryError(
        f"Memory ran out in a run of {tokens:,} tokens: it needs about "
        f"{show_bytes(bytes_needed(model, tokens))}{room}.",
        advice,
    )


def free_bytes(device: torch.device) -> int | None:
    """Bytes that can still be allocated on a device; None where that cannot be told."""
    known = [memory.free_bytes(device), _room_of_process() if device.type == "cpu" else None]
    return min((each for each in known if each is not None), default=None)


def _room_of_process() -> int | None:
    """Return what a limit on this process's address space leaves; None without one."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return max(limit - pages * resource.getpagesize(), 0)
    except (ImportError, OSError, ValueError):
        return None
