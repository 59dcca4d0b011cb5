"""Writes the card for people, in Markdown, from the measured card."""

from __future__ import annotations

from textwrap import dedent, fill

from attnwidget.demo_model.cards import Behaviour, Card, Twin

_WIDTH = 110
_COSTS = 0.05
"""A head is listed where zeroing it costs a behaviour at least this much accuracy."""


def markdown(card: Card) -> str:
    """Return the model card as Markdown; every figure in it comes from `card`.

    Parameters
    ----------
    card : Card
        What `evaluate` measured.
    """
    sections = (_opening, _warnings, _heads, _twins, _behaviours, _reach, _examples, _training, _limits)
    return "\n".join(section(card) for section in sections)


def _opening(card: Card) -> str:
    return _text(f"""
        # The embedded model

        A stock `{card.architecture}`: {card.layers} layers x {card.heads_per_layer} heads, width
        {card.width}, {card.parameters:,} parameters, {card.vocabulary:,} tokens, {card.positions}
        positions, {card.weight_bytes / 1e6:.2f} MB of float16 weights. It was trained on a small English
        that a script writes, so that what its heads do can be measured and named. It is a teaching aid: it
        knows no facts and its predictions are worth nothing outside that language.

        Written by `python -m attnwidget.demo_model.evaluate`; no figure here was typed.
    """)


def _warnings(card: Card) -> str:
    return _text(f"""
        ## Before you believe a picture

        - **Heads were guided.** For the first {card.training["guided_share"]:.0%} of the training steps an
          extra loss rewarded {sum(entry.guided for entry in card.heads)} heads for looking where a job
          says. Then it stopped, and the rest of the training served predictions alone. Apart from the two
          below, heads were kept because predictions use them: beside each claim stands what is left without
          the head. Heads of large models were not guided, and are rarely so tidy.
        - **One head is a decoy.** L{card.idle.layer}H{card.idle.head} was guided to show the same picture
          as L{card.working.layer}H{card.working.head}, but its output was left out of
          {card.training["decoy_silenced"]:.0%} of the training sequences, so predictions hardly rest on it.
          It is there to show that a clear picture proves nothing by itself.
        - **One head does nothing.** The head called "sink" was guided to rest on the first token.
        - **The model reads from left to right.** At a pronoun it has not seen what follows: in "because it
          was too wide" it looks for an antecedent before it sees "wide".
        - **Its pronoun rule is stricter than English.** A pronoun stands for the first noun that agrees
          with it, and after ", so" for the second.
    """)


def _heads(card: Card) -> str:
    rows = "\n".join(
        f"| L{entry.layer}H{entry.head} | {entry.title} | {entry.score:.2f} | {entry.text} |"
        for entry in card.named_heads
    )
    head = _text("""
        ## Heads

        The mean weight is how much of its attention a head puts where its job says, over texts that
        training never saw. Heads that are not listed have no measured job.

        | head | job | mean weight | measured |
        |---|---|---|---|
    """)
    return f"{head}{rows}\n"


def _twins(card: Card) -> str:
    pronoun = card.behaviours["pronoun"]
    head = _text(f"""
        ## Two heads, one picture

        In {pronoun.count} unseen sentences with two animals that both agree with the pronoun, the verb
        after it fits the right one in {pronoun.accuracy:.1%} (mean log odds {pronoun.log_odds:+.1f}). Two
        heads show the same picture. In each of them, alone, the antecedent's and the other noun's weight in
        the pronoun's row were then exchanged, and nothing else was touched:

        | head | weight on the antecedent | antecedent on top | right, head zeroed | right, row exchanged |
        |---|---|---|---|---|
    """)
    return f"{head}{_twin_row(card.working)}\n{_twin_row(card.idle)}\n"


def _twin_row(twin: Twin) -> str:
    figures = (
        f"{twin.weight:.2f}",
        f"{twin.top:.1%}",
        f"{twin.zeroed:.1%}",
        f"{twin.swapped:.1%} (log odds {twin.swapped_log_odds:+.1f})",
    )
    return " | ".join((f"| L{twin.layer}H{twin.head}", *figures)) + " |"


def _behaviours(card: Card) -> str:
    rows = "\n".join(_behaviour_row(name, behaviour) for name, behaviour in card.behaviours.items())
    head = _text(f"""
        ## Predictions, whole and with one head zeroed

        | predicted | questions | right | right without a head, where it costs {_COSTS:.0%} or more |
        |---|---|---|---|
    """)
    return f"{head}{rows}\n"


def _behaviour_row(name: str, behaviour: Behaviour) -> str:
    left = [
        (accuracy, f"L{layer}H{head} {accuracy:.0%}")
        for layer, row in enumerate(behaviour.zeroed)
        for head, accuracy in enumerate(row)
        if behaviour.accuracy - accuracy >= _COSTS
    ]
    listed = ", ".join(entry for _, entry in sorted(left)) or "none"
    return f"| {name}: {behaviour.question} | {behaviour.count} | {behaviour.accuracy:.1%} | {listed} |"


def _reach(card: Card) -> str:
    rows = "\n".join(
        f"| {name} | {reach.weight:.2f} | {reach.top:.1%} | {reach.count} |"
        for name, reach in card.reach.items()
    )
    head = _text(f"""
        ## How far the pronoun head reaches

        L{card.working.layer}H{card.working.head} in unseen sentences of every kind, with people, animals,
        things and invented words. The noun between may agree with the pronoun or not.

        | sentences | weight on the antecedent | antecedent on top | number |
        |---|---|---|---|
    """)
    return f"{head}{rows}\n"


def _examples(card: Card) -> str:
    rows = "\n".join(
        f"| {entry.prompt} | L{entry.layer}H{entry.head} | {entry.query} | {entry.key} | {entry.weight:.2f} |"
        for entry in card.examples
    )
    head = _text("""
        ## Example prompts

        Where one token looks most. Training saw none of these prompts, and no sentence about
        the same two nouns in the same order.

        | prompt | head | from | to | weight |
        |---|---|---|---|---|
    """)
    return f"{head}{rows}\n"


def _training(card: Card) -> str:
    run = card.training
    return _text(f"""
        ## Training

        `python -m attnwidget.demo_model.train --out DIR`: {run["steps"]:,} steps, {run["tokens"] / 1e6:.1f}
        million tokens of generated text, seed {run["seed"]}, {run["cpu_seconds"]} seconds of one processor
        core, torch {run["torch"]}, transformers {run["transformers"]}. A sentence about two nouns is held out
        by a checksum of the pair, whatever its frame, any other document by a checksum of its text; all
        figures above are measured on what was held out. Training in bfloat16 is not bit-identical between
        processors: another machine gives another model with similar figures.
    """)


def _limits(card: Card) -> str:
    return _text(f"""
        ## Limits

        - Words that it does not know are cut into pieces. Attention should go to a word's last piece; it
          does so less reliably than to known words.
        - A prompt has at most {card.positions} tokens.
        - Zeroing or editing a head takes the model to states that it was never trained in. The figures say
          what it does then, not what it would have learnt without the head.
    """)


def _text(text: str) -> str:
    """Return Markdown with paragraphs and list entries filled anew, headings and tables as they are."""
    blocks: list[list[str]] = []
    for line in dedent(text).strip().split("\n"):
        continues = line and blocks and blocks[-1][-1] and not line.startswith(("- ", "#", "|"))
        if continues:
            blocks[-1].append(line.strip())
        else:
            blocks.append([line])
    return "".join(_filled(" ".join(block)) + "\n" for block in blocks)


def _filled(block: str) -> str:
    if block.startswith(("#", "|")):
        return block
    indent = "  " if block.startswith("- ") else ""
    return fill(block, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
