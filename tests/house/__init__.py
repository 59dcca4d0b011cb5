"""Tests of the package as its users get it: imports, wheel, bundle, the README's commands."""
