"""Explorers among other widgets: containers that hide them at first, links, outputs, interact, and a plot."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import READY, Explorer, explorers

TWO = EXPLORE + "\nother = aw.explore(attentions=attention(1), tokens=tokens, layer=2, heads=[1])"
WIDGETS = "import ipywidgets as w"


def is_drawn(explorer: Explorer) -> None:
    """Check that an explorer has its whole width, its tokens in sight and its lines on the canvas."""
    expect(explorer.token("query", 11)).to_be_visible()
    explorer.root.locator(".ap-head[data-drawn='1']").wait_for()
    box = explorer.root.bounding_box()
    assert box is not None
    assert box["width"] > 300
    canvas = explorer.canvas().bounding_box()
    assert canvas is not None
    assert canvas["width"] > 200
    assert explorer.pixels().colours > 60


@pytest.mark.parametrize("box", ["VBox", "HBox"])
def test_boxes(open_cells: Open, box: str) -> None:
    notebook = open_cells(ARRAYS, TWO, f"{WIDGETS}\nw.{box}([ex, other])")
    first, second = explorers(notebook.page, 2)
    is_drawn(first)
    is_drawn(second)
    boxes = [one.root.bounding_box() for one in (first, second)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert (boxes[0]["y"] == boxes[1]["y"]) == (box == "HBox")
    assert notebook.page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output')]"
        ".every(output => output.scrollWidth <= output.clientWidth)"
    )


def test_a_tab_that_is_hidden_first(open_cells: Open) -> None:
    shown = "w.Tab([w.Label('first'), ex, other], titles=['Label', 'Explorer', 'Other'])"
    notebook = open_cells(ARRAYS, TWO, f"{WIDGETS}\ntabs = {shown}\ntabs")
    expect(notebook.page.locator(".attnwidget:visible")).to_have_count(0)
    # While it is hidden, its state moves on.
    notebook.execute("ex.layer = 3; ex.selection = {'query': 7}")
    notebook.page.locator(".lm-TabBar-tab", has_text="Explorer").click()
    shown_now = Explorer(notebook.page.locator(f"{READY}:visible"))
    is_drawn(shown_now)
    expect(shown_now.layer).to_have_value("3")
    expect(shown_now.token("query", 7)).to_have_attribute("aria-pressed", "true")
    notebook.execute("tabs.selected_index = 2")
    expect(shown_now.heads.get_by_role("button", pressed=True)).to_have_text("Head 1")
    is_drawn(shown_now)
    notebook.execute("tabs.selected_index = 1")
    expect(shown_now.layer).to_have_value("3")
    is_drawn(shown_now)


def test_an_accordion_that_is_closed_first(open_cells: Open) -> None:
    shown = "w.Accordion([ex], titles=['Explorer'])"
    notebook = open_cells(ARRAYS, EXPLORE, f"{WIDGETS}\nfold = {shown}\nfold")
    expect(notebook.page.locator(".attnwidget:visible")).to_have_count(0)
    notebook.page.locator(".jupyter-widget-Collapse-header").click()
    is_drawn(explorers(notebook.page)[0])


def test_an_output_widget(open_cells: Open) -> None:
    notebook = open_cells(
        ARRAYS, EXPLORE, f"{WIDGETS}\nout = w.Output()\nwith out:\n    display(ex)\nw.HTML('before')", "out"
    )
    (explorer,) = explorers(notebook.page)
    is_drawn(explorer)
    explorer.layer.press("End")
    notebook.until("ex.layer", lambda layer: layer == 3)
    notebook.execute("out.clear_output()")
    expect(notebook.page.locator(".attnwidget")).to_have_count(0)
    notebook.execute("with out:\n    display(ex)")
    expect(explorers(notebook.page)[0].layer).to_have_value("3")


def test_one_way_link(open_cells: Open) -> None:
    link = "link = w.jsdlink((ex, 'layer'), (other, 'layer'))"
    notebook = open_cells(ARRAYS, TWO, f"{WIDGETS}\n{link}\nw.VBox([ex, other])")
    first, second = explorers(notebook.page, 2)
    first.layer.press("Home")
    expect(second.layer).to_have_value("0")
    second.layer.press("End")
    notebook.until("other.layer", lambda layer: layer == 3)
    expect(first.layer).to_have_value("0")


def test_links_to_a_slider_and_of_what_is_held(open_cells: Open) -> None:
    link = """
slider = w.IntSlider(min=0, max=3, description="Layers")
links = [w.jslink((slider, "value"), (ex, "layer")), w.jslink((ex, "selection"), (other, "selection"))]
w.VBox([slider, ex, other])
"""
    notebook = open_cells(ARRAYS, TWO, f"{WIDGETS}\n{link}")
    first, second = explorers(notebook.page, 2)
    first.layer.press("End")
    notebook.until("slider.value", lambda value: value == 3)
    second.token("query", 5).click()
    expect(first.token("query", 5)).to_have_attribute("aria-pressed", "true")
    notebook.until("ex.selection['query_token']", lambda token: token == "t5")
    first.token("query", 8).click()
    expect(second.token("query", 8)).to_have_attribute("aria-pressed", "true")
    # Links that answer each other would never rest.
    notebook.wait_idle()
    notebook.page.wait_for_timeout(500)
    assert notebook.kernel("[ex.selection['query'], other.selection['query']]") == [8, 8]


def test_interactive(open_cells: Open) -> None:
    around = """
calls = []
def f(layer):
    ex.layer = layer
    calls.append(layer)
    print("layer", layer, "strongest", round(float(weights[layer, 0, 11].max()), 3))
panel = w.interactive(f, layer=(0, 3))
w.VBox([panel, ex])
"""
    notebook = open_cells(ARRAYS, EXPLORE, f"{WIDGETS}\n{around}")
    (explorer,) = explorers(notebook.page)
    is_drawn(explorer)
    before = explorer.pixels()
    slider = notebook.page.locator(".widget-slider .noUi-handle")
    slider.focus()
    slider.press("ArrowRight")
    notebook.until("calls[-1]", lambda layer: layer == 2)
    expect(explorer.layer).to_have_value("2")
    explorer.wait_drawn(before)
    expect(notebook.page.locator(".widget-interact, .widget-output").last).to_contain_text("layer 2")


def test_the_same_explorer_in_two_cells_goes_one_by_one(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex", f"{WIDGETS}\nw.VBox([ex])")
    first, second = explorers(notebook.page, 2)
    notebook.execute("seen = []\nex.observe(lambda change: seen.append(change.new), 'layer')")
    first.layer.press("End")
    expect(second.layer).to_have_value("3")
    # Both views hear of it, one of them tells the kernel.
    notebook.until("seen", lambda seen: seen == [3])
    notebook.page.wait_for_timeout(300)
    assert notebook.kernel("seen") == [3]
    notebook.page.evaluate(
        """() => {
          const cell = window.jupyterapp.shell.currentWidget.content.widgets[2];
          cell.outputArea.model.clear();
        }"""
    )
    (left,) = explorers(notebook.page)
    before = left.pixels()
    left.layer.press("Home")
    left.wait_drawn(before)
    is_drawn(left)
    notebook.until("seen", lambda seen: seen[-1] == 0)


PLOT = """
import plotly.graph_objects as go
bars = go.FigureWidget(go.Bar(x=tokens, y=[0.0] * 12))
bars.update_layout(width=500, height=240, title="")
def draw(change):
    row = ex.selection["query"]
    if row is not None:
        with bars.batch_update():
            bars.data[0].y = weights[ex.layer, ex.heads[0], row].tolist()
            bars.layout.title.text = f"{ex.selection['query_token']} looks at"
ex.observe(draw, ["selection", "layer", "heads"])
w.VBox([ex, bars])
"""


def test_a_plotly_figure_follows(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, f"{WIDGETS}\n{PLOT}")
    (explorer,) = explorers(notebook.page)
    is_drawn(explorer)
    heights = """() => [...document.querySelectorAll(".plotly .bars .point path")]
        .map(path => path.getBoundingClientRect().height)"""
    # Plotly draws an empty frame before the figure; a change in between was seen to leave it empty.
    expect(notebook.page.locator(".xtick")).to_have_count(12)
    explorer.token("query", 11).click()
    expect(notebook.page.locator(".gtitle")).to_have_text("t11 looks at")
    row = notebook.kernel("weights[1, 0, 11].tolist()")
    notebook.page.wait_for_function(f"() => Math.max(...({heights})()) > 50")
    notebook.page.wait_for_timeout(300)
    drawn = notebook.page.evaluate(heights)
    assert len(drawn) == 12
    scale = max(drawn) / max(row)
    assert drawn == pytest.approx([weight * scale for weight in row], abs=1.0)


def test_linked_explorers_of_unequal_depth(open_cells: Open) -> None:
    shallow = "other = aw.explore(attentions=attention(1)[:2], tokens=tokens, layer=0, heads=[1])"
    link = f"{WIDGETS}\nlink = w.jslink((ex, 'layer'), (other, 'layer'))\nw.VBox([ex, other])"
    notebook = open_cells(ARRAYS, f"{EXPLORE}\n{shallow}", "ex.layer = 0", link)
    first, second = explorers(notebook.page, 2)
    notebook.execute("seen = []\nex.observe(lambda change: seen.append(change.new), 'layer')")
    first.layer.press("End")
    # Each goes as far as it can.
    expect(second.layer).to_have_value("1")
    notebook.until("[ex.layer, other.layer]", lambda layers: layers == [3, 1])
    is_drawn(second)
    second.layer.press("Home")
    expect(first.layer).to_have_value("0")
    notebook.until("[ex.layer, other.layer]", lambda layers: layers == [0, 0])
    # Nothing goes back and forth.
    notebook.page.wait_for_timeout(500)
    assert notebook.kernel("seen") == [3, 0]
