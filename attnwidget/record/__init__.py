"""The record of one run: tokens, attention sites, weights on demand. Needs numpy only."""

from __future__ import annotations

from attnwidget.record.record import AttentionRecord, ModelInfo, Predictions, Stream, streams_of
from attnwidget.record.sites import DenseSite, Kind, Pick, Route, ScoreTerms, Site, Thumbnails
from attnwidget.record.tokens import Token, text_tokens
from attnwidget.record.visibility import Visibility

__all__ = [
    "AttentionRecord",
    "DenseSite",
    "Kind",
    "ModelInfo",
    "Pick",
    "Predictions",
    "Route",
    "ScoreTerms",
    "Site",
    "Stream",
    "Thumbnails",
    "Token",
    "Visibility",
    "streams_of",
    "text_tokens",
]
