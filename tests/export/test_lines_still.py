"""The head view's still: lines from queries to keys as strong as their weights, and what is held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attnwidget.export import Look
from attnwidget.export.colours import head_colour, hex_colour
from attnwidget.export.lines import FEW_LINES, MAX_ROWS, PITCH
from attnwidget.export.picture import draw
from attnwidget.export.scene import Box, Label, Scene, Strokes
from attnwidget.record import AttentionRecord, Token

LOOK = Look(view="head", site="encoder", layer=0, heads=(0, 1), threshold=0.0)


def record(n: int = 6, layers: int = 1) -> AttentionRecord:
    made = np.random.default_rng(5).dirichlet(np.full(n, 0.4), (layers, 3, n)) + 1e-4
    made = (made / made.sum(-1, keepdims=True)).astype(np.float32)
    return AttentionRecord.from_attentions(made, [f"w{at}" for at in range(n)])


def lines(scene: Scene, head: int) -> Strokes:
    """Return all lines of a head, those of what is held last."""
    colour = hex_colour(head_colour(head, False))
    found = [mark for mark in scene.marks if isinstance(mark, Strokes) and mark.colour == colour]
    return Strokes(
        np.concatenate([one.ends for one in found]),
        np.concatenate([one.opacity for one in found]),
        np.concatenate([one.width for one in found]),
        colour,
    )


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.marks if isinstance(mark, Label)]


def label(scene: Scene, text: str, right: bool) -> Label:
    found = [mark for mark in scene.marks if isinstance(mark, Label) and mark.text == text]
    return max(found, key=lambda mark: mark.x) if right else min(found, key=lambda mark: mark.x)


def test_each_weight_is_a_line_between_its_tokens_as_strong_as_it_is() -> None:
    given = record()
    scene = draw(given, replace(LOOK, heads=(1,)))
    drawn = lines(scene, 1)
    assert len(drawn.ends) == 36
    weights = given.weights(0, 1)
    top = label(scene, "w0", False).y
    query = np.rint((drawn.ends[:, 1] - top) / PITCH).astype(int)
    key = np.rint((drawn.ends[:, 3] - top) / PITCH).astype(int)
    assert sorted(zip(query, key, strict=True)) == [(i, j) for i in range(6) for j in range(6)]
    value = weights[query, key].astype(np.float64)
    np.testing.assert_allclose(drawn.opacity, np.clip(value, 0.04, 1), atol=1e-6)
    # The thickest line is that of the largest weight, and it is drawn last.
    assert drawn.width.argmax() == value.argmax() == 35
    assert (drawn.ends[:, 0] < drawn.ends[:, 2]).all()
    assert label(scene, "w3", False).x < drawn.ends[:, 0].min()
    assert label(scene, "w3", True).x > drawn.ends[:, 2].max()


def test_what_is_held_stands_out_and_has_its_numbers() -> None:
    given = record()
    scene = draw(given, replace(LOOK, query=2))
    for head in (0, 1):
        drawn = lines(scene, head)
        row = given.weights(0, head)[2].astype(np.float64)
        np.testing.assert_allclose(np.sort(drawn.opacity)[-1], row.max(), atol=1e-6)
        # The other queries' lines are faint.
        assert (drawn.opacity[:-6] < 0.15).all()
    best = given.site(0).weights([0, 1], 2)[:, 0].max(axis=0)
    for value in np.sort(best)[-3:]:
        assert f"{value:.3f}" in texts(scene)
    assert "query w2 (2) held" in scene.notes
    assert label(scene, "w2", False).bold
    assert not label(scene, "w2", True).bold


def test_a_held_key_has_its_numbers_beside_the_queries() -> None:
    given = record()
    scene = draw(given, replace(LOOK, heads=(0,), key=4))
    column = given.weights(0, 0)[:, 4]
    most = label(scene, f"{column.max():.3f}", False)
    assert most.x < label(scene, f"w{column.argmax()}", False).x
    assert most.y == pytest.approx(label(scene, f"w{column.argmax()}", False).y)


def test_hidden_cells_and_weights_under_the_threshold_have_no_line() -> None:
    given = record()
    count = int((given.weights(0, 0) >= 0.2).sum())
    assert len(lines(draw(given, replace(LOOK, heads=(0,), threshold=0.2)), 0).ends) == count
    few = {"pair": "all", "special": True, "top": 2, "heads": None}
    scene = draw(given, replace(LOOK, heads=(0,), filters=few))  # type: ignore[arg-type]
    assert len(lines(scene, 0).ends) == 12
    assert "top 2 of each query" in scene.notes


def test_a_learned_sink_has_a_place_of_its_own_under_the_keys() -> None:
    import torch

    from attnwidget.record import ModelInfo, Visibility, text_tokens
    from attnwidget.record.qk import QKSite

    site = QKSite(
        kind="decoder", layer=0, name="", route="interface", heads=1, kv_heads=1, queries=4, keys=4,
        visibility=Visibility(causal=True), scaling=0.5, q=torch.ones(1, 4, 4), k=torch.ones(1, 4, 4),
        sink_scores=torch.tensor([3.0]), has_sinks=True,
    )  # fmt: skip
    streams = {"decoder": text_tokens(list("abcd"))}
    given = AttentionRecord(model=ModelInfo(name="m"), prompt="", streams=streams, sites=(site,))  # type: ignore[arg-type]
    scene = draw(given, replace(LOOK, site="decoder", heads=(0,), query=3))
    drawn = lines(scene, 0)
    sunk = drawn.ends[:, 3] > label(scene, "d", True).y + PITCH / 2
    assert sunk.sum() == 4
    assert label(scene, "sink", True).y == pytest.approx(drawn.ends[sunk, 3].mean())
    assert f"{site.sink(0, 3)[0, 0]:.3f}" in texts(scene)


def test_both_texts_of_a_pair_are_marked_on_both_sides() -> None:
    tokens = [Token(id=None, text=f" t{at}", label=f"t{at}", segment=int(at > 2)) for at in range(6)]
    made = np.full((1, 1, 6, 6), 1 / 6, np.float32)
    scene = draw(AttentionRecord.from_attentions(made, tokens), replace(LOOK, heads=(0,)))
    assert texts(scene).count("A") == texts(scene).count("B") == 2
    stripes = [mark for mark in scene.marks if isinstance(mark, Box) and mark.fill in LOOK.paper.segments]
    assert len(stripes) == 4
    assert {round(mark.height / PITCH) for mark in stripes} == {3}
    plain = draw(record(), LOOK)
    assert "A" not in texts(plain)


def test_pinned_heads_stand_side_by_side_with_the_chosen_one() -> None:
    pinned = tuple({"site": "encoder", "layer": layer, "head": 2} for layer in (0, 1, 7))
    look = replace(LOOK, heads=(1,), pinned=pinned, comparing=True)  # type: ignore[arg-type]
    scene = draw(record(layers=2), look)
    shown = [text for text in texts(scene) if text.startswith("layer")]
    assert shown == ["layer 0, head 2", "layer 1, head 2", "layer 0, chosen"]
    assert texts(scene).count("w0") == 6
    one = draw(record(layers=2), replace(look, comparing=False))
    assert texts(one).count("w0") == 2


def test_long_prompts_are_cut_and_say_what_is_left_out() -> None:
    given = record(100)
    scene = draw(given, replace(LOOK, heads=(0,), query=80))
    assert sum(text.startswith("w") and text[1:].isdigit() for text in texts(scene)) == 2 * MAX_ROWS
    assert "tokens 60-99 of 100" in scene.notes
    outside = float(given.weights(0, 0)[80, :60].sum())
    assert outside > 0.1
    assert f"the held query gives {outside:.2f} to keys that are not drawn" in scene.notes


def test_small_files_have_the_strongest_lines_only_and_say_so() -> None:
    given = record(40)
    scene = draw(given, replace(LOOK, heads=(0,), small=True))
    drawn = lines(scene, 0)
    assert len(drawn.ends) == FEW_LINES
    assert f"the strongest {FEW_LINES} of 1,600 lines" in scene.notes
    kept = np.sort(given.weights(0, 0).ravel())[-FEW_LINES:].astype(np.float64)
    np.testing.assert_allclose(np.sort(drawn.opacity), kept, atol=1e-6)
    assert "strongest" not in draw(given, replace(LOOK, heads=(0,))).notes


@pytest.mark.parametrize("width", [252.0, 519.0, 540.0])
@pytest.mark.parametrize("caption", [True, False])
def test_nothing_leaves_the_paper(width: float, caption: bool) -> None:
    from attnwidget.export import fonts

    words = ["internationalisation", "猫", "a", "antidisestablishmentarianism", "b", "c"]
    made = np.random.default_rng(5).dirichlet(np.ones(6), (1, 12, 6)).astype(np.float32)
    given = AttentionRecord.from_attentions(made, words, prompt="word " * 200)
    scene = draw(given, replace(LOOK, heads=tuple(range(12)), query=3, width=width, caption=caption))
    for mark in scene.marks:
        if isinstance(mark, Label):
            wide = fonts.text_width(mark.text, mark.size, mark.bold)
            left = mark.x - {"start": 0.0, "middle": wide / 2, "end": wide}[mark.anchor]
            assert left >= 0, mark
            assert left + wide <= width, mark
            assert 0 < mark.y < scene.height
            assert mark.size >= 6.5
