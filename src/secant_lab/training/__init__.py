"""Races: runs from the same weights and batches, trained while a page shows them.

A race belongs to a page. `secant_lab.rooms.training.Room` creates and holds races, a
`Scheduler` gives each of them turns, and `RaceUpdates` collects what is new for a page.
"""
