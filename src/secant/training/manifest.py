"""A run's manifest: what it takes to do it again, and to know that it is the same."""

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np

from secant._version import __version__
from secant.errors import DataError
from secant.nn.architecture import Architecture
from secant.training.config import TrainConfig
from secant.training.run import MANIFEST_FILE as FILE
from secant.training.run import Run
from secant.training.serialization import architecture, replace_file

_FORMAT = "secant manifest 1"
_LONGEST = 1 << 20
_PACKAGES = ("numpy", "jax", "jaxlib", "optax")


@dataclass(frozen=True)
class Manifest:
    """What a run is.

    Attributes:
        architecture: What its network computes.
        settings: How it is trained: what `fit` was told, the seed among it.
        data_name: What it is trained on, in words.
        origin: What its outcome depends on, iterations apart: the settings, and
            SHA-256 of the first weights and of the data.
        versions: Of Python, Secant and what it computes with.
        device: What it ran on.
        notes: What else was to be kept: of `secant train`, its command.
    """

    architecture: Architecture
    settings: TrainConfig
    data_name: str
    origin: Mapping[str, Any]
    versions: Mapping[str, str]
    device: str
    notes: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        settings: TrainConfig,
        data_name: str,
        origin: Mapping[str, Any],
        notes: Mapping[str, Any],
    ) -> Self:
        """The manifest of a run that begins here and now."""
        return cls(
            architecture,
            settings,
            data_name,
            dict(origin),
            versions(),
            device(),
            dict(notes),
        )

    def write(self, folder: Path) -> None:
        """Keeps it in a run's folder, as JSON for people to read."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        known["architecture"] = asdict(self.architecture)
        known["settings"] = self.settings.to_dict()
        content = {"format": _FORMAT, **known}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        replace_file(folder / FILE, text.encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of a run's folder.

        Raises:
            DataError: There is none, or it is damaged.
        """
        path = folder / FILE
        try:
            if path.stat().st_size > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST:,} bytes")
            about = json.loads(path.read_text(encoding="utf-8"))
            if about["format"] != _FORMAT:
                raise ValueError(f"its format is {about['format']!r}")
            return cls(
                architecture(about["architecture"]),
                TrainConfig.from_dict(about["settings"]),
                str(about["data_name"]),
                dict(about["origin"]),
                dict(about["versions"]),
                str(about["device"]),
                dict(about["notes"]),
            )
        except FileNotFoundError:
            raise DataError(
                f"{folder} is no run to go on with or to do again: it holds no {FILE}. "
                "Name a folder that `secant train` or fit(folder=…) wrote"
            ) from None
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise DataError(
                f"{path} is damaged or was changed ({error}): restore it from a copy, "
                "or train again"
            ) from None


def versions() -> dict[str, str]:
    """What computes here, and of which version."""
    found = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "secant": __version__} | found


def device() -> str:
    """What JAX computes on here: `cpu (x86_64, linux)`."""
    here = jax.devices()[0]
    kind = "" if here.device_kind == here.platform else f"{here.device_kind}, "
    return f"{here.platform} ({kind}{platform.machine()}, {sys.platform})"


# Whether a run that was done again came out the same.


@dataclass(frozen=True)
class Repetition:
    """A run beside the one that it repeats.

    Attributes:
        same: Whether all weights, losses and measurements are equal, bit for bit.
        apart_from: The first step whose loss differs; None if none does.
        loss_apart: By how much the losses of all steps differ at most.
        weights_apart: By how much weights differ at most.
    """

    same: bool
    apart_from: int | None
    loss_apart: float
    weights_apart: float


def compared(before: Run, again: Run) -> Repetition:
    """How a repeated run compares with the first.

    Args:
        before: The run.
        again: The same, done again for as many steps.

    Example:
        >>> from secant import MLP, fit
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> runs = [fit(net, data, iterations=9, batch_size=2) for _ in range(2)]
        >>> compared(*runs).same
        True
    """
    steps = min(len(before.losses), len(again.losses))
    differ = before.losses[:steps] != again.losses[:steps]
    first = int(np.argmax(differ)) if differ.any() else None
    weights = _apart(before.net.params, again.net.params)
    same = (
        first is None
        and weights == 0
        and len(before.losses) == len(again.losses)
        and before.history.epochs == again.history.epochs
    )
    losses = np.abs(before.losses[:steps] - again.losses[:steps])
    return Repetition(same, first, float(losses.max(initial=0.0)), weights)


def _apart(some: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
    return max(float(np.abs(some[name] - others[name]).max()) for name in some)
