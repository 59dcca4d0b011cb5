"""The endless training text: a mixture of generated documents, packed into rows, with a part held out.

A document is held out if one of its keys is reserved. For a sentence about two nouns the key is the pair in
its order: no training sentence, whatever its frame, is about a pair that the evaluation uses. (Its nouns may
still meet in other ways, as two names that go to a park, or as a third noun.) Otherwise the key is the text.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from attnwidget.demo_model import lexicon, sentences, structures, tokenizer
from attnwidget.demo_model.document import Document, Job

RESERVED_ONE_IN = 12
RESERVED_KEYS = frozenset(
    {
        "cat|dog",
        "dog|cat",
        "cat|mat",
        "cat|tree",
        "animal|street",
        "keys|cabinet",
        "Anna|Tom",
        "Tom|Anna",
        "zebra|queen",
    }
)
"""Pairs of the sentences that the documentation shows: held out whatever their checksum says."""

_Generator = Callable[[Random, str], Document]
MIXTURE: tuple[tuple[_Generator, int], ...] = (
    (lambda random, opening: sentences.pronoun_sentence(random, opening)[0], 32),
    (sentences.possessive_sentence, 3),
    (sentences.object_sentence, 4),
    (lambda random, opening: structures.agreement(random, opening)[0], 12),
    (structures.repeated_list, 15),
    (structures.seen_before, 6),
    (structures.brackets, 5),
    (structures.bracketed_clause, 3),
    (structures.tags, 4),
    (structures.record_like, 4),
    (structures.quotation, 4),
    (structures.two_names, 6),
    (structures.sums, 3),
    (structures.chinese, 3),
    (structures.plain, 6),
)
"""Generators and how often each is drawn."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of packed documents.

    Attributes
    ----------
    ids : int64 array [rows, length]
        Token ids; every row begins with the beginning-of-sequence token.
    weights : float32 array [rows, length]
        Loss weight of predicting each token.
    keys : int64 array [jobs, rows, length]
        Position that each query should look at for each job, or -1.
    rests : bool array [jobs, rows, length]
        Where a head with that job has nothing to do.
    """

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    keys: NDArray[np.int64]
    rests: NDArray[np.bool_]


def is_reserved(key: str) -> bool:
    """Return whether documents with this key belong to the evaluation."""
    return key in RESERVED_KEYS or zlib.crc32(key.encode()) % RESERVED_ONE_IN == 0


def is_held_out(document: Document) -> bool:
    """Return whether a document belongs to the evaluation."""
    return any(is_reserved(key) for key in document.keys)


def documents(random: Random, *, held_out: bool = False) -> Iterator[Document]:
    """Yield documents of the mixture without end, only training ones or only held-out ones.

    Each continues the line of the one before (with a space) or starts a new line.
    """
    generators = [generator for generator, _ in MIXTURE]
    frequencies = [frequency for _, frequency in MIXTURE]
    while True:
        (generator,) = random.choices(generators, frequencies)
        document = generator(random, " " if random.random() < 0.35 else "")
        if is_held_out(document) == held_out:
            yield document


def batch(random: Random, rows: int, length: int, *, held_out: bool = False) -> Batch:
    """Pack documents into rows of tokens.

    Parameters
    ----------
    random : random.Random
        Source of every choice.
    rows, length : int
        Shape of the batch; the last document of a row is cut off.
    held_out : bool
        Use the documents that training never sees.
    """
    ids = np.zeros((rows, length), np.int64)
    weights = np.zeros((rows, length), np.float32)
    keys = np.full((len(Job), rows, length), -1, np.int64)
    rests = np.zeros((len(Job), rows, length), np.bool_)
    source = documents(random, held_out=held_out)
    for row in range(rows):
        ids[row, 0] = tokenizer.single(tokenizer.BOS)
        _fill(source, ids[row], weights[row], keys[:, row], rests[:, row])
    repeats = _occurred_before(ids)
    pronouns = np.isin(ids, pronoun_ids())
    rests &= keys < 0
    rests[Job.SAME_WORD] &= ~repeats
    rests[Job.INDUCTION] &= ~repeats
    rests[Job.PRONOUN] &= ~pronouns
    return Batch(ids, weights, keys, rests)


def pronoun_ids() -> NDArray[np.int64]:
    """Return the ids of all pronouns, at the start of a line and inside it."""
    found = [tokenizer.single(" " + word) for word in lexicon.PRONOUN_WORDS]
    found += [tokenizer.single(word) for word in lexicon.PRONOUN_WORDS if word in lexicon.OPENERS]
    return np.asarray([*found, tokenizer.single(lexicon.CHINESE_PRONOUN)])


def _fill(
    source: Iterator[Document],
    ids: NDArray[np.int64],
    weights: NDArray[np.float32],
    keys: NDArray[np.int64],
    rests: NDArray[np.bool_],
) -> None:
    """Write documents into one row, in place, from position 1 on."""
    length = len(ids)
    newline = tokenizer.encode("\n")
    at = 1
    while at < length:
        document = next(source)
        continues = document.pieces[0].text.startswith(" ")
        encoded = document.encode(tokenizer.encode)
        gap = [] if continues or at == 1 else newline
        tokens = (gap + encoded.ids)[: length - at]
        ids[at : at + len(tokens)] = tokens
        weights[at : at + len(tokens)] = ([1.0] * len(gap) + encoded.weights)[: len(tokens)]
        start = at + len(gap)
        for link in encoded.links:
            if start + link.query < length:
                keys[link.job, start + link.query] = start + link.key
        # in brackets, any token may have to look for the opener to tell what closes next
        idle = [job for job in Job if job != Job.BRACKET or job not in {link.job for link in encoded.links}]
        rests[idle, at : at + len(tokens)] = True
        if document.kind == "agreement":
            # the verb's number is predicted one token early
            early = [start + link.query - 1 for link in encoded.links if start + link.query <= length]
            rests[Job.SUBJECT, early] = False
        at += len(tokens)


def _occurred_before(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark tokens that occur earlier in their row."""
    seen = np.ones(ids.shape, np.bool_)
    for row, tokens in enumerate(ids):
        _, first = np.unique(tokens, return_index=True)
        seen[row, first] = False
    return seen
