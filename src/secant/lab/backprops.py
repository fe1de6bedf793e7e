"""Gradients of a small network written by hand: right ones, and a fault in each other.

What a learner writes, in NumPy. Each is shown as it stands here, beside the right one
that it was made from, from which it differs in one line: the fault.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from secant.arrays import namespace
from secant.functions import relu, sigmoid, softmax
from secant.losses import softmax_cross_entropy

Params = Mapping[str, Any]
Gradient = Callable[[Params, np.ndarray, np.ndarray], dict[str, Any]]

SAMPLES, INPUTS, HIDDEN, CLASSES = 20, 12, 12, 5
"""Twelve inputs and twelve hidden units: W1 is square, and can be transposed unseen."""


def right(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Of the mean cross entropy of softmax, with a sigmoid between two layers."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def no_mean(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """The loss is a mean over samples, the gradient a sum."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = y - t
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def sign(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Target minus output: the way down in the place of the way up."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (t - y) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def halved(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Softmax with cross entropy has no 1/2, as the sum of squares has."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / (2 * len(x))
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def bias_not_summed(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """One row of bias gradients for each sample."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1,
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def bias_averaged(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """The mean over samples is taken a second time."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.mean(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def slope_forgotten(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Back through the weights, but not through the sigmoid."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def slope_of_output(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """The sigmoid's slope taken at what it gave, not at what it was given."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * sigmoid(h) * (1 - sigmoid(h))
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def transposed(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """A product in the wrong order; W1 is square, so that no shape tells."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": d1.T @ x,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def shape_transposed(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """The same of W2, which is not square."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": d2.T @ h,
        "b2": d2.sum(axis=0),
    }


def index_off(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Each row of weights gets its neighbour's gradient."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": np.roll(x, 1, axis=1).T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def one_weight(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """One weight of 221, and by one per cent."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": (x.T @ d1) * np.where(np.arange(144).reshape(12, 12) == 43, 1.01, 1),
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def right_relu(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """With relu in the sigmoid's place."""
    h = relu(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * (h > 0)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def mask_of_inputs(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Where the inputs were positive, not where the hidden units are."""
    h = relu(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * (x > 0)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def mask_forgotten(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """Through units that are shut, too."""
    h = relu(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2,
        "b2": d2.sum(axis=0),
    }


def right_decay(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """With weight decay: 0.05/2 times the sum of the squared weights in the loss."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1 + 0.05 * p["W1"],
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2 + 0.05 * p["W2"],
        "b2": d2.sum(axis=0),
    }


def decay_forgotten(p: Params, x: np.ndarray, t: np.ndarray) -> dict[str, Any]:
    """The loss punishes large weights, and the gradient of W1 does not."""
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0),
        "W2": h.T @ d2 + 0.05 * p["W2"],
        "b2": d2.sum(axis=0),
    }


@dataclass(frozen=True)
class Problem:
    """A loss, and where its gradient is asked for.

    Attributes:
        f: The loss of the batch, compiled: a function of the parameters.
        params: The parameters, float32.
        x: Inputs, (20, 12).
        t: One-hot targets, (20, 5).
    """

    f: Callable[[Params], Any]
    params: Params
    x: np.ndarray
    t: np.ndarray


def _problem(
    hidden: Callable[[Any], Any], *, decay: float = 0.0, blank: bool = False
) -> Problem:
    """A problem, the same numbers each time.

    Args:
        hidden: The hidden units' function.
        decay: How much of half the weights' squares belongs to the loss.
        blank: Whether the first sample is all 0, and so are the hidden biases.
    """
    draw = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape).astype(np.float32)

    params = {
        "W1": normal(INPUTS, HIDDEN) / 3,
        "b1": normal(HIDDEN) / 4,
        "W2": normal(HIDDEN, CLASSES) / 2,
        "b2": normal(CLASSES) / 4,
    }
    x = normal(SAMPLES, INPUTS)
    t = np.eye(CLASSES, dtype=np.float32)[draw.integers(0, CLASSES, SAMPLES)]
    if blank:
        x[0], params["b1"] = 0, 0 * params["b1"]

    # Compiled, and so once for all checks of it.
    @jax.jit
    def f(p: Params) -> Any:
        xp = namespace(p["W1"])
        inputs, targets = (xp.asarray(part, dtype=p["W1"].dtype) for part in (x, t))
        scores = hidden(inputs @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
        loss = softmax_cross_entropy(scores, targets)
        if not decay:
            return loss
        return loss + decay / 2 * sum(xp.sum(p[name] ** 2) for name in ("W1", "W2"))

    return Problem(f, params, x, t)


@dataclass(frozen=True)
class Backprop:
    """A gradient written by hand, and what it should be the gradient of.

    Attributes:
        gradient: What is checked.
        model: The right one, from which it differs in one line at most.
        problem: The loss, and where.
    """

    gradient: Gradient
    model: Gradient
    problem: Problem

    def __call__(self, p: Params) -> dict[str, Any]:
        """The gradient of the problem's batch."""
        return self.gradient(p, self.problem.x, self.problem.t)

    def code(self) -> list[tuple[str, str]]:
        """Its lines, each with what it is: "same", "wrong", or "right" in its stead."""
        mine, other = _body(self.gradient), _body(self.model)
        lines: list[tuple[str, str]] = []
        for kind, a, b, c, d in SequenceMatcher(None, mine, other, False).get_opcodes():
            if kind == "equal":
                lines += [("same", line) for line in mine[a:b]]
            else:
                lines += [("wrong", line) for line in mine[a:b]]
                lines += [("right", line) for line in other[c:d]]
        return lines


def _body(function: Gradient) -> list[str]:
    """The lines of a function without its head and its docstring."""
    head, _, body = inspect.getsource(function).partition('."""\n')
    assert head.startswith("def "), head
    return [line.removeprefix("    ") for line in body.rstrip().splitlines()]


def _backprops() -> dict[str, Backprop]:
    plain, decayed = _problem(sigmoid), _problem(sigmoid, decay=0.05)
    blank = _problem(relu, blank=True)
    families = (
        (plain, right, (no_mean, halved, sign, bias_not_summed, bias_averaged)),
        (plain, right, (slope_forgotten, slope_of_output, transposed)),
        (plain, right, (shape_transposed, index_off, one_weight)),
        (blank, right_relu, (mask_forgotten, mask_of_inputs)),
        (decayed, right_decay, (decay_forgotten,)),
    )
    return {
        "right": Backprop(right, right, plain),
        "blank_sample": Backprop(right_relu, right_relu, blank),
        **{
            fault.__name__: Backprop(fault, model, problem)
            for problem, model, faults in families
            for fault in faults
        },
    }


BACKPROPS: Mapping[str, Backprop] = MappingProxyType(_backprops())
"""What can be checked, by name: two right ones, then a fault in each."""
