"""Confusion matrices."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.networks import MLP
from secant.plots.style import BLUE, GREY, ORANGE, figure_of, hide_frame, single_axes
from secant.plots.words import translator
from secant.targets import as_labels

_RIGHT = LinearSegmentedColormap.from_list("right", ["#ffffff", BLUE])
_WRONG = LinearSegmentedColormap.from_list("wrong", ["#ffffff", ORANGE])

# With more classes the counts are too small to read.
_MAX_LABELLED_CLASSES = 20


def confusion_matrix(
    net: MLP,
    x: ArrayLike,
    t: ArrayLike,
    *,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The number of samples of each class with each prediction.

    Args:
        net: The network.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure: rows are true classes, columns predictions. Right answers are blue
        and mistakes orange, each as a share of its row. A mistake has the darkest
        orange from a tenth of its class.

    Raises:
        InvalidInput: x and t do not fit the network.

    Example:
        >>> net = MLP((2, 3, 2))
        >>> confusion_counts(net, np.eye(2), [0, 1]).sum()
        np.int64(2)
    """
    tr = translator(language)
    counts = confusion_counts(net, x, t)
    classes, right = len(counts), float(np.trace(counts) / counts.sum())
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(classes, dtype=bool)
    colors = np.where(
        diagonal[..., None], _RIGHT(shares), _WRONG(np.minimum(shares / 0.1, 1) * 0.85)
    )
    side = 2.4 + 0.36 * min(classes, _MAX_LABELLED_CLASSES)
    with single_axes(ax, (side, side)) as ax:
        ax.imshow(colors, interpolation="nearest")
        hide_frame(ax)
        if classes <= _MAX_LABELLED_CLASSES:
            ax.set_xticks(range(classes))
            ax.set_yticks(range(classes))
            for (row, column), count in np.ndenumerate(counts):
                dark = shares[row, column] > (0.5 if row == column else 0.07)
                ax.text(
                    column,
                    row,
                    f"{count:,}" if count else "·",
                    ha="center",
                    va="center",
                    color="white" if dark else (GREY if not count else "black"),
                    fontsize=9,
                )
        ax.tick_params(length=0)
        ax.set_xlabel(tr("predicted"))
        ax.set_ylabel(tr("true"))
        subtitle = tr("{:.1%} of {:,} samples are right", right, int(counts.sum()))
        ax.set_title(f"{title or tr('Confusion matrix')}\n{subtitle}")
        return figure_of(ax)


def confusion_counts(net: MLP, x: ArrayLike, t: ArrayLike) -> np.ndarray:
    """Counts, (true classes, predictions).

    Example:
        >>> net = MLP((2, 2), bias=False).replace({"W1": np.eye(2)})
        >>> confusion_counts(net, [[3, 0], [0, 3], [0, 3]], [0, 1, 0])
        array([[1, 1],
               [0, 1]])
    """
    inputs, targets = net.architecture.as_batch(np.asarray(x), np.asarray(t))
    scores = np.asarray(net.architecture.scores(net.params, inputs))
    labels = np.asarray(as_labels(targets, scores.shape))
    counts = np.zeros((scores.shape[1],) * 2, np.int64)
    np.add.at(counts, (labels, scores.argmax(axis=1)), 1)
    return counts
