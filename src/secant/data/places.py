"""Where a data set is on this machine: the folders, in the order they are looked in."""

import os
from dataclasses import dataclass
from pathlib import Path

from secant.data.files import PathName, digest
from secant.data.specs import SPECS, Spec, file_in, spec_named
from secant.errors import DataError

VARIABLE = "SECANT_DATA"
"""The environment variable that names a folder of data sets."""


@dataclass(frozen=True)
class Place:
    """A folder that holds, or could hold, a data set.

    Attributes:
        folder: The folder.
        origin: Why it is looked in: "folder given", "SECANT_DATA", "cache" or
            "system".
    """

    folder: Path
    origin: str


def cache_folder() -> Path:
    """The folder, the user's own, that downloads go to."""
    # Imported here: a machine with its data elsewhere has no need of it.
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("secant", appauthor=False))


def places(name: str, folder: PathName | None = None) -> list[Place]:
    """The folders in which a data set is looked for, in that order.

    A folder that is given is the only one looked in: to pass over it in silence
    would load other data than was asked for.

    Args:
        name: Of the data set.
        folder: One that holds the four files, or a folder of the set's name.

    Raises:
        InvalidInput: There is no data set of that name.
    """
    spec = spec_named(name)
    if folder is not None:
        return _within(folder, spec, "folder given")
    found = []
    if given := os.environ.get(VARIABLE):
        found += _within(given, spec, VARIABLE)
    found.append(Place(cache_folder() / spec.name, "cache"))
    found += [Place(Path(path), "system") for path in spec.system]
    return found


def find(name: str, folder: PathName | None = None) -> Place | None:
    """The first place that holds all four files of a data set, or None.

    MNIST and Fashion-MNIST have the same file names; a folder with the one's test
    labels is no place for the other.

    Args:
        name: Of the data set, "mnist" or "fashion-mnist".
        folder: The only folder to look in, if given.

    Raises:
        InvalidInput: There is no data set of that name.

    Example:
        >>> find("mnist", folder="/nowhere") is None
        True
    """
    spec = spec_named(name)
    for place in places(name, folder):
        if not missing_in(place.folder, spec) and not _other_set(place.folder, spec):
            return place
    return None


def not_at_hand(name: str, folder: PathName | None = None) -> DataError:
    """The error for a data set that is nowhere: where it was looked for, what to do."""
    spec = spec_named(name)
    looked = "; ".join(
        f"{place.folder} ({place.origin}: {_reason(place.folder, spec)})"
        for place in places(name, folder)
    )
    ways = f"run `secant data fetch {name}`, or set {VARIABLE} to a folder that has it"
    if name == "mnist":
        ways += "; load_mnist_sample() has 5,000 digits built in"
    return DataError(
        f"{spec.title} is not at hand; looked in {looked}. To get it, {ways}."
    )


def missing_in(folder: Path, spec: Spec) -> list[str]:
    """The names of the files of a data set that a folder lacks."""
    return [file.name for file in spec.files if file_in(folder, file.name) is None]


def _within(folder: PathName, spec: Spec, origin: str) -> list[Place]:
    path = Path(folder).expanduser()
    return [Place(path / spec.name, origin), Place(path, origin)]


def _other_set(folder: Path, spec: Spec) -> str | None:
    """The title of another known set whose test labels these are."""
    path = file_in(folder, spec.t_test.name)
    if path is None:
        return None
    try:
        _, sha256 = digest(path, limit=spec.t_test.size)
    except DataError:
        return None  # reading it will tell what is wrong with it
    for other in SPECS.values():
        if other.name != spec.name and sha256 == other.t_test.sha256:
            return other.title
    return None


def _reason(folder: Path, spec: Spec) -> str:
    missing = missing_in(folder, spec)
    if other := _other_set(folder, spec):
        return f"holds {other}"
    if not folder.is_dir():
        return "no such folder"
    return "empty of it" if len(missing) == 4 else f"lacks {', '.join(missing)}"
