"""Whole programs on the public API."""
