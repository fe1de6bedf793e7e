"""How well the loss of a batch tells the loss of all samples."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from secant.arrays import ArrayLike
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.plots.style import BLUE, ORANGE, figure_of, one
from secant.plots.translations import speaker
from secant.validation import Each, WholeNumber, validate

SIZES = (1, 3, 10, 30, 100, 300, 1000)


def batch_losses(
    net: MLP,
    x: ArrayLike,
    t: ArrayLike,
    *,
    sizes: Sequence[int] = SIZES,
    draws: int = 60,
    seed: int = 0,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The loss of random batches against their size: n samples for N.

    A batch of n, drawn with replacement as `fit` draws it, has a mean loss whose
    expectation is the loss L of all samples and whose standard deviation is σ/√n,
    with σ that of the losses of single samples.

    Args:
        net: The network.
        x: Inputs, (samples, inputs).
        t: Class labels, or one-hot rows.
        sizes: How many samples a batch has.
        draws: Batches of each size.
        seed: Of the batches.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        A figure: a dot for each batch, the loss L of all samples, and L ± 2σ/√n.

    Raises:
        InvalidInput: x and t do not go with the network; or a size or `draws` is no
            positive whole number.

    Example:
        >>> net = MLP((2, 3, 2), init="xavier")
        >>> x = np.random.default_rng(0).normal(size=(50, 2))
        >>> figure = batch_losses(net, x, [0, 1] * 25, sizes=(1, 10), draws=5)
        >>> figure.axes[0].get_xscale()
        'log'
    """
    say = speaker(language)
    sizes = validate("sizes", sizes, Each(WholeNumber(low=1), least=1, example=SIZES))
    draws = validate("draws", draws, WholeNumber(low=1))
    losses = sample_losses(net, x, t)
    full, spread = float(losses.mean()), float(losses.std())
    rng = np.random.default_rng(seed)
    with one(ax) as ax:
        ns = np.geomspace(min(sizes) / 1.5, max(sizes) * 1.5, 200)
        ax.fill_between(
            ns,
            np.maximum(full - 2 * spread / np.sqrt(ns), 0),
            full + 2 * spread / np.sqrt(ns),
            color=ORANGE,
            alpha=0.14,
            linewidth=0,
            label=say("two standard errors, ± 2σ/√n"),
        )
        ax.axhline(
            full,
            color=ORANGE,
            linewidth=1.6,
            label=say("all {:,} samples: {:.3f}", len(losses), full),
        )
        for number, size in enumerate(sizes):
            batches = rng.integers(len(losses), size=(draws, size))
            # Beside each other, since equal losses would hide one another.
            places = size * np.exp(rng.uniform(-0.18, 0.18, draws))
            ax.plot(
                places,
                losses[batches].mean(axis=1),
                "o",
                color=BLUE,
                markersize=3.5,
                alpha=0.55,
                markeredgewidth=0,
                label=None if number else say("a batch"),
            )
        ax.set_xscale("log")
        ax.set_xlim(ns[0], ns[-1])
        ax.set_xticks(sizes)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        ax.minorticks_off()
        ax.set_ylim(bottom=0)
        ax.set_xlabel(say("samples a batch"))
        ax.set_ylabel(say("loss"))
        ax.set_title(title or say("How well a batch knows the loss"))
        ax.legend(loc="upper right")
        return figure_of(ax)


def sample_losses(net: MLP, x: ArrayLike, t: ArrayLike) -> np.ndarray:
    """The loss of each sample alone, (samples,), float64.

    Example:
        >>> net = MLP((2, 3, 2))
        >>> x, t = np.eye(2), [0, 1]
        >>> bool(np.isclose(sample_losses(net, x, t).mean(), net.loss(x, t)))
        True
    """
    architecture = net.architecture
    x, t = architecture.as_batch(np.asarray(x), np.asarray(t))
    # One run of the network for all; the loss of a batch is the mean of these.
    scores = np.asarray(architecture.scores(net.params, x), np.float64)
    loss = LOSSES[architecture.loss].function
    return np.array(
        [loss(a, b, -1) for a, b in zip(scores, t.astype(np.float64), strict=True)],
        np.float64,
    )
