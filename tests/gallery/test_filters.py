"""Filters, heads put together, segments, sinks, copy: what is on the canvas and what is said about it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, pixels, rest


def note(page: Page) -> Locator:
    return page.get_by_role("note", name="Filtered")


def trait(page: Page, name: str) -> object:
    return page.evaluate("name => window.gallery[0].state.get(name)", name)


def choose(page: Page) -> Locator:
    page.get_by_role("button", name="Filter").first.click()
    return page.get_by_role("dialog", name="Filter")


def line_pixels(page: Page) -> int:
    """Count pixels of lines between the columns."""
    return int(
        page.locator(".ap-head-base").evaluate(
            """canvas => {
              const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
              copy.drawImage(canvas, 0, 0);
              const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
              let count = 0;
              for (let at = 3; at < data.length; at += 4) if (data[at] > 12) count++;
              return count;
            }"""
        )
    )


def test_pairs_special_tokens_and_top_take_lines_away_and_say_how_much(gallery: Gallery) -> None:
    page = gallery.open("pair", theme="light")
    expect(note(page)).to_be_hidden()
    rest(page)
    counts = [line_pixels(page)]
    panel = choose(page)
    panel.get_by_role("radio", name="A → B").click()
    page.wait_for_selector(".ap-head[data-drawn='1']")
    rest(page)
    counts.append(line_pixels(page))
    panel.get_by_role("checkbox", name="Special tokens").uncheck()
    rest(page)
    counts.append(line_pixels(page))
    panel.get_by_role("combobox", name="Strongest per query").select_option("1")
    rest(page)
    counts.append(line_pixels(page))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4
    assert counts[-1] > 100
    expect(note(page)).to_contain_text("all but A → B hidden, special tokens hidden, only the 1 strongest")
    shares = page.evaluate(
        """() => {
          const {data} = window.gallery[0].app.explorer;
          const {shown, patterns} = data.value;
          let all = 0, lost = 0;
          shown.whole.patterns.forEach((whole, at) => {
            for (let query = 0; query < whole.queries; query++)
              for (let key = 0; key < whole.keys; key++) {
                const weight = whole.weight(query, key);
                all += weight;
                if (patterns[at].weight(query, key) < 0) lost += weight;
              }
          });
          return Math.round(100 * lost / all);
        }"""
    )
    expect(note(page)).to_contain_text(f"{shares} % of the weight is not drawn, nothing is renormalised")
    assert trait(page, "filters") == {"pair": "ab", "special": False, "top": 1, "heads": None}
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Filter, 3 active")).to_be_focused()
    note(page).get_by_role("button", name="Show all").click()
    page.wait_for_function("window.gallery[0].state.get('filters').pair === 'all'")
    rest(page)
    assert line_pixels(page) == counts[0]


def test_hidden_is_told_from_out_of_reach(gallery: Gallery) -> None:
    page = gallery.open("default", view="matrix", special="0", heads="0", hold="7,0")
    legend = page.locator(".ap-legend")
    expect(legend.get_by_text("out of reach")).to_be_visible()
    expect(legend.get_by_text("hidden by a filter")).to_be_visible()
    expect(page.locator(".ap-readout")).to_contain_text("hidden by a filter")
    expect(page.locator(".aw-inspector")).to_contain_text("hidden by a filter")
    expect(page.locator(".aw-inspector .aw-hidden-mass")).to_have_count(1)
    filtered = pixels(page)
    page.evaluate("window.gallery[0].state.set('filters', {pair: 'all', special: true, top: 0, heads: null})")
    expect(legend.get_by_text("hidden by a filter")).to_be_hidden()
    rest(page)
    assert pixels(page) != filtered
    page.evaluate("window.gallery[0].state.set('view', 'text')")
    page.evaluate(
        "window.gallery[0].state.set('filters', {pair: 'all', special: false, top: 0, heads: null})"
    )
    expect(page.locator(".ap-word[data-state='hidden']")).to_have_count(1)
    assert page.locator(".ap-word[data-state='masked']").count() > 5


@pytest.mark.parametrize(("how", "remark"), [("mean", ""), ("max", "rows do not sum to 1")])
@pytest.mark.parametrize("view", ["head", "matrix", "text"])
def test_several_heads_as_one_are_named_everywhere(
    gallery: Gallery, view: str, how: str, remark: str
) -> None:
    page = gallery.open("default", view=view, combine=how, heads="0,1", hold="7")
    name = f"{how} of heads 0 and 1"
    expect(note(page)).to_contain_text(f"{name}: {remark}" if remark else name)
    expect(page.locator(".aw-inspector")).to_contain_text(f"Layer 2, {name} looks at")
    expect(page.locator(".aw-pane")).to_contain_text(name)
    page.wait_for_function("window.gallery[0].app.explorer.exact.value.length === 1")
    top, value = page.evaluate(
        """() => {
          const {weights} = window.gallery[0].app.explorer.exact.value[0];
          const best = weights.indexOf(Math.max(...weights));
          return [best, weights[best].toFixed(3).slice(1)];
        }"""
    )
    expect(page.locator(".aw-inspector .aw-row-value").first).to_have_text(value)
    assert top in {2, 5}


def test_words_and_norms_change_the_words(gallery: Gallery) -> None:
    page = gallery.open("norms", hold="4")
    expect(note(page)).to_contain_text("words: keys summed, queries averaged · share of norms")
    expect(page.locator(".ap-captions")).to_contain_text("this word looks")
    expect(page.locator(".aw-where")).to_have_text("word 4 · held")
    expect(page.locator(".aw-inspector")).to_contain_text("(share of norms)")
    page.get_by_role("tab", name="Matrix").click()
    expect(page.locator(".ap-legend-title")).to_contain_text("share of norms")
    page.get_by_role("tab", name="Model").click()
    expect(note(page)).to_contain_text("share of norms")
    panel = choose(page)
    expect(panel.get_by_role("checkbox", name="Special tokens")).to_be_hidden()
    panel.get_by_role("checkbox", name="Norms").uncheck()
    assert trait(page, "weighting") == "weights"


def test_segments_of_a_pair_are_marked_in_each_view(gallery: Gallery) -> None:
    page = gallery.open("pair", theme="light")
    marked = page.locator(".ap-column-query .ap-row[data-caption='B']")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("the")
    rest(page)
    stripes = page.locator(".ap-column-query .ap-row[data-segment]").evaluate_all(
        "rows => rows.map(row => getComputedStyle(row, '::before').backgroundColor)"
    )
    assert len(stripes) == 19
    assert len(set(stripes[:7])) == len(set(stripes[7:])) == 1
    assert stripes[0] != stripes[7]
    page.get_by_role("tab", name="Text").click()
    expect(page.locator(".ap-segment")).to_have_text(["A", "B"])
    plain = gallery.open("default")
    expect(plain.locator("[data-segment]")).to_have_count(0)


def test_a_sink_is_a_column_of_its_own(gallery: Gallery) -> None:
    page = gallery.open("sinks", view="matrix", heads="2", hold="5", theme="light")
    surface = page.locator(".ap-heat")
    mass = page.evaluate("window.gallery[0].app.explorer.data.value.patterns[0].sink(12)")
    exact = f"{mass:.3f}"[1:]
    box = surface.bounding_box()
    assert box is not None
    # The column's strip of colours: one for each of several queries, none of them the page's.
    strip = surface.evaluate(
        """canvas => {
          const context = canvas.getContext('2d');
          const x = canvas.width - 4 - 7;
          const {data} = context.getImageData(x, 0, 1, canvas.height);
          const kinds = new Set();
          for (let at = 0; at < data.length; at += 4)
            if (data[at + 3] === 255) kinds.add(data.slice(at, at + 3).join());
          return kinds.size;
        }"""
    )
    assert strip >= 6
    for at in range(4, int(box["height"]) - 4, 6):
        page.mouse.move(box["x"] + box["width"] - 11, box["y"] + at)
        if page.evaluate("window.gallery[0].app.explorer.hover.value?.query") == 12:
            break
    expect(page.locator(".ap-readout")).to_contain_text(f"head 2 sink {exact}")
    page.get_by_role("tab", name="Text").click()
    page.mouse.move(2, 2)
    expect(page.locator(".ap-sink-chip")).to_contain_text("sink .")
    gallery.open("default", view="text", hold="5").locator(".ap-sink-line").wait_for(state="hidden")


def test_sinks_survive_a_filter(gallery: Gallery) -> None:
    page = gallery.open("sinks", heads="2", hold="5")
    whole = page.locator(".ap-sink .ap-number").inner_text()
    page.evaluate(
        "window.gallery[0].state.set('filters', {pair: 'all', special: false, top: 1, heads: null})"
    )
    rest(page)
    expect(page.locator(".ap-sink .ap-number")).to_have_text(whole)


@pytest.mark.parametrize(
    ("site", "queries", "keys", "layers"),
    [("encoder", 24, 24, 3), ("decoder", 16, 16, 2), ("cross", 16, 24, 2)],
)
def test_encoder_and_decoder_of_unequal_depth(
    gallery: Gallery, site: str, queries: int, keys: int, layers: int
) -> None:
    page = gallery.open("translation", theme="light", heads="0", hold="3")
    sites = page.get_by_role("radiogroup", name="Attention")
    sites.get_by_role("radio", name=site.capitalize()).click()
    for view in ("Head", "Matrix", "Text"):
        page.get_by_role("tab", name=view, exact=True).click()
        page.wait_for_function(
            "site => window.gallery[0].app.explorer.data.value.site.kind === site", arg=site
        )
        shape = "({patterns}) => [patterns[0].queries, patterns[0].keys]"
        assert page.evaluate(f"({shape})(window.gallery[0].app.explorer.data.value)") == [queries, keys]
        expect(sites.get_by_role("radio", name=site.capitalize())).to_be_checked()
    slider = page.get_by_role("slider", name="Layer")
    assert slider.get_attribute("max") == str(layers - 1)
    page.get_by_role("tab", name="Head", exact=True).click()
    expect(page.locator(".ap-column-query .ap-row").first).to_have_attribute("aria-setsize", str(queries))
    expect(page.locator(".ap-column-key .ap-row").first).to_have_attribute("aria-setsize", str(keys))


def test_the_inspector_is_copied_as_text(gallery: Gallery) -> None:
    page = gallery.open("default", heads="0", hold="7,2")
    page.wait_for_function("window.gallery[0].app.explorer.exact.value.length === 1")
    page.evaluate(
        """() => {
          window.copied = '';
          const writeText = async text => { window.copied = text; };
          Object.defineProperty(navigator, 'clipboard', {configurable: true, value: {writeText}});
        }"""
    )
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    copied = str(page.evaluate("window.copied")).split("\n")
    assert copied[0] == "it → cat, token 7 → token 2 · held"
    assert copied[2] == "Layer 2, head 0 looks at (exact)"
    assert "1st of 8 · score" in copied[3]
    assert any(line.startswith("“cat” is looked at most from (exact)") for line in copied)
    assert "The model expects next" in copied


@pytest.mark.parametrize("width", [480, 800])
def test_the_panel_fits(gallery: Gallery, width: int) -> None:
    page = gallery.open("pair", width=width)
    panel = choose(page).bounding_box()
    root = page.locator(".attnwidget").bounding_box()
    assert panel is not None
    assert root is not None
    assert root["x"] <= panel["x"]
    assert panel["x"] + panel["width"] <= root["x"] + root["width"]
    assert panel["y"] + panel["height"] <= root["y"] + root["height"]
    overflow = "item => item.scrollWidth > item.clientWidth"
    assert not page.locator(".aw-filter-panel").evaluate(overflow)
    for name in ("radio", "checkbox", "combobox", "button"):
        assert page.locator(".aw-filter-panel").get_by_role(name).count() > 0
