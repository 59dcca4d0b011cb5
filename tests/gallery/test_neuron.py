"""The neuron view: stripes in the colours of their numbers, sums that add up, pointer and keyboard."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, colours, rest
from tests.gallery.test_cases import CUT_OFF, FAINT

ROW = 20

# The kernel's answer that is on screen, as plain numbers.
TERMS = """() => {
  const terms = window.gallery[0].app.explorer.terms.value;
  const plain = {};
  for (const [name, value] of Object.entries(terms))
    plain[name] = value instanceof Float32Array ? [...value].map(one => isNaN(one) ? null : one) : value;
  return plain;
}"""

# The middle of each stripe of some strips of the rows, at height y: per strip [[r, g, b], ...].
# One look at the canvas for all: browsers warn of more.
STRIPES = """(canvas, [y, stripes, strips]) => {
  const ratio = canvas.width / canvas.clientWidth;
  const { data } = canvas.getContext("2d").getImageData(0, Math.floor(y * ratio), canvas.width, 1);
  return strips.map(([x, width]) => Array.from({ length: stripes }, (_, at) => {
    const place = 4 * Math.floor((x + ((at + 0.5) * width) / stripes) * ratio);
    return Array.from(data.slice(place, place + 3));
  }));
}"""


def opened(gallery: Gallery, case: str = "default", **query: Any) -> Page:
    page = gallery.open(case, view="neuron", **query)
    page.wait_for_selector(".ap-neuron[data-drawn]")
    rest(page)
    return page


def trait(page: Page, name: str) -> Any:
    return page.evaluate("name => window.gallery[0].state.get(name)", name)


def grid(page: Page) -> Locator:
    return page.get_by_role("grid", name="Keys")


def cell(page: Page) -> Locator:
    return page.get_by_role("gridcell")


def rows(page: Page) -> Locator:
    return page.locator(".ap-strip-canvas")


def caption(page: Page, name: str) -> dict[str, float]:
    """Return where a part of the rows lies, on the page."""
    at = ["key", "k", "q × k", "score", "weight"].index(name)
    box = page.locator(".ap-captions-row > span").nth(at).bounding_box()
    assert box is not None
    return {"x": box["x"], "width": box["width"]}


def corner(page: Page) -> tuple[float, float]:
    box = rows(page).bounding_box()
    assert box is not None
    return box["x"], box["y"]


def point(page: Page, key: int, x: float) -> None:
    """Point at a key's row, as far as it is scrolled."""
    scrolled = grid(page).evaluate("grid => grid.scrollTop")
    page.mouse.move(x, corner(page)[1] + key * ROW - scrolled + ROW / 2)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [480, 800, 1200])
@pytest.mark.parametrize("case", ["default", "terms", "tokens200", "keys4096", "cross", "given"])
def test_it_is_drawn_at_any_width(gallery: Gallery, case: str, width: int, theme: str) -> None:
    page = opened(gallery, case, window=width + 60, width=width, theme=theme)
    assert colours(rows(page)) > (20 if case == "given" else 60)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    height = grid(page).bounding_box()
    assert height is not None
    assert height["height"] > 5 * ROW


def test_stripes_have_the_colours_of_their_numbers(gallery: Gallery) -> None:
    page = opened(gallery, "embedded", scale="linear", theme="light")
    page.get_by_role("radio", name="model's order").click()
    rest(page)
    terms = page.evaluate(TERMS)
    dims = len(terms["q"])
    left, _ = corner(page)
    k = terms["k"][2 * dims : 3 * dims]
    products = [a * b for a, b in zip(terms["q"], k, strict=True)]
    places = [caption(page, name) for name in ("k", "q × k")]
    strips = [[place["x"] - left, place["width"]] for place in places]
    both = rows(page).evaluate(STRIPES, [2.5 * ROW, dims, strips])
    for name, values, seen in zip(("k", "q × k"), (k, products), both, strict=True):
        most = max(abs(value) for value in values)
        for value, (red, _, blue) in zip(values, seen, strict=True):
            if abs(value) > 0.2 * most:
                assert (blue > red) == (value > 0), f"{name} {value:.2f}"
        ranked = sorted(range(dims), key=lambda at: values[at])
        tones = [seen[at][2] - seen[at][0] for at in ranked]
        assert tones == sorted(tones), f"{name}: stronger values have stronger colours"


def test_the_strongest_dimensions_come_first(gallery: Gallery) -> None:
    page = opened(gallery, "embedded", scale="linear", theme="light")
    terms = page.evaluate(TERMS)
    dims = len(terms["q"])
    reach = [key for key, weight in enumerate(terms["weights"]) if weight >= 0]
    strength = [
        sum(abs(terms["q"][d] * terms["k"][key * dims + d]) for key in reach) / len(reach)
        for d in range(dims)
    ]
    order = sorted(range(dims), key=lambda d: -strength[d])
    place = caption(page, "q × k")
    for at in (0, 1, dims - 1):
        point(page, 2, place["x"] + (at + 0.5) * place["width"] / dims)
        expect(page.locator(".ap-readout")).to_contain_text(f"dim {order[at]}:")
    expect(page.locator(".ap-legend-note")).to_have_text("dimensions by mean |q × k|")
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".ap-legend-note")).to_have_text("dimensions by |q × k| of the held key")


def test_the_equation_is_that_of_the_numbers(gallery: Gallery) -> None:
    page = opened(gallery, "terms", hold="14,9")
    terms = page.evaluate(TERMS)
    dims = len(terms["q"])
    total = sum(a * b for a, b in zip(terms["q"], terms["k"][9 * dims : 10 * dims], strict=True))
    capped = terms["softcap"] * math.tanh(total * terms["scaling"] / terms["softcap"])
    assert capped + terms["bias"][9] == pytest.approx(terms["scores"][9], abs=1e-4)

    def number(value: float) -> str:
        return f"{value:.2f}".replace("-", "−")

    words = page.locator(".ap-equation").inner_text()
    for part in (
        f"Σ q·k {number(total)}",
        f"× 1/√128 = {number(total * terms['scaling'])}",
        f"→ soft cap 8 = {number(capped)}",
        f"− bias {number(-terms['bias'][9])}",
        f"= score {number(terms['scores'][9])}",
        f"→ softmax with sink {terms['weights'][9]:.3f}".replace("0.", "."),
    ):
        assert part in " ".join(words.split())
    expect(page.locator(".ap-facts")).to_have_text(
        "key-value head 1 is shared by heads 4–7 · q and k are after rotation (RoPE)"
        " · sliding window of 12 keys"
    )
    assert "not what q and k add up to" not in page.locator(".ap-legend-note").inner_text()


def test_a_drag_brushes_dimensions_and_escape_clears_it(gallery: Gallery) -> None:
    page = opened(gallery, "embedded", hold="7,2")
    terms = page.evaluate(TERMS)
    dims = len(terms["q"])
    products = [a * b for a, b in zip(terms["q"], terms["k"][2 * dims : 3 * dims], strict=True)]
    order = sorted(range(dims), key=lambda d: -abs(products[d]))
    before = rows(page).evaluate("canvas => canvas.toDataURL()")
    place = caption(page, "k")
    stripe = place["width"] / dims
    point(page, 2, place["x"] + 3.5 * stripe)
    page.mouse.down()
    for at in (4.5, 6.5, 8.5):
        point(page, 3, place["x"] + at * stripe)
    page.mouse.up()
    part = sum(products[d] for d in order[3:9]) * terms["scaling"]
    whole = sum(products) * terms["scaling"]
    page.mouse.move(2, 2)
    said = f"brushed 6 of {dims} dims: {part:.2f} of {whole:.2f}".replace("-", "−")
    expect(page.locator(".ap-equation")).to_contain_text(said)
    # What was held stays held: dragging is not clicking.
    assert trait(page, "selection")["key"] == 2
    rest(page)
    assert rows(page).evaluate("canvas => canvas.toDataURL()") != before
    page.get_by_role("button", name="Clear brush").click()
    expect(page.locator(".ap-equation")).not_to_contain_text("brushed")
    grid(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".ap-equation")).to_contain_text(f"brushed 3 of {dims} dims")
    page.keyboard.press("Escape")
    expect(page.locator(".ap-equation")).not_to_contain_text("brushed")
    assert trait(page, "selection")["locked"]
    page.keyboard.press("Escape")
    assert not trait(page, "selection")["locked"]


def test_a_query_is_chosen_by_pointer_and_by_keys(gallery: Gallery) -> None:
    page = opened(gallery)
    expect(page.locator(".ap-equation")).to_contain_text(". →")
    options = page.get_by_role("listbox", name="Query token").get_by_role("option")
    assert options.count() == 18
    options.nth(7).hover()
    expect(page.locator(".ap-equation")).to_contain_text("it →")
    assert not trait(page, "selection")["locked"]
    # The way from the token to its keys does not lose it.
    place = caption(page, "k")
    point(page, 2, place["x"] + 4)
    expect(page.locator(".ap-equation")).to_contain_text("it → cat")
    page.mouse.move(2, 2)
    expect(page.locator(".ap-equation")).to_contain_text(". →")
    options.nth(7).click()
    selection = trait(page, "selection")
    assert [selection["query"], selection["key"], selection["locked"]] == [7, None, True]
    options.nth(7).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".ap-equation")).to_contain_text("meowed →")
    page.keyboard.press("Enter")
    assert trait(page, "selection")["query"] == 8
    grid(page).focus()
    page.keyboard.press("End")
    expect(cell(page)).to_have_attribute("aria-label", "key 17 .: out of reach")
    expect(page.locator(".ap-equation")).to_contain_text("out of reach: masked before the softmax")


def test_many_keys_scroll_and_only_what_is_in_sight_is_drawn(gallery: Gallery) -> None:
    page = opened(gallery, "keys4096", width=800, window=860)
    # It opens at the key that gets most.
    expect(cell(page)).to_have_attribute("aria-label", "key 3050 over: score 8.43, weight .502")
    assert grid(page).evaluate("grid => Math.abs(grid.scrollTop / 20 - 3050) < 20")
    assert rows(page).evaluate("canvas => canvas.clientHeight") < 600
    before = rows(page).evaluate("canvas => canvas.toDataURL()")
    page.mouse.move(corner(page)[0] + 30, corner(page)[1] + 50)
    page.mouse.wheel(0, -3000)
    rest(page)
    assert rows(page).evaluate("canvas => canvas.toDataURL()") != before
    grid(page).focus()
    page.keyboard.press("Home")
    expect(cell(page)).to_have_attribute("aria-label", "key 0 ⟨s⟩: score −0.74, weight 5e-5")
    assert grid(page).evaluate("grid => grid.scrollTop") == 0
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect(cell(page)).to_have_attribute("aria-label", re.compile("^key 4094 "))


def test_the_queries_of_a_long_prompt_come_as_one_scrolls(gallery: Gallery) -> None:
    page = opened(gallery, "tokens512")
    listbox = page.get_by_role("listbox", name="Query token")
    options = listbox.get_by_role("option")
    expect(options.last).to_have_attribute("aria-posinset", "512")
    assert options.count() < 200
    expect(options.last).to_be_in_viewport()
    listbox.evaluate("list => { list.scrollLeft = 0; }")
    expect(options.first).to_have_attribute("aria-posinset", "273")
    options.last.focus()
    page.keyboard.press("Home")
    expect(options.first).to_have_attribute("aria-posinset", "1")
    expect(options.first).to_be_focused()
    expect(options.first).to_be_in_viewport()
    expect(page.locator(".ap-equation")).to_contain_text("⟨s⟩ → ⟨s⟩")


def test_a_learned_sink_has_a_row_of_its_own(gallery: Gallery) -> None:
    heights = [
        opened(gallery, case).locator(".ap-strip-head").evaluate("canvas => canvas.clientHeight")
        for case in ("default", "sinks")
    ]
    assert heights == [ROW, 2 * ROW]


def test_weights_alone_are_shown_where_nothing_else_is_known(gallery: Gallery) -> None:
    page = opened(gallery, "given", hold="6,5")
    expect(page.locator(".ap-facts")).to_contain_text("Only the weights of this head are known")
    expect(page.locator(".ap-equation")).to_contain_text("because → dog: weight .996")
    expect(page.locator(".ap-legend")).to_be_hidden()
    expect(page.get_by_role("radio", name="model's order")).to_be_hidden()


def test_numbers_that_are_none_are_said(gallery: Gallery) -> None:
    page = opened(gallery, "nan", hold="6,2")
    expect(page.locator(".ap-equation")).to_contain_text("softmax NaN")


def test_the_page_follows_python(gallery: Gallery) -> None:
    page = opened(gallery)
    expect(page.locator(".ap-readout")).to_contain_text("Layer 2, head 0 · 18 keys")
    page.evaluate("window.gallery[0].state.setAll({ layer: 0, heads: [3] })")
    expect(page.locator(".ap-readout")).to_contain_text("Layer 0, head 3 · 18 keys")
    page.evaluate("window.gallery[0].state.set('heads', [])")
    expect(page.get_by_role("tabpanel").get_by_text("No head is chosen")).to_be_visible()
    page.evaluate("window.gallery[0].state.set('heads', [1])")
    expect(page.locator(".ap-readout")).to_contain_text("Layer 0, head 1")
