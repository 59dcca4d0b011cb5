"""Measures what the README claims; figures are ratios within one run on one machine."""
