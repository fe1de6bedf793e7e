"""Damaged files, and the watch over those who read them."""
