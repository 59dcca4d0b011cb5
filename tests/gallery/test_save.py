"""The Save button: pictures and tables of every view, read back and compared with what is on screen."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Download, FrameLocator, Page, expect

from tests.gallery.pages import PAGE, VIEWS, Gallery, rest

SVG = "{http://www.w3.org/2000/svg}"
KINDS = {"png": "Picture (PNG)", "svg": "Picture (SVG)", "csv": "Data (CSV)"}
Kind = Literal["png", "svg", "csv"]


def save(page: Page, kind: Kind, folder: Path) -> Path:
    """Save by pointer and return the file under the name that it came with."""
    page.get_by_role("button", name="Save", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=KINDS[kind]).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    expect(page.locator(".aw-save-result")).to_contain_text(path.name)
    page.get_by_role("button", name="Done").click()
    return path


def texts(picture: ElementTree.Element) -> list[str]:
    return ["".join(node.itertext()) for node in picture.iter(f"{SVG}text")]


def parts(picture: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Return what was drawn on the canvases of a class."""
    return [node for node in picture.iter(f"{SVG}svg") if name in node.get("class", "").split()]


def shift_of(node: ElementTree.Element) -> tuple[float, float]:
    """Return by how much an element that is only moved is moved."""
    numbers = re.findall(r"-?[\d.]+", node.get("transform", ""))
    assert len(numbers) == 2 or numbers[:4] == ["1", "0", "0", "1"]
    return float(numbers[-2]), float(numbers[-1])


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def patterns(page: Page) -> list[dict[str, Any]]:
    """Return the patterns on screen; null where there is no weight."""
    script = """() => window.gallery[0].app.explorer.data.value.patterns.map(pattern => ({
      head: pattern.head,
      rows: Array.from({ length: pattern.queries }, (_, query) =>
        Array.from({ length: pattern.keys }, (_, key) => {
          const weight = pattern.weight(query, key);
          return weight < 0 ? null : weight;
        })),
    }))"""
    found: list[dict[str, Any]] = page.evaluate(script)
    return found


def test_the_head_view_is_saved_as_lines_and_words(gallery: Gallery, tmp_path: Path) -> None:
    page = gallery.open("default", theme="light", hold="7")
    page.evaluate("window.gallery[0].state.set('prompt', 'a < b & </text><script>c</script>')")
    path = save(page, "svg", tmp_path)
    assert path.name == "attnwidget-layer2-heads0-1-head-view.svg"
    picture = ElementTree.parse(path).getroot()
    # Every line that is on screen, and no other; those of the held token apart.
    lines = page.locator(".ap-head").get_attribute("data-lines")
    (base,) = parts(picture, "ap-head-base")
    assert len(list(base.iter(f"{SVG}path"))) == int(lines or 0) > 20
    labels = page.locator(".ap-column-key .ap-label").all_inner_texts()
    written = texts(picture)
    assert [text for text in written if text in labels] == labels * 2
    assert "embedded · layer 2 · heads 0 and 1 · query “it”" in written
    assert "“a < b & </text><script>c</script>” (18 tokens)" in written
    claim = page.locator(".aw-claim").inner_text()
    assert claim in " ".join(written)
    assert not {"Run", "Filter", "Layer", "Save", "Pin"} & set(written)
    # Nothing in it leads elsewhere, and nothing but drawing is in it.
    names = {node.tag.removeprefix(SVG) for node in picture.iter()}
    assert names <= {"svg", "g", "path", "rect", "text", "title", "defs", "clipPath", "image"}
    references = [value for node in picture.iter() for key, value in node.items() if key.endswith("href")]
    assert all(value.startswith("data:image/png") for value in references)
    shot = pixels(save(page, "png", tmp_path))
    width, height = (int(picture.get(side, "0")) for side in ("width", "height"))
    assert shot.shape == (2 * height, 2 * width, 3)
    # The held token's line is the only one at its full strength: the colour of head 0 from "it" to "cat".
    colour = page.evaluate("window.gallery[0].app.explorer.palette.value.head(0)")
    near = np.abs(shot.astype(int) - colour).max(axis=2) < 24
    assert near[: int(1.5 * height)].sum() > 800


def test_the_matrix_is_saved_cell_by_cell(gallery: Gallery, tmp_path: Path) -> None:
    page = gallery.open("default", theme="dark", view="matrix", heads="1")
    path = save(page, "svg", tmp_path)
    assert path.name == "attnwidget-layer2-head1-matrix-view.svg"
    picture = ElementTree.parse(path).getroot()
    (heat,) = parts(picture, "ap-heat")
    cells = [group for group in heat.iter(f"{SVG}g") if group.get("shape-rendering") == "crispEdges"]
    # Rectangles cover the cells in reach, and no more.
    path_data = " ".join(node.get("d", "") for group in cells for node in group)
    spans = [segment.split("v")[0].split("h") for segment in path_data.split("M")[1:]]
    height = float(path_data.split("v")[1].split("h")[0])
    covered = sum(float(across[1]) for across in spans) / height
    assert covered == pytest.approx(18 * 19 / 2, abs=0.1)
    # The colours are those on screen, cell for cell.
    shot = pixels(save(page, "png", tmp_path))
    ground = page.evaluate("getComputedStyle(document.querySelector('.attnwidget')).backgroundColor")
    assert f"rgb({', '.join(str(part) for part in shot[0, 0])})" == ground
    (pattern,) = patterns(page)
    ramp = page.evaluate(
        "rows => rows.map(row => row.map(weight => weight === null ? null"
        " : window.gallery[0].app.explorer.palette.value.ramp(Math.sqrt(weight))))",
        pattern["rows"],
    )
    corners = np.array([[float(part) for part in across[0].split()] for across in spans])
    place = corners.min(axis=0)
    shift = shift_of(cells[0])
    origin = shift_of(next(node for node in picture if node.tag == f"{SVG}g"))
    left = float(heat.get("x", "0")) + origin[0] + shift[0] + place[0]
    top = float(heat.get("y", "0")) + origin[1] + shift[1] + place[1]
    for query, row in enumerate(ramp):
        for key, expected in enumerate(row):
            if expected is None:
                continue
            x, y = (2 * (edge + (at + 0.5) * height) for edge, at in ((left, key), (top, query)))
            assert np.abs(shot[int(y), int(x)].astype(int) - expected).max() <= 6, (query, key)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_its_picture_and_its_numbers(gallery: Gallery, tmp_path: Path, view: str) -> None:
    page = gallery.open("sinks", theme="light", view=view, hold="5", width=480)
    rest(page)
    expect(page.locator(".aw-pane [data-drawn]").first).to_be_attached()
    picture = ElementTree.parse(save(page, "svg", tmp_path)).getroot()
    written = texts(picture)
    # At this width the matrix has room for positions only.
    assert ("cat" in written) == (view in {"head", "neuron", "text"})
    assert any(text.startswith("“The cat chased") for text in written)
    assert float(picture.get("width", "0")) <= 480 + 24
    shot = pixels(save(page, "png", tmp_path))
    assert len(np.unique(shot.reshape(-1, 3), axis=0)) > 100
    rows = table(save(page, "csv", tmp_path))
    if view in {"model", "metrics"}:
        names = page.evaluate("window.gallery[0].app.explorer.metrics.value.metrics.map(info => info.name)")
        assert list(rows[0]) == ["layer", "head", *names, "queries_read", "queries"]
        count = page.evaluate(
            "window.gallery[0].app.explorer.metrics.value.heads.reduce((sum, heads) => sum + heads)"
        )
        assert len(rows) == count
        return
    if view == "neuron":
        terms = page.evaluate("Array.from(window.gallery[0].app.explorer.terms.value.weights)")
        seen = {int(row["key"]): float(row["weight"]) for row in rows if row["key"] != ""}
        assert seen == {
            key: pytest.approx(weight, abs=1e-7) for key, weight in enumerate(terms) if weight >= 0
        }
        return
    least = page.evaluate("window.gallery[0].state.get('threshold')") if view == "head" else 0
    expected = {
        (pattern["head"], query, key): weight
        for pattern in patterns(page)
        for query, row in enumerate(pattern["rows"])
        for key, weight in enumerate(row)
        if weight is not None and weight >= least
    }
    found = {
        (int(row["head"]), int(row["query"]), int(row["key"])): float(row["weight"])
        for row in rows
        if row["key"] != ""
    }
    assert found == {place: pytest.approx(weight, abs=1e-7) for place, weight in expected.items()}
    assert len(rows) - len(found) == 2 * 18
    assert {row["error"] for row in rows} == {"0"}


def test_filters_and_what_is_approximate_are_said(gallery: Gallery, tmp_path: Path) -> None:
    page = gallery.open("pair", view="text", special="0")
    note = page.locator(".aw-filter-text").inner_text()
    picture = ElementTree.parse(save(page, "svg", tmp_path)).getroot()
    assert note in " ".join(texts(picture))
    rows = table(save(page, "csv", tmp_path))
    assert rows
    assert not {"[CLS]", "[SEP]"} & {row[side] for row in rows for side in ("query_token", "key_token")}
    page = gallery.open("tokens200", view="matrix", heads="0")
    rows = table(save(page, "csv", tmp_path))
    assert len(rows) == 200 * 201 / 2
    (error,) = {float(row["error"]) for row in rows}
    assert error == pytest.approx(0.0039, abs=1e-4)


def test_the_keyboard_is_enough(gallery: Gallery, tmp_path: Path) -> None:
    page = gallery.open("default")
    page.locator(".ap-column-query .ap-token").nth(3).focus()
    page.keyboard.press("s")
    items = page.get_by_role("menuitem")
    expect(items.nth(0)).to_be_focused()
    for key, at in (("ArrowUp", 2), ("ArrowDown", 0), ("End", 2), ("Home", 0), ("ArrowDown", 1)):
        page.keyboard.press(key)
        expect(items.nth(at)).to_be_focused()
    page.keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "attnwidget-layer2-heads0-1-head-view.csv"
    expect(page.get_by_role("button", name="Done")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".aw-save-popup")).to_be_hidden()
    # Elsewhere in the widget a press of the pointer closes it too.
    page.keyboard.press("s")
    page.get_by_role("tab", name="Matrix").click()
    expect(page.locator(".aw-save-popup")).to_be_hidden()
    # In a list a letter finds an entry.
    page.get_by_label("Scale").focus()
    page.keyboard.press("s")
    expect(page.locator(".aw-save-popup")).to_be_hidden()


def _file(address: str) -> Path:
    return PAGE.with_name(urlsplit(address).path.rpartition("/")[2])


def choose(frame: FrameLocator, kind: Kind) -> None:
    frame.get_by_role("button", name="Save", exact=True).click()
    frame.get_by_role("menuitem", name=KINDS[kind]).click()
    expect(frame.locator(".aw-save-result")).to_contain_text("forbids downloads")
    frame.get_by_role("button", name="Copy instead").click()


def test_a_page_that_forbids_downloads_lets_copy(gallery: Gallery) -> None:
    page = gallery.open("empty")
    downloads: list[Download] = []
    page.on("download", lambda download: downloads.append(download))
    # Frames without an origin of their own are kept from files; they get them as from a server.
    page.route("https://gallery.invalid/**", lambda route: route.fulfill(path=_file(route.request.url)))
    page.evaluate(
        """address => {
          const frame = document.createElement("iframe");
          Object.assign(frame, { src: address, width: 1000, height: 720, sandbox: "allow-scripts" });
          document.body.replaceChildren(frame);
        }""",
        "https://gallery.invalid/gallery.html?case=default&view=matrix&theme=light",
    )
    frame = page.frame_locator("iframe")
    expect(frame.locator(".attnwidget[data-ready='1']")).to_be_visible()
    frame.locator("body").evaluate(
        "body => document.addEventListener('copy', () => { body.copied = document.activeElement.value; })"
    )
    choose(frame, "csv")
    expect(frame.locator(".aw-save-result")).to_contain_text("Copied")
    copied = frame.locator("body").evaluate("body => body.copied")
    assert len(list(csv.DictReader(io.StringIO(copied)))) == 2 * 18 * 19 / 2
    frame.get_by_role("button", name="Done").click()
    # Pixels cannot be copied from here; the picture is there to be taken by hand.
    choose(frame, "png")
    picture = frame.locator(".aw-save-result img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 1000
    assert downloads == []
    # What the browser itself says of what it forbids.
    assert all("Clipboard API" in error or "Download is disallowed" in error for error in gallery.errors)
    gallery.errors.clear()
