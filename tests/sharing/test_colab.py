"""What the front end asks of Colab, of whose page a stand-in is made here."""

from __future__ import annotations

import json
from pathlib import Path

import attnwidget as aw
from attnwidget.wire.schema import State
from tests.e2e.harness.browser import Browser

SHOW = """
async ({ esm, state }) => {
  const asked = [];
  const setIframeHeight = (...wanted) => asked.push(wanted);
  globalThis.google = { colab: { output: { setIframeHeight } } };
  const address = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const { render } = await (await import(address)).default();
  const nothing = () => {};
  const model = { get: (key) => state[key], set: nothing, on: nothing, off: nothing, send: nothing };
  render({ model: { ...model, save_changes: nothing }, el: document.body });
  return asked;
}
"""


def test_the_frame_grows_with_a_high_explorer(chromium: Browser, bundle: Path) -> None:
    explorer = aw.explore("The cat sat.", height=1800)
    state = {name: getattr(explorer, name) for name in State.__annotations__}
    page = chromium.new_page()
    esm = (bundle / "widget.js").read_text(encoding="utf-8")
    # 0 stands for the height of the content.
    (asked,) = page.evaluate(SHOW, {"esm": esm, "state": json.loads(json.dumps(state))})
    assert asked[0] == 0
    assert asked[2]["maxHeight"] > page.evaluate("document.body.scrollHeight") > 1800
