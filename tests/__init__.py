"""Tests, benchmarks and the harness that drives notebooks."""
