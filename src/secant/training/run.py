"""A run: what came out of training, and the folder that keeps it."""

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from secant._version import __version__
from secant.errors import DataError, InvalidInput
from secant.history import Epoch, History
from secant.nn.networks import MLP
from secant.training.config import TrainConfig
from secant.training.serialization import (
    architecture,
    damaged,
    packed,
    record,
    replace_file,
    unpacked,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANIFEST_FILE = "manifest.json"
NETWORK_FILE = "network.safetensors"
"""The file of a run folder that holds the trained weights."""

HISTORY_FILE = "history.csv"
"""The file of a run folder that holds the losses and the accuracies."""

PICTURE_FILE = "training.png"
BEST_FILE = "best.safetensors"
_FORMAT = "secant run 1"


@dataclass(frozen=True)
class Timings:
    """Where a run's seconds went.

    Attributes:
        preparation: Compiling, and measuring the forecast.
        training: The steps themselves.
        evaluation: Measuring loss and accuracy on all samples.
    """

    preparation: float = 0.0
    training: float = 0.0
    evaluation: float = 0.0


@dataclass(frozen=True)
class Run:
    """A trained network and how it came about.

    Attributes:
        net: The trained network.
        history: The loss of every step, the accuracy of every epoch.
        settings: How it was trained.
        status: `finished`, `stopped early` (the validation loss no longer fell),
            `interrupted` (by Ctrl-C), `stopped` (the loss was not finite) or
            `unfinished` (it was killed, and only its best network read).
        timings: Where the seconds went.
        best: The network at the epoch with the best accuracy on the validation
            samples (without any, on the test samples, or else on the training
            samples); None of a run that an older version kept.
        best_epoch: That epoch.
        data_name: What it was trained on, in words.
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
        """The loss that each step saw, shape (steps,)."""
        return self.history.losses

    @property
    def train_accuracy(self) -> np.ndarray:
        """Accuracy on the training samples: at the start, each epoch, the end."""
        return np.array([epoch.train_accuracy for epoch in self.history.epochs])

    @property
    def test_accuracy(self) -> np.ndarray:
        """Accuracy on the test samples, NaN without any: as `train_accuracy`."""
        return np.array(
            [epoch.test_accuracy for epoch in self.history.epochs], np.float64
        )

    @property
    def validation_accuracy(self) -> np.ndarray:
        """Accuracy on the validation samples, NaN without any: as `train_accuracy`."""
        return np.array(
            [epoch.validation_accuracy for epoch in self.history.epochs], np.float64
        )

    def plot(self, *, language: str = "en") -> "Figure":
        """A picture of loss and accuracy over the steps; `language` is `en` or `ko`."""
        from secant import plots

        return plots.training(self.history, title=self.describe(), language=language)

    def describe(self) -> str:
        """The run in one line."""
        s, sizes = self.settings, "-".join(map(str, self.net.architecture.sizes))
        step = s.optimizer
        if s.learning_rate is not None:
            step += f", rate {s.learning_rate:g}"
        if s.schedule is not None:
            known = s.schedule
            step += f", {known if isinstance(known, str) else known.name}"
        if s.weight_decay:
            step += f", decay {s.weight_decay:g}"
        if s.clip_norm is not None:
            step += f", clip {s.clip_norm:g}"
        return f"{sizes} · {s.gradient} · {step} · batch {s.batch_size} · seed {s.seed}"

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Keeps the run in a folder: networks, history and picture.

        Args:
            folder: A new folder, or an empty one.

        Returns:
            The folder.

        Raises:
            InvalidInput: The folder holds something already.
        """
        folder = new_folder(folder)
        self.write(folder)
        return folder

    def write(self, folder: Path) -> None:
        """Puts the files of the run into a folder that is its own."""
        replace_file(folder / NETWORK_FILE, self._network_bytes())
        if self.best is not None and self.best_epoch is not None:
            write_best(
                folder, self.best, self.best_epoch, self.settings, self.data_name
            )
        replace_file(folder / HISTORY_FILE, self.history.to_csv().encode())
        self.plot().savefig(folder / PICTURE_FILE)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, best: bool = False) -> Self:
        """The run that `save` kept, or `fit` in its folder.

        Args:
            folder: Of the run.
            best: Whether `net` shall be the best network in place of the last. A run
                that was killed has no other yet; its history is then empty, and its
                status `unfinished`.

        Raises:
            DataError: There is none, or a file of it is damaged or foreign.
        """
        folder = Path(folder)
        if best:
            return cls._load_best(folder)
        net, about = read_network(folder / NETWORK_FILE)
        history = History.from_csv(
            _read_text(folder / HISTORY_FILE), str(folder / HISTORY_FILE)
        )
        try:
            settings = TrainConfig.from_dict(about["settings"])
            timings = record(Timings, about["timings"])
            status, data_name = str(about["status"]), str(about["data_name"])
        except KeyError as error:
            raise damaged(folder / NETWORK_FILE, f"it lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise damaged(folder / NETWORK_FILE, str(error)) from None
        run = cls(net, history, settings, status, timings, data_name=data_name)
        if not (folder / BEST_FILE).is_file():
            return run
        found = cls._read_best(folder)
        return replace(run, best=found.best, best_epoch=found.best_epoch)

    @classmethod
    def _load_best(cls, folder: Path) -> Self:
        found = cls._read_best(folder)
        if (folder / NETWORK_FILE).is_file():
            return replace(cls.load(folder), net=found.net)
        return found

    @classmethod
    def _read_best(cls, folder: Path) -> Self:
        """What the file of the best network says of its run."""
        net, about = read_network(folder / BEST_FILE)
        try:
            return cls(
                net,
                History(np.zeros(0), ()),
                TrainConfig.from_dict(about["settings"]),
                "unfinished",
                best=net,
                best_epoch=record(Epoch, about["epoch"]),
                data_name=str(about["data_name"]),
            )
        except KeyError as error:
            raise damaged(folder / BEST_FILE, f"it lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise damaged(folder / BEST_FILE, str(error)) from None

    def _network_bytes(self) -> bytes:
        about = {
            "architecture": asdict(self.net.architecture),
            "settings": self.settings.to_dict(),
            "data_name": self.data_name,
            "timings": asdict(self.timings),
            "status": self.status,
            "secant": __version__,
        }
        return packed(self.net.params, _FORMAT, about)


def new_folder(folder: str | os.PathLike[str]) -> Path:
    """A folder for a run, made if need be; never one that holds something.

    Raises:
        InvalidInput: It holds something already, or is a file.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InvalidInput(
            f"{folder} is there already, and nothing in it will be overwritten: name "
            "a new folder, or move that one away"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def network_bytes(net: MLP) -> bytes:
    """A network alone, as a file that `read_network` reads."""
    return packed(net.params, _FORMAT, {"architecture": asdict(net.architecture)})


def write_best(
    folder: Path, net: MLP, epoch: Epoch, settings: TrainConfig, data_name: str
) -> None:
    """Puts the best network so far into the folder of its run."""
    about = {
        "architecture": asdict(net.architecture),
        "settings": settings.to_dict(),
        "data_name": data_name,
        "epoch": epoch._asdict(),
    }
    replace_file(folder / BEST_FILE, packed(net.params, _FORMAT, about))


def read_network(path: Path) -> tuple[MLP, dict[str, Any]]:
    """The network of a file, and what else is known of it.

    Raises:
        DataError: There is none, or it is damaged or foreign.
    """
    if not path.is_file():
        raise _missing(path)
    params, about = unpacked(path, _FORMAT)
    try:
        return MLP.from_params(architecture(about["architecture"]), params), about
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, str(error)) from None


def _missing(path: Path) -> DataError:
    """The error for a network that is not there: what is, and what to do."""
    folder, name = path.parent, path.name
    if name == BEST_FILE and (folder / NETWORK_FILE).is_file():
        return DataError(
            f"{folder} keeps no best network, since an older version wrote it: read "
            "the last one"
        )
    if name in (NETWORK_FILE, BEST_FILE) and (folder / MANIFEST_FILE).is_file():
        best = (
            "; or take its best network so far: --best, or Run.load(…, best=True)"
            if (folder / BEST_FILE).is_file()
            else ""
        )
        return DataError(
            f"{folder} keeps a run that has not come to its end, and no {name}: go on "
            f"with it, `secant train --resume {folder}`{best}"
        )
    near = sorted(p.parent.name for p in folder.parent.glob(f"*/{NETWORK_FILE}"))
    hint = f"; runs beside it: {', '.join(near[:8])}" if near else ""
    return DataError(
        f"{folder} is no run: it holds no {name}{hint}. Name a folder that `secant "
        "train` or Run.save wrote"
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from None
