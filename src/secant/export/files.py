"""What every export does: single precision in, one whole file out."""

import os
from pathlib import Path

import numpy as np

from secant.errors import InvalidInput
from secant.nn.networks import MLP
from secant.training.run import replace_file


def new_file(path: str | os.PathLike[str], suffix: str) -> Path:
    """A path that nothing is at, in a folder that is there.

    Raises:
        InvalidInput: Something is there already, the folder is not, or the name ends
            otherwise than the format's.
    """
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise InvalidInput(f"{path} would be a {suffix} file: let its name end so")
    if path.exists():
        raise InvalidInput(
            f"{path} is there already, and nothing is overwritten: name a new file, "
            "or move that one away"
        )
    if not path.parent.is_dir():
        raise InvalidInput(
            f"{path}: there is no folder {path.parent}: make it, or name another"
        )
    return path


def write(path: Path, content: bytes) -> Path:
    """Writes all of it, or leaves nothing."""
    replace_file(path, content)
    return path


def layers(net: MLP) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Weights (inputs, outputs) and biases of each layer, float32.

    Raises:
        InvalidInput: A weight has no finite place in float32.
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
            f"{name} holds weights that float32 has no finite number for: the run "
            "diverged; train it again with a smaller learning rate"
        )
    return value
