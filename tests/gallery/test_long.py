"""The matrix and the head view of a prompt of 32,768 tokens, of which no pattern is ever whole."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.gallery.pages import Gallery, drawn, pixels, rest

ALL_READ = re.compile(r"a dot is the largest of \d+ × \d+ cells, all read, within \.004")


def value(page: Page, expression: str) -> object:
    """Evaluate an expression in which `app` is the explorer."""
    return page.evaluate(f"(() => {{ const app = window.gallery[0].app.explorer; return {expression}; }})()")


def test_matrix_from_the_whole_prompt_down_to_a_cell(gallery: Gallery) -> None:
    page = gallery.open("long", view="matrix", theme="light")
    note = page.locator(".ap-legend-note")
    expect(note).to_have_text(ALL_READ)
    waiting = page.locator(".ap-legend-item", has_text="not computed yet")
    expect(waiting).to_be_hidden()
    assert drawn(page) > 50
    largest = pixels(page)
    page.get_by_role("radio", name="mean").click()
    expect(note).to_have_text(re.compile("a dot is the mean of .* all read"))
    rest(page)
    assert pixels(page) != largest

    field = page.get_by_role("textbox", name="Go to query, key")
    field.fill("40000, 1")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "")
    matrix = page.locator(".ap-heat").first
    matrix.focus()
    page.keyboard.press("g")
    expect(field).to_be_focused()
    field.fill("20000, 19999")
    field.press("Enter")
    expect(field).not_to_have_attribute("aria-invalid", "")
    expect(note).to_have_text("a dot is a cell, within .004")
    assert value(page, "[app.selection.value.query, app.selection.value.key]") == [20000, 19999]
    # Head 1 looks at the token before: exact, from the row.
    exact = str(value(page, "app.exact.value[1].weights[19999].toFixed(3).slice(1)"))
    expect(page.locator(".ap-readout")).to_contain_text(f"head 1 {exact}")

    # Around the cell, then away from it and back by the same keys as any matrix.
    matrix.focus()
    page.keyboard.press("ArrowUp")
    assert value(page, "[app.focus.value.query, app.focus.value.key]") == [19999, 19999]
    zoom = page.get_by_role("button", name="Whole matrix")
    near = zoom.text_content()
    page.keyboard.press("0")
    expect(zoom).to_have_text("1×")
    page.keyboard.press("z")
    expect(zoom).to_have_text(near or "")


def test_head_view_around_a_token_far_into_the_prompt(gallery: Gallery) -> None:
    page = gallery.open("long", view="head", theme="dark")
    note = page.locator(".ap-note")
    expect(note).to_contain_text("lines between tokens in sight; point at one for all of its own")
    pane = page.locator(".ap-head")
    expect(pane).to_have_attribute("data-drawn", "1")
    assert int(pane.get_attribute("data-lines") or 0) > 20
    # Held from elsewhere: both columns go to its place.
    page.evaluate("window.gallery[0].state.set('selection', { query: 20000, key: null, locked: true })")
    query = page.get_by_role("button", name=re.compile("^query 20000:"))
    expect(query).to_have_attribute("aria-pressed", "true")
    best = page.get_by_role("button", name=re.compile(r"^key 19999: .*, weight \.607$"))
    expect(best).to_be_visible()
    # Few buttons are there of 65,536, and the strongest token out of sight is pointed to.
    assert page.locator(".ap-token").count() < 120
    page.get_by_role("button", name=re.compile(r"^Show key \d+ above: .* \.200$")).click()
    expect(page.get_by_role("button", name=re.compile(r"^key \d+: .*, weight \.200$"))).to_be_visible()
    # A key: who looks at it, once its column is read.
    page.evaluate("window.gallery[0].state.set('selection', { query: null, key: 14000, locked: true })")
    asked = page.get_by_role("button", name=re.compile(r"^query 14001: .*, weight \.607$"))
    expect(asked).to_be_visible()
    expect(note).not_to_contain_text("not all computed yet")


def test_what_a_filter_does_not_reach_is_said(gallery: Gallery) -> None:
    page = gallery.open("long", view="head", hold=",20", top=2)
    expect(page.locator(".aw-pane")).to_contain_text("strongest keys of each query: not applied to a column")
