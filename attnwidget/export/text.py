"""The text view as a still: running text, coloured by attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attnwidget.export import fonts
from attnwidget.export.colours import head_colour, hex_colour
from attnwidget.export.frame import NOTE, Look, finish, named, scaled, start, window
from attnwidget.export.scene import Box, Label, Scene
from attnwidget.export.shown import describe_shown, drawn, has_pairs, how_exact, read
from attnwidget.record import AttentionRecord, Token

MAX_TEXT_TOKENS = 400
"""Tokens written."""

ROWS = 512
"""Queries computed at a time."""

SIZE, LINE, CHIP, PAD = 8.5, 17.0, 13.0, 1.6
"""Size of letters, from line to line, height of a coloured box, and room beside its letters; in points."""

SPACE = 2.6
"""Between words, in points; parts of a word nearly touch."""

STRENGTH = 0.75
"""Opacity of the largest weight, so that letters stay readable."""


@dataclass(frozen=True)
class Word:
    """A token's place in the running text: its offset, its line and where it stands in it, in points."""

    offset: int
    line: int
    x: float
    width: float
    text: str


def draw_text(record: AttentionRecord, look: Look) -> Scene:
    """Draw the prompt, coloured by what the held token looks at, or by what looks at it."""
    paper, site = look.paper, record.site(look.layer, look.site)
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    looking = look.direction == "from"
    focus = look.query if looking else look.key
    if focus is None:
        focus = len(queries) - 1 if looking else 0
    shown = keys if looking else queries
    together = drawn(look, "mean" if look.combine == "each" else None)
    values, hidden = np.zeros(len(shown), dtype=np.float32), np.zeros(len(shown), dtype=np.bool_)
    sink = 0.0
    if together and looking:
        weights, _, off = read(record, look, together[0], [focus])
        values, hidden = weights[0], off[0]
        sinks = site.sink(list(look.heads), [focus])
        sink = float(sinks.max() if look.combine == "max" else sinks.mean())
    elif together:
        blocks = (range(at, min(at + ROWS, site.queries)) for at in range(0, site.queries, ROWS))
        parts = [read(record, look, together[0], rows) for rows in blocks]
        values = np.concatenate([weights[:, focus] for weights, _, _ in parts])
        hidden = np.concatenate([off[:, focus] for _, _, off in parts])
    colour = hex_colour(together[0].colour(look.dark) if together else head_colour(0, look.dark))
    about = named(queries if looking else keys, focus)
    span = window(len(shown), focus if look.site != "cross" else None, MAX_TEXT_TOKENS)
    pairs = has_pairs(record, look)
    gutter = 14.0 if pairs else 0.0
    held_at = focus - span.start if look.site != "cross" else None
    words = _wrap([shown[at] for at in span], look.room - gutter, pairs, held_at)
    scene, y = start(record, look)
    strength = scaled(np.clip(np.nan_to_num(np.where(hidden, 0, values)), 0, 1), look.scale)
    for word in words:
        at = span.start + word.offset
        held = look.site != "cross" and at == focus
        x, top = look.margin + gutter + word.x, y + LINE * word.line
        edge = paper.ink if held else paper.unknown if np.isnan(values[at]) else None
        scene.add(
            Box(
                x, top + (LINE - CHIP) / 2, word.width, CHIP, fill=colour, edge=edge,
                opacity=STRENGTH * float(strength[at]), line=0.9, radius=2.2,
            ),
            Label(
                x + word.width / 2, top + LINE / 2, word.text, SIZE,
                paper.soft if hidden[at] else paper.ink, "middle", bold=held,
            ),
        )  # fmt: skip
    if pairs:
        for segment in (0, 1):
            first = next((word for word in words if shown[span.start + word.offset].segment == segment), None)
            if first is not None:
                letter = "AB"[segment]
                scene.add(
                    Label(look.margin, y + LINE * (first.line + 0.5), letter, NOTE, paper.soft, bold=True)
                )
    return finish(
        scene, record, look, y + LINE * (max((word.line for word in words), default=0) + 1),
        [
            f"where {about} looks" if looking else f"what looks at {about}",
            f"mean of {len(look.heads)} heads" if len(look.heads) > 1 and look.combine == "each" else "",
            how_exact(record),
            describe_shown(record, look),
            f"the learned sink takes {sink:.2f}" if sink >= 0.005 else "",
            f"{look.scale} scale",
            f"tokens {span.start}-{span.stop - 1} of {len(shown)}" if len(span) < len(shown) else "",
        ],
    )  # fmt: skip


def _wrap(tokens: Sequence[Token], room: float, pairs: bool, held: int | None) -> list[Word]:
    """Break tokens into lines; the second text of a pair begins one."""
    words: list[Word] = []
    x, line = 0.0, 0
    for offset, token in enumerate(tokens):
        text = token.label if token.special or not token.text.strip() else token.text.strip()
        text = fonts.fit(text, SIZE, room - 2 * PAD, bold=offset == held)
        wide = fonts.text_width(text, SIZE, bold=offset == held) + 2 * PAD
        apart = SPACE if offset == 0 or token.special or token.text[:1].isspace() else 0.5
        turns = pairs and offset > 0 and token.segment != tokens[offset - 1].segment
        if x > 0 and (x + apart + wide > room or turns):
            x, line = 0.0, line + 1
        begin = x + apart if x > 0 else 0.0
        words.append(Word(offset, line, begin, wide, text))
        x = begin + wide
        if "\n" in token.text and offset < len(tokens) - 1:
            x, line = 0.0, line + 1
    return words
