"""The page and the shared output are what they say: whole, closed off, written completely or not at all."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import attnwidget as aw
from attnwidget.errors import InputError, MissingDependencyError
from attnwidget.export import Shared
from attnwidget.export.files import write_whole
from attnwidget.export.page import held_heads, page
from attnwidget.service import Service
from attnwidget.snapshot import decode, unpack
from attnwidget.wire.schema import State

pytestmark = pytest.mark.usefixtures("bundle")

HOSTILE = [
    "</script>",
    "<!--",
    "<script>",
    "'\"&\u2028",
    "</p><img src=x onerror=alert(1)>",
    '"></iframe><script>alert(1)</script>',
    "&quot;&lt;b&gt;",
    "]]>\\u003c",
]


class Parsed(HTMLParser):
    """What a browser makes of a text: elements with their attributes' names, attributes, and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[Any] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = False
        self.shape.append(tag)

    def handle_comment(self, data: str) -> None:
        self.shape.append("comment")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(of, text) for (name, of), text in zip(self.tags, self.texts, strict=True) if name == tag]


def given(tokens: list[str], **traits: Any) -> aw.AttentionExplorer:
    """Explore even attention among tokens."""
    n = len(tokens)
    weights = np.tril(np.ones((2, 4, n, n))) / np.arange(1, n + 1)[:, None]
    return aw.explore(attentions=weights, tokens=tokens, prompt="".join(tokens), **traits)


def data_of(text: str) -> dict[str, Any]:
    """Return what a page holds for its front end."""
    (source,) = [inside for of, inside in Parsed(text).all("script") if of.get("type") == "application/json"]
    return cast(dict[str, Any], json.loads(source))


def state_of(explorer: aw.AttentionExplorer) -> State:
    return cast(State, {name: getattr(explorer, name) for name in State.__annotations__})


# ---------------------------------------------------------------------- the page


def test_it_holds_the_picture_then_the_state_and_the_record() -> None:
    ex = given(["a", "b", "c"], view="matrix", layer=1, heads=[1, 3], theme="dark")
    text = ex.share().page
    assert text.index("<img") < text.index("needs JavaScript") < text.index("<script")
    ((image, _),) = Parsed(text).all("img")
    assert image["alt"] == repr(ex)
    assert base64.b64decode((image["src"] or "").partition(",")[2]).startswith(b"\x89PNG")
    data = data_of(text)
    assert data["state"] == json.loads(json.dumps(state_of(ex)))
    header, _ = unpack(base64.b64decode(data["snapshot"]))
    assert header["open"]["record"] == ex.record_id
    assert header["open"]["streams"]["decoder"]["text"] == [token.text for token in ex.record.tokens]
    assert Parsed(text).tags[0] == ("html", {"lang": "en", "style": "color-scheme: dark"})
    assert Parsed(text).all("title")[0][1] == "Attention: abc"


@pytest.mark.parametrize("source", ["model", "tensors"])
def test_the_record_within_is_the_record_bit_for_bit(source: str) -> None:
    ex = aw.explore("The cat sat.") if source == "model" else given(["a", "b", "c", "d"])
    data = data_of(ex.share(snapshot="full").page)
    record = decode(base64.b64decode(data["snapshot"]))
    assert record.precision is not None
    assert record.precision["form"] == "exact"
    for layer in ex.record.layers():
        for head in range(4):
            np.testing.assert_array_equal(record.weights(layer, head), ex.record.weights(layer, head))


def test_its_policy_allows_its_own_scripts_alone() -> None:
    parsed = Parsed(given(["a", "b"]).share().page)
    names = [tag for tag, _ in parsed.tags]
    ((of, _),) = [each for each in parsed.all("meta") if "http-equiv" in each[0]]
    assert of["http-equiv"] == "Content-Security-Policy"
    assert names.index("meta") < names.index("title") < names.index("style") < names.index("script")
    rules = dict(rule.split(" ", 1) for rule in (of["content"] or "").split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    running = [inside for of, inside in parsed.all("script") if "type" not in of]
    assert len(running) == 1
    digest = base64.b64encode(hashlib.sha256(running[0].encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}' blob:"
    # Nothing else is named: neither connections, nor frames, nor anything from elsewhere.
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["img-src"] == "data: blob:"
    addresses = [value for _, of in parsed.tags for name, value in of.items() if name in ("src", "href")]
    assert [value for value in addresses if not (value or "").startswith("data:image/png;base64,")] == []


def test_no_text_gets_out_of_its_place() -> None:
    hostile, tame = given(HOSTILE), given(["t"] * len(HOSTILE))
    for of in (lambda ex: ex.share().page, lambda ex: ex.share().html):
        assert Parsed(of(hostile)).shape == Parsed(of(tame)).shape
    text = hostile.share().page
    assert data_of(text)["state"]["prompt"] == "".join(HOSTILE)
    header, _ = unpack(base64.b64decode(data_of(text)["snapshot"]))
    assert header["open"]["streams"]["decoder"]["text"] == [token.text for token in hostile.record.tokens]
    assert Parsed(text).all("title")[0][1].startswith("Attention: </script><!--<script>")


def test_half_a_character_in_the_prompt_is_written_too(tmp_path: Path) -> None:
    ex = given(["a", "b"])
    text = page(Service(ex.record), {**state_of(ex), "prompt": "half \ud83d"}, "")
    write_whole(tmp_path / "page.html", text.encode("utf-8"))
    assert data_of((tmp_path / "page.html").read_text(encoding="utf-8"))["state"]["prompt"] == "half \ud83d"


def test_the_same_explorer_gives_the_same_bytes() -> None:
    record = given(["a", "b"]).record
    first, second = (aw.explore(record=record).share() for _ in range(2))
    assert first.html == second.html


def test_what_is_held_matters_most() -> None:
    ex = given(["a", "b"], layer=1, heads=[0, 2], pinned=[(1, 2), (0, 3)])
    assert held_heads(state_of(ex)) == [
        {"site": "decoder", "layer": 1, "head": 0},
        {"site": "decoder", "layer": 1, "head": 2},
        {"site": "decoder", "layer": 0, "head": 3},
    ]


def test_a_picture_that_cannot_be_drawn_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr("attnwidget.export.page.picture", fail)
    with pytest.warns(UserWarning, match="could not draw the still picture: no fonts"):
        shared = given(["a", "b"]).share()
    assert "<img" not in shared.html
    assert data_of(shared.page)["state"]["view"] == "head"


def test_without_the_front_end_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    ex = given(["a", "b"])
    monkeypatch.setattr("attnwidget.export.page._built", lambda: "")
    with pytest.raises(MissingDependencyError, match="make build"):
        ex.share()


def test_too_large_a_page_is_refused() -> None:
    ex = given(["a", "b"])
    service, state = Service(ex.record), state_of(ex)
    whole = page(service, state, "")
    assert page(service, state, "", limit=len(whole)) == whole
    with pytest.raises(InputError, match=r'may hold .* MB.*Pass a size, such as snapshot="5 MB"'):
        page(service, state, "", limit=len(whole) - 1)
    with pytest.raises(InputError, match="million numbers"):
        page(service, state, "", limit=3)


@pytest.mark.parametrize("size", ["much", "5 parsecs", -1, True, 0])
def test_a_size_that_is_none_is_refused(size: Any) -> None:
    with pytest.raises(InputError, match='Pass "auto", "full", or a size such as "500 kB"'):
        given(["a", "b"]).share(snapshot=size)


def test_merged_words_are_kept_as_they_are_shown() -> None:
    ex = aw.explore("The unbelievable cat.", words=True)
    data = data_of(ex.share().page)
    header, _ = unpack(base64.b64decode(data["snapshot"]))
    assert (data["state"]["words"], header["open"]["words"]) == (True, True)
    assert header["open"]["record"] == ex.record_id != ex.record.id


# ---------------------------------------------------------------------- the output


def test_the_output_is_a_sandboxed_frame_and_the_picture() -> None:
    shared = given(["a", '"quoted" & <b>'], height=300).share()
    parsed = Parsed(shared.html)
    ((frame, _),) = parsed.all("iframe")
    assert frame["srcdoc"] == shared.page
    assert (frame["sandbox"], frame["allow"]) == ("allow-scripts allow-downloads", "clipboard-write")
    assert "height: 550px" in (frame["style"] or "")
    assert frame["title"] == shared.title
    shape = [each if isinstance(each, str) else each[0] for each in parsed.shape]
    span = ["summary", "span", "span", "br", "img", "summary"]
    assert shape == ["div", "style", "style", "iframe", "iframe", "details", *span, "details", "div"]
    assert parsed.all("img")[0][0]["alt"] == shared.title
    assert "height: 99px" in given(["a"]).share(height=99).html


def test_every_host_finds_what_it_shows() -> None:
    ex = given(["a", "b"])
    shared = ex.share()
    bundle = shared._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/html": shared._repr_html_(), "text/plain": repr(shared)}
    assert re.fullmatch(rf"Shared\({re.escape(repr(ex))}, 0\.\d\d MB\)", repr(shared))


def test_more_heads_need_a_higher_frame() -> None:
    def height(heads: int) -> int:
        return aw.explore(attentions=np.ones((1, heads, 1, 1)), tokens=["a"], height=400).share().height

    assert [height(heads) for heads in (1, 12, 16, 32, 64)] == [650, 650, 684, 718, 718]


# ---------------------------------------------------------------------- files


def test_saved_it_is_the_page_that_was_shared(tmp_path: Path) -> None:
    ex = given(["a", "b"])
    path = ex.save_html(tmp_path / "explorer.html")
    assert path == tmp_path / "explorer.html"
    assert path.read_text(encoding="utf-8") == ex.share(snapshot="full").page
    assert ex.share().save(str(path)) == path
    assert [each.name for each in tmp_path.iterdir()] == ["explorer.html"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, link = tmp_path / "page.html", tmp_path / "link.html"
    target.write_bytes(b"before")
    link.symlink_to(target)
    write_whole(link, b"after")
    assert (target.read_bytes(), link.is_symlink()) == (b"after", True)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match=r"page\.html could not be written: No space left"):
        write_whole(target, b"half")
    assert target.read_bytes() == b"after"
    assert {each.name for each in tmp_path.iterdir()} == {"page.html", "link.html"}


@pytest.mark.parametrize("name", ["", "missing/page.html", "folder"])
def test_where_nothing_can_be_written_it_says_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"could not be written: .*\. Pass the path of a file"):
        given(["a"]).save_html(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_the_home_folder_has_a_short_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as home:
        monkeypatch.setenv("HOME", home)
        assert write_whole("~/a.txt", b"a") == Path(home) / "a.txt"
        assert Path(home, "a.txt").read_bytes() == b"a"


def test_shared_escapes_what_it_is_given() -> None:
    shared = Shared(page='<p class="x">&amp;</p>', title='a "title" & <more>', still="", height=10)
    ((frame, _),) = Parsed(shared.html).all("iframe")
    assert (frame["srcdoc"], frame["title"]) == (shared.page, shared.title)
    assert html.escape(shared.title) in shared.html
