"""Answers the front end's requests about a record and runs prompts; knows no ipywidgets."""

from attnwidget.service.service import Service

__all__ = ["Service"]
