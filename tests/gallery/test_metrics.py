"""The metrics pane: colours that are their values, the way to a head, the table a screen reader reads."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, colours, rest
from tests.gallery.test_cases import CUT_OFF, FAINT

# The metrics that are on screen: by metric, the values of all heads in order.
VALUES = """() => {
  const { metrics } = window.gallery[0].app.explorer;
  const all = metrics.value;
  return Object.fromEntries(all.metrics.map((info, index) => [info.name, all.layers.flatMap((_, row) =>
    Array.from({ length: all.heads[row] }, (_, head) => {
      const { value } = all.of(index, row, head);
      return Number.isNaN(value) ? null : value;
    }))]));
}"""

# A point of the map's canvas, as [r, g, b].
PIXEL = """([canvas, x, y]) => {
  const ratio = canvas.width / canvas.clientWidth;
  const copy = new OffscreenCanvas(1, 1).getContext("2d");
  copy.drawImage(canvas, -Math.floor(x * ratio), -Math.floor(y * ratio));
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""

RAMP = """share => [...window.gallery[0].app.explorer.palette.value.ramp(share)]"""


def opened(gallery: Gallery, case: str = "default", metric: str = "entropy", **query: Any) -> Page:
    page = gallery.open(case, view="metrics", **query)
    page.wait_for_selector(".ap-metrics[data-drawn]")
    page.evaluate("name => window.gallery[0].state.set('metric', name)", metric)
    rest(page)
    rest(page)
    return page


def grid(page: Page) -> Locator:
    return page.get_by_role("grid", name="Metric of all heads")


def cell(page: Page) -> Locator:
    return page.get_by_role("gridcell")


def trait(page: Page, *names: str) -> list[Any]:
    return [page.evaluate("name => window.gallery[0].state.get(name)", name) for name in names]


def box(page: Page) -> dict[str, float]:
    """Return where the cell at the cursor lies, from the corner of the map."""
    outer, inner = grid(page).bounding_box(), cell(page).bounding_box()
    assert outer is not None
    assert inner is not None
    return {
        "x": inner["x"] - outer["x"],
        "y": inner["y"] - outer["y"],
        "width": inner["width"],
        "height": inner["height"],
    }


def near_corner(page: Page) -> tuple[float, float]:
    """Return a point of the cell at the cursor that no number or dot covers."""
    at = box(page)
    return at["x"] + 4, at["y"] + at["height"] - 4


def pixel(page: Page, x: float, y: float) -> list[int]:
    canvas = page.locator(".ap-metrics .ap-model-canvas").element_handle()
    found: list[int] = page.evaluate(PIXEL, [canvas, x, y])
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [480, 800, 1200])
@pytest.mark.parametrize("case", ["embedded", "tokens200", "hybrid", "heads64", "cross"])
def test_it_is_drawn_at_any_width(gallery: Gallery, case: str, width: int, theme: str) -> None:
    page = opened(gallery, case, window=width + 60, width=width, theme=theme)
    assert colours(page.locator(".ap-metrics .ap-model-canvas")) > 20
    page.locator(".ap-about").evaluate("about => { about.open = true; }")
    rest(page)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FAINT) == []
    page.get_by_role("radio", name="Table").click()
    page.wait_for_selector(".ap-metrics[data-drawn=table]")
    assert page.evaluate(FAINT) == []
    # The table is wider than its place, which scrolls; nothing else is.
    assert page.locator(".ap-table-scroll").evaluate("one => getComputedStyle(one).overflowX") == "auto"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scale", ["linear", "sqrt"])
def test_a_cell_has_the_colour_of_its_value(gallery: Gallery, scale: str) -> None:
    page = opened(gallery, "default", "previous", scale=scale)
    values = page.evaluate(VALUES)["previous"]
    grid(page).focus()
    seen = set()
    for layer, head in ((0, 0), (0, 1), (3, 3)):
        page.evaluate("at => window.gallery[0].state.setAll({ layer: at[0], heads: [at[1]] })", [layer, head])
        expect(cell(page)).to_have_attribute("aria-selected", "true")
        rest(page)
        value = values[4 * layer + head]
        expected = page.evaluate(RAMP, value if scale == "linear" else value**0.5)
        found = pixel(page, *near_corner(page))
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2, (layer, head)
        seen.add(tuple(found))
    assert len(seen) > 1


def test_what_nothing_is_eligible_for_is_hatched(gallery: Gallery) -> None:
    page = opened(gallery, "default", "next", theme="light")
    assert page.evaluate(VALUES)["next"] == [None] * 16
    expect(page.locator(".ap-legend")).to_contain_text("n/a: nothing eligible")
    expect(page.locator(".ap-even-mark")).to_be_hidden()
    at = box(page)
    found = {tuple(pixel(page, at["x"] + 4 + step, at["y"] + at["height"] / 2)) for step in range(0, 40, 2)}
    zero = tuple(page.evaluate(RAMP, 0))
    assert len(found) > 1
    assert zero not in found
    expect(cell(page)).to_have_attribute("aria-description", "Next token n/a: no eligible queries")


def test_the_mark_of_an_even_spread_stands_at_its_value(gallery: Gallery) -> None:
    page = opened(gallery, "default", "previous", scale="linear")
    even = page.evaluate(
        "() => { const all = window.gallery[0].app.explorer.metrics.value;"
        " return all.of(all.metrics.findIndex(info => info.name === 'previous'), 0, 0).baseline; }"
    )
    expect(page.locator(".ap-legend")).to_contain_text(f"even spread {even:.2f}".replace("0.", "."))
    strip = page.locator(".ap-legend-strip").bounding_box()
    mark = page.locator(".ap-even-mark").bounding_box()
    assert strip is not None
    assert mark is not None
    place = (mark["x"] + mark["width"] / 2 - strip["x"]) / strip["width"]
    assert place == pytest.approx(even, abs=0.02)


def test_pointing_reads_a_head_and_clicks_lead_to_it(gallery: Gallery) -> None:
    page = opened(gallery, "default", "induction")
    at, outer = box(page), grid(page).bounding_box()
    assert outer is not None
    x, y = outer["x"] + at["x"] + at["width"] / 2, outer["y"] + at["y"] + at["height"] / 2
    # From layer 2, head 0, to layer 1, head 1: the head that was made for induction.
    x, y = x + at["width"] + 5, y - at["height"] - 4
    page.mouse.move(x, y)
    readout = page.locator(".ap-readout")
    expect(readout).to_contain_text("Layer 1, head 1 · Induction .")
    expect(readout).to_contain_text("even spread")
    expect(page.locator(".ap-about-number")).to_contain_text("over 5 queries")
    expect(page.get_by_role("button", name="Layer 1, head 1: .")).to_be_visible()
    page.mouse.click(x, y)
    assert trait(page, "layer", "heads", "view") == [1, [1], "metrics"]
    page.mouse.dblclick(x, y)
    assert trait(page, "layer", "heads", "view") == [1, [1], "head"]
    page.keyboard.press("6")
    page.wait_for_selector(".ap-metrics[data-drawn]")
    page.keyboard.down("Shift")
    page.mouse.click(x, y)
    page.keyboard.up("Shift")
    assert trait(page, "pinned", "view") == [[{"site": "decoder", "layer": 1, "head": 1}], "metrics"]


def test_many_heads_scroll_under_their_labels(gallery: Gallery) -> None:
    page = opened(gallery, "heads64", "induction", width=800, window=860, theme="light")
    assert grid(page).get_attribute("aria-rowcount") == "80"
    expect(cell(page)).to_have_attribute("aria-label", "Layer 40, head 9")
    grid(page).focus()
    page.keyboard.press("End")
    for _ in range(4):
        page.keyboard.press("PageDown")
    page.keyboard.press("ArrowDown")
    # The last layer has fewer heads than the others.
    label = cell(page).get_attribute("aria-label")
    assert label is not None
    assert label.startswith("Layer ")
    rest(page)
    outer, inner = grid(page).bounding_box(), cell(page).bounding_box()
    assert outer is not None
    assert inner is not None
    assert outer["x"] < inner["x"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    # Numbers of layers at the left, of heads at the top, whatever is scrolled.
    ink = """([x, y, width, height]) => {
      const canvas = document.querySelector(".ap-metrics .ap-model-canvas");
      const copy = new OffscreenCanvas(width, height).getContext("2d");
      copy.drawImage(canvas, -x, -y);
      const { data } = copy.getImageData(0, 0, width, height);
      let dark = 0;
      for (let at = 3; at < data.length; at += 4) if (data[at] > 128) dark++;
      return dark;
    }"""
    assert min(page.evaluate(ink, area) for area in ([60, 0, 300, 20], [0, 40, 34, 250])) > 60


def test_a_detector_of_ones_own_stands_beside_the_others(gallery: Gallery) -> None:
    page = opened(gallery, "heads64")
    select = page.get_by_role("combobox", name="Metric")
    select.select_option(label="Onto nouns")
    assert trait(page, "metric") == ["nouns"]
    expect(page.locator("optgroup[label='Your detectors'] option")).to_have_text(["Onto nouns"])
    expect(page.locator(".ap-about")).to_contain_text("you")


def test_the_list_names_the_metric_on_screen_where_the_chosen_one_was_not_measured(gallery: Gallery) -> None:
    page = opened(gallery, metric="gone")
    select = page.get_by_role("combobox", name="Metric")
    title = select.locator("option:checked")
    expect(page.locator(".ap-about")).to_contain_text(title.inner_text())
    select.select_option("previous")
    assert trait(page, "metric") == ["previous"]


def test_the_table_is_read_sorted_and_left_for_a_head(gallery: Gallery) -> None:
    page = opened(gallery, "embedded", "previous")
    page.get_by_role("radio", name="Table").click()
    table = page.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_count(16)
    expect(table.get_by_role("rowheader")).to_have_count(16)
    expect(table.locator("caption")).to_contain_text("14 metrics of 16 heads")
    heading = table.get_by_role("columnheader", name="Previous token")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    values = page.evaluate(VALUES)["previous"]
    shown = table.locator("tbody tr td:nth-child(8)").all_inner_texts()
    assert shown[0] == f"{max(values):.2f}".replace("0.", ".", 1)
    first = table.get_by_role("rowheader").first.get_by_role("button")
    expect(first).to_have_accessible_name("Layer 0, head 0, previous token")
    first.focus()
    page.keyboard.press("Enter")
    assert trait(page, "layer", "heads", "view") == [0, [0], "metrics"]
    table.get_by_role("row").nth(3).dblclick()
    assert trait(page, "view") == ["head"]
    page.keyboard.press("6")
    # The form is the one that was left.
    expect(page.get_by_role("table")).to_be_visible()


def test_many_rows_come_in_pages(gallery: Gallery) -> None:
    page = opened(gallery, "heads64", width=800, window=860)
    page.get_by_role("radio", name="Table").click()
    table = page.get_by_role("table")
    expect(table.get_by_role("rowheader")).to_have_count(200)
    shown = page.locator(".ap-table-shown")
    expect(shown).to_have_text("1 to 200 of 4,880 heads")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(shown).to_have_text("201 to 400 of 4,880 heads")
    # Headings and places stay in sight.
    scroll = page.locator(".ap-table-scroll")
    scroll.evaluate("scroll => scroll.scrollTo(200, 300)")
    rest(page)
    outer = scroll.bounding_box()
    heading = table.get_by_role("columnheader", name="Layer").bounding_box()
    assert outer is not None
    assert heading is not None
    assert abs(heading["x"] - outer["x"]) < 2
    assert abs(heading["y"] - outer["y"]) < 2


def test_sampled_queries_are_said(gallery: Gallery) -> None:
    page = opened(gallery, "hybrid")
    expect(page.locator(".ap-metrics .ap-legend-note")).to_have_text("sampled 48 of 96 queries")


def test_long_prompts_are_read_on_until_a_key_lets_them_rest(gallery: Gallery) -> None:
    page = opened(gallery, "long", metric="first", delay=300)
    line = page.get_by_role("group", name="Reading queries")
    pause = line.get_by_role("button")
    pause.focus()
    page.keyboard.press("Enter")
    expect(pause).to_have_text("Resume")
    expect(line).to_contain_text("of 32,768 queries read · paused")
    grid(page).focus()
    rest(page)
    assert "±" in (cell(page).get_attribute("aria-description") or "")
    # Names and numbers of the line stand clear of its ends and of each other.
    boxes = [line.locator(part).bounding_box() for part in ("progress", "span", "button")]
    for left, right in itertools.pairwise(boxes):
        assert left is not None
        assert right is not None
        assert left["x"] + left["width"] < right["x"]
    pause.focus()
    page.keyboard.press("Space")
    expect(line).to_contain_text("all 32,768 queries read")
    expect(pause).to_be_hidden()
    grid(page).focus()
    rest(page)
    assert "±" not in (cell(page).get_attribute("aria-description") or "±")
    expect(page.locator(".ap-metrics .ap-legend-note")).not_to_contain_text("sampled")
