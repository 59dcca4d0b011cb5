"""Builds the embedded model's tokenizer: byte-level BPE that keeps the lexicon's words whole.

Any text can be written with it: words that it does not know fall into pieces, and what no piece fits, into
bytes.
"""

from __future__ import annotations

import json
import string
from functools import cache
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from attnwidget.demo_model import lexicon, sentences

BOS = "<|bos|>"
POSITIONS = 256
_PIECES_TO_LEARN = 300
_INVENTED_TO_LEARN_FROM = 3000
_PRIVATE_USE = 0xE000
_SPACE = "Ġ"
# Han characters one by one; a word, a number or a sign takes the space before it; other spaces stay together
_SPLIT = r"\p{Han}| ?[\p{L}&&[^\p{Han}]]+| ?\p{N}+| ?[^\s\p{L}\p{N}]|\s+(?!\S)|\s+"


@cache
def build() -> Tokenizer:
    """Build the tokenizer from the lexicon; the same every time."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_SPLIT), "isolated"), byte_level])
    vocabulary, merges = _learn_pieces()
    for text in _whole_words():
        (symbol, _), *more = split.pre_tokenize_str(text)
        if more:
            raise AssertionError(f"{text!r} is not one word to the tokenizer")
        vocabulary.setdefault(symbol, len(vocabulary))
    # ignore_merges takes a word of the vocabulary as it is, whether or not merges lead to it
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([BOS])
    bos = [(BOS, tokenizer.token_to_id(BOS))]
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=bos),
        ]
    )
    return tokenizer


def save(folder: Path) -> None:
    """Write the tokenizer so that `AutoTokenizer` reads back exactly this one."""
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=build(),
        bos_token=BOS,
        eos_token=BOS,
        model_max_length=POSITIONS,
        # GPT-2 would add the embedding of token 0 or 1 for token types
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
    fast.save_pretrained(folder)
    config_file = folder / "tokenizer_config.json"
    config = json.loads(config_file.read_text("utf-8"))
    # this name is known to every version; the one for GPT-2 would rebuild it and cut words into pieces
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config_file.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


@cache
def encode(text: str) -> list[int]:
    """Return the ids of a text without special tokens; do not change the list, it is cached."""
    ids: list[int] = build().encode(text, add_special_tokens=False).ids
    return ids


def single(text: str) -> int:
    """Return the id of a text that is one token."""
    ids = encode(text)
    if len(ids) != 1:
        raise ValueError(f"{text!r} is {len(ids)} tokens, not one")
    return ids[0]


def _learn_pieces() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Learn word pieces from known and invented words, so that unknown words do not fall into letters.

    A space is first joined to the letter after it, so no piece is a space alone: while pieces are learned,
    one private character stands for the two.
    """
    stand_in = {letter: chr(_PRIVATE_USE + place) for place, letter in enumerate(string.ascii_letters)}
    real = str.maketrans({mark: _SPACE + letter for letter, mark in stand_in.items()})
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=1 + len(alphabet) + len(stand_in) + _PIECES_TO_LEARN,
        initial_alphabet=[*alphabet, *stand_in.values()],
        special_tokens=[BOS],
        show_progress=False,
    )
    random = Random(0)
    invented = [sentences.invented(random) for _ in range(_INVENTED_TO_LEARN_FROM)]
    learner = Tokenizer(models.BPE())
    learner.train_from_iterator(
        [stand_in[word[0]] + word[1:] for word in (*lexicon.words() * 8, *invented)], trainer
    )
    learned = json.loads(learner.to_str())["model"]
    vocabulary = {piece.translate(real): number for piece, number in learned["vocab"].items()}
    merges = [(_SPACE, letter) for letter in stand_in]
    return vocabulary, merges + [
        (left.translate(real), right.translate(real)) for left, right in learned["merges"]
    ]


def _whole_words() -> list[str]:
    """List what is one token: words with the space before them, and without it where a line may start."""
    opening = [*lexicon.OPENERS, *lexicon.FEMALE_NAMES, *lexicon.MALE_NAMES]
    bare = [*lexicon.ANIMALS, *lexicon.OBJECTS, *lexicon.JOBS, *lexicon.FEMALE_ROLES, *lexicon.MALE_ROLES]
    bare += [*lexicon.FOOD, *lexicon.PLACES, *lexicon.COLOURS, *lexicon.TAGS, *lexicon.JSON_KEYS, "home"]
    numbers = [str(number) for number in range(21)]
    return [
        *(" " + word for word in lexicon.words()),
        *opening,
        *(" " + word for word in opening),
        *bare,
        *numbers,
        *(" " + number for number in numbers),
        *(" " + sign for sign in lexicon.PUNCTUATION),
        *(" " + letter for letter in lexicon.LETTERS),
        *lexicon.CHINESE_CHARACTERS,
    ]
