"""The page opens from disk without a kernel and without a network, and answers as the kernel did."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import attnwidget as aw
from attnwidget.errors import InputError
from attnwidget.export.page import page
from attnwidget.export.recording import EXACT_BYTES
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.wire.arrays import unpack
from attnwidget.wire.patterns import COMPAND_ERROR
from attnwidget.wire.schema import PROTOCOL, State
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import READY, Explorer

PROMPT = "The cat chased the dog because it was tired."

# In place of the front end: keeps the model that it is given, so that a test can ask it.
ASK = """export default { render({ model }) {
  window.ask = (request) => new Promise((done) => {
    model.on("msg:custom", function heard(content, buffers) {
      if (content.id !== request.id) return;
      model.off("msg:custom", heard);
      const text = (view) => btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
      done([content, buffers.map(text)]);
    });
    model.send(request);
  });
  window.model = model;
} };"""


@pytest.fixture(scope="module")
def chromium(bundle: Path) -> Iterator[Browser]:
    with Browser(1100, 900) as opened:
        yield opened


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser; an error in a page's console or any request that leaves the file fails the test."""
    chromium.reset()
    yield chromium
    errors, offsite = chromium.errors(), chromium.offsite()
    chromium.reset()
    assert errors == []
    assert offsite == []


@pytest.fixture(scope="module")
def runner() -> Any:
    return aw.ModelRunner()


def state_of(explorer: aw.AttentionExplorer) -> State:
    return cast(State, {name: getattr(explorer, name) for name in State.__annotations__})


def given(n: int, layers: int = 3, heads: int = 4, **traits: Any) -> aw.AttentionExplorer:
    """Explore random causal weights."""
    scores = np.random.default_rng(0).normal(size=(layers, heads, n, n)) * 2
    scores[..., np.triu_indices(n, 1)[0], np.triu_indices(n, 1)[1]] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return aw.explore(attentions=weights, tokens=[f"t{place}" for place in range(n)], **traits)


def opened(browser: Browser, folder: Path, text: str) -> Page:
    """Save a page and open the file."""
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    tab = browser.new_page()
    tab.goto(path.as_uri())
    return tab


def explorer_on(tab: Page) -> Explorer:
    expect(tab.locator(READY)).to_have_count(1)
    return Explorer(tab.locator(".attnwidget"))


def colours(tab: Page) -> int:
    """Return how many colours the pane's canvases show."""
    return int(
        tab.evaluate(
            """() => new Set([...document.querySelectorAll(".aw-pane canvas")].flatMap((canvas) => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return [...new Set(new Uint32Array(data.buffer))];
            })).size"""
        )
    )


def picture_of(tab: Page) -> str:
    script = "canvases => canvases.map(canvas => canvas.toDataURL()).join()"
    return str(tab.locator(".aw-pane canvas").evaluate_all(script))


# ---------------------------------------------------------------------- on screen


@pytest.mark.parametrize("view", ["head", "model", "matrix"])
def test_it_draws_and_moves(view: str, browser: Browser, tmp_path: Path, runner: Any) -> None:
    shown = aw.explore(PROMPT, runner=runner, view=view, layer=1, heads=[0])
    tab = opened(browser, tmp_path, page(shown.record, state_of(shown)))
    explorer = explorer_on(tab)
    assert colours(tab) > 10
    before = picture_of(tab)
    expect(explorer.layer).to_have_value("1")
    explorer.layer.focus()
    tab.keyboard.press("ArrowRight")
    expect(explorer.layer).to_have_value("2")
    tab.wait_for_function(
        "before => [...document.querySelectorAll('.aw-pane canvas')]"
        ".map(canvas => canvas.toDataURL()).join() !== before",
        arg=before,
    )
    assert {re.sub(r"\W.*", "", url) for url in browser.requests} <= {"file", "blob"}


@pytest.mark.parametrize("source", ["model", "tensors"])
def test_every_pane_opens(source: str, browser: Browser, tmp_path: Path, runner: Any) -> None:
    shown = aw.explore(PROMPT, runner=runner) if source == "model" else given(12)
    tab = opened(browser, tmp_path, page(shown.record, state_of(shown)))
    explorer = explorer_on(tab)
    seen = set()
    for name in ("Head", "Model", "Neuron", "Matrix", "Text", "Metrics"):
        explorer.tab(name).click()
        expect(explorer.root).to_have_attribute("data-view", name.lower())
        expect(explorer.root).not_to_have_attribute("aria-busy", "true")
        expect(explorer.alert).to_have_count(0)
        seen.add(tab.locator(".aw-pane").inner_html())
    assert len(seen) == 6


def test_it_says_what_it_is(browser: Browser, tmp_path: Path, runner: Any) -> None:
    shown = aw.explore(PROMPT, runner=runner)
    tab = opened(browser, tmp_path, page(shown.record, state_of(shown)))
    explorer = explorer_on(tab)
    expect(explorer.run).to_be_hidden()
    expect(explorer.prompt).to_have_js_property("readOnly", True)
    expect(tab.locator("footer")).to_contain_text("exact, recorded, no kernel")
    expect(tab.get_by_text("A recording made with attnwidget. Weights are exact float32.")).to_be_visible()
    assert "The cat chased" in tab.title()


def test_large_ones_are_8_bit_and_say_so(browser: Browser, tmp_path: Path) -> None:
    shown = given(96, layers=8, heads=8)
    assert EXACT_BYTES < 4 * 8 * 8 * 96 * 96
    tab = opened(browser, tmp_path, page(shown.record, state_of(shown)))
    explorer_on(tab)
    assert colours(tab) > 10
    expect(tab.get_by_text("Weights are 8-bit: each within 0.004 of the recorded one.")).to_be_visible()
    expect(tab.locator("footer")).to_contain_text("drawn in 8 bits")
    tab.locator(".ap-column-query [data-index='5']").click()
    expect(tab.locator(".aw-inspector")).to_contain_text("≈.")


def test_two_on_one_page(browser: Browser, tmp_path: Path) -> None:
    first, second = given(5), given(6, view="matrix")
    both = page(first.record, state_of(first)) + page(second.record, state_of(second)) * 2
    tab = opened(browser, tmp_path, both)
    expect(tab.locator(READY)).to_have_count(3)
    views = tab.locator(".attnwidget").evaluate_all("roots => roots.map(root => root.dataset.view)")
    assert views == ["head", "matrix", "matrix"]


def test_without_scripts_there_is_a_picture(browser: Browser, tmp_path: Path) -> None:
    shown = given(5)
    (source,) = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page(shown.record, state_of(shown)))
    assert base64.b64decode(source).startswith(b"\x89PNG")
    assert page(shown.record, state_of(shown)).index("<img") < page(shown.record, state_of(shown)).index(
        "<script"
    )


def test_where_the_view_cannot_start_the_picture_stays(browser: Browser, tmp_path: Path) -> None:
    shown = given(5)
    broken = "throw new Error('modules are blocked')"
    tab = opened(browser, tmp_path, page(shown.record, state_of(shown), esm=broken))
    expect(tab.get_by_text("could not start here (Error: modules are blocked)")).to_be_visible()
    expect(tab.get_by_role("img", name="AttentionExplorer(given attention, 5 tokens")).to_be_visible()


@pytest.mark.parametrize(("theme", "dark"), [("dark", True), ("light", False)])
def test_the_paper_has_the_theme(theme: str, dark: bool, browser: Browser, tmp_path: Path) -> None:
    shown = given(5, theme=theme)
    tab = opened(browser, tmp_path, page(shown.record, state_of(shown)))
    explorer_on(tab)
    # A corner that the explorer does not reach.
    shot = tab.screenshot(clip={"x": 0, "y": 0, "width": 4, "height": 4})
    pixel = Image.open(io.BytesIO(shot)).convert("L").getpixel((1, 1))
    assert (cast(int, pixel) < 60) == dark


def test_no_text_ends_a_script(browser: Browser, tmp_path: Path) -> None:
    tokens = ["</script>", "<!--", "<script>", "'\"&\u2028", "</p><img src=x onerror=alert(1)>"]
    shown = aw.explore(
        attentions=np.full((1, 1, 5, 5), 0.2), tokens=tokens, prompt="".join(tokens), layer=0, heads=[0]
    )
    text = page(shown.record, state_of(shown))
    assert text.count("</script>") == 2
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", text)
    tab = opened(browser, tmp_path, text)
    explorer = explorer_on(tab)
    expect(explorer.prompt).to_have_value("".join(tokens))


# ---------------------------------------------------------------------- what it answers


class Asked:
    """A page whose recorded replies are asked for one by one, and the kernel beside it."""

    def __init__(self, browser: Browser, folder: Path, record: AttentionRecord, state: State) -> None:
        self.tab = opened(browser, folder, page(record, state, esm=ASK))
        self.tab.wait_for_function("window.ask !== undefined")
        self.service = Service(record)

    def page(self, kind: str, **args: Any) -> dict[str, Any]:
        content, buffers = self.tab.evaluate("request => window.ask(request)", self._request(kind, args))
        if not content["ok"]:
            return dict(content["error"])
        return self._read(content["meta"], [base64.b64decode(text) for text in buffers])

    def kernel(self, kind: str, **args: Any) -> dict[str, Any]:
        heard: list[tuple[Any, Any]] = []
        self.service.handle(self._request(kind, args), lambda content, parts: heard.append((content, parts)))
        ((content, buffers),) = heard
        assert content["ok"], content
        return self._read(content["meta"], buffers)

    def both(self, kind: str, **args: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.page(kind, **args), self.kernel(kind, **args)

    @staticmethod
    def _request(kind: str, args: dict[str, Any]) -> dict[str, Any]:
        return {"protocol": PROTOCOL, "id": f"{kind} {args}", "kind": kind, "record": "", "args": args}

    @staticmethod
    def _read(meta: dict[str, Any], buffers: list[Any]) -> dict[str, Any]:
        return {
            name: unpack(cast(Any, value), buffers)
            if isinstance(value, dict) and "buffer" in value
            else value
            for name, value in meta.items()
        }


def assert_same(page: dict[str, Any], kernel: dict[str, Any], atol: float = 0.0) -> None:
    assert kernel.keys() <= page.keys() | {"error"}
    for name in kernel.keys() - {"error"}:
        if isinstance(kernel[name], np.ndarray):
            rtol = 1e-6 if atol else 0
            np.testing.assert_allclose(page[name], kernel[name], rtol=rtol, atol=atol, err_msg=name)
        elif isinstance(kernel[name], float):
            assert page[name] == pytest.approx(kernel[name]), name
        else:
            assert page[name] == kernel[name], name


def test_replies_are_the_kernel_own(browser: Browser, tmp_path: Path, runner: Any) -> None:
    shown = aw.explore(PROMPT, runner=runner)
    asked = Asked(browser, tmp_path, shown.record, state_of(shown))
    for kind in ("model", "metrics", "predictions"):
        args = {} if kind == "predictions" else {"site": "decoder"}
        assert_same(*asked.both(kind, **args))
    place = {"site": "decoder", "layer": 2}
    for heads, thumbnails in (([1, 3], True), ([], True), ([2], False)):
        page, kernel = asked.both("layer", **place, heads=heads, thumbnails=thumbnails)
        assert_same(page, kernel)
        assert page["error"] == 0
    for query in (0, 4, 9):
        page, kernel = asked.both("row", **place, heads=[0, 3], query=query)
        assert_same(page, kernel, atol=2e-6)
        assert page["error"] == 0
        for keys in ({}, {"keys": True}, {"keys": False}):
            assert_same(*asked.both("neuron", **place, head=1, query=query, **keys), atol=2e-6)
    page, kernel = asked.both("open")
    assert_same(page, kernel | {"can_merge": False, "can_weigh": False})


@pytest.mark.parametrize("exact_bytes", [10**9, 0])
def test_thumbnails_of_pooled_and_undefined_weights(
    exact_bytes: int, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.export.recording.EXACT_BYTES", exact_bytes)
    shown = given(130, layers=2, heads=3)
    weights = np.stack([shown.record.site(layer).weights() for layer in (0, 1)])
    weights[1, 2, 100, 50] = np.nan
    record = AttentionRecord.from_attentions(weights, [f"t{place}" for place in range(130)])
    asked = Asked(browser, tmp_path, record, state_of(aw.explore(record=record)))
    page, kernel = asked.both("layer", site="decoder", layer=1, heads=[], thumbnails=True)
    assert page["thumbnails"].shape == (3, 44, 44)
    assert (kernel["thumbnails"] == 254).sum() == 1
    np.testing.assert_array_equal(page["thumbnails"], kernel["thumbnails"])
    assert_same(*asked.both("model", site="decoder"))


def test_a_model_with_everything_in_its_scores(browser: Browser, tmp_path: Path) -> None:
    """Grouped keys, rotation, soft cap, sinks and a position bias, put together by hand."""
    import torch

    from attnwidget.record.qk import QKSite
    from attnwidget.record.visibility import Visibility

    generator = torch.Generator().manual_seed(0)
    site = QKSite(
        kind="decoder",
        layer=3,
        name="made up",
        route="interface",
        heads=4,
        kv_heads=2,
        queries=7,
        keys=7,
        visibility=Visibility(causal=True),
        softcap=2.0,
        scaling=0.5,
        has_sinks=True,
        rotary=True,
        q=torch.randn(4, 7, 8, generator=generator),
        k=torch.randn(2, 7, 8, generator=generator),
        bias=torch.randn(4, 7, 7, generator=generator),
        sink_scores=torch.tensor([0.3, -1.2, 2.0, -9.0]),
    )
    tokens = aw.AttentionRecord.from_attentions(np.full((1, 7, 7), 1 / 7), [f"t{i}" for i in range(7)]).tokens
    record = AttentionRecord(
        model=aw.explore(attentions=np.full((1, 2, 2), 0.5), tokens=["a", "b"]).record.model,
        prompt="made up",
        streams={"decoder": tokens},
        sites=(site,),
    )
    shown = aw.explore(record=record)
    asked = Asked(browser, tmp_path, record, state_of(shown))
    for head in range(4):
        for query in (0, 3, 6):
            page, kernel = asked.both("neuron", site="decoder", layer=3, head=head, query=query)
            assert_same(page, kernel, atol=2e-6)
            assert kernel["sink"] > 0
    assert_same(*asked.both("row", site="decoder", layer=3, heads=[0, 3], query=5), atol=2e-6)
    assert_same(*asked.both("layer", site="decoder", layer=3, heads=[1, 2], thumbnails=True))


def test_8_bit_rows_say_how_far_they_may_be_off(browser: Browser, tmp_path: Path) -> None:
    shown = given(96, layers=8, heads=8)
    asked = Asked(browser, tmp_path, shown.record, state_of(shown))
    for kind, args in (("row", {"heads": [0, 7]}), ("neuron", {"head": 7})):
        page, kernel = asked.both(kind, site="decoder", layer=3, query=60, **args)
        assert page["error"] == pytest.approx(COMPAND_ERROR)
        off = np.abs(page["weights"] - kernel["weights"]).max()
        assert 0 < off <= COMPAND_ERROR
        assert page["scores"] is None
    page, _ = asked.both("layer", site="decoder", layer=3, heads=[2], thumbnails=True)
    assert page["patterns"].dtype == np.uint8
    assert page["error"] == pytest.approx(COMPAND_ERROR)


def test_what_needs_a_kernel_says_so(browser: Browser, tmp_path: Path) -> None:
    shown = given(5)
    asked = Asked(browser, tmp_path, shown.record, state_of(shown))
    refused = asked.page("run", prompt="new")
    assert (refused["code"], "needs a kernel" in refused["what"]) == ("not-recorded", True)
    assert asked.page("layer", site="decoder", layer=9, heads=[], thumbnails=True)["code"] == "not-recorded"
    assert asked.page("predictions")["code"] == "not-recorded"
    assert asked.page("cancel") == {}


# ---------------------------------------------------------------------- size


@pytest.mark.parametrize(
    ("neuron_bytes", "exact_bytes", "said"),
    [
        (10**9, 10**9, "float32. A new prompt"),
        (0, 10**9, "Queries and keys are left out"),
        (10**9, 0, "pointed at is computed exactly"),
    ],
)
def test_the_note_says_what_was_left_out(
    neuron_bytes: int, exact_bytes: int, said: str, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.export.recording.NEURON_BYTES", neuron_bytes)
    monkeypatch.setattr("attnwidget.export.recording.EXACT_BYTES", exact_bytes)
    shown = aw.explore(PROMPT, runner=runner)
    assert said in page(shown.record, state_of(shown), esm="x")


def test_8_bit_patterns_with_exact_rows(
    browser: Browser, tmp_path: Path, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.export.recording.EXACT_BYTES", 0)
    shown = aw.explore(PROMPT, runner=runner)
    asked = Asked(browser, tmp_path, shown.record, state_of(shown))
    place = {"site": "decoder", "layer": 1}
    page, kernel = asked.both("row", **place, heads=[0, 1, 2, 3], query=8)
    assert_same(page, kernel, atol=2e-6)
    assert page["error"] == 0
    layer, _ = asked.both("layer", **place, heads=[0], thumbnails=False)
    assert layer["patterns"].dtype == np.uint8


def test_without_queries_and_keys_the_neuron_view_has_weights_alone(
    browser: Browser, tmp_path: Path, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.export.recording.NEURON_BYTES", 0)
    shown = aw.explore(PROMPT, runner=runner, view="neuron")
    asked = Asked(browser, tmp_path, shown.record, state_of(shown))
    place = {"site": "decoder", "layer": 1, "head": 2, "query": 4}
    page, kernel = asked.both("neuron", **place)
    np.testing.assert_allclose(page["weights"], kernel["weights"], atol=1e-6)
    assert (page["q"], page["k"], page["scores"], page["scaling"]) == (None, None, None, None)
    told = asked.page("open")["sites"][0]["layers"][1]
    assert told["scores"] is False


def test_small_ones_are_small() -> None:
    shown = given(16, layers=12, heads=12)
    empty = len(page(shown.record, state_of(shown), esm="x"))
    assert empty < 400_000


def test_too_large_a_page_is_refused() -> None:
    shown = given(96, layers=8, heads=8)
    state = state_of(shown)
    whole = page(shown.record, state, esm="x")
    assert len(page(shown.record, state, esm="x", limit=len(whole))) == len(whole)
    with pytest.raises(InputError, match=r"may hold .* MB\. Show fewer layers"):
        page(shown.record, state, esm="x", limit=len(whole) - 1)
    with pytest.raises(InputError, match="million numbers"):
        page(shown.record, state, esm="x", limit=1000)


def test_the_same_explorer_gives_the_same_page() -> None:
    shown = given(5)
    assert page(shown.record, state_of(shown)) == page(shown.record, state_of(shown))
