"""Target functions of the command line: `module:function` or `file.py:function`."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from secant.cli.console import BAD_INPUT, GlobalOptions, err, print_error
from secant.errors import InvalidInput, SecantError, unknown_name


@contextmanager
def user_code(name: str) -> Iterator[None]:
    """Report an exception in the block as the user's error, with its line."""
    try:
        yield
    except (SecantError, typer.Exit, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        if GlobalOptions.debug:
            err.print(traceback.format_exc(), markup=False)
        lines = traceback.extract_tb(error.__traceback__)
        # The innermost line outside of installed packages is most likely the user's.
        own = [line for line in lines if "site-packages" not in line.filename]
        last = (own or lines)[-1]
        print_error(
            f"{name} raised {type(error).__name__}: {error}\n"
            f"  {last.filename}:{last.lineno}: {last.line or ''}\n"
            "  (--debug shows the whole traceback)"
        )
        raise typer.Exit(BAD_INPUT) from None


def load_object(text: str, option: str, default: ModuleType | None = None) -> Any:
    """The object `module:name`; `:name` or `name` belongs to the module `default`.

    Args:
        text: `package.module:function`, or `folder/file.py:function`.
        option: The option that the user wrote, for error messages.
        default: The module if `text` has none.

    Raises:
        InvalidInput: There is no such module, file or name.
    """
    location, _, name = text.rpartition(":")
    module = load_module(location, option) if location else default
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


def load_module(location: str, option: str) -> ModuleType:
    """The module of a dotted name or of a file; also from the current folder."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if location.endswith(".py") or "/" in location or "\\" in location:
        return _load_file(Path(location), option)
    try:
        known = importlib.util.find_spec(location)
    except (ImportError, ValueError):
        known = None
    if known is None:
        raise InvalidInput(
            f"{option}: there is no module {location!r}, neither here nor installed: "
            "write its name in `import`, or its file, as in losses.py:my_loss"
        )
    with user_code(f"importing {location}"):
        return importlib.import_module(location)


def _load_file(path: Path, option: str) -> ModuleType:
    if not path.is_file():
        raise InvalidInput(f"{option}: there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # The file may import modules from its own folder.
        sys.path.insert(0, folder)
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and _same_file(known, path):
        return known
    if known is not None or name in sys.stdlib_module_names:
        # A file random.py must not replace the module `random` for everyone.
        name = f"{name}_of_{path.resolve().parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidInput(f"{option}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with user_code(f"running {path}"):
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


def load_function(text: str, option: str, default: ModuleType | None = None) -> Any:
    """The callable object `module:name`, as for `load_object`."""
    found = load_object(text, option, default)
    if not callable(found):
        raise InvalidInput(
            f"{option}: {text} is a {type(found).__name__} and cannot be called: name "
            "a function"
        )
    return found
