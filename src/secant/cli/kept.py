"""What a run's folder says of the run: enough to go on with it, or to do it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secant.errors import DataError, InvalidInput

if TYPE_CHECKING:
    from secant.gradients import GradientMethod
    from secant.networks import MLP
    from secant.training.manifest import Manifest

BestNetwork = Annotated[
    bool,
    typer.Option(
        "--best",
        help="Take the network of the run's best epoch, not that of its end; also of "
        "a run that was killed.",
    ),
]
"""An option of each command that uses a run's network."""


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
    from secant.gradients import find_method
    from secant.training.keeping import INITIAL_FILE
    from secant.training.manifest import Manifest
    from secant.training.run import read_network

    manifest = Manifest.read(folder)
    settings, notes = manifest.settings, dict(manifest.notes)
    if not isinstance(notes.get("data"), str):
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
            find_method(settings.gradient, **settings.gradient_options),
            settings.arguments(),
            notes,
        ),
        manifest,
    )
