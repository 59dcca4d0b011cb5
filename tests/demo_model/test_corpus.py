"""Training documents: what is held out stays out, and links point at the right tokens."""

from __future__ import annotations

from itertools import islice
from random import Random

import numpy as np

from attnwidget import demo_model
from attnwidget.demo_model import corpus, evaluate, sentences, structures, suites, tokenizer
from attnwidget.demo_model.document import Job, Writer


def test_no_training_document_is_reserved() -> None:
    for document in islice(corpus.documents(Random(1)), 4000):
        assert not any(corpus.is_reserved(key) for key in document.keys)


def test_about_one_document_in_twelve_is_reserved() -> None:
    random = Random(2)
    keys = [f"{sentences.invented(random)}|{sentences.invented(random)}" for _ in range(3000)]
    assert 0.06 < np.mean([corpus.is_reserved(key) for key in keys]) < 0.11


def test_no_evaluation_text_is_in_the_training_text() -> None:
    random = Random(0)
    seen = {document.text.strip() for document in islice(corpus.documents(random), 20_000)}
    for make in suites.BEHAVIOURS.values():
        assert not seen & set(make().texts)


def test_pairs_of_nouns_of_the_evaluation_are_in_no_training_sentence() -> None:
    pairs = set()
    for question, text in zip((suite := suites.pronouns()).questions, suite.texts, strict=True):
        assert question.key is not None
        assert question.distractor is not None
        ids = [suite.ids[question.text][place] for place in sorted((question.key, question.distractor))]
        pair = tuple(tokenizer.build().decode([number]).strip() for number in ids)
        assert all(word in text.split() or word + "." in text or word + "," in text for word in pair)
        pairs.add(pair)
    random = Random(5)
    for _ in range(6000):
        document, facts = sentences.pronoun_sentence(random)
        words = tuple(
            document.pieces[place].text.strip() for place in sorted((facts.antecedent, facts.distractor))
        )
        if words in pairs:
            assert corpus.is_held_out(document)


def test_documentation_prompts_are_held_out() -> None:
    for pair in ("cat|dog", "cat|mat", "animal|street", "Anna|Tom", "keys|cabinet"):
        assert corpus.is_reserved(pair)


def test_example_prompts_are_held_out() -> None:
    nouns = {"cat", "dog", "mat", "animal", "street", "zebra", "queen", "keys", "cabinet", "Anna", "Tom"}
    prompts = {prompt for prompt, _, _ in evaluate.EXAMPLES} | {demo_model.EXAMPLE_PROMPT}
    for prompt in prompts:
        found = [word for word in prompt.rstrip(".").replace(",", "").split() if word in nouns]
        if found:
            assert corpus.is_reserved(f"{found[0]}|{found[1]}"), prompt
        elif prompt.startswith("("):
            assert corpus.is_reserved(prompt)
        else:
            # a list that breaks off in its second copy is never written
            assert prompt == "red door cup red door"


def test_a_word_of_several_tokens_is_its_last() -> None:
    writer = Writer()
    noun = writer.words("the zebra")
    writer.link(Job.PRONOUN, writer.words("saw Tom because it"), noun)
    encoded = writer.document("test").encode(tokenizer.encode)
    (link,) = encoded.links
    decode = tokenizer.build().decode
    assert decode(encoded.ids[: link.key + 1]) == "The zebra"
    assert decode(encoded.ids[: link.query + 1]) == "The zebra saw Tom because it"
    assert len(tokenizer.encode(" zebra")) > 1


def test_links_of_a_repeated_list() -> None:
    document = structures.repeated_list(Random(11), length=5, copies=3)
    encoded = document.encode(tokenizer.encode)
    ids = encoded.ids
    same = [link for link in encoded.links if link.job is Job.SAME_WORD]
    following = [link for link in encoded.links if link.job is Job.INDUCTION]
    decode = tokenizer.build().decode
    assert same
    assert following
    assert all(decode([ids[link.query]]).strip() == decode([ids[link.key]]).strip() for link in same)
    for link in following:
        if link.query + 1 < len(ids):
            assert decode([ids[link.query + 1]]).strip() == decode([ids[link.key]]).strip()


def test_links_of_brackets_join_pairs() -> None:
    pairs = dict(corpus.lexicon.BRACKETS)
    random = Random(6)
    for _ in range(50):
        document = structures.brackets(random)
        for link in document.links:
            assert pairs[document.pieces[link.key].text.strip()] == document.pieces[link.query].text.strip()


def test_pronoun_agrees_with_its_antecedent() -> None:
    random = Random(7)
    for _ in range(500):
        document, facts = sentences.pronoun_sentence(random)
        pronoun = document.pieces[facts.pronoun].text.strip().lower()
        assert facts.antecedent_noun.agrees(pronoun)
        # the preferred noun is passed over only where it does not agree
        second_preferred = facts.frame == "so"
        if (facts.antecedent > facts.distractor) != second_preferred:
            assert not facts.distractor_noun.agrees(pronoun)
        assert document.pieces[facts.antecedent].text.strip() == facts.antecedent_noun.text


def test_batches_are_reproducible_and_well_formed() -> None:
    first, second = (corpus.batch(Random(9), 6, 96) for _ in range(2))
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.keys, second.keys)
    assert first.ids.shape == first.weights.shape == (6, 96)
    assert first.keys.shape == first.rests.shape == (len(Job), 6, 96)
    assert (first.ids[:, 0] == tokenizer.single(tokenizer.BOS)).all()
    _, _, query = np.nonzero(first.keys >= 0)
    assert (first.keys[first.keys >= 0] < query).all()
    assert not (first.rests & (first.keys >= 0)).any()
    assert all((first.keys[job] >= 0).any() for job in Job)
