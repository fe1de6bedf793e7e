"""The room where one draws: a digit, how a network reads it, and what that rests on."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from secant import MLP, load_mnist_sample
from secant.data import to_mnist_form
from secant.nn import LOSSES
from secant_lab import runs
from secant_lab.attribution import pixel_effects, strongest_regions, unit_effects
from secant_lab.background_training import BackgroundTraining
from secant_lab.localized_error import LocalizedError
from secant_lab.strokes import drawing_notes, parse_strokes, rasterize

UNITS = 4
"""How many hidden units are shown that speak for a class, and against it."""

OWN = BackgroundTraining()
"""The network that reads as long as no run has been chosen."""


def networks() -> dict[str, Any]:
    """The networks that can read: the lab's own, and the finished runs.

    Returns:
        `own`: its `status`, `step`, `iterations` and `accuracy` (None if unknown);
        `runs`: for each its `name`, `about` in a line, the `data` it learned from, the
        test `accuracy`, and None for a `problem`; or its name and the problem: `code`,
        `message`, `facts`.

    Example:
        >>> networks()["own"]["iterations"]
        2000
    """
    return {
        "own": {
            "status": OWN.status,
            "step": OWN.step,
            "iterations": OWN.iterations,
            "accuracy": OWN.accuracy,
        },
        "runs": [_told(found) for found in runs.list_runs()],
    }


def examples(page: int) -> dict[str, Any]:
    """A test digit of each class, of those that no network here has learned from.

    Args:
        page: Which: the same number gives the same digits, and after the last come
            the first.

    Returns:
        `examples`: for each its `index`, its `label` and its 784 `pixels`, 0 to 255.

    Example:
        >>> [example["label"] for example in examples(0)["examples"]]
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    _, t = _digits()
    chosen = [np.flatnonzero(t == label) for label in range(10)]
    return {"examples": [_example(int(c[page % len(c)])) for c in chosen]}


def read(drawing: str, example: int = -1, run: str = "") -> dict[str, Any]:
    """How a network reads a drawing.

    The drawing is brought to MNIST's form by `to_mnist_form`, as `secant predict` does
    with a photograph.

    Args:
        drawing: Strokes, as `drawings` reads them.
        example: A test digit that lies on the paper, below the strokes; -1 for none.
        run: A name from `networks`; empty for the lab's own network.

    Returns:
        `form`: 784 pixels from 0 to 255; `example`: as in `examples`, or None;
        `notes`: `empty`, `small`, `edge`; `reading`: None for an empty paper, else the
        `outputs`, the two largest of them, `digit` and `next`, and whether they are
        `probabilities`.

    Raises:
        LocalizedError: An argument that cannot be worked with.

    Example:
        >>> seen = read("dw5kdwm8")
        >>> np.flatnonzero(seen["form"][14 * 28 : 15 * 28])
        array([13, 14])
        >>> read("")["notes"]
        ['empty']
    """
    net, sheet = _network(run), _sheet(drawing, example)
    reading = None
    if sheet.form is not None:
        outputs = np.asarray(net.predict(sheet.form))
        _refuse_overflow(outputs)
        first, second = _two(outputs)
        reading = {
            "digit": first,
            "next": second,
            "outputs": outputs.tolist(),
            "probabilities": LOSSES[net.architecture.loss].probabilities,
        }
    return {
        "form": _bytes(sheet.form),
        "example": sheet.example,
        "notes": sheet.notes,
        "reading": reading,
    }


def why(
    drawing: str, example: int = -1, run: str = "", against: int = -1
) -> dict[str, Any]:
    """What it rests on that a network reads one digit and not another.

    `attribution` says what an effect is.

    Args:
        drawing: As for `read`.
        example: As for `read`.
        run: As for `read`.
        against: The class that the reading is compared with; -1 for the next best.

    Returns:
        `form`: as `read` gives it; `reasons`: None for an empty paper, else the
        `digit` that is read and the one it is compared with, `against`; `gap`: the
        difference of their scores; `blank`: the same for a blank picture; `pixels`:
        their effects; `places`: where the most is for and against; `units`: those with
        the largest effects `for` and `against`, each its `unit`, `effect` and 784
        `weights` from -127 to 127, on one scale; `probabilities`: whether `gap` is the
        logarithm of a ratio of such.

    Raises:
        LocalizedError: An argument that cannot be worked with.

    Example:
        >>> why("dw5kdwm8", against=4)["reasons"]["against"]
        4
    """
    net, sheet = _network(run), _sheet(drawing, example)
    classes = net.architecture.sizes[-1]
    if not -1 <= against < classes:
        raise LocalizedError(
            "against",
            f"against is {against}: name one of the {classes} classes, or -1 for the "
            "next best",
            came=against,
        )
    reasons = None if sheet.form is None else _reasons(net, sheet.form, against)
    return {"form": _bytes(sheet.form), "reasons": reasons}


def _reasons(net: MLP, form: np.ndarray, against: int) -> dict[str, Any]:
    architecture, params = net.architecture, net.params
    scores, blank = np.asarray(net.scores(np.stack([form, np.zeros_like(form)])))
    digit, second = _two(scores)
    if against in (-1, digit):
        against = second
    pair = digit, against
    gap = float(scores[digit] - scores[against])
    pixels = pixel_effects(architecture, params, form, *pair)
    units = unit_effects(architecture, params, form, *pair)
    _refuse_overflow(scores, blank, pixels, units)
    order = units.argsort()
    return {
        "digit": digit,
        "against": against,
        "probabilities": LOSSES[architecture.loss].probabilities,
        "gap": gap,
        "blank": float(blank[digit] - blank[against]),
        "pixels": pixels.round(6).tolist(),
        "places": strongest_regions(pixels.reshape(28, 28), form.reshape(28, 28)),
        "units": {
            "for": _units(params["W1"], units, order[::-1][:UNITS], 1),
            "against": _units(params["W1"], units, order[:UNITS], -1),
        },
    }


class _Sheet(NamedTuple):
    """What is on the paper: its form is None if it is empty."""

    form: np.ndarray | None
    example: dict[str, Any] | None
    notes: list[str]


def _sheet(drawing: str, example: int) -> _Sheet:
    drawn = parse_strokes(drawing)
    base = None if example == -1 else _example(example)
    below = None
    if base:
        below = np.array(base["pixels"], np.float32).reshape(28, 28) / 255
    ink = rasterize(drawn, below)
    said = drawing_notes(ink)
    form = None if "empty" in said else to_mnist_form(ink, "the drawing")
    return _Sheet(form, base, said)


def _network(run: str) -> MLP:
    return runs.load_network(run) if run else OWN.network()


def _two(values: np.ndarray) -> tuple[int, int]:
    """Which is the largest, and which the next."""
    first, second = values.argsort()[::-1][:2]
    return int(first), int(second)


def _bytes(form: np.ndarray | None) -> list[int]:
    return [0] * 784 if form is None else np.rint(form * 255).astype(int).tolist()


def _refuse_overflow(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise LocalizedError(
            "overflow",
            "the network's sums are too large for a computer's numbers: choose "
            "another run",
        )


def _units(
    weights: np.ndarray, effects: np.ndarray, chosen: np.ndarray, sign: int
) -> list[dict[str, Any]]:
    """Those of the chosen units whose effect has that sign."""
    # One scale for all, which the strongest thousandth exceeds, as `plots` has it.
    reach = float(np.quantile(np.abs(weights), 0.999)) or 1.0
    return [
        {
            "unit": int(unit),
            "effect": float(effects[unit]),
            "weights": np.rint(np.clip(weights[:, unit] / reach, -1, 1) * 127)
            .astype(int)
            .tolist(),
        }
        for unit in chosen
        if effects[unit] * sign > 0
    ]


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    _, test = load_mnist_sample(normalize=False)
    return test


def _example(index: int) -> dict[str, Any]:
    x, t = _digits()
    if not 0 <= index < len(x):
        raise LocalizedError(
            "example",
            f"there is no test digit {index}: name one of 0 to {len(x) - 1}",
            index=index,
            last=len(x) - 1,
        )
    return {"index": index, "label": int(t[index]), "pixels": x[index].tolist()}


def _told(found: runs.RunEntry) -> dict[str, Any]:
    if found.problem:
        problem = found.problem
        return {
            "name": found.name,
            "problem": {
                "code": problem.code,
                "message": str(problem),
                "facts": problem.facts,
            },
        }
    assert found.run is not None
    accuracy = [float(a) for a in found.run.test_accuracy[-1:] if np.isfinite(a)]
    return {
        "name": found.name,
        "about": found.run.describe(),
        "data": found.run.data_name,
        "accuracy": accuracy[0] if accuracy else None,
        "problem": None,
    }
