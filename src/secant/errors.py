"""Exceptions of Secant, and messages that several of them share.

Every deliberate error of Secant is a `SecantError`. An error about an argument is also
a `ValueError`, as NumPy's users expect. Its message says what came, why it is wrong
and what to write instead.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "DataError",
    "InvalidInput",
    "PeerLost",
    "SecantError",
    "short_repr",
    "unknown_name",
]


class SecantError(Exception):
    """Base class of all deliberate errors of Secant."""


class InvalidInput(SecantError, ValueError):
    """An invalid argument."""


class DataError(InvalidInput):
    """A data file that cannot be read, or a data set that was not found."""


class PeerLost(SecantError):
    """Another process of a distributed run is gone, so this one cannot continue.

    The program should end at once with `os._exit(PeerLost.exit_code)`, since JAX's
    normal shutdown waits for the lost process.

    Attributes:
        exit_code: `EX_TEMPFAIL` of `sysexits.h`, which asks a supervisor to restart
            the program.
    """

    exit_code = 75


def unknown_name(kind: str, name: object, known: Iterable[str]) -> InvalidInput:
    """The error for an unknown name, with the nearest known name.

    Args:
        kind: The kind of object that has a name, in the singular: `"activation"`.
        name: The unknown name.
        known: The known names.

    Returns:
        The error, which the caller raises.

    Example:
        >>> unknown_name("activation", "sigmoyd", ["relu", "sigmoid"])
        InvalidInput("there is no activation 'sigmoyd': did you mean 'sigmoid'? ...")
    """
    names = sorted(known)
    # The function `relu` instead of its name, and "ReLU", also match "relu".
    word = str(getattr(name, "__name__", name)).lower()
    matches = get_close_matches(word, names, n=1)
    hint = f": did you mean {matches[0]!r}?" if matches else "."
    return InvalidInput(f"there is no {kind} {name!r}{hint} Known: {', '.join(names)}.")


def short_repr(value: object) -> str:
    """The `repr` of what came, on one line and cut to fit into a sentence.

    Example:
        >>> short_repr("-" * 100)
        "'--------------------------------------------------------..."
    """
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python prints
        return f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def short_text(text: object, limit: int = 200) -> str:
    """A text from a file, cut to a length that people can read.

    Example:
        >>> short_text("x" * 65_000, 8)
        'xxxxxxxx…'
    """
    text = str(text)
    return text if len(text) <= limit else f"{text[:limit]}…"


def not_installed(feature: str, modules: Iterable[str], extra: str) -> SecantError:
    """The error for a feature whose extra is not installed.

    Example:
        >>> not_installed("the export", ["onnx"], "export")
        SecantError('the export needs onnx, which is not installed: write  pip ...')
    """
    return SecantError(
        f"{feature} needs {' and '.join(modules)}, which is not installed: write  "
        f'pip install "secant[{extra}]"'
    )
