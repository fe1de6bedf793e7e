"""Locations of data sets on this machine: the folders in the order of the search."""

import os
from dataclasses import dataclass
from pathlib import Path

from secant.data.files import PathName, digest
from secant.data.registry import SPECS, Spec, file_in, spec_named
from secant.errors import DataError

DATA_VARIABLE = "SECANT_DATA"
"""The environment variable that names a folder of data sets."""


@dataclass(frozen=True)
class Location:
    """A folder that may hold a data set.

    Attributes:
        folder: The folder.
        origin: The reason to search it: "folder given", "SECANT_DATA", "cache" or
            "system".
    """

    folder: Path
    origin: str


def cache_folder() -> Path:
    """The user's folder for downloads."""
    # Imported here: a machine with its data elsewhere does not need it.
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("secant", appauthor=False))


def locations(name: str, folder: PathName | None = None) -> list[Location]:
    """The folders that may hold a data set, in the order of the search.

    If `folder` is given, it is the only one: to skip it silently would load other
    data than the caller asked for.

    Args:
        name: The data set's name.
        folder: A folder that holds the four files, or a folder of the set's name.

    Raises:
        InvalidInput: There is no data set of that name.
    """
    spec = spec_named(name)
    if folder is not None:
        return _locations_in(folder, spec, "folder given")
    found = []
    if variable := os.environ.get(DATA_VARIABLE):
        found += _locations_in(variable, spec, DATA_VARIABLE)
    found.append(Location(cache_folder() / spec.name, "cache"))
    found += [Location(Path(path), "system") for path in spec.system]
    return found


def find_data_set(name: str, folder: PathName | None = None) -> Location | None:
    """The first location that holds all four files of a data set, or None.

    MNIST and Fashion-MNIST have the same file names, so a folder with the test labels
    of one does not count for the other.

    Args:
        name: The data set's name, "mnist" or "fashion-mnist".
        folder: The only folder to search, if given.

    Raises:
        InvalidInput: There is no data set of that name.

    Example:
        >>> find_data_set("mnist", folder="/nowhere") is None
        True
    """
    spec = spec_named(name)
    for location in locations(name, folder):
        missing = missing_files(location.folder, spec)
        if not missing and not _other_data_set(location.folder, spec):
            return location
    return None


def data_set_not_found(name: str, folder: PathName | None = None) -> DataError:
    """The error for a data set that no location holds, with a way to get it."""
    spec = spec_named(name)
    searched = "; ".join(
        f"{location.folder} ({location.origin}: {_reason(location.folder, spec)})"
        for location in locations(name, folder)
    )
    remedy = (
        f"run `secant data fetch {name}`, or set {DATA_VARIABLE} to a folder that "
        "has it"
    )
    if name == "mnist":
        remedy += "; load_mnist_sample() has 5,000 digits built in"
    return DataError(
        f"{spec.title} was not found; searched {searched}. To get it, {remedy}."
    )


def missing_files(folder: Path, spec: Spec) -> list[str]:
    """The names of the files of a data set that a folder lacks."""
    return [file.name for file in spec.files if file_in(folder, file.name) is None]


def _locations_in(folder: PathName, spec: Spec, origin: str) -> list[Location]:
    path = Path(folder).expanduser()
    return [Location(path / spec.name, origin), Location(path, origin)]


def _other_data_set(folder: Path, spec: Spec) -> str | None:
    """The title of another known data set with these test labels, or None."""
    path = file_in(folder, spec.t_test.name)
    if path is None:
        return None
    try:
        _, sha256 = digest(path, limit=spec.t_test.size)
    except DataError:
        return None  # the reader of the file says what is wrong with it
    for other in SPECS.values():
        if other.name != spec.name and sha256 == other.t_test.sha256:
            return other.title
    return None


def _reason(folder: Path, spec: Spec) -> str:
    missing = missing_files(folder, spec)
    if other := _other_data_set(folder, spec):
        return f"holds {other}"
    if not folder.is_dir():
        return "no such folder"
    return (
        "has none of its files" if len(missing) == 4 else f"lacks {', '.join(missing)}"
    )
