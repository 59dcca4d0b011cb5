"""Sentences with a pronoun: agreement decides who is meant, and where both nouns agree, the connecting word.

The language is stricter than English, so that a small model can learn it and a left-to-right model can know
it: after "because", "when", "but", "and", "that" or a full stop the pronoun is the first noun, after ", so"
the second, unless only the other one agrees with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from attnwidget.demo_model import lexicon
from attnwidget.demo_model.document import Document, Job, Writer
from attnwidget.demo_model.lexicon import Noun, Pronoun

_CONSONANTS = (
    *("b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z"),
    *("bl", "br", "ch", "cl", "dr", "fl", "gr", "pl", "sh", "sk", "sp", "st", "th", "tr"),
)
_VOWELS = (*("a", "e", "i", "o", "u") * 2, "ea", "ee", "oo", "ai", "ou")
_ENDINGS = ("", "", "n", "k", "x", "l", "p", "r", "t", "m", "nt", "ck", "st", "er", "y", "le")

_FREQUENCIES = {
    **{"because": 3, "so": 2, "when_first": 1, "but": 1, "and": 1, "stop": 1, "told": 2, "gave": 1},
    **{"rest": 2, "rest_stop": 1, "cross": 1, "inside": 1, "who": 1},
}
FRAMES = tuple(frame for frame, times in _FREQUENCIES.items() for _ in range(times))
"""Frames of two nouns and a pronoun, as often as they are written."""

MATCHED_FRAMES = ("because", "so", "when_first", "but", "and", "stop")
"""Frames that take any two beings, so that either noun could be the antecedent."""


@dataclass(frozen=True, slots=True)
class PronounFacts:
    """Where the parts of a pronoun sentence are, as piece indices, and what may follow the pronoun."""

    frame: str
    pronoun: int
    antecedent: int
    distractor: int
    antecedent_noun: Noun
    distractor_noun: Noun


def invented(random: Random) -> str:
    """Return a word that is not in the lexicon; the tokenizer cuts it into pieces."""
    while True:
        syllables = [
            random.choice(_CONSONANTS) + random.choice(_VOWELS) for _ in range(random.choice((1, 2, 2, 3)))
        ]
        word = "".join(syllables) + random.choice(_ENDINGS)
        if word not in lexicon.words():
            return word


def being(random: Random, *, invent: float = 0.35) -> Noun:
    """Return someone who can do something: a person or several, an animal or several, known or invented."""
    if random.random() < invent:
        return _invented_being(random)
    kinds = ("name", "name", "role", "job", "animal", "animal", "animal", "animals", "people")
    kind = random.choice(kinds)
    female = random.random() < 0.5
    if kind == "name":
        return random.choice(lexicon.names(female))
    if kind == "role":
        return random.choice(lexicon.roles(female))
    if kind == "job":
        return random.choice(lexicon.jobs("she" if female else "he"))
    if kind == "people":
        one = random.choice((*lexicon.roles(female), *lexicon.jobs("she")))
        return replace(one, text=lexicon.plural_of(one.text), pronoun="they", either=False)
    return random.choice(lexicon.animals(plural=kind == "animals"))


def thing(random: Random, *, invent: float = 0.2) -> Noun:
    """Return an object, sometimes an invented one."""
    if random.random() < invent:
        return Noun(invented(random), "it", (), ("old", "new", "broken", "big", "small"), "object")
    return random.choice(lexicon.objects(plural=random.random() < 0.1))


def _invented_being(random: Random) -> Noun:
    word = invented(random)
    if random.random() < 0.3:
        # as in many languages, a name that ends in "a" is female
        female = random.random() < 0.5
        word = word.rstrip("aeiouy") + ("a" if female else random.choice(("o", "n", "k", "rd", "s")))
        return replace(lexicon.names(female)[0], text=word.capitalize())
    return Noun(word, "it", ("ran", "slept"), lexicon.ANIMAL_ADJECTIVES, "animal")


def put(writer: Writer, noun: Noun, random: Random, *, adjective: float = 0.12) -> int:
    """Write a noun with its article, sometimes an adjective, and return its index."""
    if noun.article:
        writer.word("the")
        if random.random() < adjective:
            writer.word(random.choice(lexicon.PLAIN_ADJECTIVES), 0.1)
    return writer.word(noun.text, 0.1)


def verb(writer: Writer, word: str, subject: int, weight: float = 0.1) -> int:
    """Write a verb and link it to its subject."""
    index = writer.word(word, weight)
    writer.link(Job.SUBJECT, index, subject)
    return index


def pair_key(first: Noun, second: Noun) -> str:
    """Return the key by which a combination of two nouns is held out, whatever the sentence around them."""
    return f"{first.text}|{second.text}"


def pronoun_sentence(
    random: Random, opening: str = "", *, frame: str | None = None, matched: bool = False
) -> tuple[Document, PronounFacts]:
    """Write a sentence with two nouns and a pronoun.

    Parameters
    ----------
    random : random.Random
        Source of every choice.
    opening : str
        Text before the first word ("" or " ").
    frame : str, optional
        One of `FRAMES`; drawn when not given.
    matched : bool
        Both nouns agree with the pronoun and are followed by verbs that only one of them has; needs a frame
        of `MATCHED_FRAMES`.

    Returns
    -------
    document, facts
        The sentence and where its parts are.
    """
    frame = frame or random.choice(FRAMES)
    first, second = _matched_nouns(random) if matched else _nouns(frame, random)
    writer = Writer(opening)
    writer.keys.append(pair_key(first, second))
    first_at, second_at = _clause(writer, frame, first, second, random)
    means_second, pronoun = _meaning(frame, first, second, random)
    meant, other = (second, first) if means_second else (first, second)
    meant_at, other_at = (second_at, first_at) if means_second else (first_at, second_at)
    pronoun_at = writer.word(pronoun, 0.7)
    writer.link(Job.PRONOUN, pronoun_at, meant_at)
    _predicate(writer, meant, pronoun_at, random, always_verb=matched)
    beings = first.kind != "object" and second.kind != "object"
    if beings and frame != "so" and random.random() < 0.35:
        _consequence(writer, meant, meant_at, other, other_at, random)
    writer.stop()
    facts = PronounFacts(frame, pronoun_at, meant_at, other_at, meant, other)
    return writer.document("pronoun"), facts


def _meaning(frame: str, first: Noun, second: Noun, random: Random) -> tuple[bool, Pronoun]:
    """Return whether the second noun is meant, and the pronoun."""
    if frame == "inside":
        return False, first.pronoun
    second_preferred = frame == "so"
    means_second = random.random() < (0.15 if second.kind == "object" else 0.5)
    pronoun = second.pronoun if means_second else first.pronoun
    if (second if second_preferred else first).agrees(pronoun):
        means_second = second_preferred
    return means_second, pronoun


def _matched_nouns(random: Random) -> tuple[Noun, Noun]:
    while True:
        pool = lexicon.animals(plural=random.random() < 0.2)
        first, second = random.sample(pool, 2)
        if set(first.verbs) - set(second.verbs) and set(second.verbs) - set(first.verbs):
            return first, second


def _nouns(frame: str, random: Random) -> tuple[Noun, Noun]:
    first = being(random)
    if frame in ("told", "gave"):
        while first.kind != "human":
            first = being(random)
    while True:
        if frame in ("rest", "rest_stop", "cross", "inside") or (
            frame not in ("told", "gave") and random.random() < 0.2
        ):
            second = thing(random)
        else:
            second = being(random)
        if second.text != first.text and (frame not in ("told", "gave") or second.kind == "human"):
            return first, second


def _clause(writer: Writer, frame: str, first: Noun, second: Noun, random: Random) -> tuple[int, int]:
    """Write everything before the pronoun; return where the two nouns are."""
    invented_verb = random.random() < 0.08
    meets = invented(random) + "ed" if invented_verb else random.choice(lexicon.MEETING_VERBS)
    if frame == "when_first":
        writer.word(random.choice(("when", "after")))
    first_at = put(writer, first, random)
    if frame == "told":
        telling, conjunction = random.choice((("told", "that"), ("told", "that"), ("asked", "if")))
        verb(writer, telling, first_at)
        second_at = put(writer, second, random)
        writer.word(conjunction)
    elif frame == "gave":
        verb(writer, "gave", first_at)
        second_at = put(writer, second, random)
        writer.word("a")
        writer.word(random.choice(lexicon.objects()).text, 0.1)
        writer.word("because")
    elif frame in ("rest", "rest_stop"):
        goes = random.random() >= 0.75
        verb(writer, random.choice(lexicon.GOING_VERBS if goes else lexicon.RESTING_VERBS), first_at)
        writer.word("to" if goes else random.choice(lexicon.PLACE_PREPOSITIONS))
        second_at = put(writer, second, random)
        _connect(writer, "because" if frame == "rest" else "stop")
    elif frame == "cross":
        _not(writer, first, first_at, random)
        does = random.choice(("cross", "like", "see", "drink", "eat", "fit"))
        writer.word(does)
        if does == "fit":
            writer.word("in")
        second_at = put(writer, second, random)
        _connect(writer, "because")
    elif frame == "inside":
        writer.word(random.choice(lexicon.NOUN_PREPOSITIONS))
        second_at = put(writer, second, random)
        verb(writer, meets, first_at)
        put(writer, being(random), random)
        _connect(writer, "because")
    else:
        if frame == "who":
            writer.word("who" if first.kind == "human" else "that")
            verb(writer, random.choice(("liked", "saw")), first_at)
            writer.word(random.choice(lexicon.FOOD), 0.1)
        verb(writer, meets, first_at)
        second_at = put(writer, second, random)
        _connect(writer, "because" if frame == "who" else frame)
    return first_at, second_at


def _not(writer: Writer, noun: Noun, at: int, random: Random) -> None:
    """Write "did not", "didn't", "does not" or "do not"."""
    choice = random.random()
    if choice < 0.3:
        verb(writer, "didn", at)
        writer.raw("'")
        writer.raw("t")
        return
    present = "do" if noun.plural else "does"
    verb(writer, "did" if choice < 0.65 else present, at)
    writer.word("not")


def _connect(writer: Writer, word: str) -> None:
    """Write what stands between the clause and the pronoun."""
    if word == "so":
        writer.raw(",")
        writer.word("so")
    elif word == "stop":
        writer.stop()
    elif word == "when_first":
        writer.raw(",")
    elif word == "but":
        writer.raw(",")
        writer.word("but")
    else:
        writer.word(word)


def _predicate(writer: Writer, noun: Noun, pronoun_at: int, random: Random, *, always_verb: bool) -> None:
    """Write what the pronoun's noun does or is: the word that tells whether the model knows who is meant."""
    if noun.verbs and (always_verb or random.random() < 0.6):
        verb(writer, random.choice(noun.verbs), pronoun_at, 2.5)
        return
    if noun.verbs and random.random() < 0.2:
        verb(writer, "wanted", pronoun_at, 0.1)
        writer.word(random.choice(lexicon.FOOD), 0.1)
        return
    tense = random.choice((("was", "were"), ("was", "were"), ("was", "were"), ("is", "are")))
    verb(writer, tense[noun.plural], pronoun_at, 0.7)
    if random.random() < 0.3:
        writer.word(random.choice(("very", "too")), 0.1)
    writer.word(random.choice(noun.adjectives), 2.5)


def _consequence(
    writer: Writer, meant: Noun, meant_at: int, other: Noun, other_at: int, random: Random
) -> None:
    """Write ", so the other one did something to the one that was meant"."""
    writer.raw(",")
    writer.word("so")
    if other.article:
        writer.word("the", 0.7)
    again = writer.word(other.text, 1.5)
    writer.link(Job.SAME_WORD, again, other_at)
    verb(writer, random.choice(other.verbs), again, 1.5)
    writer.word("at", 0.7)
    if meant.article:
        writer.word("the", 0.7)
    last = writer.word(meant.text, 1.5)
    writer.link(Job.SAME_WORD, last, meant_at)


def possessive_sentence(random: Random, opening: str = "") -> Document:
    """Write a sentence such as "Anna took her book"."""
    owner, owned = being(random), random.choice(("food", "home", "friend", "bed", "book", "coat", "bag"))
    writer = Writer(opening)
    at = put(writer, owner, random)
    verb(writer, random.choice(("saw", "lost", "found", "liked", "took")), at)
    writer.keys.append(f"{owner.text}|{owned}")
    pronoun = writer.word(lexicon.POSSESSIVE[owner.pronoun], 1.0)
    writer.link(Job.PRONOUN, pronoun, at)
    writer.word(owned)
    writer.stop()
    return writer.document("possessive")


def object_sentence(random: Random, opening: str = "") -> Document:
    """Write a sentence with two pronouns, such as "Anna met Tom and she helped him"."""
    first = being(random)
    second = being(random)
    while second.pronoun == first.pronoun:
        second = being(random)
    writer = Writer(opening)
    writer.keys.append(pair_key(first, second))
    first_at = put(writer, first, random)
    verb(writer, random.choice(("met", "saw")), first_at)
    second_at = put(writer, second, random)
    writer.word("and")
    subject = writer.word(first.pronoun)
    writer.link(Job.PRONOUN, subject, first_at)
    verb(writer, random.choice(("helped", "followed", "told")), subject)
    object_at = writer.word(lexicon.OBJECT_CASE[second.pronoun], 1.0)
    writer.link(Job.PRONOUN, object_at, second_at)
    writer.stop()
    return writer.document("object")
