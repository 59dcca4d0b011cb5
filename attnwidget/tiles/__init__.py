"""Exact rows, columns and tiles of patterns that are never held whole."""
