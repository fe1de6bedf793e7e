"""What describes a run, beside its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunMetadata:
    """What describes a run, for whoever reads its folder.

    Attributes:
        data_name: What the run shall call its data.
        notes: What else the folder's manifest shall say, as JSON holds it.
        origin: Of another run's manifest: this run must have the same network, data
            and settings.

    Example:
        >>> RunMetadata("three clouds", notes={"why": "a test"}).data_name
        'three clouds'
    """

    data_name: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None
