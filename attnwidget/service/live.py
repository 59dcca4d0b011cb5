"""Request -> reply for the part of the front end that notebooks do not store: only a kernel can serve it."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files

import numpy as np

from attnwidget.errors import MissingDependencyError
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.schema import LiveMeta


def answer_live() -> tuple[LiveMeta, Buffers]:
    """Answer `live`: the module as it was built.

    Raises
    ------
    MissingDependencyError
        If this copy of the package was never built.
    """
    module = files("attnwidget") / "static" / "live.js.gz"
    if not module.is_file():
        raise MissingDependencyError(
            "This copy of attnwidget lacks the views of long prompts.",
            "Install a release, or run make build.",
        )
    buffers = Buffers()
    code = buffers.add(np.frombuffer(module.read_bytes(), dtype=np.uint8))
    return {"version": version("attnwidget"), "module": code}, buffers
