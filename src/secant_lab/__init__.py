"""Secant lab: an interactive page about the mathematics, on the user's own machine.

A thin server computes with `secant`; static files draw the results.
"""
