"""The pictures of docs/benchmarks.md, from what the benchmarks wrote with --out.

python benchmarks/picture.py training.json scaling.json docs/images
"""

import json
import sys
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.figure import Figure

from secant.plots import BLUE, COLORS, GREY, STYLE

TITLES = {
    "notebook": "the notebook's own loop",
    "definition": "Secant, definition",
    "weight": "Secant, weight",
    "node": "Secant, node",
    "backprop": "Secant, backprop",
    "jax": "JAX by hand",
    "numpy": "NumPy by hand",
    "keras": "Keras on JAX",
    "sklearn": "scikit-learn",
    "pytorch": "PyTorch, eager",
}


def amount(seconds: float) -> str:
    if seconds < 1000:
        return f"{seconds:.1f} s"
    return f"{seconds / 86400:.1f} days"


def bars(rounds: dict) -> Figure:
    times = {peer: median(a["seconds"] for a in rounds[peer]) for peer in rounds}
    order = sorted(times, key=times.__getitem__, reverse=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 4.2), layout="constrained")
        axes = figure.subplots()
        colors = [BLUE if TITLES[p].startswith("Secant") else GREY for p in order]
        axes.barh([TITLES[p] for p in order], [times[p] for p in order], color=colors)
        axes.set_xscale("log")
        axes.set_xlim(0.8, max(times.values()) * 12)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("seconds for 10,000 steps of 784-50-10, batch 100")
        axes.set_title("The notebook's training run")
        for place, peer in enumerate(order):
            axes.text(times[peer] * 1.15, place, amount(times[peer]), va="center")
        return figure


def lines(results: dict) -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.2, 3.6), layout="constrained")
        for axes, (what, cases) in zip(
            figure.subplots(1, len(results), sharey=True, squeeze=False)[0],
            results.items(),
            strict=True,
        ):
            varied = {
                "hidden neurons": lambda case: case["sizes"][1],
                "hidden layers of 50": lambda case: len(case["sizes"]) - 2,
                "samples a batch": lambda case: case["samples"],
            }[what]
            for name, color in zip(cases[0]["seconds"], COLORS, strict=False):
                points = [
                    (varied(case), 1e3 * median(case["seconds"][name]))
                    for case in cases
                    if case["seconds"][name]
                ]
                axes.plot(*zip(*points, strict=True), "o-", color=color, label=name)
            if what != "hidden layers of 50":
                axes.set_xscale("log")
            else:
                axes.set_xticks([varied(case) for case in cases])
            axes.set_yscale("log")
            axes.set_xlabel(what)
        figure.axes[0].set_ylabel("milliseconds a gradient")
        figure.axes[0].legend()
        return figure


def main() -> None:
    training, scaling, folder = map(Path, sys.argv[1:4])
    bars(json.loads(training.read_text())["rounds"]).savefig(folder / "benchmark.png")
    lines(json.loads(scaling.read_text())).savefig(folder / "scaling.png")


if __name__ == "__main__":
    main()
