"""Functions named on the command line: `module:function` or `file.py:function`."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from secant.cli.console import BAD_INPUT, Settings, err, say_error
from secant.errors import InvalidInput, SecantError, unknown_name


@contextmanager
def users_code(doing: str) -> Iterator[None]:
    """What the user's own code raises is told as such, with its line, not as a bug."""
    try:
        yield
    except (SecantError, typer.Exit, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        if Settings.debug:
            err.print(traceback.format_exc(), markup=False)
        lines = traceback.extract_tb(error.__traceback__)
        # The innermost line outside of installed packages is the user's, most likely.
        own = [line for line in lines if "site-packages" not in line.filename]
        last = (own or lines)[-1]
        say_error(
            f"{doing} raised {type(error).__name__}: {error}\n"
            f"  {last.filename}:{last.lineno}: {last.line or ''}\n"
            "  (--debug shows all of the traceback)"
        )
        raise typer.Exit(BAD_INPUT) from None


def named(text: str, option: str, beside: ModuleType | None = None) -> Any:
    """What `module:name` names; `:name` or `name` is in the module `beside`.

    Args:
        text: `package.module:function`, or `folder/file.py:function`.
        option: What the user wrote it for, in an error's words.
        beside: Where to look if there is no module in it.

    Raises:
        InvalidInput: There is no such module, file or name.
    """
    place, _, name = text.rpartition(":")
    module = module_of(place, option) if place else beside
    if not name or module is None:
        raise InvalidInput(
            f"{option} is {text!r}: write module:function or file.py:function, as in "
            "losses:my_loss"
        )
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [known for known in vars(found) if not known.startswith("_")]
            raise unknown_name(f"name in {module.__name__}", part, known)
        found = getattr(found, part)
    return found


def module_of(place: str, option: str) -> ModuleType:
    """The module of a dotted name or of a file; the folder we are in counts."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if place.endswith(".py") or "/" in place or "\\" in place:
        return _of_file(Path(place), option)
    try:
        known = importlib.util.find_spec(place)
    except (ImportError, ValueError):
        known = None
    if known is None:
        raise InvalidInput(
            f"{option}: there is no module {place!r} here or among what is installed: "
            "write the name that `import` takes, or the file's, as in losses.py:my_loss"
        )
    with users_code(f"importing {place}"):
        return importlib.import_module(place)


def _of_file(path: Path, option: str) -> ModuleType:
    if not path.is_file():
        raise InvalidInput(f"{option}: there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # What the file imports from beside it.
        sys.path.insert(0, folder)
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and _same_file(known, path):
        return known
    if known is not None or name in sys.stdlib_module_names:
        # A file called random.py must not be everybody's `random`.
        name = f"{name}_of_{path.resolve().parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidInput(f"{option}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    with users_code(f"running {path}"):
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def _same_file(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()


def function(text: str, option: str, beside: ModuleType | None = None) -> Callable:
    """As `named`, and it can be called."""
    found = named(text, option, beside)
    if not callable(found):
        raise InvalidInput(
            f"{option}: {text} is a {type(found).__name__} and cannot be called: name "
            "a function"
        )
    return found
