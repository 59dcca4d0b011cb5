"""The engine of long prompts: exact pieces of patterns that are never held whole."""

from attnwidget.tiles.columns import Column
from attnwidget.tiles.draw import Tile
from attnwidget.tiles.engine import Engine, engine_of, let_go

__all__ = ["Column", "Engine", "Tile", "engine_of", "let_go"]
