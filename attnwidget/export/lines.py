"""The head view as a still: two columns of tokens, and a line for each weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnwidget.export import fonts
from attnwidget.export.colours import hex_colour
from attnwidget.export.frame import (
    SMALL,
    TOKEN,
    Look,
    draw_keys,
    draw_stripes,
    finish,
    label_of,
    named,
    start,
    widest,
    window,
)
from attnwidget.export.scene import Box, Label, Scene, Strokes
from attnwidget.export.shown import Drawn, describe_shown, drawn, has_pairs, how_exact, read
from attnwidget.record import AttentionRecord, streams_of

MAX_ROWS = 40
"""Tokens drawn in a column."""

MAX_PANELS = 6
"""Pinned heads drawn side by side."""

PANEL = 215.0
"""Width of a panel at least, where there are several, in points."""

PITCH = 12.0
"""From one token to the next, in points."""

SPAN = 260.0
"""Length of the lines at most, in points."""

NUMBER = 31.0
"""Room for a number beside a token, in points."""

NUMBERS = 3
"""Tokens that get a number, and the least weight that is worth one."""
LEAST_NUMBER = 0.01

MAX_LINES, FEW_LINES = 2400, 160
"""Lines drawn at most in a panel, the strongest; fewer in small files."""

FADED = 0.14
"""What is left of lines that are not about what is held."""


@dataclass(frozen=True)
class Panel:
    """Heads of one layer that are drawn over each other."""

    layer: int
    ones: tuple[Drawn, ...]
    title: str


@dataclass(frozen=True)
class Read:
    """What is drawn of one head, or of several put together: the tokens in sight, and whole rows."""

    one: Drawn
    weights: NDArray[np.float32]
    """[rows, columns], NaN where there is no line."""
    sink: NDArray[np.float32]
    """[rows]."""
    outside: float
    """What the held query gives to keys that are not in sight."""


@dataclass(frozen=True)
class Told:
    """What is to be said of a panel: lines drawn of all, and what is given to keys out of sight."""

    lines: int
    found: int
    outside: float


def draw_lines(record: AttentionRecord, look: Look) -> Scene:
    """Draw the chosen heads' weights; what is held stands out, with its largest weights."""
    panels = _panels(record, look)
    rows, columns = _windows(record, look)
    scene, y = start(record, look)
    most = max(1, min(len(panels), int(look.room // PANEL)))
    wide = (look.room - 12 * (most - 1)) / most
    ends: list[float] = []
    told: list[Told] = []
    for index, panel in enumerate(panels[:MAX_PANELS]):
        column = index % most
        if column == 0 and ends:
            y, ends = max(ends) + 8, []
        x = look.margin + column * (wide + 12)
        end, said = _draw_panel(scene, record, look, panel, rows, columns, x, y, wide)
        ends.append(end)
        told.append(said)
    notes = _notes(record, look, rows, columns, told)
    if len(panels) > MAX_PANELS:
        notes.append(f"first {MAX_PANELS} of {len(panels)} pinned")
    return finish(scene, record, look, max(ends), notes)


def _panels(record: AttentionRecord, look: Look) -> list[Panel]:
    """Return the pinned heads and, if others are chosen, these; one panel where nothing is compared."""
    chosen = Panel(look.layer, drawn(look), "")
    if not look.comparing:
        return [chosen]
    here = [
        (ref["layer"], ref["head"])
        for ref in look.pinned
        if ref["site"] == look.site
        and ref["layer"] in record.layers(look.site)
        and ref["head"] < record.site(ref["layer"], look.site).heads
    ]
    panels = [Panel(layer, (Drawn((head,)),), f"layer {layer}, head {head}") for layer, head in here]
    if look.heads and not all((look.layer, head) in here for head in look.heads):
        panels.append(replace(chosen, title=f"layer {look.layer}, chosen"))
    return panels if len(panels) > 1 else [chosen]


def _windows(record: AttentionRecord, look: Look) -> tuple[range, range]:
    """Return the queries and the keys in sight: those around what is held."""
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    if look.site != "cross":
        anchor = look.query if look.query is not None else look.key
        return window(len(queries), anchor, MAX_ROWS), window(len(keys), anchor, MAX_ROWS)
    return window(len(queries), look.query, MAX_ROWS), window(len(keys), look.key, MAX_ROWS)


def _read(record: AttentionRecord, look: Look, panel: Panel, one: Drawn, rows: range, columns: range) -> Read:
    here = replace(look, layer=panel.layer)
    weights, reach, hidden = read(record, here, one, rows)
    weights = np.where(reach & ~hidden, weights, np.nan)
    sink = record.site(panel.layer, look.site).sink(list(one.heads), rows)
    outside = 0.0
    if look.query is not None and look.query in rows:
        row = np.nan_to_num(weights[look.query - rows.start])
        outside = float(row.sum() - row[columns.start : columns.stop].sum())
    return Read(
        one,
        weights[:, columns.start : columns.stop],
        sink.max(0) if one.how == "max" else sink.mean(0),
        outside,
    )


def _draw_panel(
    scene: Scene, record: AttentionRecord, look: Look, panel: Panel, rows: range, columns: range,
    x: float, y: float, wide: float,
) -> tuple[float, Told]:  # fmt: skip
    """Draw one panel; return where it ends, and what is to be said of it."""
    paper, site = look.paper, record.site(panel.layer, look.site)
    parts = [_read(record, look, panel, one, rows, columns) for one in panel.ones]
    if panel.title or len(parts) > 1:
        names = [(one.name, hex_colour(one.colour(look.dark))) for one in panel.ones]
        if panel.title:
            names = [(panel.title, names[0][1])] if len(names) == 1 else [(panel.title, paper.line), *names]
        y = draw_keys(scene, look, names, x, y, wide)
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    pairs = has_pairs(record, look)
    side = 14.0 if pairs else 2.0
    most = (wide - 2 * side) * 0.26
    left = widest(queries, rows, look.query, TOKEN, most)
    right = widest(keys, columns, look.key, TOKEN, most)
    numbers = (
        NUMBER if look.query is None and look.key is not None else 0.0,
        NUMBER if look.query is not None else 0.0,
    )
    span = min(SPAN, wide - left - right - sum(numbers) - 2 * side - 12)
    x += (wide - left - right - sum(numbers) - 2 * side - 12 - span) / 2
    x0 = x + side + numbers[0] + left + 6
    x1 = x0 + span
    with_sink = site.has_sinks or any(float(np.nanmax(part.sink, initial=0)) > 0 for part in parts)
    lines = _draw_strokes(scene, look, parts, rows, columns, (x0, x1, y), with_sink)
    for column, (tokens, places, held) in enumerate(((queries, rows, look.query), (keys, columns, look.key))):
        for row, at in enumerate(places):
            strong, middle = at == held, y + (row + 0.5) * PITCH
            text = label_of(tokens[at], TOKEN, (left, right)[column], strong)
            if strong:
                long = fonts.text_width(text, TOKEN, bold=True)
                box = x1 + 3 if column else x0 - 3 - long - 5
                scene.add(Box(box, middle - 5.5, long + 5, 11, fill=paper.hover, edge=paper.line, radius=2.5))
            scene.add(
                Label(
                    x1 + 5.5 if column else x0 - 5.5, middle, text, TOKEN,
                    paper.ink if strong else paper.soft, "start" if column else "end", bold=strong,
                )
            )  # fmt: skip
        if pairs:
            spans = [(y + row * PITCH, y + (row + 1) * PITCH) for row in range(len(places))]
            edge = x1 + 6 + right + numbers[1] + 3 if column else x + 8
            draw_stripes(scene, look, [tokens[at].segment for at in places], spans, edge, True, bool(column))
    _write_numbers(scene, look, parts, rows, columns, (x0 - 8 - left, x1 + 8 + right, y))
    end = y + PITCH * max(len(rows), len(columns))
    if with_sink:
        sink = y + (len(columns) + 1) * PITCH
        scene.add(Label(x1 + 5.5, sink, "sink", SMALL, paper.soft))
        if look.query is not None and look.query in rows and parts:
            sunk = [float(part.sink[look.query - rows.start]) for part in parts]
            spot = max(x1 + 8 + right, x1 + 9 + fonts.text_width("sink", SMALL))
            _write_number(scene, look, parts, int(np.argmax(sunk)), max(sunk), (0.0, spot, y), sink)
        end = max(end, sink + PITCH / 2)
    return end, Told(*lines, max((part.outside for part in parts), default=0.0))


def _draw_strokes(
    scene: Scene, look: Look, parts: Sequence[Read], rows: range, columns: range,
    place: tuple[float, float, float], with_sink: bool,
) -> tuple[int, int]:  # fmt: skip
    """Draw the strongest lines, those of what is held on top; return how many, and of how many."""
    x0, x1, y = place
    faint: list[Strokes] = []
    strong: list[Strokes] = []
    for order, part in enumerate(parts):
        weights = np.column_stack([part.weights, part.sink]) if with_sink else part.weights
        # A cell without a line is NaN, which compares as false.
        found = np.argwhere(weights >= max(look.threshold, 1e-6))
        value = weights[found[:, 0], found[:, 1]].astype(float)
        lit = np.ones(len(found), dtype=np.bool_)
        if look.query is not None:
            lit &= found[:, 0] + rows.start == look.query
        if look.key is not None:
            lit &= (found[:, 1] + columns.start == look.key) & (found[:, 1] < len(columns))
        shift = (order - (len(parts) - 1) / 2) * min(1.1, 7 / len(parts))
        below = found[:, 1] == len(columns)
        begin, end = y + shift + (found + 0.5).T * PITCH
        end += below * PITCH / 2
        across = np.ones(len(found))
        ends = np.stack([x0 * across, begin, x1 * across, end], axis=1)
        colour = hex_colour(part.one.colour(look.dark))
        for some, strokes, opacity, width in (
            (np.flatnonzero(~lit), faint, FADED * value, np.full(len(found), 0.7)),
            (np.flatnonzero(lit), strong, np.clip(value, 0.04, 1.0), 0.8 + np.minimum(value, 1)),
        ):
            # Strongest last, on top; `_strongest` relies on it.
            some = some[np.argsort(value[some], kind="stable")]
            strokes.append(Strokes(ends[some], opacity[some], width[some], colour, bent=True))
    total = sum(len(strokes.ends) for strokes in (*faint, *strong))
    left = FEW_LINES if look.small else MAX_LINES
    kept: list[Strokes] = []
    for layer in (strong, faint):
        kept = [*_strongest(layer, left), *kept]
        left = max(0, left - sum(len(strokes.ends) for strokes in layer))
    scene.add(*(strokes for strokes in kept if len(strokes.ends)))
    return sum(len(strokes.ends) for strokes in kept), total


def _strongest(layer: Sequence[Strokes], count: int) -> list[Strokes]:
    """Return the most opaque lines of several heads; each head's come in ascending order."""
    if sum(len(strokes.ends) for strokes in layer) <= count:
        return list(layer)
    least = np.sort(np.concatenate([strokes.opacity for strokes in layer]))[-count] if count else np.inf
    starts = [int(np.searchsorted(strokes.opacity, least)) for strokes in layer]
    return [
        replace(one, ends=one.ends[at:], opacity=one.opacity[at:], width=one.width[at:])
        for one, at in zip(layer, starts, strict=True)
    ]


def _write_numbers(
    scene: Scene, look: Look, parts: Sequence[Read], rows: range, columns: range,
    place: tuple[float, float, float],
) -> None:  # fmt: skip
    """Write the largest weights of what is held, with the head that has them."""
    y = place[2]
    if look.query is not None and look.query in rows:
        values = np.array([part.weights[look.query - rows.start] for part in parts])
        numbered = look.key - columns.start if look.key is not None and look.key in columns else None
    elif look.query is None and look.key is not None and look.key in columns:
        values, numbered = np.array([part.weights[:, look.key - columns.start] for part in parts]), None
    else:
        return
    if values.size == 0:
        return
    best = np.nan_to_num(values, nan=-1).max(axis=0)
    chosen = {int(at) for at in np.argsort(-best, kind="stable")[:NUMBERS] if best[at] >= LEAST_NUMBER}
    if numbered is not None and best[numbered] >= 0:
        chosen.add(numbered)
    for at in sorted(chosen):
        slot = int(np.nan_to_num(values[:, at], nan=-1).argmax())
        _write_number(scene, look, parts, slot, float(values[slot, at]), place, y + (at + 0.5) * PITCH)


def _write_number(
    scene: Scene, look: Look, parts: Sequence[Read], slot: int, value: float,
    place: tuple[float, float, float], y: float,
) -> None:  # fmt: skip
    """Write a weight, beside a patch of its head's colour where there are several heads."""
    left, right, _ = place
    text = f"{value:.3f}" if value < 0.9995 else "1.00"
    after = look.query is not None
    patch = 7.0 if len(parts) > 1 else 0.0
    x = right + patch if after else left - fonts.text_width(text, SMALL)
    scene.add(Label(x, y, text, SMALL, look.paper.ink))
    if patch:
        colour = hex_colour(parts[slot].one.colour(look.dark))
        scene.add(Box(x - patch, y - 2.4, 4.8, 4.8, fill=colour, radius=1.0))


def _notes(
    record: AttentionRecord, look: Look, rows: range, columns: range, told: Sequence[Told]
) -> list[str]:
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    notes = [
        f"query {named(queries, look.query)} held" if look.query is not None else "",
        f"key {named(keys, look.key)} held" if look.key is not None else "",
        how_exact(record),
        describe_shown(record, look),
        f"weights below {look.threshold:g} not drawn" if look.threshold > 0 else "",
    ]
    source, target = streams_of(look.site)
    if source == target and rows == columns:
        if len(rows) < len(queries):
            notes.append(f"tokens {rows.start}-{rows.stop - 1} of {len(queries)}")
    else:
        for noun, some, count in (("queries", rows, len(queries)), ("keys", columns, len(keys))):
            if len(some) < count:
                notes.append(f"{noun} {some.start}-{some.stop - 1} of {count}")
    if any(one.lines < one.found for one in told):
        lines, found = (sum(getattr(one, name) for one in told) for name in ("lines", "found"))
        notes.append(f"the strongest {lines:,} of {found:,} lines")
    outside = max((one.outside for one in told), default=0.0)
    if outside >= 0.005:
        notes.append(f"the held query gives {outside:.2f} to keys that are not drawn")
    return notes
