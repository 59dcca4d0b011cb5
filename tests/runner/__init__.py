"""Tests of the runner: real tiny models and tokenizers, built here and saved to disk."""
