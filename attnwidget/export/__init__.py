"""Still pictures of an explorer, for readers without a kernel and without scripts."""

from attnwidget.export.picture import Look, describe, picture

__all__ = ["Look", "describe", "picture"]
