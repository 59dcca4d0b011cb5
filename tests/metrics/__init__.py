"""Tests of the metrics, and the patterns that they share."""
