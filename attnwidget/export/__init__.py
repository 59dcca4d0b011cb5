"""Still pictures of an explorer, for readers without a kernel and without scripts."""

from attnwidget.export.frame import Look
from attnwidget.export.picture import describe, picture

__all__ = ["Look", "describe", "picture"]
