"""The model view: every head drawn, found under the pointer and by keyboard, opened in place."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, colours, rest
from tests.gallery.test_cases import CUT_OFF, FAINT


def grid(page: Page) -> Locator:
    return page.get_by_role("grid", name="Heads of all layers")


def cell(page: Page) -> Locator:
    return page.get_by_role("gridcell")


def card(page: Page) -> Locator:
    return page.locator(".ap-card")


def trait(page: Page, name: str) -> object:
    return page.evaluate("name => window.gallery[0].state.get(name)", name)


def middle(page: Page) -> tuple[float, float, float]:
    """Return where the cell at the cursor lies on the page, and how far the next head is."""
    box = cell(page).evaluate(
        "cell => { const b = cell.getBoundingClientRect(); return [b.x, b.y, b.width]; }"
    )
    return box[0] + box[2] / 2, box[1] + box[2] / 2, box[2]


def opened(gallery: Gallery, case: str = "default", **query: object) -> Page:
    page = gallery.open(case, view="model", **query)
    page.wait_for_selector(".ap-model[data-drawn]")
    rest(page)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [480, 800, 1200])
@pytest.mark.parametrize("case", ["default", "tokens200", "hybrid", "heads32", "cross"])
def test_it_is_drawn_at_any_width(gallery: Gallery, case: str, width: int, theme: str) -> None:
    page = opened(gallery, case, window=width + 60, width=width, theme=theme)
    assert colours(page.locator(".ap-model-canvas")) > 60
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_click_opens_a_head_in_place_and_escape_closes_it(gallery: Gallery) -> None:
    page = opened(gallery, width=480, window=540)
    expect(card(page)).to_be_hidden()
    x, y, size = middle(page)
    page.mouse.click(x + 1.08 * size, y - 1.08 * size)
    assert [trait(page, "layer"), trait(page, "heads")] == [1, [1]]
    expect(page.get_by_role("group", name="Layer 1, head 1")).to_be_visible()
    assert colours(page.locator(".ap-card-picture")) > 10
    expect(cell(page)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()
    page.mouse.dblclick(x, y)
    assert [trait(page, "layer"), trait(page, "heads"), trait(page, "view")] == [2, [0], "head"]


def test_pointing_names_the_head_its_note_and_its_strongest_link(gallery: Gallery) -> None:
    page = opened(gallery)
    before = page.locator(".ap-model-canvas").evaluate("canvas => canvas.toDataURL()")
    x, y, size = middle(page)
    page.mouse.move(x + 1.08 * size, y)
    readout = page.locator(".ap-readout")
    expect(readout).to_contain_text("Layer 2, head 1, verb → subject .99")
    expect(readout).to_contain_text("strongest: barked → dog")
    rest(page)
    assert page.locator(".ap-model-canvas").evaluate("canvas => canvas.toDataURL()") != before
    page.mouse.move(2, 2)
    expect(readout).to_contain_text("16 heads in 4 layers")


def test_the_card_leads_to_the_other_views(gallery: Gallery) -> None:
    page = opened(gallery)
    expect(card(page)).to_contain_text("pronoun → antecedent .84")
    card(page).get_by_role("button", name="Matrix view").click()
    assert trait(page, "view") == "matrix"
    page.keyboard.press("2")
    card(page).get_by_role("button", name="Head view").click()
    assert trait(page, "view") == "head"
    assert trait(page, "heads") == [0, 1]


def test_the_card_leaves_the_head_that_it_shows_in_sight(gallery: Gallery) -> None:
    page = opened(gallery, "tokens200", width=640, window=700)
    for key in ("Home", "End"):
        grid(page).press(key)
        page.keyboard.press("Space")
        expect(card(page)).to_be_visible()
        rest(page)
        boxes = [item.bounding_box() for item in (card(page), cell(page))]
        assert boxes[0] is not None
        assert boxes[1] is not None
        right = boxes[0]["x"] + boxes[0]["width"]
        assert boxes[1]["x"] > right or boxes[1]["x"] + boxes[1]["width"] < boxes[0]["x"]


def test_keys_move_over_the_grid_and_keep_it_in_sight(gallery: Gallery) -> None:
    page = opened(gallery, "heads32", width=480, window=540)
    expect(cell(page)).to_have_attribute("aria-label", "Layer 14, head 2")
    grid(page).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(cell(page)).to_have_attribute("aria-label", "Layer 15, head 3")
    assert [trait(page, "layer"), trait(page, "view")] == [14, "model"]
    page.keyboard.press("End")
    for _ in range(4):
        page.keyboard.press("PageDown")
    expect(cell(page)).to_have_attribute("aria-label", "Layer 31, head 31")
    rest(page)
    outer, inner = grid(page).bounding_box(), cell(page).bounding_box()
    assert outer is not None
    assert inner is not None
    assert outer["x"] < inner["x"]
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    page.keyboard.press("Enter")
    assert [trait(page, "layer"), trait(page, "heads"), trait(page, "view")] == [31, [31], "head"]


def test_labels_stay_while_it_scrolls(gallery: Gallery) -> None:
    page = opened(gallery, "heads32", theme="light")
    ink = """([x, y, width, height]) => {
      const canvas = document.querySelector(".ap-model-canvas");
      const copy = new OffscreenCanvas(width, height).getContext("2d");
      copy.drawImage(canvas, -x, -y);
      const { data } = copy.getImageData(0, 0, width, height);
      let dark = 0;
      for (let at = 3; at < data.length; at += 4) if (data[at] > 128) dark++;
      return dark;
    }"""
    heads, layers = [60, 0, 300, 20], [0, 40, 36, 300]
    assert min(page.evaluate(ink, heads), page.evaluate(ink, layers)) > 100
    grid(page).evaluate("grid => grid.scrollTo(200, 300)")
    rest(page)
    assert min(page.evaluate(ink, heads), page.evaluate(ink, layers)) > 100


def test_what_is_sampled_says_so(gallery: Gallery) -> None:
    page = opened(gallery, "hybrid")
    expect(page.locator(".ap-legend-note")).to_have_text(
        "sampled 48 of 96 queries · a dot is the largest of about 1 × 2 cells"
    )
    expect(cell(page)).to_have_attribute("aria-label", "Layer 9, head 3")
    grid(page).focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    # Layers 6 and 7 have no attention.
    expect(cell(page)).to_have_attribute("aria-label", "Layer 4, head 3")


def test_the_page_follows_python(gallery: Gallery) -> None:
    page = opened(gallery)
    page.evaluate("window.gallery[0].state.setAll({ layer: 0, heads: [0] })")
    expect(cell(page)).to_have_attribute("aria-label", "Layer 0, head 0, previous token .97")
    expect(card(page)).to_contain_text("Layer 0, head 0")


def test_a_metric_orders_the_heads(gallery: Gallery) -> None:
    page = opened(gallery, "default", width=800, window=860)
    page.get_by_role("combobox", name="Metric").select_option("previous")
    page.get_by_role("radio", name="by metric").click()
    rest(page)
    assert [trait(page, name) for name in ("metric", "order")] == ["previous", "metric"]
    expect(page.locator(".ap-readout")).to_contain_text("Previous token, highest first")
    grid(page).focus()
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    # The head that was made to look at the token before.
    expect(cell(page)).to_have_attribute("aria-label", "Layer 0, head 0, previous token .97")
    assert "Previous token .9" in (cell(page).get_attribute("aria-description") or "")
    page.keyboard.press("Enter")
    assert [trait(page, "layer"), trait(page, "heads"), trait(page, "view")] == [0, [0], "head"]


def test_a_limit_fades_heads_and_drops_them_from_the_order(gallery: Gallery) -> None:
    page = opened(gallery, "tokens200", width=800, window=860)
    page.get_by_role("combobox", name="Metric").select_option("previous")
    rest(page)
    before = page.locator(".ap-model-canvas").evaluate("canvas => canvas.toDataURL()")
    slider = page.get_by_role("slider", name="Fade heads below")
    slider.fill("50")
    expect(page.locator(".ap-readout")).to_contain_text("24 of 144 heads ≥ .50")
    rest(page)
    assert page.locator(".ap-model-canvas").evaluate("canvas => canvas.toDataURL()") != before
    assert grid(page).get_attribute("aria-rowcount") == "12"
    page.get_by_role("radio", name="by metric").click()
    rest(page)
    rows, columns = (int(grid(page).get_attribute(f"aria-{name}count") or 0) for name in ("row", "col"))
    assert 24 <= rows * columns < 24 + columns
    slider.fill("0")
    expect(page.locator(".ap-readout")).to_contain_text("144 heads in 12 layers")
    assert trait(page, "cut") is None


def test_a_head_is_pinned_where_it_is(gallery: Gallery) -> None:
    page = opened(gallery)
    grid(page).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("p")
    assert trait(page, "pinned") == [{"site": "decoder", "layer": 1, "head": 0}]
    assert [trait(page, "layer"), trait(page, "heads")] == [2, [0, 1]]


def test_only_heads_on_offer_are_shown(gallery: Gallery) -> None:
    page = opened(gallery, "tokens200")
    page.evaluate(
        "window.gallery[0].state.set('filters', { pair: 'all', special: true, top: 0, heads: [2, 5] })"
    )
    expect(page.locator(".ap-readout")).to_contain_text("24 heads in 12 layers")
    assert grid(page).get_attribute("aria-colcount") == "2"
    grid(page).focus()
    page.keyboard.press("End")
    expect(cell(page)).to_have_attribute("aria-label", "Layer 4, head 5")
