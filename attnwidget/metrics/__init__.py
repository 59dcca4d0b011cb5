"""Pure functions on weights."""
