"""How many tokens go through the model at a time."""

from __future__ import annotations

from torch import nn

from attnwidget.capture.state import runs_eager
from attnwidget.errors import InputError
from attnwidget.runner.needs import text_config, working_bytes

ONE_PIECE = 4096
"""Prompts up to this length run in one piece, unless whole patterns are computed."""
_LEAST = 32
_MOST = {"cpu": 1024, "cuda": 4096}
# Queries x keys of a chunk: what its mask takes. Larger ones are no faster, and cannot be cancelled as soon.
_CELLS = {"cpu": 1 << 25, "cuda": 1 << 27}
_EAGER_CELLS = 1 << 26
# What a run in one piece may work with: of the free memory, and at most.
_SHARE, _WORKING = 0.25, 4 * 10**9


def check_chunk(chunk: object) -> int | None:
    """Return a chunk size as it may be asked for.

    Raises
    ------
    InputError
        If it is not None or a whole number, 0 or more.
    """
    if chunk is None or (isinstance(chunk, int) and not isinstance(chunk, bool) and chunk >= 0):
        return chunk
    raise InputError(
        f"{chunk!r} is not how many tokens go through the model at a time.",
        "Give a whole number, 0 for always all of them, or None to leave it to attnwidget.",
    )


def chunk_for(
    model: nn.Module, tokens: int, asked: int | None, device: str, free: int | None = None
) -> int | None:
    """Choose how many tokens of a prompt go through the model at a time.

    Where memory allows, one piece is faster: its causal rule needs no mask, which costs attention as much
    again as half its products. Sliding windows need one anyway, of tokens x tokens in one piece.

    Parameters
    ----------
    model : Module
    tokens : int
        Of the prompt.
    asked : int or None
        What the user wants: a number, or 0 for one piece. None chooses.
    device : str
        Type of the device that the model runs on.
    free : int or None
        Bytes that are free there; None where that is not known.

    Returns
    -------
    int or None
        None for one piece.
    """
    if asked is not None:
        return asked if 0 < asked < tokens else None
    if tokens == 0:
        return None
    cells = _CELLS.get(device, _CELLS["cuda"])
    if runs_eager(model):
        heads = getattr(text_config(model), "num_attention_heads", 1)
        cells = _EAGER_CELLS // max(1, heads if isinstance(heads, int) else 1)
        if tokens**2 <= cells:
            return None
    elif tokens <= ONE_PIECE:
        return None
    elif not _has_windows(model, tokens):
        most = _WORKING if free is None else min(_WORKING, int(_SHARE * free))
        if working_bytes(model, tokens) <= most:
            return None
    most = min(_MOST.get(device, _MOST["cuda"]), cells // tokens)
    # A power of two.
    return max(_LEAST, 1 << max(0, most.bit_length() - 1))


def _has_windows(model: nn.Module, tokens: int) -> bool:
    """Whether some layers see only a window of such a prompt."""
    config = text_config(model)
    window, kinds = getattr(config, "sliding_window", None), getattr(config, "layer_types", None)
    if not isinstance(window, int) or not 0 < window < tokens:
        return False
    return kinds is None or any("sliding" in str(kind) for kind in kinds)
