"""Pinned heads: put aside, named, taken off; and head views side by side that point at the same token."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, colours, rest
from tests.gallery.test_cases import CUT_OFF, FAINT
from tests.gallery.test_use import HOST, trait


def pin(layer: int, head: int, site: str = "decoder") -> dict[str, object]:
    return {"site": site, "layer": layer, "head": head}


PINS = [pin(2, 0), pin(0, 1), pin(1, 1)]


def tray(page: Page) -> Locator:
    return page.get_by_role("group", name="Pinned heads")


def compare(page: Page) -> Locator:
    return page.get_by_role("button", name="Compare", exact=True)


def panels(page: Page) -> Locator:
    return page.locator(".ap-compare-panel")


def set_pins(page: Page, *pins: dict[str, object]) -> None:
    page.evaluate("pins => window.gallery[0].state.set('pinned', pins)", list(pins))


def drawn(page: Page) -> None:
    """Wait until every panel has drawn all of its lines."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ap-compare-panel .ap-head')]"
        ".every(pane => pane.dataset.drawn === '1')"
    )
    rest(page)


def boxes(page: Page) -> list[tuple[int, int]]:
    """Return left and top of each panel."""
    found = panels(page).evaluate_all("all => all.map(p => p.getBoundingClientRect()).map(b => [b.x, b.y])")
    return [(round(x), round(y)) for x, y in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "in_a_row"), [(480, 1), (800, 2), (1200, 3)])
def test_side_by_side_at_any_width(gallery: Gallery, width: int, in_a_row: int, theme: str) -> None:
    page = gallery.open("pins", window=width + 60, width=width, theme=theme, hold="7")
    compare(page).click()
    expect(panels(page)).to_have_count(3)
    drawn(page)
    for number in range(3):
        # One colour of lines in many strengths.
        assert colours(panels(page).nth(number).locator("canvas").first) > 40
    places = boxes(page)
    assert len({x for x, _ in places}) == in_a_row
    assert len({y for _, y in places}) == -(-3 // in_a_row)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_each_panel_shows_its_own_head_of_the_same_token(gallery: Gallery) -> None:
    page = gallery.open("pins", theme="light")
    compare(page).click()
    names = ["Layer 2, head 0", "Layer 0, head 1", "Layer 1, head 1"]
    for name in names:
        expect(page.get_by_role("group", name=name, exact=True)).to_be_visible()
    page.get_by_role("group", name=names[1], exact=True).get_by_role("button", name="query 7: it").hover()
    expect(panels(page).locator(".ap-column-query [data-box='focus']")).to_have_count(3)
    strongest = """async panels => {
      const number = text => Number(text.replace("≈", ""));
      return panels.map(panel => Math.max(...[...panel.querySelectorAll(".ap-column-key .ap-number")]
        .map(item => number(item.textContent || "0"))));
    }"""
    shown = panels(page).evaluate_all(strongest)
    # The matrices that the page was made from, read by another way: their exact rows.
    expected = page.evaluate(
        """async pins => {
          const { app } = window.gallery[0];
          const found = [];
          for (const pin of pins) {
            app.explorer.goTo(pin);
            await new Promise(done => setTimeout(done, 300));
            const rows = app.explorer.exact.value;
            const row = rows.find(row => row.head === pin.head && row.layer === pin.layer);
            found.push(Math.max(...row.weights));
          }
          return found;
        }""",
        PINS,
    )
    assert shown == pytest.approx(expected, abs=6e-4)
    assert len(set(shown)) == 3


def test_the_threshold_and_what_is_held_are_shared(gallery: Gallery) -> None:
    page = gallery.open("pins")
    compare(page).click()
    drawn(page)
    lines = "panels => panels.map(panel => Number(panel.querySelector('.ap-head').dataset.lines))"
    before = panels(page).evaluate_all(lines)
    page.get_by_role("slider", name="Hide weights below").press("End")
    drawn(page)
    after = panels(page).evaluate_all(lines)
    assert all(few < many for few, many in zip(after, before, strict=True))
    panels(page).nth(2).get_by_role("button", name="query 12: dog").click()
    assert trait(page, "selection") == {"query": 12, "key": None, "locked": True}
    expect(panels(page).locator(".ap-column-query [aria-pressed='true']")).to_have_count(3)


def test_columns_scroll_together(gallery: Gallery) -> None:
    page = gallery.open("tokens200", window=1260, width=1200)
    set_pins(page, pin(2, 0), pin(7, 3))
    compare(page).click()
    drawn(page)
    panels(page).nth(1).locator(".ap-column-key").evaluate("column => column.scrollTo(0, 900)")
    scrolled = "columns => columns.map(column => column.scrollTop)"
    page.wait_for_function("() => document.querySelector('.ap-column-key').scrollTop === 900")
    assert page.locator(".ap-column-key").evaluate_all(scrolled) == [900, 900, 900]
    assert page.locator(".ap-column-query").evaluate_all(scrolled) == [0, 0, 0]
    # Patterns of long prompts come in 8 bits, and each panel says so.
    panels(page).nth(0).get_by_role("button", name="query 3:").hover()
    expect(panels(page).nth(0).locator(".ap-note")).to_contain_text("≈ within")


def test_keys_pin_and_take_off_and_never_leave(gallery: Gallery) -> None:
    page = gallery.open("default")
    page.evaluate(HOST)
    expect(tray(page)).to_be_hidden()
    page.get_by_role("button", name="Head 1", exact=True).dblclick()
    page.keyboard.press("p")
    assert trait(page, "pinned") == [pin(2, 1)]
    expect(tray(page).get_by_role("button", name="Layer 2, head 1, verb → subject .99")).to_be_visible()
    expect(page.get_by_role("button", name="Pin head 1")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("]")
    page.get_by_role("button", name="Pin head 1").click()
    assert trait(page, "pinned") == [pin(2, 1), pin(3, 1)]
    chips = tray(page).locator(".aw-pin-go")
    chips.nth(1).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Delete")
    assert trait(page, "pinned") == [pin(3, 1)]
    expect(chips.nth(0)).to_be_focused()
    page.keyboard.press("Delete")
    expect(tray(page)).to_be_hidden()
    # The last chip is gone, the keyboard is still here.
    expect(page.locator(".attnwidget")).to_be_focused()
    page.keyboard.press("p")
    assert trait(page, "pinned") == [pin(3, 1)]
    assert page.evaluate("window.leaked") == []


def test_thumbnails_show_the_pinned_heads(gallery: Gallery) -> None:
    page = gallery.open("pins", theme="light")
    pictures = tray(page).locator("canvas")
    assert all(colours(pictures.nth(number)) > 10 for number in range(3))
    # The first is the chosen head, whose picture stands among the heads of the layer too.
    data = "canvas => canvas.toDataURL()"
    heads = page.get_by_role("group", name="Heads", exact=True).locator("canvas")
    assert pictures.nth(0).evaluate(data) == heads.nth(0).evaluate(data)
    assert pictures.nth(1).evaluate(data) != heads.nth(1).evaluate(data)


def test_a_click_goes_to_the_head_and_the_chosen_one_joins(gallery: Gallery) -> None:
    page = gallery.open("pins")
    compare(page).click()
    expect(panels(page)).to_have_count(3)
    tray(page).get_by_role("button", name="Layer 1, head 1", exact=True).click()
    assert [trait(page, "layer"), trait(page, "heads")] == [1, [1]]
    expect(panels(page)).to_have_count(3)
    page.get_by_role("button", name="Head 3", exact=True).click()
    expect(panels(page)).to_have_count(4)
    expect(panels(page).nth(3)).to_have_attribute("aria-label", "Layer 1, heads 1, 3")
    expect(panels(page).nth(3)).to_contain_text("not pinned")
    compare(page).click()
    expect(panels(page)).to_have_count(0)
    expect(page.locator(".ap-head")).to_have_count(1)


def test_other_sites_and_missing_heads_say_why(gallery: Gallery) -> None:
    page = gallery.open("cross")
    set_pins(page, pin(1, 0, "cross"), pin(2, 3), pin(9, 0, "cross"))
    away = tray(page).get_by_role("button", name="Layer 2, head 3, decoder attention")
    expect(away).to_contain_text("decoder attention; cross is on screen")
    missing = tray(page).get_by_role("button", name="Layer 9, head 0, cross attention")
    expect(missing).to_contain_text("no layer 9 here")
    expect(missing).to_have_attribute("aria-disabled", "true")
    compare(page).click()
    expect(panels(page)).to_have_count(2)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FAINT) == []
    away.click()
    assert [trait(page, "site"), trait(page, "layer"), trait(page, "heads")] == ["decoder", 2, [3]]
    expect(tray(page).locator(".aw-pinned")).to_have_count(3)


def test_focus_stays_when_a_panel_goes(gallery: Gallery) -> None:
    page = gallery.open("pins")
    compare(page).click()
    panels(page).nth(2).get_by_role("button", name="query 3: chased").focus()
    set_pins(page, *PINS[:2])
    expect(panels(page)).to_have_count(2)
    expect(page.locator(".attnwidget")).to_be_focused()


def test_filters_hold_for_all_and_combining_for_the_chosen(gallery: Gallery) -> None:
    page = gallery.open("pins", window=1560, width=1500, hold="7")
    set_pins(page, *PINS[:2])
    kept = {"pair": "all", "special": False, "top": 2, "heads": None}
    page.evaluate("state => window.gallery[0].state.setAll(state)", {"filters": kept, "heads": [1, 3]})
    compare(page).click()
    expect(panels(page).last).to_have_attribute("aria-label", "Layer 2, heads 1, 3")
    page.evaluate("window.gallery[0].state.set('combine', 'mean')")
    expect(panels(page).last).to_have_attribute("aria-label", "Layer 2, mean of heads 1 and 3")
    drawn(page)
    numbers = """panels => panels.map(panel => [...panel.querySelectorAll(".ap-column-key .ap-number")]
      .filter(item => item.textContent !== "").length)"""
    assert panels(page).evaluate_all(numbers) == [2, 2, 2]
    for number in range(3):
        expect(panels(page).nth(number).locator(".ap-note")).to_contain_text("hidden by a filter")
