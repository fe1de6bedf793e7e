"""Where a run stands, in one file: from it the run goes on as if nothing had been.

A checkpoint holds the weights as the steps hold them, the optimiser's memory, the step,
the history and the best weights so far. Which samples a step sees and which random
directions it takes follow from the seed and the step, so that these are the position in
the data and the state of the random numbers, too.

params/W1 …       the weights as the steps hold them
optimizer/0/W1 …  the optimiser's memory: its arrays in order, each with its parameter
losses            the loss of each step
best/W1 …         the best weights so far
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant._version import __version__
from secant.errors import DataError, InvalidInput
from secant.history import Epoch
from secant.nn.networks import MLP
from secant.training.run import Timings
from secant.training.serialization import (
    architecture,
    damaged,
    packed,
    record,
    replace_file,
    unpacked,
)
from secant.training.steps import TrainState
from secant.training.trainer import Best, Checkpoint
from secant.validation import Or, PositiveNumber, WholeNumber, validate_fields

FOLDER = "checkpoints"
"""Where they are, beneath a run's folder."""

_FORMAT = "secant checkpoint 1"
_NAME = re.compile(r"(\d{12})\.safetensors")


@dataclass(frozen=True)
class Checkpoints:
    """How often a run is kept while it goes on.

    A checkpoint is also written with each new best accuracy, when the run is
    interrupted, and at its end.

    Attributes:
        steps: After so many steps; None for by the clock only.
        seconds: And after so many seconds; None for by the steps only.
        keep: So many of the newest stay.

    Raises:
        InvalidInput: A number that cannot be.

    Example:
        >>> Checkpoints(steps=500, keep=2)
        Checkpoints(steps=500, seconds=30.0, keep=2)
    """

    steps: int | None = None
    seconds: float | None = 30.0
    keep: int = 3

    def __post_init__(self) -> None:
        validate_fields(
            self,
            steps=Or(WholeNumber(low=1), None),
            seconds=Or(PositiveNumber(), None),
            keep=WholeNumber(low=1),
        )


def write(
    folder: Path, reached: Checkpoint, origin: Mapping[str, Any], *, keep: int
) -> Path:
    """Keeps where a run stands; of older checkpoints all but `keep - 1` go.

    Args:
        folder: Of the run's checkpoints; made if need be.
        reached: Where it stands.
        origin: What the run is, by which it is known again: `Training.origin`.
        keep: Checkpoints that stay.

    Returns:
        The file, which is on the disk.

    Raises:
        OSError: It cannot be written; those before it are untouched.
    """
    folder.mkdir(exist_ok=True)
    arrays = {name: np.asarray(leaf) for name, leaf in _leaves(reached.state)}
    arrays["losses"] = reached.losses_from(0)
    about: dict[str, Any] = {
        "origin": dict(origin),
        "step": reached.step,
        "epochs": reached.epochs,
        "timings": asdict(reached.timings),
        "secant": __version__,
        "jax": jax.__version__,
    }
    if reached.best is not None:
        about["best"] = reached.best.epoch.step
        for name, value in reached.best.params.items():
            arrays[f"best/{name}"] = np.asarray(value)
    path = folder / f"{reached.step:012}.safetensors"
    replace_file(path, packed(arrays, _FORMAT, about))
    for old in list(_files(folder))[keep:]:
        old.unlink(missing_ok=True)
    return path


@dataclass(frozen=True)
class Found:
    """The newest checkpoint that can be trusted.

    Attributes:
        reached: Where it stood; None if there is none.
        path: Its file.
        passed_over: Newer ones that cannot be trusted, in words.
    """

    reached: Checkpoint | None
    path: Path | None
    passed_over: tuple[str, ...] = ()


def newest(folder: Path, start: TrainState, origin: Mapping[str, Any]) -> Found:
    """Where a run was kept last, whatever happened then.

    Args:
        folder: Of its checkpoints.
        start: The state before its first step, which tells how states are built.
        origin: What the run is.

    Raises:
        InvalidInput: The checkpoints are another run's; names what differs.
    """
    passed_over: list[str] = []
    for path in _files(folder):
        try:
            reached = _read(path, start, origin)
        except _OfAnotherRun:
            raise
        except DataError as error:
            passed_over.append(str(error))
        else:
            return Found(reached, path, tuple(passed_over))
    return Found(None, None, tuple(passed_over))


class _OfAnotherRun(InvalidInput):
    """A checkpoint that is whole, and belongs to something else."""


def _read(path: Path, start: TrainState, origin: Mapping[str, Any]) -> Checkpoint:
    arrays, about = unpacked(path, _FORMAT)
    try:
        compare(path, dict(about["origin"]), origin)
        measured = tuple(record(Epoch, epoch) for epoch in about["epochs"])
        losses = _losses(arrays, about["step"])
        return Checkpoint(
            state=_state(arrays, start),
            step=len(losses),
            losses=(losses,),
            epochs=measured,
            timings=record(Timings, about["timings"]),
            best=_best(arrays, about, measured),
        )
    except KeyError as error:
        raise damaged(path, f"it lacks {error}") from None
    except (TypeError, ValueError) as error:
        if isinstance(error, _OfAnotherRun):
            raise
        raise damaged(path, str(error)) from None


def _losses(arrays: Mapping[str, np.ndarray], step: Any) -> np.ndarray:
    losses = arrays["losses"]
    if losses.shape != (step,) or losses.dtype != np.float64:
        raise ValueError(
            f"it has losses {losses.dtype}{losses.shape} of {step!r} steps"
        )
    return losses


def _best(
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    measured: tuple[Epoch, ...],
) -> Best | None:
    """The best weights so far, each of the shape that the network gives it."""
    if "best" not in about:
        return None
    params = {
        name.removeprefix("best/"): value
        for name, value in arrays.items()
        if name.startswith("best/")
    }
    found = [epoch for epoch in measured if epoch.step == about["best"]]
    if not found:
        raise ValueError(f"it was best at step {about['best']!r}, never measured")
    MLP.from_params(architecture(about["origin"]["architecture"]), params)
    return Best(found[0], params)


def compare(path: Path | str, kept: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to go on with what another run has kept.

    Raises:
        InvalidInput: Names all that differs.
    """
    apart = [
        f"{name} was {kept.get(name)!r} and is {value!r}"
        for name, value in now.items()
        if kept.get(name) != value
    ]
    if apart:
        raise _OfAnotherRun(
            f"this is not the run of {path}: {'; '.join(apart)}. Go on with what it "
            "was started with, or train into a new folder"
        )


def _leaves(state: TrainState) -> Iterator[tuple[str, Any]]:
    """The arrays of a state, each with its name in a file.

    The names say what an array is, and not which attribute of which class holds it:
    Optax and Secant may rename those, and a file is read all the same.
    """
    for name, array in state.params.items():
        yield f"params/{name}", array
    memory = jax.tree_util.tree_leaves_with_path(state.optimizer_state)
    for number, (way, array) in enumerate(memory):
        # The name of the parameter that an array belongs to, if it belongs to one.
        of = [str(key.key) for key in way if isinstance(key, jax.tree_util.DictKey)]
        yield "/".join(["optimizer", str(number), *of]), array


def _state(arrays: Mapping[str, np.ndarray], start: TrainState) -> TrainState:
    """The state that was kept, built as `start` is."""
    read: dict[str, Any] = {}
    for name, like in _leaves(start):
        value = arrays[name]
        if value.shape != like.shape or value.dtype != like.dtype:
            raise ValueError(
                f"{name}: it is {value.dtype}{value.shape}, not "
                f"{like.dtype}{like.shape}"
            )
        if isinstance(like, jax.Array):
            # Where the steps run in NumPy, the optimiser's memory has float64.
            with jax.enable_x64(value.dtype.itemsize == 8):
                value = jnp.asarray(value)
        read[name] = value
    params = {name: read[f"params/{name}"] for name in start.params}
    memory = [value for name, value in read.items() if name.startswith("optimizer/")]
    structure = jax.tree.structure(start.optimizer_state)
    return TrainState(params, jax.tree.unflatten(structure, memory))


def _files(folder: Path) -> list[Path]:
    """The checkpoints, the newest first."""
    if not folder.is_dir():
        return []
    return sorted(
        (p for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True
    )
