"""Handwritten gradients of a small network: right ones, and ones with a single fault.

Each is the NumPy code of a learner, for inputs `x` and one-hot targets `t` with a row
for each sample. A wrong gradient differs from the right one before it in a single line,
and the page shows the code as it stands here. The losses are in `fault_catalogue`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from secant import relu, sigmoid, softmax

Params = Mapping[str, Any]


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
