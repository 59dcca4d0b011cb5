"""Typed errors: a stable code, one sentence on what is wrong, one on what to do about it.

The same object is raised in Python and travels to the front end as `code`, `what` and `todo`.
"""

from __future__ import annotations

from typing import ClassVar


class AttnWidgetError(Exception):
    """Base of every error that attnwidget raises on purpose.

    Parameters
    ----------
    what : str
        One sentence that says what is wrong.
    todo : str
        One sentence that says what to do about it.

    Attributes
    ----------
    code : str
        Stable identifier, the same in Python and in the front end.
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(f"{what} {todo}".strip())
        self.what = what
        self.todo = todo


class InputError(AttnWidgetError, ValueError):
    """An argument is not usable as given."""

    code = "input"


class EmptyPromptError(InputError):
    """The prompt holds no token."""

    code = "empty-prompt"


class PromptTooLongError(InputError):
    """The prompt has more tokens than the model has positions."""

    code = "prompt-too-long"


class ShapeError(InputError):
    """Attention tensors or tokens do not have the shape that they must have."""

    code = "shape"


class NoAttentionError(AttnWidgetError, ValueError):
    """There is no attention to show: the model has none, or returned none."""

    code = "no-attention"


class CaptureError(AttnWidgetError, RuntimeError):
    """An attention site could not be captured, or its recomputation does not agree with the model."""

    code = "capture"


class FidelityError(CaptureError):
    """Recomputed attention does not reproduce what the model's own attention returned."""

    code = "fidelity"


class NotRecordedError(AttnWidgetError, LookupError):
    """The record does not hold what was asked for (for example scores where only weights were seen)."""

    code = "not-recorded"


class ModelLoadError(AttnWidgetError, OSError):
    """A model or tokenizer could not be loaded."""

    code = "model-load"


class TokenizerMismatchError(InputError):
    """The tokenizer produces ids that the model does not have."""

    code = "tokenizer-mismatch"


class OutOfMemoryError(AttnWidgetError, MemoryError):
    """The run does not fit into memory."""

    code = "out-of-memory"


class CacheError(AttnWidgetError, MemoryError):
    """Queries and keys of a run cannot be kept: neither in memory nor on disk within what is allowed."""

    code = "cache"


class CancelledError(AttnWidgetError):
    """The user cancelled the run."""

    code = "cancelled"


class StillRunningError(AttnWidgetError, TimeoutError):
    """A run has not ended within the time that was waited for it."""

    code = "still-running"


class ProtocolError(AttnWidgetError):
    """The front end and the kernel do not speak the same version, or a message is malformed."""

    code = "protocol"


class NotebookError(InputError):
    """A file is not a notebook, or cannot be read or written."""

    code = "notebook"


class MissingDependencyError(AttnWidgetError, ImportError):
    """An optional package is needed for what was asked."""

    code = "missing-dependency"


class SnapshotError(AttnWidgetError, ValueError):
    """Bytes are not a snapshot, are of a version that is not known, or are damaged."""

    code = "snapshot"
