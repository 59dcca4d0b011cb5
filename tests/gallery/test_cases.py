"""Every case in every view: drawn, not cut off, readable."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.gallery.pages import CASES, VIEWS, Gallery, drawn, rest

# Text that cannot be seen whole, unless it says so itself with an ellipsis or scrolls.
CUT_OFF = """() => {
  const root = document.querySelector(".attnwidget");
  const cut = [];
  for (const element of [root, ...root.querySelectorAll("*")]) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (box.width === 0 || style.visibility === "hidden") continue;
    if (element.closest(".aw-live, canvas, select")) continue;
    const says = style.textOverflow === "ellipsis" || /auto|scroll/.test(style.overflowX + style.overflowY);
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim() !== "");
    const bar = element.matches(".attnwidget, .aw-bar, .aw-tabs, .aw-controls, .aw-chips, .aw-main, button");
    if ((own || bar) && !says && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) {
      cut.push(`${element.className || element.tagName}: ${element.scrollWidth} > ${element.clientWidth}`);
    }
    // What a row of tokens has not scrolled to can be scrolled to.
    const row = element.closest("[role='listbox'][aria-orientation='horizontal']");
    if (row !== null && row !== element && getComputedStyle(row).overflowX === "auto") continue;
    if (own && box.right > root.getBoundingClientRect().right + 1) cut.push(`${element.className}: outside`);
  }
  return cut;
}"""

# Text whose contrast with what lies behind it is below 4.5:1.
FAINT = """() => {
  const parse = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const linear = c => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = c => 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a),
    g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a),
    a: 1,
  });
  const ground = element => {
    const behind = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) behind.push(colour);
      if (colour.a === 1) break;
    }
    return behind.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const faint = [];
  for (const element of document.querySelectorAll(".attnwidget *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || element.getClientRects().length === 0) continue;
    if (element.closest(":disabled, .aw-live, option")) continue;
    const below = ground(element);
    const [high, low] = [luminance(over(parse(getComputedStyle(element).color), below)), luminance(below)]
      .sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faint.push(`${element.className} "${element.textContent}": ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


def look(page: Page, view: str) -> None:
    """Check what every page must satisfy."""
    rest(page)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FAINT) == []
    if view == "text":
        tones = page.locator(".aw-pane *").evaluate_all(
            "items => new Set(items.map(item => getComputedStyle(item).backgroundColor)).size"
        )
        assert tones >= 3
    else:
        assert drawn(page) >= 12


ELSEWHERE = {"empty", "norms", "long"}
"""Cases with tests of their own: nothing to draw, merged words, which have no scores, a prompt in tiles."""


def test_the_cases_are_those_of_the_page(gallery: Gallery) -> None:
    page = gallery.open("default")
    assert page.evaluate("window.galleryCases") == list(CASES)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("case", [case for case in CASES if case not in ELSEWHERE])
def test_case(gallery: Gallery, case: str, view: str) -> None:
    page = gallery.open(case, view=view, theme="light", hold="4")
    root = page.locator(".attnwidget")
    expect(root).to_have_attribute("data-record", "default" if case in {"error", "running"} else case)
    expect(page.get_by_role("tab", name=view.capitalize())).to_have_attribute("aria-selected", "true")
    look(page, view)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("case", ["default", "heads32", "nan", "cross"])
def test_dark(gallery: Gallery, case: str, view: str) -> None:
    page = gallery.open(case, view=view, theme="dark", hold="4")
    assert page.locator(".attnwidget").evaluate("root => getComputedStyle(root).colorScheme") == "dark"
    look(page, view)


@pytest.mark.parametrize("width", [480, 640, 800, 1400])
@pytest.mark.parametrize("case", ["default", "long-tokens", "heads32", "cross", "error", "running"])
def test_width(gallery: Gallery, case: str, width: int) -> None:
    page = gallery.open(case, window=width + 60, width=width, theme="light")
    look(page, "head")
    assert page.locator(".attnwidget").evaluate("root => root.getBoundingClientRect().width") == width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_to_show_yet(gallery: Gallery) -> None:
    page = gallery.open("empty")
    expect(page.get_by_text("Running the prompt")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    assert page.evaluate(CUT_OFF) == []


def test_a_failed_run_leaves_the_last_view(gallery: Gallery) -> None:
    page = gallery.open("error")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("1,312 tokens")
    expect(alert).to_contain_text("Shorten the prompt")
    assert drawn(page) >= 12
    page.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_hidden()


def test_a_run_under_way(gallery: Gallery) -> None:
    page = gallery.open("running")
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "5")
    expect(bar).to_have_attribute("aria-valuemax", "12")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    idle: dict[str, Any] = {"phase": "idle", "run": None, "done": 0, "total": 0, "message": "", "error": None}
    page.evaluate("status => window.gallery[0].state.set('status', status)", idle)
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    expect(bar).to_be_hidden()


def test_given_tensors_cannot_run(gallery: Gallery) -> None:
    page = gallery.open("given")
    expect(page.get_by_role("button", name="Run")).to_be_hidden()
    expect(page.get_by_role("textbox", name="Prompt")).to_have_attribute("readonly", "")
    expect(page.get_by_text("as given")).to_be_visible()


def test_weights_that_are_not_numbers_are_said(gallery: Gallery) -> None:
    page = gallery.open("nan", hold="6,2")
    expect(page.get_by_role("complementary", name="Inspector")).to_contain_text("NaN for 7 of 18 keys")


def test_learned_sinks_are_shown(gallery: Gallery) -> None:
    page = gallery.open("sinks", hold="7")
    expect(page.get_by_role("complementary", name="Inspector").get_by_text("sink")).to_have_count(2)


def test_approximate_numbers_until_the_exact_row_arrives(gallery: Gallery) -> None:
    page = gallery.open("tokens200", delay=800, theme="light")
    inspector = page.get_by_role("complementary", name="Inspector")
    page.evaluate("window.gallery[0].app.explorer.hold({ query: 40, key: null })")
    expect(inspector.locator(".aw-row-value").first).to_contain_text("≈")
    expect(inspector.locator(".aw-row-value").first).not_to_contain_text("≈")
    expect(page.get_by_text("drawn in 8 bits")).to_be_visible()
