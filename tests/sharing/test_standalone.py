"""Chromium and Firefox open the file from disk, without a network, and its numbers are read back."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import attnwidget as aw
from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.harness import firefox
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import PIXELS, READY
from tests.e2e.harness.firefox import Firefox
from tests.e2e.harness.tab import Tab
from tests.sharing.reading import BARS, check_picture, made, number

Reader = Tab | Firefox
ROOT = "document.querySelector('.attnwidget')"
VIEWS = ("model", "neuron", "matrix", "text", "metrics", "head")


@pytest.fixture(scope="module")
def fox() -> Iterator[Firefox]:
    try:
        firefox.find()
    except firefox.NoFirefoxError as error:
        pytest.skip(str(error))
    with Firefox() as opened:
        yield opened


@pytest.fixture(params=["chromium", "firefox"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """Each browser; an error in its console or a request that leaves the page fails the test."""
    if request.param == "firefox":
        opened: Reader = request.getfixturevalue("fox")
    else:
        opened = Tab(request.getfixturevalue("chromium"))
    yield opened
    errors, requests = opened.heard()
    assert errors == []
    assert {url.partition(":")[0] for url in requests} <= {"file", "data", "blob"}


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Tab]:
    """Chromium alone, for what does not differ from browser to browser."""
    yield Tab(chromium)
    assert chromium.errors("allow-scripts") == []
    assert {url.partition(":")[0] for url in chromium.requests} <= {"file", "data", "blob"}
    chromium.reset()


@pytest.fixture(scope="module")
def explorer(bundle: Path) -> aw.AttentionExplorer:
    names: dict[str, Any] = {}
    exec(ARRAYS + EXPLORE, names)
    return names["ex"]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Save a page and return its address."""
    folder = tmp_path_factory.mktemp("pages")

    def save(text: str) -> str:
        path = folder / f"{len(list(folder.iterdir()))}.html"
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    return save


class Shown:
    """The explorer on a page, or in one of its frames."""

    def __init__(self, reader: Reader, frame: int = 0) -> None:
        self.reader, self.frame = reader, frame
        reader.wait(f'document.querySelector("{READY}") !== null', frame)
        self.picture = 0
        self.drawn_anew()

    def drawn_anew(self) -> None:
        """Wait until the canvases show something else than before, in many shades."""
        shown = f"({PIXELS})({ROOT})"
        self.reader.wait(f"((now) => now[1] !== {self.picture} && now[0] > 20)({shown})", self.frame)
        self.picture = self.reader.run(shown, self.frame)[1]

    def set_layer(self, layer: int, key: str) -> None:
        """Move the slider with the keyboard."""
        self.reader.focus("input[aria-label='Layer']", self.frame)
        self.reader.press(key)
        self.reader.wait(f"{ROOT}.querySelector('[aria-label=Layer]').value === '{layer}'", self.frame)

    def view(self, name: str) -> None:
        """Choose a tab."""
        self.reader.click(f"[role=tab][id$='-{name}']", self.frame)
        self.reader.wait(
            f"{ROOT}.dataset.view === '{name}' && {ROOT}.ariaBusy !== 'true'"
            f" && {ROOT}.querySelector('[role=alert]:not([hidden])') === null",
            self.frame,
        )

    def claim(self) -> str:
        """Return what the page says of its numbers."""
        return str(self.reader.run(f"{ROOT}.querySelector('.aw-claim').textContent", self.frame))

    def check_row(
        self, weights: np.ndarray, tokens: list[str], layer: int, query: int, error: float = 0
    ) -> None:
        """Point at a token, and compare what is said of every chosen head with the attention."""
        self.reader.hover(f".ap-column-query [data-index='{query}']", self.frame)
        self.reader.wait(
            f"{ROOT}.querySelector('.aw-focus')?.textContent.includes({json.dumps(tokens[query])})"
            f" && {ROOT}.querySelector('.aw-section .aw-title').textContent.includes('ayer {layer}, ')",
            self.frame,
        )
        sections = self.reader.run(f"({BARS})({ROOT})", self.frame)
        compared = 0
        for title, bars in sections:
            if (head := re.search(r"head (\d+) looks at", title)) is None:
                continue
            row = weights[layer, int(head[1]), query]
            assert bars[0][0] == tokens[int(row.argmax())]
            for label, text in bars:
                written = 10.0 ** -len(text.partition(".")[2]) if "e" not in text else 0.001
                off = abs(number(text) - row[tokens.index(label)])
                assert off <= error + written / 2 + 1e-6, (title, label, text)
                compared += 1
        assert compared >= 4


def use(shown: Shown, weights: np.ndarray, tokens: list[str], views: tuple[str, ...] = VIEWS) -> None:
    """Use an explorer as its reader would; it begins and ends in the head view."""
    assert shown.claim() == "as given, from a snapshot"
    shown.check_row(weights, tokens, 1, 9)
    shown.set_layer(3, "End")
    shown.drawn_anew()
    shown.check_row(weights, tokens, 3, 6)
    for name in views:
        shown.view(name)
        # Text is all that the text view shows.
        if name != "text":
            shown.drawn_anew()
    shown.check_row(weights, tokens, 3, 11)


# ---------------------------------------------------------------------- in both browsers


@pytest.mark.shows(
    "a file from `save_html`, no network: Chromium, Firefox", "all panes, sliders and hovers, exact"
)
def test_a_file_from_disk(reader: Reader, explorer: aw.AttentionExplorer, tmp_path: Path) -> None:
    path = explorer.save_html(tmp_path / "attention.html")
    reader.open(path.as_uri())
    shown = Shown(reader)
    # The picture gave way.
    assert reader.run("getComputedStyle(document.querySelector('img')).display") == "none"
    assert reader.run("[...document.querySelectorAll('.attnwidget-page > p')].every(p => p.hidden)")
    use(shown, *made())


@pytest.mark.shows(
    "a page that holds `share()`: sandboxed frames, no network: Chromium, Firefox",
    "all panes, sliders and hovers; beside it the picture, folded",
)
def test_in_sandboxed_frames(
    reader: Reader, explorer: aw.AttentionExplorer, write: Callable[[str], str]
) -> None:
    output = explorer.share().html
    reader.open(write(f"<!doctype html><title>Two</title>{output}<p>text</p>{output}"))
    first, second = Shown(reader, 1), Shown(reader, 2)
    use(first, *made(), views=("matrix", "head"))
    # The other one is another one.
    assert reader.run(f"{ROOT}.dataset.view + {ROOT}.querySelector('[aria-label=Layer]').value", 2) == "head1"
    second.check_row(*made(), 1, 5)
    # Nothing within reaches what is around it.
    assert reader.run("(() => { try { return parent.document.title } catch { return '' } })()", 1) == ""
    shows = "getComputedStyle(document.querySelector('details img')).display"
    assert reader.run(shows) == "none"
    reader.click("summary")
    assert reader.run(shows) != "none"
    assert reader.run("document.querySelector('details img').naturalWidth") > 500


@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_a_frame_follows_the_theme_of_its_notebook(
    name: str, explorer: aw.AttentionExplorer, write: Callable[[str], str], request: pytest.FixtureRequest
) -> None:
    # Playwright's own colour scheme would hide that of the frame.
    reader: Reader = (
        request.getfixturevalue("fox")
        if name == "firefox"
        else Tab(request.getfixturevalue("chromium"), color_scheme="null")
    )
    reader.open(write(f"<!doctype html><body data-jp-theme-light='false'>{explorer.share().html}"))
    Shown(reader, 1)
    for light, theme in (("false", "dark"), ("true", "light"), ("false", "dark")):
        reader.run(f"document.body.setAttribute('data-jp-theme-light', '{light}')")
        reader.wait(f"{ROOT}.dataset.theme === '{theme}'", 1)


@pytest.mark.shows("a file from `save_html` where scripts are banned", "the picture, and why it is one")
def test_where_scripts_are_banned_the_picture_is_left(
    fox: Firefox,
    tab: Tab,
    explorer: aw.AttentionExplorer,
    write: Callable[[str], str],
    tmp_path: Path,
) -> None:
    frame = '<iframe sandbox style="width: 900px; height: 600px; border: 0" srcdoc="%s"></iframe>'
    text = explorer.share().page
    address = write("<!doctype html><body style='margin: 0'>" + frame % html.escape(text))
    (source, width, height) = re.findall(
        r'<img src="data:image/png;base64,([^"]+)" .* width="(\d+)" height="(\d+)"', text
    )[0]
    size = (int(width), int(height))
    picture = Image.open(io.BytesIO(base64.b64decode(source))).convert("L").resize(size)
    for reader in (tab, fox):
        reader.open(address)
        shot = Image.open(reader.screenshot(tmp_path / "shot.png")).convert("L")
        # The page's own margins.
        seen = shot.crop((12, 12, 12 + size[0], 12 + size[1]))
        # Each browser makes it smaller in its own way; blocks of it are alike.
        blocks = [np.asarray(image.resize((60, 24)), float).ravel() for image in (seen, picture)]
        assert blocks[1].std() > 5
        assert np.corrcoef(blocks)[0, 1] > 0.98
        line = np.asarray(shot.crop((12, 12 + size[1], 600, 600)))
        assert (line < 100).sum() > 200


HOSTILE = [
    "</script>",
    "<!--",
    "<script>",
    "'\"&",
    "<img src=x onerror=alert(1)>",
    '"></iframe><script>alert(1)</script>',
]


def test_what_a_prompt_says_stays_text(reader: Reader, write: Callable[[str], str]) -> None:
    n, prompt = len(HOSTILE), "".join(HOSTILE)
    weights = np.tril(np.ones((1, 2, n, n))) / np.arange(1, n + 1)[:, None]
    explorer = aw.explore(attentions=weights, tokens=HOSTILE, prompt=prompt, layer=0, heads=[0])
    shared = explorer.share()
    for address, frame in ((write(shared.page), 0), (write(f"<!doctype html>{shared.html}"), 1)):
        reader.open(address)
        shown = Shown(reader, frame)
        assert reader.run(f"{ROOT}.querySelector('[aria-label=Prompt]').value", frame) == prompt
        labels = (
            "[...document.querySelectorAll('.ap-column-query .ap-label')].map(label => label.textContent)"
        )
        assert reader.run(labels, frame) == [token.label for token in explorer.record.tokens]
        assert reader.run("document.querySelectorAll('.attnwidget-page').length", frame) == 1
        shown.view("text")


POLICY = """(async () => {
    const seen = new Set();
    document.addEventListener("securitypolicyviolation", (event) => seen.add(event.effectiveDirective));
    const inline = document.createElement("script");
    inline.textContent = "window.ran = 'inline'";
    document.body.append(inline);
    const image = document.createElement("img");
    const blocked = new Promise((done) => {
        image.onerror = () => done("no image");
        image.onload = () => done("image");
    });
    image.src = "https://example.org/image.png";
    document.body.append(image);
    const evaluated = new Promise((done) => setTimeout(() => {
        try { done(eval("'evaluated'")) } catch (error) { done(error.name) }
    }));
    const fetched = fetch("https://example.org/").then(() => "fetched", (error) => error.name);
    const outcome = [window.ran ?? "no inline script", await blocked, await evaluated, await fetched];
    return [outcome, [...seen].sort()];
})()"""


@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_the_page_can_run_and_reach_nothing_else(
    name: str, explorer: aw.AttentionExplorer, write: Callable[[str], str], request: pytest.FixtureRequest
) -> None:
    reader: Reader = (
        request.getfixturevalue("fox") if name == "firefox" else Tab(request.getfixturevalue("chromium"))
    )
    reader.open(write(explorer.share().page))
    Shown(reader)
    outcome, violated = reader.run(POLICY)
    assert outcome == ["no inline script", "no image", "EvalError", "TypeError"]
    assert violated == ["connect-src", "img-src", "script-src-elem"]
    errors, _ = reader.heard()
    assert all(re.search("Content.Security.Policy", error) for error in errors), errors


# ---------------------------------------------------------------------- in one of them


def test_a_small_snapshot_keeps_what_it_says(tab: Tab, write: Callable[[str], str]) -> None:
    n = 64
    scores = np.random.default_rng(1).normal(size=(6, 6, n, n)) * 2
    scores[..., np.triu_indices(n, 1)[0], np.triu_indices(n, 1)[1]] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    tokens = [f"t{place}" for place in range(n)]
    explorer = aw.explore(attentions=weights, tokens=tokens, layer=1, heads=[0, 3])
    sizes = []
    for size, form in (("full", "as given"), ("90 kB", "8-bit snapshot, within .004"), ("50 kB", "top-")):
        text = explorer.share(snapshot=size).page
        sizes.append(len(text))
        tab.open(write(text))
        shown = Shown(tab)
        assert shown.claim().startswith(form)
        shown.check_row(weights, tokens, 1, 20, 0 if size == "full" else 0.004)
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_saved_within_a_frame_is_exact(
    tab: Tab, explorer: aw.AttentionExplorer, write: Callable[[str], str], tmp_path: Path
) -> None:
    tab.open(write(f"<!doctype html>{explorer.share().html}"))
    Shown(tab, 1).view("matrix")
    assert tab.page is not None
    frame = tab.page.frames[1]
    frame.get_by_role("button", name="Save", exact=True).click()
    with tab.page.expect_download() as download:
        frame.get_by_role("menuitem", name="Data (CSV)").click()
    path = tmp_path / "saved.csv"
    download.value.save_as(path)
    weights, tokens = made()
    n = len(tokens)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * n * (n + 1) // 2
    for row in rows:
        layer, head, query, key = (int(row[name]) for name in ("layer", "head", "query", "key"))
        assert float(row["weight"]) == pytest.approx(float(weights[layer, head, query, key]), rel=1e-8)
        assert (layer, row["query_token"], row["key_token"]) == (1, tokens[query], tokens[key])
        assert float(row["error"]) == 0


def test_on_paper_and_on_a_small_screen(
    tab: Tab, explorer: aw.AttentionExplorer, write: Callable[[str], str], tmp_path: Path
) -> None:
    for theme, dark in (("dark", True), ("light", False)):
        explorer.theme = theme
        tab.open(write(explorer.share().page))
        Shown(tab)
        assert tab.page is not None
        tab.page.set_viewport_size({"width": 480, "height": 900})
        assert tab.run("document.documentElement.scrollWidth") <= 480
        # A corner that the explorer does not reach.
        corner = Image.open(tab.screenshot(tmp_path / "corner.png")).convert("L").getpixel((1, 1))
        assert (corner < 60) == dark
        picture, view = tab.page.locator(".attnwidget-page > img"), tab.page.locator(".attnwidget")
        assert (picture.is_visible(), view.is_visible()) == (False, True)
        tab.page.emulate_media(media="print")
        assert (picture.is_visible(), view.is_visible()) == (True, False)
        assert picture.bounding_box()["width"] <= 456  # type: ignore[index]
    explorer.theme = "auto"


def test_in_a_low_window_the_view_is_lower(
    tab: Tab, explorer: aw.AttentionExplorer, write: Callable[[str], str]
) -> None:
    tab.open(write(explorer.share().page))
    Shown(tab)
    assert tab.page is not None
    main, footer = tab.page.locator(".aw-main"), tab.page.locator(".aw-footer")
    for width, height in ((700, 640), (1000, 560), (1000, 1200)):
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.page.wait_for_timeout(100)
        assert footer.bounding_box()["y"] + footer.bounding_box()["height"] <= height  # type: ignore[index]
        lower = main.bounding_box()["height"] < explorer.height  # type: ignore[index]
        assert lower == (height != 1200)


def test_with_scripts_switched_off(
    chromium: Browser, explorer: aw.AttentionExplorer, write: Callable[[str], str]
) -> None:
    page = chromium.new_page(java_script_enabled=False)
    page.goto(write(explorer.share().page))
    check_picture(page.get_by_role("img", name=repr(explorer)))
    assert page.get_by_text(
        "The interactive view needs JavaScript; the picture shows how it opens."
    ).is_visible()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("esm", "could not start here (Error: modules are blocked). The picture shows how it opens."),
        ("snapshot", "The snapshot is damaged."),
    ],
)
def test_where_it_cannot_start_the_picture_stays_and_says_why(
    broken: str, said: str, tab: Tab, explorer: aw.AttentionExplorer, write: Callable[[str], str]
) -> None:
    text = explorer.share().page
    source = re.findall(r'<script type="application/json">(.*)</script>', text)[0]
    data = json.loads(source) | {
        broken: {"esm": "throw Error('modules are blocked')", "snapshot": "AAAA"}[broken]
    }
    tab.open(write(text.replace(source, json.dumps(data))))
    tab.wait(f"document.querySelector('.attnwidget-page > p').textContent.includes({json.dumps(said)})")
    assert tab.page is not None
    check_picture(tab.page.get_by_role("img", name=repr(explorer)))
