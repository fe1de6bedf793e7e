"""Samples as images, with the network's predictions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.nn.targets import as_labels
from secant.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    figure_of,
    hide_frame,
    single_axes,
    write_message,
)
from secant.plots.translations import translator
from secant.plots.weights import COUNT, Mosaic, as_images
from secant.validation import validate


def predictions(
    net: MLP,
    x: ArrayLike,
    t: ArrayLike,
    *,
    count: int = 30,
    columns: int = 10,
    shape: tuple[int, int] | None = None,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The first samples, each with the network's most probable class.

    Args:
        net: The network.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        count: The number of samples.
        columns: The number of samples in a row.
        shape: Height and width of the inputs as an image; square by default.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure. Right answers are blue; wrong answers are orange, followed by the
        true class. The percentage is the network's probability of its answer.

    Raises:
        InvalidInput: x and t do not fit the network, or are not images.

    Example:
        >>> figure = predictions(MLP((9, 4, 2)), np.eye(9), [1] * 9, count=3)
        >>> figure.axes[0].texts[0].get_text()
        '1, 50%'
    """
    tr = translator(language)
    inputs, labels, outputs = _evaluated(net, x, t)
    first = slice(validate("count", count, COUNT))
    shown = inputs[first], labels[first], outputs[first]
    title = title or tr("Samples and predictions")
    return _draw(net, *shown, columns, shape, title, ax, language)


def confident_mistakes(
    net: MLP,
    x: ArrayLike,
    t: ArrayLike,
    *,
    count: int = 30,
    columns: int = 10,
    shape: tuple[int, int] | None = None,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The samples that the network gets wrong, the highest probability first.

    Args:
        net: The network.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        count: The largest number of samples.
        columns: The number of samples in a row.
        shape: Height and width of the inputs as an image; square by default.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure; without mistakes it holds a sentence that says so.

    Raises:
        InvalidInput: As `predictions`.

    Example:
        >>> figure = confident_mistakes(MLP((9, 4, 2)), np.eye(9), [0] * 9)
        >>> figure.axes[0].texts[0].get_text()[:4]
        '1, 5'
    """
    tr = translator(language)
    inputs, labels, outputs = _evaluated(net, x, t)
    wrong = np.flatnonzero(outputs.argmax(axis=1) != labels)
    # Stable: samples of equal probability keep their order.
    order = np.argsort(-outputs.max(axis=1)[wrong], kind="stable")
    chosen = wrong[order[: validate("count", count, COUNT)]]
    title = title or tr("The most confident mistakes")
    if not len(chosen):
        with single_axes(ax, (7.6, 1.6)) as ax:
            ax.set_axis_off()
            ax.set_title(title)
            write_message(ax, tr("no mistake among {:,} samples", len(inputs)))
            return figure_of(ax)
    shown = inputs[chosen], labels[chosen], outputs[chosen]
    return _draw(net, *shown, columns, shape, title, ax, language)


def _evaluated(
    net: MLP, x: ArrayLike, t: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, labels, and the outputs that the loss gets."""
    inputs, targets = net.architecture.as_batch(np.asarray(x), np.asarray(t))
    outputs = np.asarray(net.architecture.predict(net.params, inputs))
    return np.asarray(inputs), np.asarray(as_labels(targets, outputs.shape)), outputs


def _draw(
    net: MLP,
    inputs: np.ndarray,
    labels: np.ndarray,
    outputs: np.ndarray,
    columns: int,
    shape: tuple[int, int] | None,
    title: str,
    ax: Axes | None,
    language: str,
) -> Figure:
    tr = translator(language)
    images = as_images(inputs, shape)
    width = images.shape[2]
    caption_height = max(int(0.42 * width), 2)
    columns = min(validate("columns", columns, COUNT), len(images))
    mosaic = Mosaic(images, columns, (caption_height, width // 4))
    form = "{}, {:.0%}" if LOSSES[net.architecture.loss].probabilities else "{}, {:.2g}"
    with single_axes(ax, mosaic.figure_size(0.76 * mosaic.columns + 0.2, 0.8)) as ax:
        ax.imshow(
            np.ma.masked_invalid(mosaic.as_image()),
            cmap="Greys",
            interpolation="nearest",
        )
        mosaic.set_limits(ax, above=caption_height)
        for number, label in enumerate(labels):
            answer = int(outputs[number].argmax())
            text = form.format(answer, outputs[number, answer])
            right = answer == label
            if not right:
                text = f"{text} ({label})"
            mosaic.add_caption(ax, number, text, BLUE if right else ORANGE)
        ax.set_title(f"{title}\n{tr('answer, probability (true class)')}")
        return figure_of(ax)


# Confusion matrices.

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
