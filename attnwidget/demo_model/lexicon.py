"""The words of the embedded model's small language: nouns with their own verbs and adjectives, and the rest.

A noun's own verbs and adjectives are what makes its pronoun worth resolving: after "because it" only the
antecedent tells whether "meowed" or "barked" comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

Pronoun = Literal["he", "she", "it", "they"]
Kind = Literal["human", "animal", "object"]

OBJECT_CASE: dict[Pronoun, str] = {"he": "him", "she": "her", "it": "it", "they": "them"}
POSSESSIVE: dict[Pronoun, str] = {"he": "his", "she": "her", "it": "its", "they": "their"}
CHINESE_PRONOUN = "它"
PRONOUN_WORDS: tuple[str, ...] = (
    *("it", "he", "she", "they", "his", "her", "its", "their", "him", "them"),
    *("It", "He", "She", "They"),
)


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun or a name, and what a pronoun that stands for it may be followed by.

    Attributes
    ----------
    text : str
        The word as written in the middle of a sentence.
    pronoun : {"he", "she", "it", "they"}
        The subject pronoun that agrees with it.
    verbs : tuple of str
        Past-tense verbs for it; empty for things, which do nothing in this language.
    adjectives : tuple of str
        What it can be after "was".
    kind : {"human", "animal", "object"}
        What it is.
    article : bool
        Whether "the" goes before it (names have none).
    either : bool
        Whether both "he" and "she" fit it, whichever of the two `pronoun` is.
    """

    text: str
    pronoun: Pronoun
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    kind: Kind
    article: bool = True
    either: bool = False

    def agrees(self, pronoun: Pronoun) -> bool:
        """Return whether a pronoun can stand for the noun."""
        return pronoun == self.pronoun or (self.either and pronoun in ("he", "she"))

    @property
    def plural(self) -> bool:
        """Whether the noun takes plural verbs."""
        return self.pronoun == "they"


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FEMALE_NAMES = _split("Anna Mary Lucy Emma Sara Nina Rosa Ella Jane Kate Lily Alice")
MALE_NAMES = _split("Tom John Ben Max Paul Sam Jack Leo Peter David Mark Bob")
FEMALE_ROLES = _split("queen girl mother aunt sister princess woman")
MALE_ROLES = _split("king boy father uncle brother prince man")

ANIMALS: dict[str, str] = {
    "cat": "purred meowed",
    "dog": "barked growled",
    "horse": "neighed galloped",
    "bird": "sang flew",
    "cow": "mooed",
    "duck": "quacked",
    "lion": "roared",
    "wolf": "howled",
    "frog": "croaked jumped",
    "bee": "buzzed",
    "snake": "hissed",
    "pig": "grunted",
    "sheep": "bleated",
    "mouse": "squeaked",
    "fish": "swam",
    "bear": "roared slept",
    "fox": "ran hid",
    "goat": "bleated jumped",
    "rabbit": "hopped hid",
    "monkey": "climbed",
    "owl": "hooted flew",
    "animal": "ran slept",
    "elephant": "trumpeted",
    "tiger": "growled jumped",
    "kitten": "purred",
    "puppy": "barked",
    "chicken": "clucked",
    "turtle": "crawled swam",
    "spider": "crawled",
    "deer": "ran grazed",
}
JOBS: dict[str, str] = {
    "baker": "baked",
    "singer": "sang",
    "dancer": "danced",
    "painter": "painted",
    "writer": "wrote",
    "driver": "drove",
    "doctor": "helped",
    "teacher": "taught",
    "runner": "ran",
    "farmer": "farmed",
    "cook": "cooked",
    "student": "studied",
    "pilot": "flew",
    "swimmer": "swam",
    "nurse": "helped",
    "lawyer": "argued",
    "engineer": "built",
    "manager": "planned",
    "child": "played",
    "friend": "helped",
}
OBJECTS: dict[str, str] = {
    "mat": "soft dirty",
    "box": "heavy open",
    "car": "fast red",
    "ball": "round red",
    "table": "wooden clean",
    "lamp": "bright broken",
    "key": "rusty small",
    "door": "open locked",
    "book": "long new",
    "cup": "full empty",
    "knife": "sharp",
    "bed": "soft warm",
    "stone": "heavy cold",
    "window": "open broken",
    "bag": "heavy full",
    "street": "wide busy",
    "river": "deep wide",
    "cabinet": "wooden locked",
    "chair": "wooden broken",
    "shirt": "clean dirty",
    "tree": "tall green",
    "house": "big old",
    "soup": "hot",
    "coat": "warm",
    "trophy": "heavy shiny",
    "suitcase": "full small",
    "apple": "red sweet",
    "toy": "broken small",
    "hat": "round new",
    "phone": "new broken",
    "desk": "wooden clean",
    "boat": "fast wooden",
    "road": "wide long",
    "flower": "sweet bright",
    "letter": "long old",
    "bottle": "empty full",
    "bridge": "long old",
    "wall": "tall white",
}
IRREGULAR_PLURALS = {
    "mouse": "mice",
    "fish": "fish",
    "wolf": "wolves",
    "sheep": "sheep",
    "knife": "knives",
    "box": "boxes",
    "fox": "foxes",
    "woman": "women",
    "man": "men",
    "princess": "princesses",
    "deer": "deer",
    "puppy": "puppies",
    "child": "children",
    "trophy": "trophies",
}

ANIMAL_ADJECTIVES = _split("tired hungry thirsty sleepy scared happy")
HUMAN_ADJECTIVES = _split("tired hungry busy late happy sad kind")
PLAIN_ADJECTIVES = _split("old small big red good little")
HUMAN_VERBS = _split("smiled laughed left cried waited")
MEETING_VERBS = _split(
    "saw chased followed watched liked passed found admired noticed met visited pushed caught helped"
)
RESTING_VERBS = _split("sat slept stood lay rested")
GOING_VERBS = _split("went ran walked")
PLACE_PREPOSITIONS = _split("on under near behind beside in")
NOUN_PREPOSITIONS = _split("near behind beside under of to with in")
PRESENT = (
    *(("sleeps", "sleep"), ("runs", "run"), ("waits", "wait"), ("falls", "fall")),
    *(("moves", "move"), ("shines", "shine"), ("grows", "grow")),
)
PRESENT_TRANSITIVE = (
    ("sees", "see"),
    ("likes", "like"),
    ("knows", "know"),
    ("helps", "help"),
    ("chases", "chase"),
)
FOOD = _split("tea milk bread soup rice fruit")
PLACES = _split("park school store office beach garden market station")
TAGS = _split("b i p a div span em ul li")
JSON_KEYS = _split("name age city color size")
COLOURS = _split("red blue green")
CITIES = _split("park school office home")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
PUNCTUATION = '()[]{}<>"+-=,.:;/*?!'

OPENERS = _split("The A When Then It He She They Today Because In This I After")
FUNCTION_WORDS = _split(
    "the a an and or but so because that which who of to in with from at by for as it he she they his her "
    "its their him them was were is are has have had did not when then after before while went gave said "
    "told asked met walked going gift put into over across there here this these those very too again new "
    "once more yes no one two three all blue day night sun moon name age city color size list true false "
    "null says if else return def print didn you me we my your I do what where how why today yesterday "
    "made took came cross crossed drink eat kitchen water home friend friends both every also likes like "
    "loves love food lost helped bad long does fit wanted thanked greeted"
)

CHINESE_ANIMALS = "猫狗马鸟牛羊"
CHINESE_PLACES = "垫床桌椅车"
CHINESE_ADJECTIVES = "累饿渴冷"
CHINESE_CHARACTERS = (
    "猫狗马鸟牛羊坐睡在上因为它累饿渴冷了，。子垫床桌椅车他她们是的人看见喜欢王李小女孩男笑所以"
)


def plural_of(noun: str) -> str:
    """Return the plural of a noun of this lexicon."""
    return IRREGULAR_PLURALS.get(noun, noun + "s")


@cache
def names(female: bool) -> tuple[Noun, ...]:
    """Return the female or the male first names."""
    pronoun: Pronoun = "she" if female else "he"
    words = FEMALE_NAMES if female else MALE_NAMES
    return tuple(Noun(w, pronoun, HUMAN_VERBS, HUMAN_ADJECTIVES, "human", False) for w in words)


@cache
def roles(female: bool) -> tuple[Noun, ...]:
    """Return the nouns that have a gender of their own, such as "queen" or "uncle"."""
    pronoun: Pronoun = "she" if female else "he"
    words = FEMALE_ROLES if female else MALE_ROLES
    return tuple(Noun(w, pronoun, HUMAN_VERBS, HUMAN_ADJECTIVES, "human") for w in words)


@cache
def jobs(pronoun: Pronoun) -> tuple[Noun, ...]:
    """Return the people who can be "he" or "she"; the caller says which one is meant."""
    return tuple(
        Noun(word, pronoun, tuple(verbs.split()), HUMAN_ADJECTIVES, "human", either=True)
        for word, verbs in JOBS.items()
    )


@cache
def animals(plural: bool = False) -> tuple[Noun, ...]:
    """Return the animals, each with the verbs that only it (or nearly only it) has."""
    pronoun: Pronoun = "they" if plural else "it"
    return tuple(
        Noun(plural_of(w) if plural else w, pronoun, tuple(v.split()), ANIMAL_ADJECTIVES, "animal")
        for w, v in ANIMALS.items()
    )


@cache
def objects(plural: bool = False) -> tuple[Noun, ...]:
    """Return the things, each with adjectives of its own."""
    pronoun: Pronoun = "they" if plural else "it"
    return tuple(
        Noun(plural_of(w) if plural else w, pronoun, (), tuple(a.split()), "object")
        for w, a in OBJECTS.items()
    )


@cache
def words() -> tuple[str, ...]:
    """Return every word that the tokenizer keeps whole, sorted, without leading spaces."""
    found: set[str] = set()
    for table in (ANIMALS, JOBS, OBJECTS):
        for noun, own in table.items():
            found |= {noun, plural_of(noun), *own.split()}
    for noun in (*FEMALE_ROLES, *MALE_ROLES):
        found |= {noun, plural_of(noun)}
    for group in (
        *(FEMALE_NAMES, MALE_NAMES, ANIMAL_ADJECTIVES, HUMAN_ADJECTIVES, PLAIN_ADJECTIVES, HUMAN_VERBS),
        *(MEETING_VERBS, RESTING_VERBS, GOING_VERBS, PLACE_PREPOSITIONS, NOUN_PREPOSITIONS),
        *(FOOD, PLACES, COLOURS, JSON_KEYS, FUNCTION_WORDS),
    ):
        found |= set(group)
    for pair in PRESENT + PRESENT_TRANSITIVE:
        found |= set(pair)
    return tuple(sorted(found))


@cache
def content_words() -> tuple[str, ...]:
    """Return the words that make a good random list: every word except pronouns."""
    return tuple(w for w in words() if w not in PRONOUN_WORDS)
