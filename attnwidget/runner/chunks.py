"""How many tokens go through the model at a time."""

from __future__ import annotations

from torch import nn

from attnwidget.capture.state import runs_eager
from attnwidget.errors import InputError
from attnwidget.runner.needs import text_config

ONE_PIECE = 4096
"""Prompts up to this length run in one piece."""
_LEAST = 32
_MOST = {"cpu": 1024, "cuda": 4096}
# Queries x keys of a chunk: what its mask takes. Larger ones are no faster, and cannot be cancelled as soon.
_CELLS = {"cpu": 1 << 25, "cuda": 1 << 27}
_EAGER_CELLS = 1 << 26


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


def chunk_for(model: nn.Module, tokens: int, asked: int | None, device: str) -> int | None:
    """Choose how many tokens of a prompt go through the model at a time.

    Parameters
    ----------
    model : Module
    tokens : int
        Of the prompt.
    asked : int or None
        What the user wants: a number, or 0 for one piece. None chooses: prompts of up to 4,096 tokens run
        in one piece; longer ones in chunks, smaller ones as the prompt gets longer, so that a chunk takes the
        same room. Models that compute whole patterns begin earlier and take smaller ones.
    device : str
        Type of the device that the model runs on.

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
    whole = ONE_PIECE
    if runs_eager(model):
        heads = getattr(text_config(model), "num_attention_heads", 1)
        cells = _EAGER_CELLS // max(1, heads if isinstance(heads, int) else 1)
        whole = min(whole, int(cells**0.5))
    if tokens <= whole:
        return None
    most = min(_MOST.get(device, _MOST["cuda"]), cells // tokens)
    # A power of two.
    return max(_LEAST, 1 << max(0, most.bit_length() - 1))
