"""The decoder's side of an encoder-decoder run: the ids it reads, given as a text or generated greedily."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from attnwidget.errors import CancelledError, InputError
from attnwidget.record import Stream, Token
from attnwidget.runner.prompt import Encoded
from attnwidget.runner.tokens import tokens_from_ids
from attnwidget.runner.vocabulary import Vocabulary

MOST_GENERATED = 40


def start_id(model: nn.Module) -> int:
    """Id that the decoder begins with.

    Parameters
    ----------
    model : PreTrainedModel
        An encoder-decoder.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If neither of the model's configurations names one.
    """
    for holder in (getattr(model, "generation_config", None), getattr(model, "config", None)):
        for name in ("decoder_start_token_id", "bos_token_id"):
            value = getattr(holder, name, None)
            if isinstance(value, int):
                return value
    raise InputError(
        f"{type(model).__name__} does not say which token its decoder begins with.",
        "Set model.config.decoder_start_token_id.",
    )


def shifted(
    target: Encoded, model: nn.Module, vocabulary: Vocabulary
) -> tuple[tuple[int, ...], tuple[Token, ...]]:
    """Make decoder inputs of a target text: each position predicts the next token of the text.

    Parameters
    ----------
    target : Encoded
        The target as the tokenizer spells it.
    model : PreTrainedModel
        An encoder-decoder.
    vocabulary : Vocabulary
        The tokenizer's.

    Returns
    -------
    ids : tuple of int
        The start token and the target, without the end token that only ever is predicted.
    tokens : tuple of Token
        One per id.
    """
    ends = {getattr(vocabulary.tokenizer, "eos_token_id", None)}
    labels, tokens = target.ids, target.tokens
    shift = getattr(model, "prepare_decoder_input_ids_from_labels", None)
    if tokens[-1].special and shift is not None:
        # The family's own shift: some put the language code, which the tokenizer writes last, in front.
        ids = tuple(int(index) for index in shift(labels=torch.tensor([labels]))[0])
        if len(ids) == len(labels) and ids[1:] == labels[:-1]:
            return ids, (*tokens_from_ids(ids[:1], vocabulary), *tokens[:-1])
    kept = len(labels) - int(labels[-1] in ends)
    first = start_id(model)
    return (first, *labels[:kept]), (*tokens_from_ids((first,), vocabulary), *tokens[:kept])


def _layers(config: Any, stream: Stream) -> int | None:
    """Layers of one side; the names differ by family."""
    part = getattr(config, stream, None)
    holder, names = (part, ()) if part is not None else (config, (f"{stream}_layers", f"num_{stream}_layers"))
    for name in (*names, "num_hidden_layers", "num_layers"):
        value = getattr(holder, name, None)
        if isinstance(value, int):
            return value
    return None


def generated(
    model: nn.Module, inputs: Mapping[str, Tensor], cancelled: Callable[[], bool] | None
) -> tuple[int, ...]:
    """Let the model make up the decoder inputs, always taking the most probable token.

    Parameters
    ----------
    model : PreTrainedModel
        An encoder-decoder.
    inputs : mapping of str to tensor
        The encoder's inputs, a batch of one.
    cancelled : callable, optional
        Asked after each token.

    Returns
    -------
    tuple of int
        The start token and up to 40 more, without a final end token.

    Raises
    ------
    CancelledError
        If `cancelled` says so.
    """
    from transformers import GenerationConfig, GenerationMixin, StoppingCriteria, StoppingCriteriaList

    class Stop(StoppingCriteria):
        def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
            stop = cancelled is not None and cancelled()
            return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)

    known = getattr(model, "generation_config", None)
    names = ("eos_token_id", "pad_token_id", "bos_token_id", "forced_bos_token_id")
    configuration: Any = GenerationConfig
    settings = configuration(
        do_sample=False,
        num_beams=1,
        max_new_tokens=MOST_GENERATED,
        decoder_start_token_id=start_id(model),
        # The cache that generate makes has as many layers as the encoder.
        use_cache=_layers(model.config, "encoder") == _layers(model.config, "decoder"),
        **{name: getattr(known, name, None) for name in names},
    )
    # Whisper's own returns a transcript, cut free of its start token, instead of what its decoder reads.
    whisper = getattr(model.config, "model_type", None) == "whisper"
    whole: Any = GenerationMixin
    generate = partial(whole.generate, model) if whisper else cast(Any, model).generate
    sequence = generate(
        **inputs, generation_config=settings, stopping_criteria=StoppingCriteriaList([Stop()])
    )
    if cancelled is not None and cancelled():
        raise CancelledError("The run was cancelled.", "Start it again when needed.")
    ids = tuple(int(index) for index in sequence[0])
    eos = settings.eos_token_id
    ends = set(eos) if isinstance(eos, list) else {eos}
    return ids[:-1] if len(ids) > 1 and ids[-1] in ends else ids
