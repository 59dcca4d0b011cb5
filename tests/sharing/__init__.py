"""Shared notebooks and pages, opened in the programs that readers have."""
