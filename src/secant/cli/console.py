"""Console output: two consoles, errors as sentences, warnings as lines."""

import functools
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import typer
from rich.console import Console, ConsoleOptions
from rich.markup import escape
from rich.table import Table

from secant.cli.signals import exit_code, signal_name
from secant.errors import SecantError

BAD_INPUT, BUG = 2, 1

_UNLIMITED_WIDTH = 100_000


class _Console(Console):
    """A console that breaks lines only on a terminal and survives a closed pipe."""

    @property
    def options(self) -> ConsoleOptions:
        """Rich's options, with unlimited width in a file or a pipe."""
        options = super().options
        return options if self.is_terminal else options.update(width=_UNLIMITED_WIDTH)

    def print(self, *objects: Any, **options: Any) -> None:
        """Rich's `print`, without cropping in a file or a pipe."""
        options.setdefault("crop", self.is_terminal)
        super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Continue silently after the reader of a pipe has closed it.

        `secant train 2>&1 | head` must not lose a run of hours.
        """
        self.quiet = True
        with suppress(OSError, ValueError):  # the stream has no file descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    @property
    def animates(self) -> bool:
        """Whether the console can show a moving progress bar."""
        return self.is_terminal and not self.is_dumb_terminal


out = _Console(highlight=False, emoji=False)
"""The console for the results of a command, standard output."""

err = _Console(stderr=True, highlight=False, emoji=False)
"""The console for everything else, standard error."""


class GlobalOptions:
    """Options of the whole command line."""

    debug = False


def command_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose errors become a sentence and an exit code, never a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                command(*args, **options)
            except SecantError as error:
                fail(str(error))
            except OSError as error:
                fail(_os_error_message(error))
            except MemoryError:
                fail(
                    "there is not enough memory: try fewer --hidden neurons, a smaller "
                    "--batch-size or less data"
                )
            except KeyboardInterrupt:
                _print_traceback()
                err.print(f"stopped by {signal_name()}")
                raise typer.Exit(exit_code()) from None
            except (typer.Exit, typer.Abort):
                raise
            except Exception as error:
                _print_traceback()
                err.print(
                    "[bold red]error:[/] this is a bug in Secant: "
                    f"{escape(type(error).__name__)}: {escape(str(error))}\n"
                    "Run the command again with --debug, and report what it prints."
                )
                raise typer.Exit(BUG) from None

    return run


def fail(sentence: str, code: int = BAD_INPUT) -> NoReturn:
    """Print an error and end the command."""
    _print_traceback()
    print_error(sentence)
    raise typer.Exit(code)


def print_error(sentence: str) -> None:
    """Print an error."""
    err.print(f"[bold red]error:[/] {escape(sentence)}")


def warn(sentence: str) -> None:
    """Print a warning."""
    err.print(f"[yellow]warning:[/] {escape(sentence)}")


def labelled_lines(**lines: str) -> Table:
    """A table of names and texts, a line for each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=8)
    for name, text in lines.items():
        table.add_row(name, escape(text))
    return table


def plain_table(*heads: str, right: tuple[int, ...] = ()) -> Table:
    """A table with bold heads and no frame; `right` lists right-aligned columns."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for number, head in enumerate(heads):
        table.add_column(
            head, justify="right" if number in right else "left", overflow="fold"
        )
    return table


def _os_error_message(error: OSError) -> str:
    """A sentence with the file and the system's reason."""
    name = os.fsdecode(error.filename) if error.filename else "the output"
    return (
        f"{name} cannot be read or written ({error.strerror or error}): name another "
        "file, free disk space, or change its permissions"
    )


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    warn(str(message))


def _print_traceback() -> None:
    if GlobalOptions.debug and sys.exc_info()[0] is not None:
        err.print(traceback.format_exc(), markup=False)
