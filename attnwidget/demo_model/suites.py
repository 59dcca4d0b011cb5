"""The evaluation's sentences, none of which training has seen, and what is asked about each.

Every suite is drawn from its own seed and keeps held-out documents only (see `corpus.is_held_out`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from attnwidget.demo_model import corpus, lexicon, sentences, structures, tokenizer
from attnwidget.demo_model.document import Document


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to look at and one thing to predict in a text, in token positions (the first token is at 0).

    Attributes
    ----------
    text : int
        Which text of the suite.
    query, key : int or None
        Where the head should look from, and at what; None where there is nothing to look at.
    distractor : int or None
        What it could look at by mistake.
    at : int or None
        The position whose next token is predicted; None where nothing is asked.
    right, wrong : tuple of int
        Token ids: the prediction is right if the right ones together are likelier than the wrong ones;
        without wrong ones, if a right one is the likeliest token of all.
    """

    text: int
    query: int | None = None
    key: int | None = None
    distractor: int | None = None
    at: int | None = None
    right: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """Texts and the questions about them.

    Attributes
    ----------
    texts : list of str
        What the model reads.
    ids : list of list of int
        The same as token ids, the beginning-of-sequence token first.
    questions : list of Question
        What is asked.
    """

    texts: list[str]
    ids: list[list[int]]
    questions: list[Question]


def pronouns(count: int = 240, seed: int = 1) -> Suite:
    """Two animals that both agree with the pronoun: who is meant decides which verb may follow."""
    random = Random(seed)
    suite = Suite([], [], [])
    while len(suite.texts) < count:
        frame = sentences.MATCHED_FRAMES[len(suite.texts) % len(sentences.MATCHED_FRAMES)]
        document, facts = sentences.pronoun_sentence(random, frame=frame, matched=True)
        if not _usable(document, suite):
            continue
        right, wrong = set(facts.antecedent_noun.verbs), set(facts.distractor_noun.verbs)
        last = _add(suite, document)
        question = Question(
            text=len(suite.texts) - 1,
            query=last[facts.pronoun],
            key=last[facts.antecedent],
            distractor=last[facts.distractor],
            at=last[facts.pronoun],
            right=_ids(right - wrong),
            wrong=_ids(wrong - right),
        )
        suite.questions.append(question)
    return suite


def pronouns_anywhere(
    count: int = 300, seed: int = 2, *, frame: str | None = None, known: bool | None = None
) -> Suite:
    """People, animals, things and invented words, in one frame or in all: only where to look is asked.

    With `known`, only sentences whose antecedent is a word of the lexicon (True) or an invented one (False).
    """
    random = Random(seed)
    suite = Suite([], [], [])
    while len(suite.texts) < count:
        document, facts = sentences.pronoun_sentence(random, frame=frame)
        is_known = facts.antecedent_noun.text in lexicon.words()
        if not _usable(document, suite) or (known is not None and is_known != known):
            continue
        last = _add(suite, document)
        places = (last[facts.pronoun], last[facts.antecedent], last[facts.distractor])
        suite.questions.append(Question(len(suite.texts) - 1, *places))
    return suite


def predicates(count: int = 200, seed: int = 3) -> Suite:
    """Two things, "The keys to the cabinet are": what follows the verb fits only the subject."""
    random = Random(seed)
    suite = Suite([], [], [])
    while len(suite.texts) < count:
        document, facts = structures.agreement(random, opposite=True, things=True)
        assert facts.attractor is not None
        assert facts.attractor_noun is not None
        right, wrong = set(facts.subject_noun.adjectives), set(facts.attractor_noun.adjectives)
        if not right - wrong or not wrong - right or not _usable(document, suite):
            continue
        last = _add(suite, document)
        question = Question(
            text=len(suite.texts) - 1,
            query=last[facts.verb],
            key=last[facts.subject],
            distractor=last[facts.attractor],
            at=last[facts.verb],
            right=_ids(right - wrong),
            wrong=_ids(wrong - right),
        )
        suite.questions.append(question)
    return suite


def numbers(count: int = 200, seed: int = 4) -> Suite:
    """Subject and attractor of opposite number: the verb's number is predicted at the word before it."""
    random = Random(seed)
    suite = Suite([], [], [])
    singular, plural = _ids({"is", "was"}), _ids({"are", "were"})
    while len(suite.texts) < count:
        document, facts = structures.agreement(random, opposite=True)
        if not _usable(document, suite):
            continue
        assert facts.attractor is not None
        last = _add(suite, document)
        right, wrong = (plural, singular) if facts.subject_noun.plural else (singular, plural)
        places = (last[facts.verb], last[facts.subject], last[facts.attractor], last[facts.verb] - 1)
        suite.questions.append(Question(len(suite.texts) - 1, *places, right, wrong))
    return suite


def repeats(count: int = 64, length: int = 20, seed: int = 5) -> Suite:
    """Twenty different random words, twice: in the second copy all but the last have a known successor."""
    random = Random(seed)
    suite = Suite([], [], [])
    while len(suite.texts) < count:
        words = random.sample(lexicon.content_words(), length)
        text = " ".join(words * 2)
        if not corpus.is_reserved(text) or len(tokenizer.encode(words[0])) > 1:
            continue
        suite.texts.append(text)
        suite.ids.append([tokenizer.single(tokenizer.BOS), *tokenizer.encode(text)])
        ids = suite.ids[-1]
        for query in range(1 + length, 2 * length):
            key = query - length + 1
            suite.questions.append(Question(len(suite.texts) - 1, query, key, None, query, (ids[query + 1],)))
    return suite


def same_words(count: int = 120, seed: int = 6) -> Suite:
    """Words, each followed by "again" if it was there before and by "new" if not."""
    random = Random(seed)
    suite = Suite([], [], [])
    new, again = _ids({"new"}), _ids({"again"})
    while len(suite.texts) < count:
        document = structures.seen_before(random)
        if not _usable(document, suite):
            continue
        last = _add(suite, document)
        words = [piece.text.strip() for piece in document.pieces]
        earlier = {link.query: link.key for link in document.links}
        for index, piece in enumerate(document.pieces[:-2]):
            if piece.text in (" new", " again"):
                continue
            where = Question(len(suite.texts) - 1, at=last[index], right=new, wrong=again)
            if index in earlier and words[:index].count(words[index]) > 1:
                # which of several earlier ones to look at is nobody's rule
                where = Question(len(suite.texts) - 1, at=last[index], right=again, wrong=new)
            elif index in earlier:
                places = (last[index], last[earlier[index]], None, last[index])
                where = Question(len(suite.texts) - 1, *places, again, new)
            suite.questions.append(where)
    return suite


def brackets(count: int = 120, seed: int = 7) -> Suite:
    """Nested brackets and tags: which kind closes next is decided by the innermost one that is open."""
    random = Random(seed)
    suite = Suite([], [], [])
    closers = [tuple(tokenizer.single(space + right) for _, right in lexicon.BRACKETS) for space in ("", " ")]
    names = tuple(tokenizer.single(name) for name in lexicon.TAGS)
    while len(suite.texts) < count:
        generator = structures.tags if len(suite.texts) % 3 == 2 else structures.brackets
        document = generator(random)
        if not _usable(document, suite):
            continue
        last = _add(suite, document)
        ids = suite.ids[-1]
        for link in document.links:
            if document.pieces[link.query].text == "/":
                continue
            query = last[link.query]
            kinds = next(group for group in (*closers, names) if ids[query] in group)
            wrong = tuple(token for token in kinds if token != ids[query])
            places = (query, last[link.key], None, query - 1)
            suite.questions.append(Question(len(suite.texts) - 1, *places, (ids[query],), wrong))
    return suite


REACH: dict[str, Callable[[], Suite]] = {
    "any, known antecedent": lambda: pronouns_anywhere(known=True),
    "any, antecedent in pieces": lambda: pronouns_anywhere(known=False),
    "the cat saw the dog because it": lambda: pronouns_anywhere(150, frame="because"),
    "the cat saw the dog, so it": lambda: pronouns_anywhere(150, frame="so"),
    "the cat saw the dog. It": lambda: pronouns_anywhere(150, frame="stop"),
    "when the cat saw the dog, it": lambda: pronouns_anywhere(150, frame="when_first"),
    "the cat sat on the mat because it": lambda: pronouns_anywhere(150, frame="rest"),
    "the animal did not cross the street because it": lambda: pronouns_anywhere(150, frame="cross"),
    "the cat near the box saw the dog because it": lambda: pronouns_anywhere(150, frame="inside"),
    "Anna told Tom that she": lambda: pronouns_anywhere(150, frame="told"),
    "Anna gave Tom a book because she": lambda: pronouns_anywhere(150, frame="gave"),
}
"""Sentences of other kinds, for the pronoun head alone."""

BEHAVIOURS: dict[str, Callable[[], Suite]] = {
    "induction": repeats,
    "same word": same_words,
    "bracket": brackets,
    "predicate": predicates,
    "agreement": numbers,
    "pronoun": pronouns,
}
"""What is predicted, and the suite that measures it."""


def _usable(document: Document, suite: Suite) -> bool:
    return corpus.is_held_out(document) and document.text not in suite.texts


def _add(suite: Suite, document: Document) -> list[int]:
    """Add a document and return, for each piece, the position of its last token."""
    encoded = document.encode(tokenizer.encode)
    suite.texts.append(document.text)
    suite.ids.append([tokenizer.single(tokenizer.BOS), *encoded.ids])
    return [position + 1 for position in encoded.last_token]


def _ids(words: set[str]) -> tuple[int, ...]:
    return tuple(tokenizer.single(" " + word) for word in sorted(words))
