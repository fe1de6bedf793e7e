"""What is trained, from the command line's options or from a run's folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secant.cli.train_options import TrainOptions
from secant.errors import DataError, InvalidInput

if TYPE_CHECKING:
    from secant.nn.networks import MLP
    from secant.training.config import TrainConfig
    from secant.training.manifest import Manifest
    from secant.training.metadata import RunMetadata

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
    """What is trained, on what, and how.

    Attributes:
        net: Where to start.
        samples: To train and to test on.
        config: How it is trained.
        metadata: What describes the run: the name of its data, and what the
            manifest shall say besides.
    """

    net: "MLP"
    samples: Any
    config: "TrainConfig"
    metadata: "RunMetadata"


def build_task(
    options: TrainOptions,
    config: "TrainConfig",
    *,
    command: str,
    tensorboard: bool = False,
) -> Task:
    """The task that options describe: loads the data and draws the weights.

    Args:
        options: Of the command line.
        config: What `options.build_config` has made of them.
        command: What the manifest shall say that began the run.
        tensorboard: Whether TensorBoard draws the run.

    Raises:
        DataError: The data are not at hand, or damaged.
        InvalidInput: An option cannot be worked with.
    """
    from secant.data.load import load_data_set
    from secant.training.metadata import RunMetadata

    samples, description = load_data_set(options.data)
    (x_train, t_train), (_, t_test) = samples
    classes = int(max(t_train.max(), t_test.max())) + 1
    place = Path(description.name)
    notes = {
        # From wherever the run will be gone on with.
        "data": str(place.absolute()) if place.exists() else description.name,
        "tensorboard": tensorboard,
        "command": command,
    }
    return Task(
        options.build_network(x_train.shape[1], classes),
        samples,
        config,
        RunMetadata(description.source, notes),
    )


def task_of(folder: Path) -> "tuple[Task, Manifest]":
    """The task of a run that `secant train` began in this folder.

    Raises:
        DataError: It is no such folder, or the data are not at hand.
        InvalidInput: Only the program that began the run can do it again.
    """
    from secant.data.load import load_data_set
    from secant.training.manifest import Manifest
    from secant.training.metadata import RunMetadata
    from secant.training.run import read_network
    from secant.training.run_folder import INITIAL_FILE

    manifest = Manifest.read(folder)
    config, notes = manifest.settings, dict(manifest.notes)
    if not isinstance(notes.get("data"), str):
        raise InvalidInput(
            f"{folder} was begun by a program of its own, which alone knows its data: "
            "call its fit(…, folder=…, resume=True) again"
        )
    config.check_known()
    net, _ = read_network(folder / INITIAL_FILE)
    try:
        samples, description = load_data_set(notes["data"])
    except DataError as error:
        raise DataError(f"the data of {folder} are not at hand: {error}") from None
    return Task(net, samples, config, RunMetadata(description.source, notes)), manifest


# `--hidden`: the sizes of the hidden layers.
