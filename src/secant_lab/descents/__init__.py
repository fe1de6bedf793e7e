"""Descents on a surface: the trajectory of each optimiser, and how it ended."""
