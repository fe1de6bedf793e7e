"""What Secant raises, and the sentences that its errors share.

Every error that Secant raises on purpose is a `SecantError`; one that is about
an argument is also a `ValueError`, as NumPy's users expect. Its message says
what came, why that is wrong and what to write instead.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "DataError",
    "InvalidInput",
    "PeerLost",
    "SecantError",
    "short",
    "unknown_name",
]


class SecantError(Exception):
    """Anything that Secant raises on purpose."""


class InvalidInput(SecantError, ValueError):
    """An argument that cannot be worked with."""


class DataError(InvalidInput):
    """A file of data that cannot be read, or data that is not at hand."""


class PeerLost(SecantError):
    """Another process of a run is gone, and without it nothing can go on.

    What is left to do is to end, too, at once: `os._exit(PeerLost.exit_code)`, since
    JAX's own end waits for the one that is gone.

    Attributes:
        exit_code: `EX_TEMPFAIL` of `sysexits.h`, which asks a supervisor to start the
            program again.
    """

    exit_code = 75


def unknown_name(kind: str, name: object, known: Iterable[str]) -> InvalidInput:
    """The error for a name that stands in no table, with the nearest that does.

    Args:
        kind: What the name should name, in the singular: `"activation"`.
        name: What came.
        known: The names that there are.

    Returns:
        The error, for the caller to raise.

    Example:
        >>> unknown_name("activation", "sigmoyd", ["relu", "sigmoid"])
        InvalidInput("there is no activation 'sigmoyd': did you mean 'sigmoid'? ...")
    """
    names = sorted(known)
    # `relu` itself where its name is wanted, and "ReLU", are near enough too.
    near = get_close_matches(str(getattr(name, "__name__", name)).lower(), names, n=1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    return InvalidInput(f"there is no {kind} {name!r}{hint} Known: {', '.join(names)}.")


def short(value: object) -> str:
    """The `repr` of what came, on one line and cut to fit into a sentence.

    Example:
        >>> short("-" * 100)
        "'--------------------------------------------------------..."
    """
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python prints
        return f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def shortened(text: object, most: int = 200) -> str:
    """What a file has where a name should be, cut to what can be read.

    Example:
        >>> shortened("x" * 65_000, 8)
        'xxxxxxxx…'
    """
    text = str(text)
    return text if len(text) <= most else f"{text[:most]}…"


def not_installed(what: str, modules: Iterable[str], extra: str) -> SecantError:
    """The error for something whose extra is not installed.

    Example:
        >>> not_installed("the export", ["onnx"], "export")
        SecantError('the export needs onnx, not installed here: write  pip install ...')
    """
    return SecantError(
        f"{what} needs {' and '.join(modules)}, not installed here: write  "
        f'pip install "secant[{extra}]"'
    )
