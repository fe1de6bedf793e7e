"""Draws the picture of docs/sweeps.md: `python tools/sweep_picture.py sweeps/0001`.

It reads the table of the sweep on that page.
"""

import csv
import sys
from pathlib import Path

from gallery import DOCS, save

from secant import plots

PICTURE = DOCS / "images" / "sweep.png"
NAMES = ("learning_rate", "hidden", "optimizer", "batch_size")
NUMBERS = {"learning_rate": float, "hidden": int, "batch_size": int}


def main(folder: Path) -> None:
    """Reads the trials and draws them."""
    with (folder / "trials.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["trial"]))
    rows = [row for row in rows if row["score"]]
    figure = plots.search(
        [{name: NUMBERS.get(name, str)(row[name]) for name in NAMES} for row in rows],
        [float(row["score"]) for row in rows],
        unfinished=[row["state"] != "finished" for row in rows],
        score="validation accuracy",
        log=["learning_rate", "batch_size"],
    )
    save(figure, PICTURE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
