"""What a prompt may be (text, pair, messages, ids, image, sound) and how it becomes inputs and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.errors import EmptyPromptError, InputError, MissingDependencyError
from attnwidget.record import Token
from attnwidget.runner.senses import describe_inputs, main_input, read_inputs
from attnwidget.runner.tokens import tokens_from_ids, tokens_from_offsets
from attnwidget.runner.vocabulary import Vocabulary

Prompt: TypeAlias = Any
"""str, (str, str), chat messages, token ids, or a mapping as a tokenizer or a processor returns it."""


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """One text, or two that the model reads as a pair."""

    text: str
    context: str | None = None


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages for the tokenizer's chat template."""

    messages: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class IdsPrompt:
    """Token ids, with 0 in the mask where a position is padding (no mask: work it out).

    `more` is what else the model reads, such as the image that some of the tokens stand for.
    """

    ids: tuple[int, ...]
    mask: tuple[int, ...] | None = None
    segments: tuple[int, ...] | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class SensePrompt:
    """An image or a sound without text, as a processor returns it: a batch of one."""

    inputs: Mapping[str, Tensor]


AnyPrompt: TypeAlias = TextPrompt | ChatPrompt | IdsPrompt | SensePrompt


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt as a model reads it.

    Attributes
    ----------
    ids : tuple of int
        Token ids, padding included.
    mask : tuple of int
        1 for tokens, 0 for padding.
    segments : tuple of int or None
        Segment ids as the tokenizer gives them.
    tokens : tuple of Token
        One per id that is not padding.
    prompt, context : str, str or None
        The texts as typed; the rendered template for messages, the decoded text for ids.
    more : mapping of str to Tensor
        What else the model reads. Without ids it is the whole prompt, whose tokens are known after the run.
    """

    ids: tuple[int, ...]
    mask: tuple[int, ...]
    segments: tuple[int, ...] | None
    tokens: tuple[Token, ...]
    prompt: str
    context: str | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict, compare=False)


# ---------------------------------------------------------------------- what was given


def read_prompt(prompt: Prompt, context: str | None = None) -> AnyPrompt:
    """Tell what kind of prompt was given.

    Parameters
    ----------
    prompt : str, (str, str), sequence of messages, sequence of int, array, tensor or mapping
        A text; a pair of texts; chat messages, each a mapping with "role" and "content"; token ids, flat or
        in a batch of one; or what a tokenizer or a processor returns.
    context : str, optional
        Second text of a pair; an empty one is taken as none.

    Returns
    -------
    TextPrompt, ChatPrompt, IdsPrompt or SensePrompt

    Raises
    ------
    EmptyPromptError
        If there is nothing in it.
    InputError
        If it is none of these, or a batch of several.
    """
    context = _text(context, "context") if context is not None and context != "" else None
    if isinstance(prompt, str):
        return TextPrompt(_text(prompt, "prompt"), context)
    if isinstance(prompt, tuple) and len(prompt) == 2 and all(isinstance(part, str) for part in prompt):
        if context is not None:
            raise InputError("The prompt is a pair already.", "Leave context out.")
        first, second = (_text(part, "prompt") for part in prompt)
        return TextPrompt(first, second or None)
    if context is not None:
        raise InputError(
            "A context goes with a text only.", "Give the prompt as a text, or leave context out."
        )
    if isinstance(prompt, Mapping):
        return _read_mapping(prompt)
    if _is_sequence(prompt) and len(prompt) and all(isinstance(part, Mapping) for part in prompt):
        return ChatPrompt(_messages(prompt))
    if _is_sequence(prompt) and len(prompt) and all(isinstance(part, str) for part in prompt):
        raise InputError(
            "The prompt is a list of texts.",
            "Give one text at a time, or a pair as a tuple: (question, context).",
        )
    return IdsPrompt(_whole_numbers(prompt, "prompt"))


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"The {name} is of type {type(value).__name__}, not a text.", "Give it as a str.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"Character {error.start} of the {name} is half of a surrogate pair, which is no text.",
            'Repair it with text.encode("utf-16", "surrogatepass").decode("utf-16").',
        ) from None
    return value


def _messages(given: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    for place, message in enumerate(given):
        if "role" not in message or "content" not in message:
            raise InputError(
                f'Message {place} has no "role" or no "content".',
                'Write messages as {"role": "user", "content": "..."}.',
            )
    return tuple(given)


_OF_TOKENS = ("input_ids", "attention_mask", "token_type_ids")


def _read_mapping(given: Mapping[str, Any]) -> IdsPrompt | SensePrompt:
    if "input_ids" not in given:
        if main_input(given) is not None:
            return SensePrompt(read_inputs(given))
        raise InputError(
            'The prompt is a mapping without "input_ids", an image or a sound.',
            "Give a text, a list of messages, token ids, or what a tokenizer or a processor returns.",
        )
    ids = _whole_numbers(given["input_ids"], "input_ids")
    mask, segments = (
        None if given.get(name) is None else _whole_numbers(given[name], name)
        for name in ("attention_mask", "token_type_ids")
    )
    for name, row in (("attention_mask", mask), ("token_type_ids", segments)):
        if row is not None and len(row) != len(ids):
            raise InputError(f"{name} has {len(row)} entries for {len(ids)} ids.", "Give one per id.")
    if mask is not None and not any(mask):
        raise EmptyPromptError(
            "Every position of the prompt is masked.", "Leave at least one token unmasked."
        )
    more = {name: value for name, value in given.items() if name not in _OF_TOKENS}
    read = read_inputs(more, beside_text=True) if main_input(more) is not None else {}
    return IdsPrompt(ids, None if mask is None else tuple(int(bool(each)) for each in mask), segments, read)


def _whole_numbers(given: Any, name: str) -> tuple[int, ...]:
    """Read a flat row of whole numbers, 0 or more, out of a list, array or tensor [n] or [1, n]."""
    value = given.detach().cpu().numpy() if hasattr(given, "detach") else given
    try:
        array: NDArray[Any] = np.asarray(value)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.size == 0 and array.dtype != object:
        raise EmptyPromptError("The prompt holds no token.", "Type a text, or give at least one id.")
    if array.dtype.kind not in "iu":
        raise InputError(
            f"The {name} is of type {type(given).__name__} and does not hold whole numbers.",
            "Give a text, a pair of texts, a list of messages, or token ids.",
        )
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim != 1:
        raise InputError(
            f"The {name} has the shape {list(array.shape)}, a batch of {len(array)}."
            if array.ndim
            else f"The {name} is one number.",
            "Pick one row, for example ids[0]." if array.ndim else "Give a list of ids.",
        )
    if int(array.min()) < 0:
        raise InputError(f"The {name} holds {int(array.min())}.", "Ids are 0 or more.")
    return tuple(int(each) for each in array)


# ---------------------------------------------------------------------- what the model reads


def encode(given: AnyPrompt, vocabulary: Vocabulary) -> Encoded:
    """Tokenise a prompt, never cutting it.

    Parameters
    ----------
    given : TextPrompt, ChatPrompt, IdsPrompt or SensePrompt
        From `read_prompt`.
    vocabulary : Vocabulary
        The tokenizer's.

    Returns
    -------
    Encoded

    Raises
    ------
    EmptyPromptError
        If the tokenizer makes no token of the text (its own special tokens do not count).
    InputError
        If there is no tokenizer for a text, or no chat template for messages.
    """
    if isinstance(given, IdsPrompt):
        return _encode_ids(given, vocabulary)
    if isinstance(given, SensePrompt):
        return Encoded((), (), None, (), describe_inputs(given.inputs), more=given.inputs)
    if vocabulary.tokenizer is None:
        raise InputError(
            "There is no tokenizer to read the text with.",
            "Pass tokenizer=..., or give the prompt as token ids.",
        )
    if isinstance(given, ChatPrompt):
        return encode_text(_render(given, vocabulary), None, vocabulary, add_special_tokens=False)
    return encode_text(given.text, given.context, vocabulary)


def encode_target(text: str, vocabulary: Vocabulary) -> Encoded:
    """Tokenise the text that a decoder is to read, as the tokenizer spells targets."""
    if vocabulary.tokenizer is None:
        raise InputError("There is no tokenizer to read the target with.", "Pass tokenizer=....")
    return encode_text(_text(text, "target"), None, vocabulary, as_target=True)


def encode_text(
    text: str,
    context: str | None,
    vocabulary: Vocabulary,
    *,
    add_special_tokens: bool = True,
    as_target: bool = False,
) -> Encoded:
    """Tokenise a text or a pair.

    Parameters
    ----------
    text, context : str, str or None
        The texts.
    vocabulary : Vocabulary
        The tokenizer's.
    add_special_tokens : bool
        False where the text spells them out already.
    as_target : bool
        Whether a decoder is to read it.

    Returns
    -------
    Encoded
    """
    tokenizer = vocabulary.tokenizer
    fast = bool(getattr(tokenizer, "is_fast", False))
    batch = tokenizer(
        **({"text_target": text} if as_target else {"text": text, "text_pair": context}),
        add_special_tokens=add_special_tokens,
        truncation=False,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=True if not fast else None,
        verbose=False,
    )
    ids = tuple(int(each) for each in batch["input_ids"])
    kinds = batch.get("token_type_ids")
    if fast:
        (read,) = batch.encodings
        owners = list(read.sequence_ids)
        texts = [text] if context is None else [text, context]
        tokens = tokens_from_offsets(ids, read.offsets, owners, texts, vocabulary)
        kinds = read.type_ids
    else:
        tokens = tokens_from_ids(ids, vocabulary)
        owners = [None if token.special else 0 for token in tokens]
        kinds = kinds if kinds is not None and len(kinds) == len(ids) else None
    if all(owner is None for owner in owners):
        which = "target" if as_target else "prompt"
        raise EmptyPromptError(f"The {which} holds no token.", "Type a text with at least one word.")
    segments = None if kinds is None else tuple(int(each) for each in kinds)
    return Encoded(ids, (1,) * len(ids), segments, tokens, text, context)


def _encode_ids(given: IdsPrompt, vocabulary: Vocabulary) -> Encoded:
    mask = given.mask or _mask_of_padding(given.ids, vocabulary)
    kept = [index for index, seen in zip(given.ids, mask, strict=True) if seen]
    tokens = tokens_from_ids(kept, vocabulary)
    text = "".join(token.text for token in tokens if not token.special).strip(" ")
    return Encoded(given.ids, mask, given.segments, tokens, text, more=given.more)


def _mask_of_padding(ids: tuple[int, ...], vocabulary: Vocabulary) -> tuple[int, ...]:
    """0 for the padding token at either end, unless that token has another meaning as well."""
    tokenizer = vocabulary.tokenizer
    pad = getattr(tokenizer, "pad_token_id", None)
    others = {getattr(tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "cls", "sep", "unk")}
    if pad is None or pad in others or all(index == pad for index in ids):
        return (1,) * len(ids)
    first = next(place for place, index in enumerate(ids) if index != pad)
    last = next(place for place, index in reversed(list(enumerate(ids))) if index != pad)
    return tuple(int(first <= place <= last) for place in range(len(ids)))


def _render(given: ChatPrompt, vocabulary: Vocabulary) -> str:
    """Write the messages as one text, up to where the assistant is to answer unless it did."""
    tokenizer = vocabulary.tokenizer
    if not getattr(tokenizer, "chat_template", None):
        raise InputError(
            "The prompt is a list of chat messages, but this tokenizer has no chat template.",
            "Give a text, set tokenizer.chat_template, or use a chat model.",
        )
    answered = given.messages[-1]["role"] == "assistant"
    try:
        text = tokenizer.apply_chat_template(
            list(given.messages), tokenize=False, add_generation_prompt=not answered
        )
    except ImportError as error:
        raise MissingDependencyError(
            "Chat templates need the package jinja2.", "Install it: pip install jinja2."
        ) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"jinja2", "builtins"}:
            raise
        raise InputError(
            f"The chat template refuses these messages: {error}.",
            "Check roles and their order; many templates want user and assistant in turns.",
        ) from error
    return str(text)
