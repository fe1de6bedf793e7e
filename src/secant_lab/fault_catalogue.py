"""Catalogue of the faults in `faulty_gradients`, with the losses to check against."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from secant import relu, sigmoid, softmax_cross_entropy
from secant.arrays import namespace
from secant_lab.faulty_gradients import (
    Params,
    bias_averaged,
    bias_not_summed,
    decay_forgotten,
    halved,
    index_off,
    mask_forgotten,
    mask_of_inputs,
    no_mean,
    one_weight,
    right,
    right_decay,
    right_relu,
    shape_transposed,
    sign,
    slope_forgotten,
    slope_of_output,
    transposed,
)

Gradient = Callable[[Params, np.ndarray, np.ndarray], dict[str, Any]]

SAMPLES, INPUTS, HIDDEN, CLASSES = 20, 12, 12, 5
"""As many inputs as hidden units: W1 is square, and can be transposed unseen."""


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
"""The gradients to check, by name: two right ones, then a fault in each."""
