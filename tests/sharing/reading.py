"""Reads values back from an explorer without a kernel, and holds them against the attention it shows."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.cells import ARRAYS
from tests.e2e.harness.explorer import READY, Explorer, Pixels, explorers

Weights = NDArray[np.float32]

EIGHT_BITS = 0.004
"""Largest error of a weight stored as eight bits, square-root companded."""

# Of each head in focus: the title, and its bars: label and value.
BARS = """(root) => [...root.querySelectorAll(".aw-inspector .aw-section")].map((section) => [
    section.querySelector(".aw-title").textContent,
    [...section.querySelectorAll(".aw-rows:first-of-type > .aw-row:not(.aw-sink)")].map((row) => [
        row.querySelector(".aw-row-name").textContent, row.querySelector(".aw-row-value").textContent,
    ]),
])"""


def made() -> tuple[Weights, list[str]]:
    """Return the attention [layers, heads, queries, keys] and the tokens that `cells.ARRAYS` makes."""
    names: dict[str, Any] = {}
    exec(ARRAYS, names)
    return names["weights"], names["tokens"]


def number(text: str) -> float:
    """Return the value that the inspector writes, such as ".123", "≈.12" or "3e-4"."""
    match = re.fullmatch(r"≈?(\d*\.?\d+(?:e[+-]?\d+)?)", text)
    if match is None:
        raise AssertionError(f"{text!r} is not a weight")
    return float(match[1])


def check_row(explorer: Explorer, weights: Weights, tokens: list[str], layer: int, query: int) -> None:
    """Point at a token, and compare what the inspector says of every chosen head with its attention."""
    focus = explorer.root.locator(".aw-inspector .aw-focus")
    for _ in range(20):
        # A banner may appear meanwhile, and move the view away from under the mouse.
        explorer.token("query", query).hover()
        explorer.page.wait_for_timeout(200)
        if focus.count() and tokens[query] in focus.inner_text():
            break
    heads = explorer.chosen()
    expect(focus).to_contain_text(tokens[query])
    sections = explorer.root.evaluate(BARS)
    assert len(sections) >= len(heads) > 0
    for head, (title, bars) in zip(heads, sections, strict=False):
        assert f"ead {head}" in title
        row = weights[layer, head, query]
        assert bars, f"no bars for head {head}"
        assert bars[0][0] == tokens[int(row.argmax())]
        for label, text in bars:
            # As written, with two or three decimals.
            assert abs(number(text) - row[tokens.index(label)]) <= EIGHT_BITS + 0.0055, (head, label, text)


def drawn_anew(explorer: Explorer, before: Pixels | None) -> Pixels:
    """Wait until the canvases show something else than before, in shades as attention has, and return it."""
    for _ in range(200):
        now = explorer.pixels()
        if now != before and now.colours > 20:
            return now
        explorer.page.wait_for_timeout(50)
    raise AssertionError(f"nothing new was drawn: {now}")


def check_interactive(explorer: Explorer, weights: Weights, tokens: list[str]) -> None:
    """Use an explorer as its reader would: rows of two layers are read back, views change what is drawn.

    Parameters
    ----------
    explorer : Explorer
        In the head view, made by `cells.EXPLORE`: layer 1, heads 0 and 2.
    weights : array [layers, heads, queries, keys]
        What it was made of.
    tokens : list of str
        The tokens.
    """
    drawn = drawn_anew(explorer, None)
    check_row(explorer, weights, tokens, 1, 9)
    explorer.layer.press("End")
    expect(explorer.layer).to_have_value(str(len(weights) - 1))
    drawn = drawn_anew(explorer, drawn)
    explorer.head(1).click()
    expect(explorer.head(1)).to_have_attribute("aria-pressed", "true")
    check_row(explorer, weights, tokens, len(weights) - 1, 6)
    for view in ("Matrix", "Model"):
        explorer.tab(view).click()
        expect(explorer.tab(view)).to_have_attribute("aria-selected", "true")
        drawn = drawn_anew(explorer, drawn)


def check_picture(images: Locator) -> None:
    """Check that there is one image and that it was drawn: its size, and that it has lines and text in it."""
    expect(images).to_have_count(1)
    shot = Image.open(io.BytesIO(images.screenshot())).convert("RGB")
    assert images.evaluate("(image) => image.complete && image.naturalWidth >= 600")
    assert shot.width >= 400
    assert shot.height >= 200
    assert len(shot.getcolors(shot.width * shot.height) or []) > 100


def on_page(page: Page) -> Explorer:
    """Return the one explorer of a page, drawn."""
    return explorers(page)[0]


def framed(page: Page) -> Explorer:
    """Return the explorer in a page's one frame, drawn."""
    # Browsers do not draw frames that are out of sight.
    page.locator("iframe").scroll_into_view_if_needed()
    root = page.frame_locator("iframe").locator(READY)
    expect(root).to_have_count(1, timeout=60_000)
    return Explorer(root)
