"""What is done to each tool's views: how to tell that one is drawn, another layer or head, another token."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.page import HOVER, SET_LAYER

LAYERS = (3, 6, 9)
QUERIES = (3, 6, 1, 7, 4)
SPOTS = ((3, 4), (6, 2), (9, 8))


@dataclass(frozen=True)
class Gestures:
    """JavaScript for one view of one tool.

    `ready` is an expression that holds once the view is there; `before` is done, untimed, before the rest.
    `changes` show another layer (in a model view: they open a head), `hovers` point at a token (in our model
    view: at a head). Where `marks` is true, only what is drawn on a canvas counts as a change on screen; else
    whatever keeps the page's main thread busy.
    """

    ready: str
    changes: tuple[str, ...] = ()
    hovers: tuple[str, ...] = ()
    before: str = ""
    marks: bool = False


def _mouse(element: str, kind: str) -> str:
    return f'{element}.dispatchEvent(new MouseEvent("{kind}", {{ bubbles: true }}));'


def _choose(layer: int) -> str:
    """Choose a layer in BertViz's list."""
    return f"""
        const select = document.querySelector("#layer");
        select.value = "{layer}";
        select.dispatchEvent(new Event("change", {{ bubbles: true }}));
    """


def _at(spot: tuple[int, int], kind: str, event: str) -> str:
    """Point at a head of our model view, or click it; the first head's cell says where all of them are."""
    return f"""
        const grid = document.querySelector(".attnwidget .ap-model-scroll");
        const [box, [x, y, size]] = [grid.getBoundingClientRect(), window.benchCell];
        grid.dispatchEvent(new {event}("{kind}", {{
            bubbles: true, pointerType: "mouse",
            clientX: box.x + x + {spot[1]} * 1.08 * size, clientY: box.y + y + {spot[0]} * 1.08 * size,
        }}));
    """


def _ask(query: int) -> str:
    """Point at a query of our neuron view."""
    return f"""
        const token = document.querySelector(".attnwidget .ap-query[aria-label$=', token {query}']");
        token.dispatchEvent(new PointerEvent("pointerover", {{ bubbles: true, pointerType: "mouse" }}));
    """


# The cell may stand at any head: its name says which.
FIRST_CELL = """
    const box = document.querySelector(".attnwidget .ap-model-scroll").getBoundingClientRect();
    const cell = document.querySelector(".attnwidget .ap-model-cell");
    const { x, y, width } = cell.getBoundingClientRect();
    const [layer, head] = cell.getAttribute("aria-label").match(/\\d+/g).map((at) => at * 1.08 * width);
    window.benchCell = [x - box.x + width / 2 - head, y - box.y + width / 2 - layer, width];
"""

BERTVIZ = {
    "head": Gestures(
        ready='document.querySelector("#vis #attention line")',
        changes=tuple(map(_choose, LAYERS)),
        hovers=tuple(_mouse(f'document.querySelectorAll("#left text")[{at}]', "mouseover") for at in QUERIES),
    ),
    "model": Gestures(
        ready='document.querySelector("#attn_background_11_11")',
        changes=tuple(
            _mouse(f'document.querySelector("#attn_background_{layer}_{head}").parentNode.lastChild', "click")
            for layer, head in SPOTS
        ),
        hovers=tuple(
            _mouse(f'document.querySelector("g.detail").children[{at}].firstChild', "mouseover")
            for at in QUERIES
        ),
    ),
    "neuron": Gestures(
        ready='document.querySelector("#collapsed #rightText")',
        before=_mouse('document.querySelector("#collapsed #leftText g text")', "mouseover")
        + _mouse('document.querySelector("#collapsed #leftText g").lastChild', "click"),
        changes=tuple(map(_choose, LAYERS)),
        hovers=tuple(
            _mouse(f'document.querySelectorAll("#expanded #leftText text")[{at}]', "mouseover")
            for at in QUERIES
        ),
    ),
}

_layers = tuple(SET_LAYER.format(layer=layer) for layer in LAYERS)
_drawn = "document.querySelector(\".attnwidget[data-ready='1']\")"

OURS = {
    "head": Gestures(
        ready=_drawn,
        changes=_layers,
        hovers=tuple(HOVER.format(query=query) for query in QUERIES),
        marks=True,
    ),
    "model": Gestures(
        ready=_drawn,
        before=FIRST_CELL,
        changes=tuple(_at(spot, "click", "MouseEvent") for spot in SPOTS),
        hovers=tuple(_at((at, at), "pointermove", "PointerEvent") for at in QUERIES),
        marks=True,
    ),
    "neuron": Gestures(
        ready=_drawn,
        changes=_layers,
        hovers=tuple(map(_ask, QUERIES)),
        marks=True,
    ),
}

# Its picture is drawn on a canvas, in an element of its own.
TREESCOPE = 'document.querySelector("treescope-container").shadowRoot.querySelector("canvas")?.width > 0'

GESTURES = {
    "bertviz": BERTVIZ,
    "attnwidget": OURS,
    "saved": OURS,
    "circuitsvis": {"head": Gestures(ready='document.querySelector("[id^=circuits-vis] canvas")')},
    "inspectus": {"head": Gestures(ready='document.querySelector("[id^=id_] svg rect, [id^=id_] rect")')},
    "treescope": {"head": Gestures(ready=TREESCOPE)},
}
