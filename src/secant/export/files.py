"""Files of an export: weights in single precision, one complete new file."""

import os
from pathlib import Path

import numpy as np

from secant.errors import InvalidInput
from secant.nn.networks import MLP
from secant.training.serialization import replace_file


def new_file(path: str | os.PathLike[str], suffix: str) -> Path:
    """The path of a new file in an existing folder.

    Raises:
        InvalidInput: The path exists, its folder does not exist, or its suffix is not
            the format's.
    """
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise InvalidInput(f"{path} is not a {suffix} file: end its name with {suffix}")
    if path.exists():
        raise InvalidInput(
            f"{path} exists, and Secant does not overwrite it: name a new file, or "
            "move that one away"
        )
    if not path.parent.is_dir():
        raise InvalidInput(
            f"{path}: there is no folder {path.parent}: make it, or name another"
        )
    return path


def write_new_file(path: Path, content: bytes) -> Path:
    """Write the complete file, or nothing."""
    replace_file(path, content)
    return path


def layers(net: MLP) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Weights (inputs, outputs) and biases of each layer, float32.

    Raises:
        InvalidInput: A weight is not finite in float32.
    """
    found = []
    for layer in range(1, net.architecture.depth + 1):
        weights = _single(net, f"W{layer}")
        bias = _single(net, f"b{layer}") if net.architecture.bias else None
        found.append((weights, bias))
    return found


def _single(net: MLP, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        value = np.ascontiguousarray(net.params[name], np.float32)
    if not np.isfinite(value).all():
        raise InvalidInput(
            f"{name} holds weights that are not finite in float32: the run diverged; "
            "train it again with a smaller learning rate"
        )
    return value
