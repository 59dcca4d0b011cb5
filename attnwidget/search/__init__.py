"""Finds tokens in a prompt, and the heads and queries with the most attention into or out of them."""
