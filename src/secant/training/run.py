"""The result of training, and its files."""

import os
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from secant._version import __version__
from secant.errors import DataError
from secant.history import Epoch, History
from secant.nn.networks import MLP
from secant.training.config import TrainConfig
from secant.training.run_folder import (
    BEST_FILE,
    HISTORY_FILE,
    MANIFEST_FILE,
    NETWORK_FILE,
    PICTURE_FILE,
    prepare_folder,
)
from secant.training.serialization import (
    damaged_file,
    parse_architecture,
    parse_record,
    read_bytes,
    read_tensors,
    replace_file,
    replace_picture,
    tensor_bytes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMAT = "secant run 1"


@dataclass(frozen=True)
class Timings:
    """The seconds that a run took.

    Attributes:
        preparation: Compilation, and the measurements of the forecast.
        training: The steps.
        evaluation: The measurements of loss and accuracy on all samples.
    """

    preparation: float = 0.0
    training: float = 0.0
    evaluation: float = 0.0


@dataclass(frozen=True)
class Run:
    """A trained network and its training.

    Attributes:
        net: The trained network.
        history: The loss of every step, the accuracy of every epoch.
        settings: How the network was trained.
        status: `finished`, `stopped early` (the validation loss no longer fell),
            `interrupted` (by Ctrl-C), `stopped` (the loss was not finite) or
            `unfinished` (the run was killed, and only its best network was loaded).
        timings: The seconds that the run took.
        best: The network of the epoch with the best accuracy on the validation
            samples (without any, on the test samples, or else on the training
            samples); None for a run that an older version saved.
        best_epoch: The measurement of that epoch.
        data_name: The name of the data.
    """

    net: MLP
    history: History
    settings: TrainConfig
    status: str = "finished"
    timings: Timings = field(default_factory=Timings)
    best: MLP | None = None
    best_epoch: Epoch | None = None
    data_name: str = ""

    @property
    def losses(self) -> np.ndarray:
        """The loss of each step on its batch, shape (steps,)."""
        return self.history.losses

    @property
    def train_accuracy(self) -> np.ndarray:
        """The accuracy on the training samples: at the start, each epoch, the end."""
        return np.array([epoch.train_accuracy for epoch in self.history.epochs])

    @property
    def test_accuracy(self) -> np.ndarray:
        """The accuracy on the test samples; NaN without any."""
        return np.array(
            [epoch.test_accuracy for epoch in self.history.epochs], np.float64
        )

    @property
    def validation_accuracy(self) -> np.ndarray:
        """The accuracy on the validation samples; NaN without any."""
        return np.array(
            [epoch.validation_accuracy for epoch in self.history.epochs], np.float64
        )

    def plot(self, *, language: str = "en") -> "Figure":
        """A plot of loss and accuracy over the steps; `language` is `en` or `ko`."""
        from secant import plots

        return plots.training(self.history, title=self.describe(), language=language)

    def describe(self) -> str:
        """The run in one line."""
        s, sizes = self.settings, "-".join(map(str, self.net.architecture.sizes))
        step = s.optimizer
        if s.learning_rate is not None:
            step += f", rate {s.learning_rate:g}"
        if s.schedule is not None:
            schedule = s.schedule
            step += f", {schedule if isinstance(schedule, str) else schedule.name}"
        if s.weight_decay:
            step += f", decay {s.weight_decay:g}"
        if s.clip_norm is not None:
            step += f", clip {s.clip_norm:g}"
        return f"{sizes} · {s.gradient} · {step} · batch {s.batch_size} · seed {s.seed}"

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Saves the run in a folder: networks, history and plot.

        Args:
            folder: A new folder, or an empty one.

        Returns:
            The folder.

        Raises:
            InvalidInput: The folder is not empty, is a file, or is not writable.
        """
        folder = Path(folder)
        prepare_folder(folder)
        self.write(folder)
        return folder

    def write(self, folder: Path) -> None:
        """Writes the files of the run into its own folder, and draws its picture.

        A folder that has a network has all that `load` reads. The network's file has
        the SHA-256 of the history.
        """
        history = self.history.to_csv().encode()
        replace_file(folder / HISTORY_FILE, history)
        if self.best is not None and self.best_epoch is not None:
            write_best(
                folder, self.best, self.best_epoch, self.settings, self.data_name
            )
        replace_file(folder / NETWORK_FILE, self._network_bytes(history))
        self.write_picture(folder)

    def write_picture(self, folder: Path) -> None:
        """Draws the picture of the run into its own folder."""
        replace_picture(folder / PICTURE_FILE, self.plot())

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, best: bool = False) -> Self:
        """Loads a run that `save` or `fit` wrote into a folder.

        Args:
            folder: The folder of the run.
            best: Whether `net` is the best network instead of the last. A run that
                was killed has only its best network; its history is then empty, and
                its status `unfinished`.

        Raises:
            DataError: The folder holds no run, or a file is damaged or of another
                kind.
        """
        folder = Path(folder)
        if best:
            return cls._load_best(folder)
        net, content = read_network(folder / NETWORK_FILE)
        text = read_bytes(folder / HISTORY_FILE)
        history = _parse_history(text, folder / HISTORY_FILE)
        try:
            saved_history = content["history"]
            settings = TrainConfig.from_dict(content["settings"])
            timings = parse_record(Timings, content["timings"])
            status, data_name = str(content["status"]), str(content["data_name"])
        except KeyError as error:
            raise damaged_file(folder / NETWORK_FILE, f"it lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise damaged_file(folder / NETWORK_FILE, str(error)) from None
        if sha256(text).hexdigest() != saved_history:
            raise DataError(
                f"{folder / HISTORY_FILE} is not the history that {NETWORK_FILE} was "
                "saved with: if the process was killed while it saved the run, "
                "continue it with resume=True; else restore it from a copy"
            )
        run = cls(net, history, settings, status, timings, data_name=data_name)
        if not (folder / BEST_FILE).exists():
            return run
        best_run = cls._read_best(folder)
        return replace(run, best=best_run.best, best_epoch=best_run.best_epoch)

    @classmethod
    def _load_best(cls, folder: Path) -> Self:
        best_run = cls._read_best(folder)
        if (folder / NETWORK_FILE).is_file():
            return replace(cls.load(folder), net=best_run.net)
        return best_run

    @classmethod
    def _read_best(cls, folder: Path) -> Self:
        """The run of the file of its best network."""
        net, content = read_network(folder / BEST_FILE)
        try:
            return cls(
                net,
                History(np.zeros(0), ()),
                TrainConfig.from_dict(content["settings"]),
                "unfinished",
                best=net,
                best_epoch=parse_record(Epoch, content["epoch"]),
                data_name=str(content["data_name"]),
            )
        except KeyError as error:
            raise damaged_file(folder / BEST_FILE, f"it lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise damaged_file(folder / BEST_FILE, str(error)) from None

    def _network_bytes(self, history: bytes) -> bytes:
        content = {
            "history": sha256(history).hexdigest(),
            "architecture": asdict(self.net.architecture),
            "settings": self.settings.to_dict(),
            "data_name": self.data_name,
            "timings": asdict(self.timings),
            "status": self.status,
            "secant": __version__,
        }
        return tensor_bytes(self.net.params, _FORMAT, content)


def network_bytes(net: MLP) -> bytes:
    """A file of a network alone, which `read_network` reads."""
    return tensor_bytes(net.params, _FORMAT, {"architecture": asdict(net.architecture)})


def write_best(
    folder: Path, net: MLP, epoch: Epoch, settings: TrainConfig, data_name: str
) -> None:
    """Writes the best network so far into the folder of its run."""
    content = {
        "architecture": asdict(net.architecture),
        "settings": settings.to_dict(),
        "data_name": data_name,
        "epoch": epoch._asdict(),
    }
    replace_file(folder / BEST_FILE, tensor_bytes(net.params, _FORMAT, content))


def read_network(path: Path) -> tuple[MLP, dict[str, Any]]:
    """The network of a file, and the file's description.

    Raises:
        DataError: The file is missing, damaged, or of another kind.
    """
    if not path.exists():
        raise _missing(path)
    params, content = read_tensors(path, _FORMAT)
    try:
        return MLP.from_params(
            parse_architecture(content["architecture"]), params
        ), content
    except (KeyError, TypeError, ValueError) as error:
        raise damaged_file(path, str(error)) from None


def _missing(path: Path) -> DataError:
    """The error for a missing network, with what the folder has instead."""
    folder, name = path.parent, path.name
    if name == BEST_FILE and (folder / NETWORK_FILE).is_file():
        return DataError(
            f"{folder} has no best network, because an older version wrote it: use the "
            "last network"
        )
    if name in (NETWORK_FILE, BEST_FILE) and (folder / MANIFEST_FILE).is_file():
        best = (
            "; or use its best network so far: --best, or Run.load(…, best=True)"
            if (folder / BEST_FILE).is_file()
            else ""
        )
        return DataError(
            f"{folder} holds a run that has not ended, and no {name}: continue it with "
            f"`secant train --resume {folder}`{best}"
        )
    near = sorted(p.parent.name for p in folder.parent.glob(f"*/{NETWORK_FILE}"))
    hint = f"; runs beside it: {', '.join(near[:8])}" if near else ""
    return DataError(
        f"{folder} is not a run: it has no {name}{hint}. Name a folder that `secant "
        "train` or Run.save wrote"
    )


def _parse_history(content: bytes, path: Path) -> History:
    try:
        return History.from_csv(content.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise damaged_file(path, str(error)) from None
