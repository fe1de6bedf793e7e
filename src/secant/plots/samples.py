"""Samples as images, with the network's predictions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.losses import LOSSES
from secant.networks import MLP
from secant.plots.mosaics import Mosaic, as_count, as_images
from secant.plots.style import BLUE, ORANGE, figure_of, single_axes, write_message
from secant.plots.words import translator
from secant.targets import as_labels


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
    first = slice(as_count("count", count))
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
    chosen = wrong[order[: as_count("count", count)]]
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
    mosaic = Mosaic(
        images,
        min(as_count("columns", columns), len(images)),
        (caption_height, width // 4),
    )
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
