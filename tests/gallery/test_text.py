"""The text of a long prompt: few elements, a map of all of it, a search for words, and choosing some."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, colours, rest

TOKENS = 32_768


def word(page: Page, at: int) -> Locator:
    return page.locator(f".ap-word[data-index='{at}']")


def trait(page: Page, name: str) -> object:
    return page.evaluate("name => window.gallery[0].state.get(name)", name)


def seen(page: Page, at: int) -> bool:
    """Return whether the word lies within what is in sight of the text."""
    return bool(
        word(page, at).evaluate(
            """word => {
              const { top, bottom } = word.getBoundingClientRect();
              const sight = word.closest(".ap-scroller").getBoundingClientRect();
              return top >= sight.top - 1 && bottom <= sight.bottom + 1;
            }"""
        )
    )


def test_a_click_shows_where_every_head_looks(gallery: Gallery) -> None:
    page = gallery.open("long", view="text", theme="light")
    canvas = page.locator(".al-map-canvas").first
    expect(page.locator(".al-map-note")).to_contain_text("Click a word")
    # The first word of the next block is not there yet: the keyboard goes to the prompt's end and back.
    word(page, 12).focus()
    page.keyboard.press("End")
    assert seen(page, TOKENS - 1)
    assert page.locator("*").count() < 3000
    page.keyboard.press("PageUp")
    page.keyboard.press("Enter")
    expect(page.locator(".al-map-note")).to_contain_text("8 heads · a dot: largest of")
    assert colours(canvas) > 5
    held = page.locator(".ap-word[aria-selected='true']")
    expect(held).to_have_attribute("aria-setsize", str(TOKENS))
    expect(page.locator(".ap-readout")).to_contain_text("looks at")
    # The strongest token of all heads is far away: its button goes there, and shows the head.
    peak = page.locator(".al-peak").filter(has_not_text=re.compile(r"\+")).first
    at = int(peak.locator(".al-peak-at").first.inner_text().replace(",", ""))
    name = peak.locator("[data-head]").get_attribute("data-head")
    peak.click()
    assert f"{trait(page, 'layer')}.{trait(page, 'heads')[0]}" == name  # type: ignore[index]
    expect(word(page, at)).to_have_attribute("data-mark", "now")
    assert seen(page, at)
    expect(peak).to_be_focused()


def test_the_map_scrolls_the_text(gallery: Gallery) -> None:
    page = gallery.open("long", view="text", theme="light")
    track = page.get_by_role("slider", name="Map of the prompt")
    box = track.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    middle = float(track.get_attribute("aria-valuenow") or 0)
    assert abs(middle - TOKENS / 2) < 400
    assert seen(page, TOKENS // 2)
    tip = page.locator(".al-map-tip")
    expect(tip).to_contain_text(re.compile(r"token 16,[34]\d\d"))
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    track.focus()
    page.keyboard.press("PageDown")
    rest(page)
    after = float(track.get_attribute("aria-valuenow") or 0)
    assert 0 < after - middle < 400
    page.keyboard.press("Home")
    rest(page)
    assert track.get_attribute("aria-valuenow") == "0"
    assert page.locator(".al-map-frame").evaluate("frame => frame.style.transform") == "translateY(0px)"


def test_finding_words_and_choosing_a_stretch(gallery: Gallery) -> None:
    page = gallery.open("long", view="text", theme="dark")
    word(page, 5).focus()
    page.keyboard.press("Control+f")
    field = page.get_by_role("textbox", name="Find in the prompt")
    expect(field).to_be_focused()
    page.keyboard.type("COMMITTEE geneva")
    count = page.locator(".al-text .al-find-count")
    expect(count).to_have_text(re.compile(r"^1 of [\d]+$"))
    found = int(count.inner_text().split()[-1])
    page.keyboard.press("Shift+Enter")
    expect(count).to_have_text(f"{found} of {found}")
    now = page.locator(".ap-word[data-mark='now']")
    expect(now).to_have_text(["committee", "Geneva"])
    assert seen(page, int(now.first.get_attribute("data-index") or 0))
    page.get_by_role("button", name="Match case").click()
    expect(count).to_have_text("not found")
    field.press("Escape")
    expect(field).to_be_hidden()
    expect(page.locator("[data-mark]")).to_have_count(0)
    # The keyboard is back at its word; Shift and arrows choose from there on, Escape lets go.
    expect(word(page, 5)).to_be_focused()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".ap-word[data-mark='span']")).to_have_count(3)
    expect(page.locator(".al-chosen-words")).to_contain_text("3 tokens")
    page.keyboard.press("Escape")
    expect(page.locator("[data-mark]")).to_have_count(0)
    # So does dragging, which holds nothing.
    word(page, 8).hover()
    page.mouse.down()
    word(page, 12).hover()
    page.mouse.up()
    expect(page.locator(".ap-word[data-mark='span']")).to_have_count(5)
    assert trait(page, "selection") == {"query": None, "key": None, "locked": False}


def test_a_held_word_comes_to_rest(gallery: Gallery) -> None:
    """What the map brings with it changes its height, which must not have it drawn again and again."""
    page = gallery.open("long", view="text", height=400, delay=30)
    page.locator(".ap-word").nth(40).click()
    page.wait_for_selector(".al-peaks button")
    page.evaluate(
        """() => {
          window.cleared = 0;
          const clear = CanvasRenderingContext2D.prototype.clearRect;
          CanvasRenderingContext2D.prototype.clearRect = function (...place) {
            window.cleared += 1;
            return clear.apply(this, place);
          };
        }"""
    )
    quiet = 0
    for _ in range(8):
        before = page.evaluate("window.cleared")
        for _ in range(5):
            rest(page)
        quiet += page.evaluate("window.cleared") == before
    assert quiet >= 4
