"""What a run's folder says of the run: enough to go on with it, or to do it again."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secant.errors import DataError, InvalidInput

if TYPE_CHECKING:
    from secant.gradients import GradientMethod
    from secant.networks import MLP
    from secant.training import Run
    from secant.training.manifest import Manifest

Best = Annotated[
    bool,
    typer.Option("--best", help="Take the run's best network, not that of its end."),
]


def run_of(folder: Path, *, best: bool) -> "Run":
    """The run that a folder keeps, its network the last or the best.

    Raises:
        DataError: There is none, or it keeps no best network.
    """
    from secant.training import Run

    run = Run.load(folder)
    if not best:
        return run
    if run.best is None:
        raise DataError(
            f"{folder} keeps no best network (no best.safetensors): leave --best out"
        )
    return replace(run, net=run.best)


@dataclass(frozen=True)
class Task:
    """What `fit` is to be told.

    Attributes:
        net: Where to start.
        samples: To train and to test on.
        source: What they are, in words.
        method: The way to the gradient.
        settings: The other arguments.
        notes: What the manifest shall say besides.
    """

    net: "MLP"
    samples: Any
    source: str
    method: "GradientMethod"
    settings: dict[str, Any]
    notes: dict[str, Any]


def task_of(folder: Path) -> "tuple[Task, Manifest]":
    """The task of a run that `secant train` began in this folder.

    Raises:
        DataError: It is no such folder, or the data are not at hand.
        InvalidInput: Only the program that began the run can do it again.
    """
    from secant.data.catalogue import load
    from secant.training.keeping import INITIAL_FILE
    from secant.training.manifest import Manifest
    from secant.training.run import read_network

    manifest = Manifest.read(folder)
    settings, notes = manifest.settings, dict(manifest.notes)
    if "data" not in notes:
        raise InvalidInput(
            f"{folder} was begun by a program of its own, which alone knows its data: "
            "call its fit(…, folder=…, resume=True) again"
        )
    net, _ = read_network(folder / INITIAL_FILE)
    try:
        samples, description = load(notes["data"])
    except DataError as error:
        raise DataError(f"the data of {folder} are not at hand: {error}") from None
    return (
        Task(
            net,
            samples,
            description.source,
            method_of(settings.gradient, notes.get("directions")),
            settings.arguments(),
            notes,
        ),
        manifest,
    )


def method_of(gradient: str, directions: int | None) -> "GradientMethod":
    """The gradient method of a name, spsa with so many directions.

    Raises:
        InvalidInput: An unknown name, or directions for a method that has none.
    """
    from secant.gradients import find_method, spsa_method

    method = find_method(gradient)
    if directions is None:
        return method
    if method.name != "spsa":
        raise InvalidInput(
            f"--directions is for --gradient spsa, and the gradient is {gradient}: "
            "leave it out, or add --gradient spsa"
        )
    return spsa_method(directions)
