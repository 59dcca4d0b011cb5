"""The wire: one schema of state, requests and replies, and how arrays are packed."""
