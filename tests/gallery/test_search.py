"""The search of attention: by keyboard and pointer, on short prompts, long ones, and in cross-attention."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.gallery.pages import Gallery


def value(page: Page, expression: str) -> object:
    """Evaluate an expression in which `app` is the explorer."""
    return page.evaluate(f"(() => {{ const app = window.gallery[0].app.explorer; return {expression}; }})()")


def seek(page: Page, words: str) -> None:
    field = page.get_by_role("textbox", name="Words to search attention for")
    field.fill(words)
    field.press("Enter")


def test_a_search_from_the_keyboard_goes_from_hit_to_hit(gallery: Gallery) -> None:
    page = gallery.open("default", view="matrix", theme="light")
    page.locator(".attnwidget").focus()
    page.keyboard.press("f")
    panel = page.get_by_role("region", name="Search attention")
    expect(panel).to_be_visible()
    expect(page.get_by_role("textbox", name="Words to search attention for")).to_be_focused()
    seek(page, "cat")
    expect(panel).to_contain_text("“cat”, token 2")
    expect(panel).to_contain_text("Searched 16 heads: exact")
    # By hand: the mean of what the queries after it, without the first and special tokens, give to token 2.
    best = panel.get_by_role("option").first
    value(page, 'app.goTo({ site: "decoder", layer: 1, head: 1 })')
    page.wait_for_function("window.gallery[0].app.explorer.data.value.info.layer === 1")
    mean = value(
        page,
        """(() => {
          const [pattern] = app.data.value.patterns;
          let sum = 0;
          for (let q = 3; q < pattern.queries; q++) sum += pattern.weight(q, 2);
          return (sum / (pattern.queries - 3)).toFixed(3).slice(1);
        })()""",
    )
    expect(panel.get_by_role("option", name="Layer 1, head 1:")).to_contain_text(str(mean))
    page.get_by_role("radio", name="by token").click()
    expect(best).to_have_attribute("aria-label", re.compile("gives .*, most to “cat”"))
    page.keyboard.press("n")
    expect(best).to_have_attribute("aria-selected", "true")
    assert value(page, "app.selection.value.key") == 2
    page.keyboard.press("n")
    expect(panel.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Shift+N")
    expect(best).to_have_attribute("aria-selected", "true")
    page.get_by_role("textbox", name="Words to search attention for").press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(".attnwidget")).to_be_focused()


def test_a_long_search_is_an_estimate_first_and_can_be_stopped(gallery: Gallery) -> None:
    page = gallery.open("long", view="text", theme="dark", window=520, width=480, delay=150)
    page.get_by_role("button", name="search", exact=False).last.click()
    panel = page.get_by_role("region", name="Search attention")
    seek(page, "witnesses It cause")
    expect(panel.locator(".al-search-said")).to_have_text(
        re.compile(r"Searched \d+ of 32 heads · of the others, \d+ of 32,762 queries each \(≈\)")
    )
    expect(panel.locator(".al-hit-value", has_text="≈").first).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(panel).to_contain_text("stopped")
    page.get_by_role("button", name="Go on").click()
    expect(panel).to_contain_text("Searched 32 heads: exact", timeout=15_000)
    assert panel.locator(".al-hit-value", has_text="≈").count() == 0
    # Nothing is cut off at this width.
    frame, list_ = page.locator(".attnwidget").bounding_box(), panel.locator(".al-hits").bounding_box()
    assert frame is not None
    assert list_ is not None
    assert list_["x"] >= frame["x"]
    assert list_["x"] + list_["width"] <= frame["x"] + frame["width"]
    panel.get_by_role("option").first.click()
    assert value(page, "app.selection.value.locked") is True


def test_in_cross_attention_each_direction_has_its_own_tokens(gallery: Gallery) -> None:
    page = gallery.open("cross", view="head", theme="light")
    page.locator(".attnwidget").focus()
    page.keyboard.press("f")
    panel = page.get_by_role("region", name="Search attention")
    seek(page, "English")
    expect(panel).to_contain_text("“English”, token 1")
    expect(panel.get_by_role("option").first).to_have_attribute("aria-label", re.compile("to “English” "))
    page.get_by_role("radio", name="out of them").click()
    expect(panel).to_contain_text("Choose words here")
    seek(page, "Haus")
    expect(panel.get_by_role("option").first).to_have_attribute("aria-label", re.compile("from “Haus” "))
