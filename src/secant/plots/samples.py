"""Samples as the network sees them, and what it makes of them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.nn.targets import as_labels
from secant.plots.style import BLUE, GREY, ORANGE, bare, figure_of, one, say_empty
from secant.plots.translations import speaker
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
    """The first samples, each with the class that the network finds most likely.

    Args:
        net: The network.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        count: How many samples are shown.
        columns: Samples a row.
        shape: Height and width of the inputs as an image; square if not given.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure. What is right stands in blue; what is wrong in orange, before what
        it should have been. The percentage is the network's own, of its answer.

    Raises:
        InvalidInput: x and t do not go with the network, or make no image.

    Example:
        >>> figure = predictions(MLP((9, 4, 2)), np.eye(9), [1] * 9, count=3)
        >>> figure.axes[0].texts[0].get_text()
        '1, 50%'
    """
    say = speaker(language)
    inputs, labels, outputs = _answers(net, x, t)
    first = slice(validate("count", count, COUNT))
    shown = inputs[first], labels[first], outputs[first]
    title = title or say("Samples and predictions")
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
    """The samples that the network gets wrong, the most certain of itself first.

    Args:
        net: As for `predictions`, and so are all others.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        count: How many are shown at most.
        columns: Samples a row.
        shape: Height and width of the inputs as an image; square if not given.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure; it says so where there is no mistake.

    Raises:
        InvalidInput: As `predictions`.

    Example:
        >>> figure = confident_mistakes(MLP((9, 4, 2)), np.eye(9), [0] * 9)
        >>> figure.axes[0].texts[0].get_text()[:4]
        '1, 5'
    """
    say = speaker(language)
    inputs, labels, outputs = _answers(net, x, t)
    wrong = np.flatnonzero(outputs.argmax(axis=1) != labels)
    # Stable: equally certain ones stay in the order of the samples.
    order = np.argsort(-outputs.max(axis=1)[wrong], kind="stable")
    chosen = wrong[order[: validate("count", count, COUNT)]]
    title = title or say("The most confident mistakes")
    if not len(chosen):
        with one(ax, (7.6, 1.6)) as ax:
            ax.set_axis_off()
            ax.set_title(title)
            say_empty(ax, say("no mistake among {:,} samples", len(inputs)))
            return figure_of(ax)
    shown = inputs[chosen], labels[chosen], outputs[chosen]
    return _draw(net, *shown, columns, shape, title, ax, language)


def _answers(
    net: MLP, x: ArrayLike, t: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, labels, and outputs as the loss reads them."""
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
    say = speaker(language)
    images = as_images(inputs, shape)
    width = images.shape[2]
    room = max(int(0.42 * width), 2)
    mosaic = Mosaic(
        images,
        min(validate("columns", columns, COUNT), len(images)),
        (room, width // 4),
    )
    form = "{}, {:.0%}" if LOSSES[net.architecture.loss].probabilities else "{}, {:.2g}"
    with one(ax, mosaic.size(0.76 * mosaic.columns + 0.2, 0.8)) as ax:
        ax.imshow(
            np.ma.masked_invalid(mosaic.sheet()),
            cmap="Greys",
            interpolation="nearest",
        )
        mosaic.frame(ax, above=room)
        for place, label in enumerate(labels):
            answer = int(outputs[place].argmax())
            text = form.format(answer, outputs[place, answer])
            right = answer == label
            if not right:
                text = f"{text} ({label})"
            mosaic.write_above(ax, place, text, BLUE if right else ORANGE)
        ax.set_title(f"{title}\n{say('answer, how sure (true class)')}")
        return figure_of(ax)


# Which class is taken for which.

_RIGHT = LinearSegmentedColormap.from_list("right", ["#ffffff", BLUE])
_WRONG = LinearSegmentedColormap.from_list("wrong", ["#ffffff", ORANGE])

# More counts than these in a picture cannot be read.
_READABLE = 20


def confusion_matrix(
    net: MLP,
    x: ArrayLike,
    t: ArrayLike,
    *,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """How many samples of each class got each answer.

    Args:
        net: The network.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure: rows are true classes, columns answers. What is right is blue,
        what is wrong orange, each as a share of its row; a mistake is at its darkest
        where it takes in a tenth of its class.

    Raises:
        InvalidInput: x and t do not go with the network.

    Example:
        >>> net = MLP((2, 3, 2))
        >>> confusion_counts(net, np.eye(2), [0, 1]).sum()
        np.int64(2)
    """
    say = speaker(language)
    counts = confusion_counts(net, x, t)
    classes, right = len(counts), float(np.trace(counts) / counts.sum())
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(classes, dtype=bool)
    colors = np.where(
        diagonal[..., None], _RIGHT(shares), _WRONG(np.minimum(shares / 0.1, 1) * 0.85)
    )
    side = 2.4 + 0.36 * min(classes, _READABLE)
    with one(ax, (side, side)) as ax:
        ax.imshow(colors, interpolation="nearest")
        bare(ax)
        if classes <= _READABLE:
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
        ax.set_xlabel(say("predicted"))
        ax.set_ylabel(say("true"))
        subtitle = say("{:.1%} of {:,} samples are right", right, int(counts.sum()))
        ax.set_title(f"{title or say('Confusion matrix')}\n{subtitle}")
        return figure_of(ax)


def confusion_counts(net: MLP, x: ArrayLike, t: ArrayLike) -> np.ndarray:
    """Counts, (true classes, answers).

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
