"""Keeps the notebooks executed, and checks that they still show what they show."""
