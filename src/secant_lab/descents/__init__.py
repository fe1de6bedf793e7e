"""Descents over a surface: where each optimiser goes, and what came of it."""
