"""Draws the README's picture from a real run: `python tools/readme_picture.py`.

Left, one weight of the network of step 300 and its loss for many values of it, with
the secant through two nudges that are large enough to be seen. Right, the run itself.
Needs the whole of MNIST (`secant data fetch mnist`, or SECANT_DATA).
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import secant
from secant import plots

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "readme.png"
BATCH = 100


def main() -> None:
    """Trains, measures and draws."""
    data = secant.load_mnist()
    net = secant.TwoLayerNet(784, 50, 10, seed=0)
    early = secant.fit(net, data, iterations=300)
    run = secant.fit(net, data, iterations=10_000)
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(11.6, 3.7), layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
        draw_secant(left, early.net, data[0])
        plots.draw_loss(middle, run.losses)
        plots.draw_accuracy(right, run.history)
        figure.savefig(PICTURE)


def draw_secant(axes, net, train) -> None:
    """The loss along one weight, and the secant of two nudges."""
    batch = net.architecture.as_batch(train[0][:BATCH], train[1][:BATCH])
    params = {name: value.astype(np.float64) for name, value in net.params.items()}
    slopes = net.replace(params).gradient(*batch)["W2"]
    at = np.unravel_index(np.argmax(abs(slopes)), slopes.shape)
    start = params["W2"][at]

    def loss(weight: float) -> float:
        nudged = params["W2"].copy()
        nudged[at] = weight
        return float(net.architecture.error({**params, "W2": nudged}, *batch))

    weights = start + np.linspace(-2.4, 2.4, 200)
    axes.plot(weights, [loss(w) for w in weights], color=plots.BLUE, linewidth=1.8)
    h = 0.8
    ends = np.array([start - h, start + h])
    values = np.array([loss(w) for w in ends])
    slope = (values[1] - values[0]) / (2 * h)
    reach = np.array([start - 1.9, start + 1.9])
    axes.plot(
        reach,
        values.mean() + slope * (reach - start),
        color=plots.ORANGE,
        linewidth=1.2,
        label=f"secant: {slope:+.4f}",
    )
    axes.plot(ends, values, "o", color=plots.ORANGE, markersize=6)
    axes.plot(
        reach,
        loss(start) + slopes[at] * (reach - start),
        color=plots.GREY,
        linewidth=1.2,
        linestyle=(0, (4, 3)),
        label=f"tangent (backprop): {slopes[at]:+.4f}",
    )
    axes.plot([start], [loss(start)], "o", color=plots.BLUE, markersize=6)
    marks = (
        (ends[0], "w − h", (9, 5), plots.ORANGE),
        (start, "w", (-6, -13), plots.BLUE),
        (ends[1], "w + h", (3, 9), plots.ORANGE),
    )
    for weight, name, offset, color in marks:
        axes.annotate(
            name,
            (weight, loss(weight)),
            offset,
            textcoords="offset points",
            ha="right" if weight == start else "left",
            color=color,
        )
    axes.set_title("A weight is nudged, the loss moves")
    axes.set_xlabel(f"one weight, w = W2[{at[0]}, {at[1]}]")
    axes.set_ylabel("loss of a batch")
    axes.legend(loc="upper right")


if __name__ == "__main__":
    main()
