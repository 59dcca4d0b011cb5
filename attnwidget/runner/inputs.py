"""What a model's forward pass is given: which arguments it takes, on which device, in which precision."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attnwidget.runner.prompt import Encoded


def accepted_arguments(model: nn.Module) -> frozenset[str]:
    """Names that the model's forward takes, of those that a run may pass."""
    ours = {"attention_mask", "token_type_ids", "use_cache", "return_dict"}
    parameters = inspect.signature(model.forward).parameters
    if "input_ids" not in parameters and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return frozenset(ours)
    return frozenset(ours & parameters.keys())


def all_arguments(model: nn.Module) -> frozenset[str] | None:
    """Names of what the model's forward takes; None if it takes anything."""
    parameters = inspect.signature(model.forward).parameters
    wrapped = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    return None if wrapped else frozenset(parameters)


def input_device(model: nn.Module) -> torch.device:
    """Where the inputs go: to the input embedding, unless it is not loaded yet."""
    getter = getattr(model, "get_input_embeddings", None)
    try:
        table = getter() if getter is not None else None
    except (AttributeError, NotImplementedError):
        table = None
    weight = getattr(table, "weight", None)
    if not isinstance(weight, Tensor):
        weight = next(model.parameters(), None)
    if weight is not None and weight.device.type != "meta":
        return weight.device
    return torch.device(getattr(model, "device", "cpu"))


def model_inputs(
    model: nn.Module, encoded: Encoded, accepted: frozenset[str], device: torch.device
) -> dict[str, Tensor]:
    """Return what the forward pass is called with, by name; texts as one row.

    Parameters
    ----------
    model : Module
    encoded : Encoded
    accepted : set of str
        What `accepted_arguments` says of the model.
    device : torch.device
        What `input_device` says of it.
    """
    rows: dict[str, Sequence[int]] = {"attention_mask": encoded.mask}
    if encoded.segments is not None and (encoded.more or _reads_segments(model, max(encoded.segments))):
        rows["token_type_ids"] = encoded.segments
    chosen = {"input_ids": encoded.ids} | {name: row for name, row in rows.items() if name in accepted}
    texts = {name: torch.tensor([row], device=device) for name, row in chosen.items()}
    return ({} if not encoded.ids else texts) | _more_inputs(model, encoded, device)


def _more_inputs(model: nn.Module, encoded: Encoded, device: torch.device) -> dict[str, Tensor]:
    """Images and sound where the model is and, if they are fractions, in its precision."""
    dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
    dtype = next(dtypes, torch.float32)
    return {
        name: tensor.to(device, dtype if tensor.is_floating_point() else None)
        for name, tensor in encoded.more.items()
    }


def _reads_segments(model: nn.Module, largest: int) -> bool:
    """Whether the model has segment embeddings, and one for the largest segment id.

    A forward that takes token_type_ids is not enough: GPT-2's adds the word embeddings of ids 0 and 1.
    """
    sizes = getattr(getattr(model, "config", None), "type_vocab_size", None)
    if isinstance(sizes, int) and sizes > 0:
        return largest < sizes
    return any(name.rpartition(".")[2] == "seg_embed" for name, _ in model.named_parameters())
