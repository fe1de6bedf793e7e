"""Processes that are killed, and what they leave: the parts of `kills.py`."""
