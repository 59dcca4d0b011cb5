"""The wheel holds what a user needs and nothing else, and works in an environment without torch."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

pytestmark = [pytest.mark.release, pytest.mark.timeout(600)]

SIZE = 4_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def dependencies(wheel: Path, platform: str) -> list[str]:
    """Return what the wheel asks for on a platform, without its extras."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        message = Parser().parsestr(archive.read(metadata).decode())
    wanted = [Requirement(line) for line in message.get_all("Requires-Dist", [])]
    here = {"sys_platform": platform, "extra": ""}
    return [
        f"{item.name}{item.specifier}" for item in wanted if not item.marker or item.marker.evaluate(here)
    ]


@pytest.fixture(scope="module")
def light_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with what it asks for under Pyodide, in an environment of its own."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *dependencies(wheel, "emscripten")], check=True, capture_output=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True, capture_output=True)
    return python


def test_holds_the_front_end_and_the_embedded_model(names: list[str]) -> None:
    needed = {
        "attnwidget/__init__.py",
        "attnwidget/py.typed",
        "attnwidget/static/widget.js",
    }
    assert needed <= set(names)
    assert [name for name in names if name.startswith("attnwidget/demo_model/") and ".safetensors" in name]
    assert [name for name in names if name.endswith("/card.json")]
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_holds_nothing_else(names: list[str]) -> None:
    strays = [
        name
        for name in names
        if not name.startswith(("attnwidget/", "attnwidget-"))
        or "__pycache__" in name
        or "node_modules" in name
    ]
    assert strays == []


def test_size(wheel: Path) -> None:
    assert wheel.stat().st_size < SIZE


def test_asks_for_torch_only_where_it_exists(wheel: Path) -> None:
    def asked(platform: str) -> set[str]:
        return {Requirement(line).name for line in dependencies(wheel, platform)}

    models = {"torch", "transformers", "tokenizers", "safetensors"}
    assert models <= asked("linux")
    assert asked("linux") - asked("emscripten") == models


def test_explores_arrays_without_torch(light_python: Path, tmp_path: Path) -> None:
    code = """
import importlib.util, json
import numpy as np
import attnwidget as aw
array = np.tril(np.full((2, 3, 4, 4), 1 / np.arange(1, 5)[:, None]))
explorer = aw.explore(attentions=array, tokens=["a", "b", "c", "d"])
data = explorer._repr_mimebundle_()
data = data[0] if isinstance(data, tuple) else data
print(json.dumps({
    "from": aw.__file__,
    "torch": importlib.util.find_spec("torch") is not None,
    "mime": sorted(data),
    "row": explorer.record.weights(1, 2)[2].tolist(),
    "front end": len(str(explorer._esm)),
}))
"""
    # From a folder where the checkout cannot be imported by accident.
    result = subprocess.run(
        [str(light_python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert "site-packages" in seen["from"]
    assert not seen["torch"]
    assert "application/vnd.jupyter.widget-view+json" in seen["mime"]
    assert seen["row"] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert seen["front end"] > 1_000


@pytest.fixture(scope="module")
def colabs_python(light_python: Path) -> Path:
    """The same environment with Colab's ipywidgets."""
    install = [str(light_python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "ipywidgets==7.7.1"], check=True, capture_output=True)
    return light_python


def seen_by(python: Path, code: str, folder: Path) -> dict[str, Any]:
    """Run a program outside the checkout, and return what it prints last."""
    result = subprocess.run(
        [str(python), "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout.splitlines()[-1]))


def test_shows_view_and_picture_with_ipywidgets_7(colabs_python: Path, tmp_path: Path) -> None:
    """Colab has ipywidgets 7, which shows widgets in another way; the picture must stay beside the view."""
    code = """
import json
import ipywidgets
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
import attnwidget as aw
explorer = aw.explore(attentions=np.full((1, 2, 3, 3), 1 / 3), tokens=["a", "b", "c"], height=333)
data, metadata = InteractiveShell.instance().display_formatter.format(explorer)
explorer.heads = [1]
print(json.dumps({
    "version": ipywidgets.__version__, "mime": sorted(data), "heads": explorer.heads,
    "height": explorer.get_state()["height"], "picture": metadata["image/png"],
}))
"""
    seen = seen_by(colabs_python, code, tmp_path)
    assert seen["version"] == "7.7.1"
    assert seen["mime"] == ["application/vnd.jupyter.widget-view+json", "image/png", "text/plain"]
    assert seen["heads"] == [1]
    assert seen["height"] == 333
    assert seen["picture"]["height"] > 50


def test_messages_stay_small_with_ipywidgets_7(colabs_python: Path, tmp_path: Path) -> None:
    """Colab cuts large messages off: state, snapshot and replies of a record of GPT-2's size."""
    code = """
import base64, json, time
import ipywidgets
import numpy as np
from ipykernel.comm.comm import BaseComm
from ipykernel.kernelbase import Kernel
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
# ipywidgets 7 sends nothing where there is no kernel.
Kernel.instance()
sent = []

def publish(comm, msg_type, data=None, metadata=None, buffers=None, **keys):
    sent.append((data or {}, buffers))

BaseComm.publish_msg = publish

from attnwidget.snapshot import unpack
from attnwidget.wire.schema import PROTOCOL

scores = np.random.default_rng(0).normal(size=(12, 12, 128, 128)).astype(np.float32) * 2
scores[..., np.triu_indices(128, 1)[0], np.triu_indices(128, 1)[1]] = -np.inf
weights = np.exp(scores - scores.max(-1, keepdims=True))
shell.user_ns["array"] = weights / weights.sum(-1, keepdims=True)
make = "import attnwidget as aw; ex = aw.explore(attentions=array, tokens=['t'] * 128)"
shell.run_cell(make + chr(10) + "ex").raise_error()
ex = shell.user_ns["ex"]
stored = [buffers[0] for data, buffers in sent if ["_snapshot"] in data.get("buffer_paths", [])]
saved = json.loads(json.dumps(ipywidgets.Widget.get_manager_state()))["state"]
(kept,) = [part for model in saved.values() for part in model.get("buffers", [])]
header, _ = unpack(base64.b64decode(kept["data"]))

def hear(**data):
    before = len(sent)
    ex.comm.handle_msg({"content": {"data": data}, "buffers": []})
    return len(sent) - before

def ask(kind, **args):
    request = {"protocol": PROTOCOL, "id": kind, "kind": kind, "record": "", "args": args}
    before, until = len(sent), time.monotonic() + 30
    hear(method="custom", content=request)
    while len(sent) == before and time.monotonic() < until:
        time.sleep(0.01)  # what takes long is answered by another thread
    return len(sent) - before

answers = [
    ask("open"),
    ask("model", site="decoder"),
    ask("layer", site="decoder", layer=3, heads=list(range(12)), thumbnails=True),
]
hear(method="update", state={"layer": 7}, buffer_paths=[])
ex.close()

def size(data, buffers):
    return len(json.dumps(data)) + sum(memoryview(part).nbytes for part in buffers or [])

print(json.dumps({
    "largest": max(size(*message) for message in sent),
    "answers": answers,
    "same": base64.b64decode(kept["data"]) == bytes(stored[-1]),
    "record": header["open"]["record"],
    "shown": ex.record_id,
    "layer": ex.layer,
    "left": sent[-1][0]["state"]["_esm"],
}))
"""
    seen = seen_by(colabs_python, code, tmp_path)
    assert 100_000 < seen["largest"] <= 1_000_000
    assert min(seen["answers"]) >= 1
    # What was sent is what is saved, and it is of the record on screen.
    assert seen["same"]
    assert seen["record"] == seen["shown"]
    assert seen["layer"] == 7
    assert seen["left"] == ""
