"""The description of a run, beside its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunMetadata:
    """The description of a run, for readers of its folder.

    Attributes:
        data_name: The name of the data.
        notes: Further contents of the folder's manifest, as JSON represents them.
        origin: The `origin` of another run's manifest: this run must have the same
            network, data and settings.

    Example:
        >>> RunMetadata("three clouds", notes={"why": "a test"}).data_name
        'three clouds'
    """

    data_name: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None
