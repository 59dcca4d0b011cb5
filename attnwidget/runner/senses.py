"""Images and sound as prompts: what the model reads, and names for the positions that it makes of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnwidget.errors import EmptyPromptError, InputError
from attnwidget.record import Token

DIMENSIONS = {"pixel_values": 4, "input_features": 3, "input_values": 2}
"""Inputs that stand for a prompt without text, and their dimensions with the batch."""

# What the families whose positions are named by time are trained on: samples a second, seconds a frame.
_RATE = 16_000
_HOP = 0.01
_CLASS_TOKENS = ("cls_token", "class_embedding", "class_token")


def main_input(given: Mapping[str, Any]) -> str | None:
    """Name of the image or sound in what a processor returned; None if there is none."""
    return next((name for name in DIMENSIONS if given.get(name) is not None), None)


def read_inputs(given: Mapping[str, Any], *, beside_text: bool = False) -> dict[str, Tensor]:
    """Turn what a processor returned into a batch of one.

    Parameters
    ----------
    given : mapping of str to array or Tensor
        Images, sound and what belongs to them; the batch dimension may be missing from these.
    beside_text : bool
        Whether there are token ids as well: then several images, in any layout, may belong to one prompt.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    InputError
        If it is a batch of several, padded, not numbers, or of other dimensions.
    EmptyPromptError
        If an image or a sound has no values.
    """
    read: dict[str, Tensor] = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            tensor = value.detach() if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
        except (TypeError, ValueError):
            raise InputError(
                f"{name} is of type {type(value).__name__} and holds no numbers.",
                'Give what the processor returns with return_tensors="pt".',
            ) from None
        if tensor.numel() == 0:
            raise EmptyPromptError(f"{name} is empty.", "Give an image or a sound.")
        wanted = None if beside_text else DIMENSIONS.get(name)
        if wanted is not None:
            tensor = tensor[None] if tensor.ndim == wanted - 1 else tensor
            if tensor.ndim != wanted or not tensor.is_floating_point():
                raise InputError(
                    f"{name} has the shape {list(tensor.shape)} and type {tensor.dtype}.",
                    f"Give floating-point numbers in {wanted} dimensions, as the model's processor does.",
                )
            if tensor.shape[0] != 1:
                raise InputError(
                    f"{name} is a batch of {tensor.shape[0]}.", f"Pick one, for example {name}[:1]."
                )
        read[name] = tensor
    mask = read.get("attention_mask")
    if mask is not None and not bool(mask.all()):
        raise InputError(
            "The sound is padded, and its attention_mask does not say which positions of the model that is.",
            "Give it without padding.",
        )
    return read


def demand_readable(model: nn.Module, names: list[str], accepted: frozenset[str] | None) -> None:
    """Raise InputError if the model's forward does not take all of these inputs (None: takes anything)."""
    unread = [] if accepted is None else [name for name in names if name not in accepted]
    if unread:
        reads = [name for name in (*DIMENSIONS, "input_ids") if accepted is None or name in accepted]
        raise InputError(
            f"{type(model).__name__} does not read {', '.join(unread)}.", f"It reads {', '.join(reads)}."
        )


def digest(inputs: Mapping[str, Tensor]) -> list[str]:
    """Tell inputs apart by name, shape and content."""
    said = []
    for name, tensor in sorted(inputs.items()):
        data = tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        said.append(f"{name} {tuple(tensor.shape)} {hashlib.sha256(data).hexdigest()[:16]}")
    return said


def describe_inputs(inputs: Mapping[str, Tensor]) -> str:
    """Say in a few words what the prompt is."""
    name = main_input(inputs)
    if name == "pixel_values":
        return f"image, {inputs[name].shape[-1]} x {inputs[name].shape[-2]} pixels"
    if name == "input_values":
        return f"sound, {inputs[name].shape[-1]:,} samples"
    return "sound, as features"


def position_tokens(
    model: nn.Module, inputs: Mapping[str, Tensor], count: int
) -> tuple[tuple[Token, ...], tuple[str, ...]]:
    """Name the positions that a model made of an image or a sound.

    Parameters
    ----------
    model : Module
    inputs : mapping of str to Tensor
        What it read.
    count : int
        Number of positions.

    Returns
    -------
    tuple of Token
        Patches by row and column ("r0 c3"), after a class token ("cls") where the model has one; sound by the
        time at which a position begins ("0.02 s"). Plain numbers where the model does not tell.
    tuple of str
        What a reader should know of these names.
    """
    seen = "pixel_values" in inputs
    labels = _patches(model, inputs["pixel_values"], count) if seen else _times(model, inputs, count)
    notes: tuple[str, ...] = ()
    if labels is None:
        kind = "patch" if seen else "frame"
        labels = [f"{kind} {place}" for place in range(count)]
        notes = (f"The model does not tell where each {kind} lies: they are numbered.",)
    elif not seen:
        notes = (f"Positions are named by the time at which they begin, at {_RATE:,} samples a second.",)
    tokens = tuple(
        Token(id=None, text=f" {label}", label=label, special=label.partition(" ")[0] in _EXTRA)
        for label in labels
    )
    return tokens, notes


_EXTRA = {"cls", "dist", "register"}


def _patches(model: nn.Module, image: Tensor, count: int) -> list[str] | None:
    config = getattr(model, "config", None)
    config = getattr(config, "vision_config", None) or config
    size = getattr(config, "patch_size", None)
    high, wide = (size, size) if isinstance(size, int) else size if size is not None else (0, 0)
    if not high or not wide:
        return None
    rows, columns = image.shape[-2] // high, image.shape[-1] // wide
    before = count - rows * columns
    grid = [f"r{row} c{column}" for row in range(rows) for column in range(columns)]
    if before == 0:
        return grid
    names = {name.rpartition(".")[2] for name, _ in model.named_parameters()}
    first = ["cls"] if names.intersection(_CLASS_TOKENS) else []
    if "distillation_token" in names:
        first.append("dist")
    registers = getattr(config, "num_register_tokens", None) or 0
    first += [f"register {place}" for place in range(registers)]
    return first + grid if len(first) == before else None


def _times(model: nn.Module, inputs: Mapping[str, Tensor], count: int) -> list[str] | None:
    config = getattr(model, "config", None)
    strides = getattr(config, "conv_stride", None)
    if "input_values" in inputs and strides:
        step = math.prod(strides) / _RATE
    elif "input_features" in inputs and getattr(config, "model_type", None) == "whisper":
        step = _HOP * inputs["input_features"].shape[-1] / count
    else:
        return None
    places = max(2, math.ceil(-math.log10(step)))
    return [f"{place * step:.{places}f} s" for place in range(count)]
