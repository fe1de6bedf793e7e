"""The manifest of a run: all that is needed to repeat the run and to identify it."""

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import jax

from secant._version import __version__
from secant.errors import DataError
from secant.nn.architecture import Architecture
from secant.training.config import TrainConfig
from secant.training.run_folder import MANIFEST_FILE
from secant.training.serialization import (
    check_regular,
    parse_architecture,
    replace_file,
)

_FORMAT = "secant manifest 1"
_MAX_BYTES = 1 << 20
_PACKAGES = ("numpy", "jax", "jaxlib", "optax")


@dataclass(frozen=True)
class Manifest:
    """The identity of a run: its network, data, settings and program.

    Attributes:
        architecture: The architecture of its network.
        settings: How it is trained: the arguments of `fit` with the seed.
        data_name: The name of its data.
        origin: All that determines the run except the number of steps: the settings,
            and SHA-256 of the first weights and of the data.
        versions: The versions of Python, Secant and its numerical packages.
        device: The device of JAX.
        notes: Further notes, such as the command of `secant train`.
    """

    architecture: Architecture
    settings: TrainConfig
    data_name: str
    origin: Mapping[str, Any]
    versions: Mapping[str, str]
    device: str
    notes: Mapping[str, Any]

    @classmethod
    def create(
        cls,
        architecture: Architecture,
        settings: TrainConfig,
        data_name: str,
        origin: Mapping[str, Any],
        notes: Mapping[str, Any],
    ) -> Self:
        """The manifest of a run that begins now, on this machine."""
        return cls(
            architecture,
            settings,
            data_name,
            dict(origin),
            current_versions(),
            current_device(),
            dict(notes),
        )

    def write(self, folder: Path) -> None:
        """Writes the manifest into a run's folder, as JSON that people can read."""
        content = {each.name: getattr(self, each.name) for each in fields(self)}
        content["architecture"] = asdict(self.architecture)
        content["settings"] = self.settings.to_dict()
        content = {"format": _FORMAT, **content}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        replace_file(folder / MANIFEST_FILE, text.encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the manifest of a run's folder.

        Raises:
            DataError: It is missing or damaged.
        """
        path = folder / MANIFEST_FILE
        check_regular(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            return cls(
                parse_architecture(content["architecture"]),
                TrainConfig.from_dict(content["settings"]),
                str(content["data_name"]),
                dict(content["origin"]),
                dict(content["versions"]),
                str(content["device"]),
                dict(content["notes"]),
            )
        except FileNotFoundError:
            raise DataError(
                f"{folder} is not a run that can be continued or repeated: it has no "
                f"{MANIFEST_FILE}. Name a folder that `secant train` or "
                "fit(folder=…) wrote"
            ) from None
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise DataError(
                f"{path} is damaged or was changed ({error}): restore it from a copy, "
                "or train again"
            ) from None


def current_versions() -> dict[str, str]:
    """The versions of Python, Secant and its numerical packages on this machine."""
    packages = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "secant": __version__} | packages


def current_device() -> str:
    """The device that JAX uses on this machine: `cpu (x86_64, linux)`."""
    device = jax.devices()[0]
    kind = "" if device.device_kind == device.platform else f"{device.device_kind}, "
    return f"{device.platform} ({kind}{platform.machine()}, {sys.platform})"
