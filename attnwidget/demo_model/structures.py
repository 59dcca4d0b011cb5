"""Documents that are not about pronouns: agreement, repeated lists, brackets, quotations, names and others.

Each generator takes a source of randomness and the text before its first word, and returns a `Document`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from attnwidget.demo_model import lexicon, sentences
from attnwidget.demo_model.document import Document, Job, Writer
from attnwidget.demo_model.lexicon import Noun


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """Where the parts of an agreement sentence are, as piece indices.

    `attractor` is the noun between subject and verb, and `attractor_noun` what it is; both None where there
    is none.
    """

    verb: int
    subject: int
    subject_noun: Noun
    attractor: int | None
    attractor_noun: Noun | None


def agreement(
    random: Random, opening: str = "", *, opposite: bool = False, things: bool = False
) -> tuple[Document, AgreementFacts]:
    """Write a sentence whose verb agrees with a subject at a distance, "The keys to the cabinet are".

    Parameters
    ----------
    random : random.Random
        Source of every choice.
    opening : str
        Text before the first word ("" or " ").
    opposite : bool
        Put a noun of the other number between subject and verb, and "is", "are", "was" or "were" after it.
    things : bool
        Let both nouns be objects, each with adjectives of its own (implies an attractor).
    """
    plural = random.random() < 0.5
    other_plural = (not plural) if opposite else random.random() < 0.5
    subject = _countable(random, plural, things)
    attractor = _countable(random, other_plural, things)
    while attractor.text == subject.text:
        attractor = _countable(random, other_plural, things)
    writer = Writer(opening)
    subject_at = sentences.put(writer, subject, random)
    shape = 0.0 if opposite or things else random.random()
    attractor_at: int | None = None
    if shape < 0.55:
        writer.word(random.choice(lexicon.NOUN_PREPOSITIONS))
        attractor_at = sentences.put(writer, attractor, random)
    elif shape < 0.7:
        writer.word("that")
        attractor_at = sentences.put(writer, attractor, random)
        word = random.choice(lexicon.PRESENT_TRANSITIVE)[attractor.plural]
        sentences.verb(writer, word, attractor_at, 0.4)
    elif shape < 0.8:
        writer.word("that")
        sentences.verb(writer, random.choice(lexicon.PRESENT_TRANSITIVE)[plural], subject_at, 0.4)
        attractor_at = sentences.put(writer, attractor, random)
    writer.keys.append(
        sentences.pair_key(subject, attractor) if attractor_at is not None else f"{subject.text}|"
    )
    if opposite or things or random.random() < 0.7:
        be = random.choice((("is", "are"), ("was", "were")))[plural]
        verb_at = sentences.verb(writer, be, subject_at, 1.0)
        writer.word(random.choice(subject.adjectives), 2.5)
    else:
        verb_at = sentences.verb(writer, random.choice(lexicon.PRESENT)[plural], subject_at, 1.0)
    writer.stop()
    kept = attractor if attractor_at is not None else None
    return writer.document("agreement"), AgreementFacts(verb_at, subject_at, subject, attractor_at, kept)


def _countable(random: Random, plural: bool, things: bool) -> Noun:
    """Return a noun whose plural differs from its singular."""
    while True:
        if things or random.random() < 0.4:
            noun = random.choice(lexicon.objects(plural))
        elif random.random() < 0.6:
            noun = random.choice(lexicon.animals(plural))
            if lexicon.plural_of("fish") == noun.text or noun.text == "sheep":
                continue
        else:
            job = random.choice(lexicon.jobs("she"))
            text = lexicon.plural_of(job.text) if plural else job.text
            noun = Noun(text, "they" if plural else "she", job.verbs, job.adjectives, "human")
        return noun


def repeated_list(
    random: Random, opening: str = "", *, length: int | None = None, copies: int = 0
) -> Document:
    """Write a list of random words two or three times: only a look back tells what comes next."""
    length = length or random.randint(3, 24)
    copies = copies or random.choice((2, 2, 2, 3))
    pool = random.random()
    if pool < 0.62:
        words = random.sample(lexicon.content_words(), length)
    elif pool < 0.72:
        words = random.sample(lexicon.LETTERS, length)
    elif pool < 0.82:
        words = random.sample([str(n) for n in range(21)], min(length, 21))
    else:
        words = [sentences.invented(random) for _ in range(max(2, length // 3))]
    separator = random.choice(("", "", "", "", ","))
    copy = [text for word in words for text in ((word, separator) if separator else (word,))]
    pieces = copy * copies if not separator else (copy * copies)[:-1]
    writer = Writer(opening)
    for index, text in enumerate(pieces):
        known = index >= len(copy) + 1
        space = "" if text == "," else (" " if index else opening)
        writer.raw(space + text, 1.0 if known else 0.0)
    return writer.document("repeated list", period=len(copy))


def seen_before(random: Random, opening: str = "") -> Document:
    """Write words, each followed by "again" if it was there before and by "new" if not."""
    words = [*lexicon.ANIMALS, *lexicon.OBJECTS, *lexicon.JOBS, *lexicon.FOOD]
    pool = [random.choice(words) if random.random() > 0.1 else sentences.invented(random) for _ in range(5)]
    writer = Writer(opening)
    seen: dict[str, int] = {}
    for index in range(random.randint(4, 9)):
        word = random.choice(pool)
        at = writer.raw((" " if index else opening) + word, 0.1)
        if word in seen:
            writer.link(Job.SAME_WORD, at, seen[word])
        writer.raw(" again" if word in seen else " new", 0.7)
        seen[word] = at
    writer.stop()
    return writer.document("seen before")


def brackets(random: Random, opening: str = "") -> Document:
    """Write nested brackets, with words between them at times."""
    writer = Writer(opening)
    space = " " if random.random() < 0.6 else ""
    filled = random.random() < 0.4
    open_pairs: list[tuple[int, str]] = []
    to_open = random.randint(3, 11)
    while to_open or open_pairs:
        if to_open and (not open_pairs or (random.random() < 0.5 and len(open_pairs) < 6)):
            left, right = random.choice(lexicon.BRACKETS)
            open_pairs.append((writer.raw((space if writer.pieces else opening) + left, 0.1), right))
            to_open -= 1
            if filled and random.random() < 0.5:
                writer.raw(" " + random.choice(lexicon.FOOD + lexicon.PLACES), 0.1)
        else:
            opener, right = open_pairs.pop()
            writer.link(Job.BRACKET, writer.raw(space + right, 1.0), opener)
    return writer.document("brackets")


def bracketed_clause(random: Random, opening: str = "") -> Document:
    """Write a sentence with an aside in brackets, "The cat (the red cat) was tired."."""
    noun = sentences.being(random)
    writer = Writer(opening)
    at = sentences.put(writer, noun, random, adjective=0)
    left, right = random.choice(lexicon.BRACKETS)
    opener = writer.raw(" " + left, 0.1)
    words = random.sample(lexicon.content_words(), random.randint(1, 4))
    writer.raw(words[0], 0.1)
    for word in words[1:]:
        writer.raw(" " + word, 0.1)
    writer.link(Job.BRACKET, writer.raw(right, 1.0), opener)
    sentences.verb(writer, "were" if noun.plural else "was", at, 0.7)
    writer.word(random.choice(noun.adjectives), 1.0)
    writer.stop()
    return writer.document("bracketed clause")


def tags(random: Random, opening: str = "") -> Document:
    """Write nested tags, "<b> tea </b>": the closing name copies the opening one."""
    writer = Writer()
    space = " " if random.random() < 0.5 else ""
    _tag(writer, random, opening, space, depth=0)
    return writer.document("tags")


def _tag(writer: Writer, random: Random, before: str, space: str, depth: int) -> None:
    name = random.choice(lexicon.TAGS)
    writer.raw(before + "<")
    opener = writer.raw(name, 0.3)
    writer.raw(">")
    for _ in range(random.randint(0, 2)):
        if depth < 2 and random.random() < 0.4:
            _tag(writer, random, space, space, depth + 1)
        else:
            writer.raw(" " + random.choice(lexicon.FOOD + lexicon.PLACES), 0.1)
    writer.raw(space + "<")
    writer.link(Job.BRACKET, writer.raw("/"), opener)
    writer.link(Job.BRACKET, writer.raw(name, 1.5), opener)
    writer.raw(">")


def record_like(random: Random, opening: str = "") -> Document:
    """Write a JSON object with strings, numbers and lists."""
    writer = Writer()
    outer = writer.raw(opening + "{")
    for index, key in enumerate(random.sample(lexicon.JSON_KEYS, random.randint(1, 4))):
        if index:
            writer.raw(",")
        _quoted(writer, key)
        writer.raw(":")
        if key in ("name", "color", "city"):
            values = {
                "name": lexicon.FEMALE_NAMES + lexicon.MALE_NAMES,
                "color": lexicon.COLOURS,
                "city": lexicon.CITIES,
            }[key]
            _quoted(writer, random.choice(values))
        elif random.random() < 0.4:
            left = writer.raw(" [")
            for place in range(random.randint(1, 3)):
                if place:
                    writer.raw(",")
                writer.raw((" " if place else "") + str(random.randint(0, 20)))
            writer.link(Job.BRACKET, writer.raw("]"), left)
        else:
            writer.raw(f" {random.randint(0, 20)}")
    writer.link(Job.BRACKET, writer.raw("}"), outer)
    return writer.document("record")


def _quoted(writer: Writer, text: str) -> None:
    left = writer.raw(' "')
    writer.raw(text)
    writer.link(Job.BRACKET, writer.raw('"'), left)


def quotation(random: Random, opening: str = "") -> Document:
    """Write what somebody said, in quotation marks."""
    female = random.random() < 0.5
    speaker = random.choice((*lexicon.names(female), *lexicon.roles(female)))
    writer = Writer(opening)
    at = sentences.put(writer, speaker, random)
    sentences.verb(writer, random.choice(("said", "asked")), at)
    writer.raw(",")
    left = writer.raw(' "')
    writer.raw("The")
    noun = random.choice((*lexicon.animals(), *lexicon.objects()))
    for join in range(random.choice((1, 1, 2))):
        if join:
            writer.words("and the")
            noun = random.choice(lexicon.objects())
        subject = writer.word(noun.text)
        sentences.verb(writer, "is", subject, 0.7)
        writer.word(random.choice(noun.adjectives), 1.0)
    writer.raw(".")
    writer.link(Job.BRACKET, writer.raw('"'), left)
    return writer.document("quotation")


def two_names(random: Random, opening: str = "") -> Document:
    """Write "When Anna and Tom went to the park, Tom gave a book to": the other name follows."""
    giver, taker = random.sample(lexicon.FEMALE_NAMES + lexicon.MALE_NAMES, 2)
    first, second = random.sample((giver, taker), 2)
    writer = Writer(opening)
    writer.word(random.choice(("when", "then")))
    seen = {first: writer.word(first)}
    writer.word("and")
    seen[second] = writer.word(second)
    sentences.verb(writer, "went", seen[second])
    writer.words("to the")
    writer.word(random.choice(lexicon.PLACES))
    writer.raw(",")
    again = writer.word(giver)
    writer.link(Job.SAME_WORD, again, seen[giver])
    sentences.verb(writer, random.choice(("gave", "took")), again)
    writer.word("a")
    writer.word(random.choice(("book", "ball", "key", "gift", "cup")), 0.1)
    writer.word("to")
    last = writer.word(taker, 2.5)
    writer.link(Job.SAME_WORD, last, seen[taker])
    writer.stop()
    return writer.document("two names")


def sums(random: Random, opening: str = "") -> Document:
    """Write one to three sums of small numbers."""
    writer = Writer()
    for index in range(random.randint(1, 3)):
        if index:
            writer.raw(",")
        left, right = random.randint(0, 10), random.randint(0, 10)
        plus = random.random() < 0.5
        left, right = (left, right) if plus else (max(left, right), min(left, right))
        writer.raw((" " if index else opening) + str(left))
        writer.raw(" +" if plus else " -")
        writer.raw(f" {right}")
        writer.raw(" =")
        writer.raw(f" {left + right if plus else left - right}", 2.0)
    return writer.document("sums")


def chinese(random: Random, opening: str = "") -> Document:
    """Write a Chinese sentence of the form "the cat sat on the mat because it was tired"."""
    animal, place = random.choice(lexicon.CHINESE_ANIMALS), random.choice(lexicon.CHINESE_PLACES)
    writer = Writer()
    if random.random() < 0.3:
        writer.raw("小")
    at = writer.raw(animal)
    verb_at = writer.raw(random.choice("坐睡"))
    writer.link(Job.SUBJECT, verb_at, at)
    for character in "在" + place + ("子" if place in "垫桌椅" else "") + "上，因为":
        writer.raw(character)
    pronoun = writer.raw(lexicon.CHINESE_PRONOUN)
    writer.link(Job.PRONOUN, pronoun, at)
    writer.raw(random.choice(lexicon.CHINESE_ADJECTIVES))
    writer.raw("了")
    writer.raw("。")
    return writer.document("chinese")


def plain(random: Random, opening: str = "") -> Document:
    """Write a short sentence about somebody."""
    noun = sentences.being(random)
    writer = Writer(opening)
    at = sentences.put(writer, noun, random)
    shape = random.random()
    if shape < 0.3:
        sentences.verb(writer, random.choice(lexicon.GOING_VERBS), at)
        writer.words("to the")
        writer.word(random.choice(lexicon.PLACES))
    elif shape < 0.5:
        like = "like" if noun.plural else "likes"
        sentences.verb(writer, like, at)
        food = random.sample(lexicon.FOOD, 2)
        writer.word(food[0])
        writer.word("and")
        writer.word(food[1])
    elif shape < 0.8:
        other = sentences.thing(random) if random.random() < 0.5 else sentences.being(random)
        sentences.verb(writer, random.choice(lexicon.MEETING_VERBS), at)
        sentences.put(writer, other, random)
        writer.keys.append(sentences.pair_key(noun, other))
    else:
        be = random.choice((("is", "are"), ("was", "were")))[noun.plural]
        sentences.verb(writer, be, at, 1.0)
        writer.word(random.choice(noun.adjectives), 1.0)
    writer.stop()
    return writer.document("plain")
