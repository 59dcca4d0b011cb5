"""save_image: the file that was asked for, of the size that was asked for, the same each time."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import attnwidget as aw
from attnwidget.errors import InputError

VIEWS = ("head", "model", "matrix", "neuron", "text", "metrics")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ex() -> aw.AttentionExplorer:
    shown = aw.explore("The cat chased the dog because it meowed.")
    shown.heads = [0, 1]
    return shown


@pytest.mark.parametrize("view", VIEWS)
def test_png_has_the_size_and_the_resolution_that_were_asked_for(
    ex: aw.AttentionExplorer, tmp_path: Path, view: str
) -> None:
    path = ex.save_image(tmp_path / "a.png", view=view, width=3.5, dpi=200)
    with Image.open(path) as image:
        assert image.width == 700
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert image.info["Title"].startswith("embedded model")
        assert "exact weights" in image.info["Description"]
        assert len(image.getcolors(1 << 24) or ()) > 20


@pytest.mark.parametrize("view", VIEWS)
def test_svg_holds_real_text_and_its_own_description(
    ex: aw.AttentionExplorer, tmp_path: Path, view: str
) -> None:
    path = ex.save_image(tmp_path / "a.svg", view=view, width=7.2)
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert root.attrib["width"] == "518.4pt"
    written = [element.text for element in root.iter(f"{SVG}text")]
    assert "The cat chased the dog because it meowed." in written
    assert any("exact weights" in (text or "") for text in written)
    assert "exact weights" in (root.findtext(f"{SVG}desc") or "")
    if view in ("head", "matrix", "neuron", "text"):
        assert "cat" in written
    references = re.findall(r'(?:href|src)="([^"]{0,12})', path.read_text(encoding="utf-8"))
    assert all(reference.startswith("data:") for reference in references)


def test_lines_in_svg_are_as_strong_as_the_weights(ex: aw.AttentionExplorer, tmp_path: Path) -> None:
    ex = aw.explore(record=ex.record, layer=0, heads=[3])
    path = ex.save_image(tmp_path / "a.svg", view="head")
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    lines = list(root.iter(f"{SVG}path"))
    weights = np.sort(ex.record.weights(0, 3).ravel())
    shown = np.sort([float(line.attrib.get("stroke-opacity", 1)) for line in lines])
    np.testing.assert_allclose(shown, np.clip(weights[weights >= ex.threshold], 0.04, 1), atol=6e-4)


def test_pdf_embeds_letters_as_outlines_and_has_its_size(ex: aw.AttentionExplorer, tmp_path: Path) -> None:
    data = ex.save_image(tmp_path / "a.pdf", width=3.5).read_bytes()
    assert data.startswith(b"%PDF-")
    box = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+) ([0-9.]+) ?\]", data)
    assert box is not None
    assert float(box[1]) == pytest.approx(252)
    # Type 42: TrueType outlines that editors can change; never Type 3.
    assert b"/CIDFontType2" in data
    assert b"/Type3" not in data
    assert b"CreationDate" not in data


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_view_gives_the_same_bytes(ex: aw.AttentionExplorer, tmp_path: Path, kind: str) -> None:
    hashes = {
        hashlib.sha256(ex.save_image(tmp_path / f"{name}.{kind}", view="matrix").read_bytes()).hexdigest()
        for name in "ab"
    }
    assert len(hashes) == 1


def test_paper(ex: aw.AttentionExplorer, tmp_path: Path) -> None:
    corners = {}
    for name, options in {
        "light": {},
        "dark": {"theme": "dark"},
        "clear": {"transparent": True},
        "clear dark": {"transparent": True, "theme": "dark"},
    }.items():
        with Image.open(ex.save_image(tmp_path / "a.png", dpi=72, **options)) as image:  # type: ignore[arg-type]
            corners[name] = image.getpixel((0, 0))
            if name == "clear":
                alone = image.convert("RGBA")
            if name == "light":
                light = image.convert("RGB")
    assert corners["light"] == (255, 255, 255)
    assert sum(corners["dark"]) < 120
    assert corners["clear"][3] == corners["clear dark"][3] == 0
    # On white paper the clear picture is the light one.
    white = Image.new("RGBA", alone.size, "white")
    off = np.asarray(Image.alpha_composite(white, alone).convert("RGB")).astype(int) - np.asarray(light)
    assert np.abs(off).max() <= 3
    svg = ex.save_image(tmp_path / "a.svg", transparent=True).read_text(encoding="utf-8")
    assert '<rect width="518.4"' not in svg
    assert '<rect width="518.4"' in ex.save_image(tmp_path / "a.svg").read_text(encoding="utf-8")


def test_without_caption_the_description_still_says_it(ex: aw.AttentionExplorer, tmp_path: Path) -> None:
    path = ex.save_image(tmp_path / "a.svg", view="model", caption=False)
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    written = [element.text for element in root.iter(f"{SVG}text")]
    assert not any("cat chased" in (text or "") or "exact" in (text or "") for text in written)
    assert "exact weights" in (root.findtext(f"{SVG}desc") or "")
    whole = ElementTree.fromstring(ex.save_image(path, view="model").read_text(encoding="utf-8"))
    heights = [float(one.attrib["height"].removesuffix("pt")) for one in (root, whole)]
    assert heights[0] < heights[1] - 30


def test_heads_is_another_name_of_the_metrics_map(ex: aw.AttentionExplorer, tmp_path: Path) -> None:
    one, other = (ex.save_image(tmp_path / f"{view}.svg", view=view) for view in ("heads", "metrics"))
    assert one.read_bytes() == other.read_bytes()


def test_the_state_of_the_explorer_is_drawn(ex: aw.AttentionExplorer, tmp_path: Path) -> None:
    ex = aw.explore(record=ex.record, heads=[0, 1])

    def svg() -> str:
        return ex.save_image(tmp_path / "a.svg").read_text(encoding="utf-8")

    changes: list[dict[str, Any]] = [
        {"view": "matrix"}, {"selection": {"query": 3}}, {"scale": "log"},
        {"combine": "mean", "heads": [0, 1]},
        {"filters": {"top": 2}}, {"view": "model"}, {"order": "metric"}, {"metric": "previous"}, {"cut": 0.2},
        {"pinned": [(0, 0), (1, 1)]}, {"view": "head"}, {"comparing": True},
    ]  # fmt: skip
    seen = [svg()]
    for change in changes:
        for name, value in change.items():
            setattr(ex, name, value)
        seen.append(svg())
        assert seen[-1] != seen[-2], change


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("a.jpg", {}, r"\.png, \.svg or \.pdf"),
        ("a", {}, r"\.png, \.svg or \.pdf"),
        ("a.png", {"view": "heat"}, "head, model"),
        ("a.png", {"width": 0.5}, "2 to 40 inches"),
        ("a.png", {"width": float("nan")}, "2 to 40 inches"),
        ("a.png", {"theme": "auto"}, "'light' or 'dark'"),
        ("a.png", {"dpi": 0}, "Give a dpi"),
        ("a.png", {"dpi": 20_000}, "Give a dpi"),
        ("missing/a.png", {}, "folder that exists"),
    ],
)
def test_what_cannot_be_written_says_what_can(
    ex: aw.AttentionExplorer, tmp_path: Path, path: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        ex.save_image(tmp_path / path, **options)
    assert list(tmp_path.iterdir()) == []
