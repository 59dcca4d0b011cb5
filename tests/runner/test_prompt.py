"""What a prompt may be, and what is said about what it may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.errors import EmptyPromptError, InputError
from attnwidget.runner.prompt import ChatPrompt, IdsPrompt, TextPrompt, encode, encode_text, read_prompt
from attnwidget.runner.vocabulary import Vocabulary
from tests.runner.tiny_tokenizers import byte_level, kept

TEMPLATE = (
    "{% for m in messages %}{% if loop.first and m.role == 'assistant' %}"
    "{{ raise_exception('the user begins') }}{% endif %}"
    "<|bos|>{{ m.role }}\n{{ m.content }}<|eos|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|bos|>assistant\n{% endif %}"
)
HELLO = {"role": "user", "content": "The cat?"}
ANSWER = {"role": "assistant", "content": "sat."}


def test_texts_and_pairs() -> None:
    assert read_prompt("The cat") == TextPrompt("The cat")
    assert read_prompt("Who?", "The cat") == TextPrompt("Who?", "The cat")
    assert read_prompt(("Who?", "The cat")) == TextPrompt("Who?", "The cat")
    assert read_prompt("Who?", "") == TextPrompt("Who?", None)


def test_messages() -> None:
    assert read_prompt([HELLO]) == ChatPrompt((HELLO,))


@pytest.mark.parametrize(
    "ids",
    [
        [1, 2, 3],
        (1, 2, 3),
        range(1, 4),
        [[1, 2, 3]],
        np.array([1, 2, 3], dtype=np.int32),
        np.array([[1, 2, 3]]),
        torch.tensor([1, 2, 3]),
        torch.tensor([[1, 2, 3]]),
        {"input_ids": torch.tensor([[1, 2, 3]])},
    ],
)
def test_ids(ids: Any) -> None:
    assert read_prompt(ids) == IdsPrompt((1, 2, 3))


def test_what_a_tokenizer_returns() -> None:
    batch = kept("wordpiece")("The cat", padding="max_length", max_length=6)
    assert read_prompt(batch) == IdsPrompt(
        tuple(batch["input_ids"]), (1, 1, 1, 1, 0, 0), tuple(batch["token_type_ids"])
    )


@pytest.mark.parametrize(
    ("prompt", "context", "error", "said"),
    [
        (None, None, InputError, "is of type NoneType"),
        (3.5, None, InputError, "is of type float"),
        (3, None, InputError, "is one number"),
        ([1.0, 2.0], None, InputError, "does not hold whole numbers"),
        ([True, False], None, InputError, "does not hold whole numbers"),
        ([[1, 2], [3]], None, InputError, "does not hold whole numbers"),
        ([-1, 2], None, InputError, "holds -1"),
        ([[1, 2], [3, 4]], None, InputError, r"a batch of 2.*Pick one row, for example ids\[0\]"),
        (torch.zeros(2, 3, dtype=torch.int64), None, InputError, r"\[2, 3\].*ids\[0\]"),
        (["The cat", "The dog"], None, InputError, "list of texts.*one text at a time"),
        (("a", "b", "c"), None, InputError, "list of texts"),
        (("a", "b"), "c", InputError, "a pair already"),
        ([1, 2], "The cat", InputError, "goes with a text only"),
        ([HELLO], "The cat", InputError, "goes with a text only"),
        ("The cat", 3, InputError, "context is of type int"),
        ([{"role": "user"}], None, InputError, 'Message 0 has no "role" or no "content"'),
        ({"ids": [1]}, None, InputError, 'without "input_ids"'),
        ({"input_ids": [1, 2], "attention_mask": [1]}, None, InputError, "has 1 entries for 2 ids"),
        ({"input_ids": [1, 2], "attention_mask": [0, 0]}, None, EmptyPromptError, "is masked"),
        ([], None, EmptyPromptError, "holds no token"),
        ([[]], None, EmptyPromptError, "holds no token"),
        ({"input_ids": []}, None, EmptyPromptError, "holds no token"),
        ("half \ud83d here", None, InputError, "Character 5 of the prompt is half of a surrogate pair"),
    ],
)
def test_what_is_no_prompt(prompt: Any, context: Any, error: type[InputError], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        read_prompt(prompt, context)
    assert caught.value.todo


@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_ids_survive_any_container(ids: list[int]) -> None:
    forms = [ids, tuple(ids), np.array(ids), torch.tensor(ids), torch.tensor([ids])]
    assert {read_prompt(form) for form in forms} == {IdsPrompt(tuple(ids))}


@pytest.mark.parametrize("kind", ["byte-level", "wordpiece", "unigram"])
def test_an_empty_text_is_said_to_be_empty(kind: str) -> None:
    with pytest.raises(EmptyPromptError, match=r"The prompt holds no token. Type a text"):
        encode(TextPrompt(""), Vocabulary(kept(kind)))


def test_blanks_are_empty_where_the_tokenizer_drops_them_and_tokens_where_not() -> None:
    with pytest.raises(EmptyPromptError):
        encode(TextPrompt(" \n"), Vocabulary(kept("wordpiece")))
    assert [t.label for t in encode(TextPrompt(" \n"), Vocabulary(kept("byte-level"))).tokens] == ["␣", "↵"]


def test_a_tokenizer_that_adds_only_its_frame_made_no_token() -> None:
    with pytest.raises(EmptyPromptError):
        encode(TextPrompt(""), Vocabulary(byte_level(bos=True)))


def test_nothing_is_cut_or_padded_whatever_the_tokenizer_is_set_to() -> None:
    tokenizer = byte_level()
    whole = tuple(tokenizer("The cat sat on the mat")["input_ids"])
    tokenizer.model_max_length = 2
    tokenizer.backend_tokenizer.enable_truncation(2)
    tokenizer.backend_tokenizer.enable_padding(length=30, pad_id=1, pad_token="<|eos|>")
    encoded = encode(TextPrompt("The cat sat on the mat"), Vocabulary(tokenizer))
    assert encoded.ids == whole
    assert len(whole) > 2
    assert encoded.mask == (1,) * len(encoded.ids) == (1,) * len(encoded.tokens)


def test_a_pair_has_segment_ids() -> None:
    encoded = encode(TextPrompt("The cat", "the mat"), Vocabulary(kept("wordpiece")))
    assert encoded.segments == (0, 0, 0, 0, 1, 1, 1)
    assert (encoded.prompt, encoded.context) == ("The cat", "the mat")


def test_a_text_needs_a_tokenizer_and_ids_do_not() -> None:
    with pytest.raises(InputError, match=r"There is no tokenizer.*Pass tokenizer="):
        encode(TextPrompt("The cat"), Vocabulary(None))
    encoded = encode(IdsPrompt((3, 4)), Vocabulary(None))
    assert (encoded.ids, encoded.mask, encoded.prompt) == ((3, 4), (1, 1), "")


def chat() -> Vocabulary:
    tokenizer = byte_level()
    tokenizer.chat_template = TEMPLATE
    return Vocabulary(tokenizer)


def test_messages_go_through_the_template_up_to_the_answer() -> None:
    encoded = encode(ChatPrompt((HELLO,)), chat())
    assert encoded.prompt == "<|bos|>user\nThe cat?<|eos|>\n<|bos|>assistant\n"
    assert "".join(token.text for token in encoded.tokens) == encoded.prompt
    assert [token.label for token in encoded.tokens if token.special] == ["⟨bos⟩", "⟨eos⟩", "⟨bos⟩"]
    answered = encode(ChatPrompt((HELLO, ANSWER)), chat())
    assert answered.prompt.endswith("sat.<|eos|>\n")


def test_messages_need_a_template() -> None:
    with pytest.raises(InputError, match=r"this tokenizer has no chat template.*chat_template"):
        encode(ChatPrompt((HELLO,)), Vocabulary(kept("byte-level")))


def test_a_template_that_refuses_is_heard() -> None:
    with pytest.raises(InputError, match="refuses these messages: the user begins"):
        encode(ChatPrompt((ANSWER,)), chat())


def test_padding_is_told_by_the_mask() -> None:
    tokenizer = kept("wordpiece")
    batch = tokenizer("The cat", padding="max_length", max_length=6, padding_side="left")
    encoded = encode(read_prompt(batch), Vocabulary(tokenizer))
    assert encoded.mask == (0, 0, 1, 1, 1, 1)
    assert [token.label for token in encoded.tokens] == ["[CLS]", "The", "cat", "[SEP]"]
    assert encoded.prompt == "The cat"


def test_padding_at_the_ends_of_bare_ids_is_told_by_its_id() -> None:
    tokenizer = kept("wordpiece")
    pad, ids = tokenizer.pad_token_id, tokenizer("The cat")["input_ids"]
    encoded = encode(IdsPrompt((pad, *ids[:2], pad, *ids[2:], pad, pad)), Vocabulary(tokenizer))
    assert encoded.mask == (0, 1, 1, 1, 1, 1, 0, 0)
    assert [token.label for token in encoded.tokens] == ["[CLS]", "The", "[PAD]", "cat", "[SEP]"]


def test_a_padding_token_with_another_meaning_is_no_padding() -> None:
    tokenizer = byte_level()
    tokenizer.pad_token = tokenizer.eos_token
    ids = (*tokenizer("The cat")["input_ids"], tokenizer.eos_token_id)
    assert encode(IdsPrompt(ids), Vocabulary(tokenizer)).mask == (1,) * len(ids)


def test_specials_that_the_text_spells_out_are_not_added_twice() -> None:
    vocabulary = Vocabulary(byte_level(bos=True))
    once = encode_text("<|bos|>The", None, vocabulary, add_special_tokens=False)
    assert [token.label for token in once.tokens] == ["⟨bos⟩", "The"]
