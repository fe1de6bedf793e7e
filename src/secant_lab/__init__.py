"""`secant lab`: a page on one's own machine where the mathematics can be played with.

A thin server computes with `secant`; what is drawn, static files draw.
"""
