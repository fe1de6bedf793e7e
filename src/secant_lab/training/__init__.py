"""Races: runs from the same weights and batches, trained while they are looked at.

A race belongs to a page. `room.Room` is asked for races and has them; a `Scheduler`
gives each of them its turn; a `Watcher` tells a page what is new.
"""
