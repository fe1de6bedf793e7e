"""The room of drawing: a digit, a network's prediction, and the reasons for it."""

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
"""The number of hidden units shown that support each of the two classes."""

OWN = BackgroundTraining()
"""The lab's own network, which predicts if no run is chosen."""


def networks() -> dict[str, Any]:
    """The networks to choose from: the lab's own, and the finished runs.

    Returns:
        `own`: its `status`, `step`, `iterations` and `accuracy` (None if unknown);
        `runs`: for each run its `name`, a line `about` it, its training `data`, its
        test `accuracy`, and None as `problem`; or its name and the `problem`: `code`,
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
        "runs": [_run_json(found) for found in runs.list_runs()],
    }


def examples(page: int) -> dict[str, Any]:
    """A test digit of each class, which the lab's own network has not seen.

    Args:
        page: The number of the selection; after the last one, the first follows.

    Returns:
        `examples`: for each digit its `index`, its `label` and its 784 `pixels`, 0 to
        255.

    Example:
        >>> [example["label"] for example in examples(0)["examples"]]
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    _, t = _digits()
    chosen = [np.flatnonzero(t == label) for label in range(10)]
    return {"examples": [_example(int(c[page % len(c)])) for c in chosen]}


def read(drawing: str, example: int = -1, run: str = "") -> dict[str, Any]:
    """The prediction of a network for a drawing.

    `to_mnist_form` brings the drawing to MNIST's form, as `secant predict` does with a
    photograph.

    Args:
        drawing: The strokes, as `secant_lab.strokes` parses them.
        example: The index of a test digit below the strokes; -1 for none.
        run: The name of a run; empty for the lab's own network.

    Returns:
        `form`: 784 pixels from 0 to 255; `example`: as in `examples`, or None;
        `notes`: any of `empty`, `small`, `edge`; `reading`: None for an empty paper,
        else the `outputs`, the classes of the two largest, `digit` and `next`, and
        whether the outputs are `probabilities`.

    Raises:
        LocalizedError: An argument is invalid.

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
    """The reasons why a network prefers one digit over another.

    `secant_lab.attribution` defines the effects.

    Args:
        drawing: As for `read`.
        example: As for `read`.
        run: As for `read`.
        against: The class to compare the prediction with; -1 for the second best.

    Returns:
        `form`: as in `read`; `reasons`: None for an empty paper, else the predicted
        `digit` and the class `against`; `gap`: the difference of their scores;
        `blank`: the same for a blank picture; `pixels`: the effects of the pixels;
        `places`: the regions with the largest effects for and against; `units`: the
        units with the largest effects `for` and `against`, each with its `unit`,
        `effect` and 784 `weights` from -127 to 127, on one scale; `probabilities`:
        whether `gap` is the logarithm of a ratio of probabilities.

    Raises:
        LocalizedError: An argument is invalid.

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
    """The content of the paper; an empty paper has no form."""

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
    """The indices of the largest and of the second largest value."""
    first, second = values.argsort()[::-1][:2]
    return int(first), int(second)


def _bytes(form: np.ndarray | None) -> list[int]:
    return [0] * 784 if form is None else np.rint(form * 255).astype(int).tolist()


def _refuse_overflow(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise LocalizedError(
            "overflow",
            "the network's sums overflow: choose another run",
        )


def _units(
    weights: np.ndarray, effects: np.ndarray, chosen: np.ndarray, sign: int
) -> list[dict[str, Any]]:
    """The chosen units whose effect has the given sign."""
    # One scale for all, clipped at the largest thousandth, as in `secant.plots`.
    scale = float(np.quantile(np.abs(weights), 0.999)) or 1.0
    return [
        {
            "unit": int(unit),
            "effect": float(effects[unit]),
            "weights": np.rint(np.clip(weights[:, unit] / scale, -1, 1) * 127)
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


def _run_json(found: runs.RunEntry) -> dict[str, Any]:
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
