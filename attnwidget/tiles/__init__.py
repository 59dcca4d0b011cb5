"""The engine of long prompts: exact pieces of patterns that are never held whole."""

from attnwidget.tiles.engine import Column, Engine, Tile, engine_of

__all__ = ["Column", "Engine", "Tile", "engine_of"]
