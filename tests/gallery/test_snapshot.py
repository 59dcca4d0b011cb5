"""Explorers over real snapshots: every view, what is claimed of its numbers, what only a kernel can do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, expect

from tests.gallery.pages import VIEWS, Gallery
from tests.gallery.snapshots import NAMES
from tests.gallery.test_cases import look

CLAIMS = {
    "exact": "exact, from a snapshot",
    "dense": "8-bit snapshot, within .004",
    "top": "top-16 snapshot, 8.7 % left out (worst row 81 %)",
    "none": "no patterns: a snapshot of thumbnails and metrics",
    "two-stacks": "exact, from a snapshot",
    "sinks": "8-bit snapshot, within .004",
}


ANSWERS = {"model": "model", "metrics": "metrics", "neuron": "terms"}
"""What a view waits for beside the layer."""


def go(page: Page, view: str) -> None:
    page.get_by_role("tab", name=view.capitalize()).click()
    expect(page.locator(".attnwidget")).to_have_attribute("data-view", view)
    if view in ANSWERS:
        page.wait_for_function(f"window.gallery[0].app.explorer.{ANSWERS[view]}.value !== null")


def check_views(page: Page, views: Sequence[str] = VIEWS) -> None:
    for view in views:
        go(page, view)
        look(page, view)
        expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("name", NAMES)
def test_every_view_works(gallery: Gallery, name: str) -> None:
    page = gallery.open(f"snapshot-{name}", width=960, hold="7", theme="light")
    expect(page.locator(".aw-claim")).to_contain_text(CLAIMS[name])
    # Without patterns there is nothing to draw of them but a row.
    check_views(page, VIEWS if name != "none" else ("head", "model", "neuron", "metrics"))


@pytest.mark.parametrize("name", ["top", "two-stacks"])
def test_narrow_and_dark(gallery: Gallery, name: str) -> None:
    check_views(gallery.open(f"snapshot-{name}", window=540, width=480, hold="12", theme="dark"))


def test_what_was_left_out_is_no_zero(gallery: Gallery) -> None:
    page = gallery.open("snapshot-top", hold="90,12", view="matrix")
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector).to_contain_text("≤.004 · left out of the snapshot")
    expect(inspector.locator(".aw-hidden-mass")).to_contain_text("left out")
    expect(inspector).to_contain_text("8-bit, largest only")
    expect(page.locator(".ap-readout").first).to_contain_text("≤.004")
    expect(page.locator(".ap-legend-note")).to_contain_text("the 16 largest of each row kept")
    # A weight that is kept has its place among all, which the left out ones cannot take.
    page.evaluate("window.gallery[0].app.explorer.hold({ query: 90, key: 69 })")
    expect(inspector).to_contain_text("≈.93 · about 1st of 91")
    # The row of the query that was held when it was saved is whole.
    page.evaluate("window.gallery[0].app.explorer.hold({ query: 7, key: 2 })")
    expect(inspector.locator(".aw-surety").first).to_have_text("exact")
    expect(inspector.locator(".aw-cell")).to_have_text("2e-5 · 7th of 8")
    expect(inspector).not_to_contain_text("left out")


def test_heads_without_a_pattern_say_so(gallery: Gallery) -> None:
    page = gallery.open("snapshot-none", hold="40")
    expect(page.locator(".aw-surety").first).to_have_text("not kept")
    expect(page.get_by_text("the snapshot has no pattern of this head")).to_be_visible()


def test_the_neuron_view_leads_to_heads_with_queries_and_keys(gallery: Gallery) -> None:
    page = gallery.open("snapshot-dense", view="neuron", heads="2", hold="20")
    facts = page.locator(".ap-facts")
    expect(facts).to_contain_text("The snapshot keeps no queries and keys of this head. It has those of")
    facts.get_by_role("button", name="Go to layer 0, head 1").click()
    expect(page.locator(".ap-equation")).to_contain_text("softmax")
    expect(facts).not_to_contain_text("no queries and keys")
    assert page.evaluate("window.gallery[0].state.get('heads')") == [1]


def test_what_needs_a_kernel_is_marked(gallery: Gallery) -> None:
    page = gallery.open("snapshot-exact", width=960)
    prompt = page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_have_attribute("readonly", "")
    expect(prompt).to_have_attribute(
        "title", "This is a snapshot. A new prompt needs a kernel: run the cell in a notebook."
    )
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()
    expect(page.locator(".aw-header").get_by_text("snapshot", exact=True)).to_be_visible()
    page.get_by_role("button", name="Filter").click()
    for name in ("Words", "Norms"):
        box = page.get_by_role("checkbox", name=name)
        expect(box).to_be_disabled()
        expect(page.locator(".aw-check", has=box)).to_contain_text("needs a kernel")
