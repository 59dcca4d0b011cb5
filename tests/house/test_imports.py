"""`import attnwidget` is light, and arrays can be explored where torch does not exist."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "transformers", "tokenizers", "safetensors")


def loaded_after(code: str) -> list[str]:
    """Return which of the heavy packages a fresh interpreter has loaded after running the code."""
    probe = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_the_probe_sees_a_heavy_import() -> None:
    assert "safetensors" in loaded_after("import safetensors")


def test_import_loads_no_model_library() -> None:
    assert loaded_after("import attnwidget") == []


def test_exploring_arrays_loads_no_model_library() -> None:
    code = (
        "import numpy as np\n"
        "import attnwidget as aw\n"
        "array = np.tril(np.full((1, 2, 3, 3), 1 / np.arange(1, 4)[:, None]))\n"
        "explorer = aw.explore(attentions=[array, array], tokens=['a', 'b', 'c'])\n"
        "assert explorer.record.weights(1, 0).shape == (3, 3)"
    )
    assert loaded_after(code) == []
