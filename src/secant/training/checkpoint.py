"""Checkpoints: a run's state in one file, from which the run continues bit for bit.

A checkpoint holds the weights in the layout of the steps, the optimiser's memory, the
step, the history and the best weights so far. The samples and the random directions of
a step follow from the seed and the number of the step. So the step is also the
position in the data and the state of the random numbers.

params/W1 …       the weights in the layout of the steps
optimizer/0/W1 …  the optimiser's arrays in order, each with the name of its parameter
losses            the loss of each step
best/W1 …         the best weights so far
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from secant._version import __version__
from secant.arrays import jax_array
from secant.errors import DataError, InvalidInput
from secant.history import Epoch
from secant.nn.networks import MLP
from secant.training.run import Timings
from secant.training.serialization import (
    damaged_file,
    parse_architecture,
    parse_record,
    read_tensors,
    replace_file,
    tensor_bytes,
)
from secant.training.steps import TrainState
from secant.training.trainer import BestParams, RunState

_FORMAT = "secant checkpoint 1"
_NAME = re.compile(r"(\d{12})\.safetensors")


def write(folder: Path, state: RunState, origin: Mapping[str, Any]) -> Path:
    """Writes a checkpoint.

    Args:
        folder: The folder of the run's checkpoints; it is made if needed.
        state: The state of the run.
        origin: What identifies the run: `Trainer.origin`.

    Returns:
        The file, which is on the disk.

    Raises:
        OSError: It cannot be written; the older checkpoints are unchanged.
    """
    folder.mkdir(exist_ok=True)
    arrays = {name: np.asarray(leaf) for name, leaf in _leaves(state.train_state)}
    arrays["losses"] = state.losses_from(0)
    content: dict[str, Any] = {
        "origin": dict(origin),
        "step": state.step,
        "epochs": state.epochs,
        "timings": asdict(state.timings),
        "versions": _versions(),
    }
    if state.best is not None:
        content["best"] = state.best.epoch.step
        for name, value in state.best.params.items():
            arrays[f"best/{name}"] = np.asarray(value)
    path = folder / f"{state.step:012}.safetensors"
    replace_file(path, tensor_bytes(arrays, _FORMAT, content))
    return path


def remove_old(folder: Path, keep: int) -> None:
    """Removes all checkpoints but the newest.

    Args:
        folder: The folder of the run's checkpoints.
        keep: The number of checkpoints that stay.

    Raises:
        OSError: One cannot be removed.
    """
    for old in _files(folder)[keep:]:
        old.unlink(missing_ok=True)


@dataclass(frozen=True)
class NewestCheckpoint:
    """The newest checkpoint that is not damaged.

    Attributes:
        state: The state in it; None without such a checkpoint.
        path: Its file.
        skipped: An error message for each newer checkpoint, which is damaged.
        others: What another version wrote it: `jax 0.10.2, now 0.11.0`.
    """

    state: RunState | None
    path: Path | None
    skipped: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def read_newest(
    folder: Path, start: TrainState, origin: Mapping[str, Any]
) -> NewestCheckpoint:
    """Reads the newest checkpoint of a run that is not damaged.

    Args:
        folder: The folder of the run's checkpoints.
        start: The state before the first step, a template of all states.
        origin: What identifies the run.

    Raises:
        InvalidInput: The checkpoints belong to another run; the message names all
            differences.
    """
    skipped: list[str] = []
    for path in _files(folder):
        try:
            state, versions = _read(path, start, origin)
        except _AnotherRun:
            raise
        except DataError as error:
            skipped.append(str(error))
        else:
            others = tuple(
                f"{name} {versions.get(name)}, now {version}"
                for name, version in _versions().items()
                if versions.get(name) != version
            )
            return NewestCheckpoint(state, path, tuple(skipped), others)
    return NewestCheckpoint(None, None, tuple(skipped))


class _AnotherRun(InvalidInput):
    """A file is whole, and belongs to another run."""


def _versions() -> dict[str, str]:
    """The versions on which the bits of a run depend."""
    return {"secant": __version__, "jax": jax.__version__}


def _read(
    path: Path, start: TrainState, origin: Mapping[str, Any]
) -> tuple[RunState, dict[str, Any]]:
    """The state in a file, and the versions that wrote it."""
    arrays, content = read_tensors(path, _FORMAT)
    try:
        check_same_run(path, dict(content["origin"]), origin)
        epochs = tuple(parse_record(Epoch, epoch) for epoch in content["epochs"])
        losses = _losses(arrays, content["step"])
        state = RunState(
            train_state=_train_state(arrays, start),
            step=len(losses),
            losses=(losses,),
            epochs=epochs,
            timings=parse_record(Timings, content["timings"]),
            best=_best(arrays, content, epochs),
        )
        return state, dict(content["versions"])
    except KeyError as error:
        raise damaged_file(path, f"it lacks {error}") from None
    except (TypeError, ValueError) as error:
        if isinstance(error, _AnotherRun):
            raise
        raise damaged_file(path, str(error)) from None


def _losses(arrays: Mapping[str, np.ndarray], step: Any) -> np.ndarray:
    losses = arrays["losses"]
    if losses.shape != (step,) or losses.dtype != np.float64:
        raise ValueError(
            f"its losses are {losses.dtype}{losses.shape}, of {step!r} steps"
        )
    return losses


def _best(
    arrays: Mapping[str, np.ndarray],
    content: Mapping[str, Any],
    epochs: tuple[Epoch, ...],
) -> BestParams | None:
    """The best weights so far, whose shapes are those of the network."""
    if "best" not in content:
        return None
    params = {
        name.removeprefix("best/"): value
        for name, value in arrays.items()
        if name.startswith("best/")
    }
    measured = [epoch for epoch in epochs if epoch.step == content["best"]]
    if not measured:
        raise ValueError(
            f"its best step is {content['best']!r}, which was not measured"
        )
    MLP.from_params(parse_architecture(content["origin"]["architecture"]), params)
    return BestParams(measured[0], params)


def check_same_run(
    path: Path | str, saved: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    """Refuses to continue another run.

    Args:
        path: The file of the saved run, for the message.
        saved: What identifies the saved run.
        now: What identifies this run.

    Raises:
        InvalidInput: The runs differ; the message names all differences.
    """
    differences = [
        f"{name} was {saved.get(name)!r} and is {value!r}"
        for name, value in now.items()
        if saved.get(name) != value
    ]
    if differences:
        raise _AnotherRun(
            f"this is not the run of {path}: {'; '.join(differences)}. Continue with "
            "the arguments that it began with, or train into a new folder"
        )


def _leaves(state: TrainState) -> Iterator[tuple[str, Any]]:
    """The arrays of a state, each with its name in a file.

    A name says what an array is, not which attribute of which class holds it. So a
    file stays readable after Optax or Secant rename their attributes.
    """
    for name, array in state.params.items():
        yield f"params/{name}", array
    memory = jax.tree_util.tree_leaves_with_path(state.optimizer_state)
    for number, (path, array) in enumerate(memory):
        # The name of the array's parameter, if it has one.
        names = [str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey)]
        yield "/".join(["optimizer", str(number), *names]), array


def _train_state(arrays: Mapping[str, np.ndarray], start: TrainState) -> TrainState:
    """The saved state, with the structure of `start`."""
    read: dict[str, Any] = {}
    for name, like in _leaves(start):
        value = arrays[name]
        if value.shape != like.shape or value.dtype != like.dtype:
            raise ValueError(
                f"{name}: it is {value.dtype}{value.shape}, not "
                f"{like.dtype}{like.shape}"
            )
        if isinstance(like, jax.Array):
            # The optimiser's memory is float64 if the steps run in NumPy.
            with jax.enable_x64(value.dtype.itemsize == 8):
                value = jax_array(value)
        read[name] = value
    params = {name: read[f"params/{name}"] for name in start.params}
    memory = [value for name, value in read.items() if name.startswith("optimizer/")]
    structure = jax.tree.structure(start.optimizer_state)
    return TrainState(params, jax.tree.unflatten(structure, memory))


def _files(folder: Path) -> list[Path]:
    """The files of the checkpoints, newest first."""
    if not folder.is_dir():
        return []
    return sorted(
        (p for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True
    )
