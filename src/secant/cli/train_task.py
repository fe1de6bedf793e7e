"""Training tasks, from the options of the command line or from a run's folder."""

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
        help="Use the network of the run's best epoch, not the last one. This also "
        "works for a run that was killed.",
    ),
]
"""An option of every command that uses a run's network."""


@dataclass(frozen=True)
class Task:
    """A network, its data, and how to train it.

    Attributes:
        net: The network with the first weights.
        samples: The samples for training and for testing.
        config: How the network is trained.
        metadata: The description of the run: the name of its data, and notes for the
            manifest.
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
    """Builds the task of some options: loads the data and draws the first weights.

    Args:
        options: The options of the command line.
        config: The result of `options.build_config`.
        command: The command for the manifest.
        tensorboard: Whether to write events for TensorBoard.

    Raises:
        DataError: The data are missing or damaged.
        InvalidInput: An option is unusable.
    """
    from secant.data.load import load_data_set
    from secant.training.metadata import RunMetadata

    samples, description = load_data_set(options.data)
    (x_train, t_train), (_, t_test) = samples
    classes = int(max(t_train.max(), t_test.max())) + 1
    path = Path(description.name)
    notes = {
        # An absolute path, because the run may be resumed from another folder.
        "data": str(path.absolute()) if path.exists() else description.name,
        "tensorboard": tensorboard,
        "command": command,
    }
    return Task(
        options.build_network(x_train.shape[1], classes),
        samples,
        config,
        RunMetadata(description.source, notes),
    )


def load_task(folder: Path) -> "tuple[Task, Manifest]":
    """Loads the task of a run that `secant train` began in a folder.

    Raises:
        DataError: The folder is not such a run, or the data are missing.
        InvalidInput: Only the program that began the run can repeat it.
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
            f"the run in {folder} was begun by a program, and only that program has "
            "its data: call its fit(…, folder=…, resume=True) again"
        )
    config.check_known()
    net, _ = read_network(folder / INITIAL_FILE)
    try:
        samples, description = load_data_set(notes["data"])
    except DataError as error:
        raise DataError(f"the data of {folder} are missing: {error}") from None
    return Task(net, samples, config, RunMetadata(description.source, notes)), manifest
