"""Still pictures of an explorer, for readers without a kernel and without scripts."""

from attnwidget.export.frame import Look
from attnwidget.export.picture import describe, picture
from attnwidget.export.share import Shared

__all__ = ["Look", "Shared", "describe", "picture"]
