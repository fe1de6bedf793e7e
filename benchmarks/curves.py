"""Test accuracy of weight, node and backprop along one run, from one seed.

    python benchmarks/curves.py --data /folder/with/mnist [--out docs/images]

Same first weights, same batches: the curves should lie on top of each other. Prints
how far they do not, and draws them.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

import secant
from secant.history import History
from secant.plots import COLORS, STYLE

# The widest first, so that all can be seen where they agree.
WIDTHS = {"backprop": 7.0, "node": 4.0, "weight": 1.4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="a folder with MNIST; else where Secant looks")
    parser.add_argument("--iterations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a folder for accuracy-curves.png")
    options = parser.parse_args()
    data = secant.load_mnist(folder=options.data)

    histories = {
        method: secant.fit(
            secant.TwoLayerNet(784, 50, 10, seed=options.seed),
            data,
            method,
            iterations=options.iterations,
            seed=options.seed,
        ).history
        for method in WIDTHS
    }

    exact = histories["backprop"]
    print("| method | test accuracy | largest gap to backprop's loss of a batch |")
    print("|---|---:|---:|")
    for method, history in histories.items():
        gap = np.abs(history.losses - exact.losses).max()
        print(f"| `{method}` | {accuracies(history)[-1]:.4f} | {gap:.1e} |")
    if options.out:
        draw(histories).savefig(options.out / "accuracy-curves.png")


def accuracies(history: History) -> list[float]:
    return [e.test_accuracy for e in history.epochs if e.test_accuracy is not None]


def draw(histories: dict[str, History]) -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (method, history), color in zip(histories.items(), COLORS, strict=False):
            steps = [epoch.step for epoch in history.epochs]
            found = accuracies(history)
            label = f"{method}: {found[-1]:.2%} at the end"
            left.plot(steps, found, color=color, linewidth=WIDTHS[method], label=label)
            if method != "backprop":
                gaps = np.abs(history.losses - histories["backprop"].losses)
                # float32 gives many losses the same digits: zeros are not drawn.
                right.plot(np.where(gaps, gaps, np.nan), ".", color=color,
                           markersize=1.5, alpha=0.5, label=method)  # fmt: skip
        left.set_title("Test accuracy, one on top of the other")
        left.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        left.set_ylim(0, 1)
        right.set_title("The loss of each batch, less that of backprop")
        right.set_yscale("log")
        right.set_ylim(1e-9, 1)
        for axes in (left, right):
            axes.set_xlabel("step")
            axes.set_xlim(0)
        left.legend(loc="lower right")
        right.legend(loc="upper right", markerscale=8)
        return figure


if __name__ == "__main__":
    main()
