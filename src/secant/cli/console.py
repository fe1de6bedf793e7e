"""Printing: two consoles, errors in a sentence, warnings in a line."""

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

from secant.cli.signals import by, exit_code
from secant.errors import SecantError

BAD_INPUT, BUG = 2, 1

_ENDLESS = 100_000


class _Console(Console):
    """A console that breaks lines on a terminal only, and bears a closed pipe."""

    @property
    def options(self) -> ConsoleOptions:
        """As Rich's; in a file or a pipe no line is too long, and none is broken."""
        options = super().options
        return options if self.is_terminal else options.update(width=_ENDLESS)

    def print(self, *objects: Any, **options: Any) -> None:
        """As Rich's, and what is too long is not cut off there either."""
        options.setdefault("crop", self.is_terminal)
        super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Whoever read this has seen enough: go on without them.

        A run of hours must not be lost to `secant train 2>&1 | head`.
        """
        self.quiet = True
        with suppress(OSError, ValueError):  # a file without a number: nothing to do
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    @property
    def animates(self) -> bool:
        """Whether a bar can move here."""
        return self.is_terminal and not self.is_dumb_terminal


out = _Console(highlight=False, emoji=False)
"""What was asked for."""

err = _Console(stderr=True, highlight=False, emoji=False)
"""Everything else."""


class Settings:
    """What the whole command line was told."""

    debug = False


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose errors are a sentence and an exit code, never a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                command(*args, **options)
            except SecantError as error:
                fail(str(error))
            except OSError as error:
                fail(_place(error))
            except MemoryError:
                fail(
                    "there is not enough memory for this: try fewer --hidden neurons, "
                    "a smaller --batch-size or less data"
                )
            except KeyboardInterrupt:
                _trace()
                err.print(f"stopped by {by()}")
                raise typer.Exit(exit_code()) from None
            except (typer.Exit, typer.Abort):
                raise
            except Exception as error:
                _trace()
                err.print(
                    "[bold red]error:[/] this is a bug in Secant: "
                    f"{escape(type(error).__name__)}: {escape(str(error))}\n"
                    "Run the command again with --debug, and report what it prints."
                )
                raise typer.Exit(BUG) from None

    return run


def fail(sentence: str, code: int = BAD_INPUT) -> NoReturn:
    """Says what is wrong and ends the command."""
    _trace()
    say_error(sentence)
    raise typer.Exit(code)


def say_error(sentence: str) -> None:
    """Says what is wrong and goes on."""
    err.print(f"[bold red]error:[/] {escape(sentence)}")


def warn(sentence: str) -> None:
    """Says what may be wrong and goes on."""
    err.print(f"[yellow]warning:[/] {escape(sentence)}")


def about(**lines: str) -> Table:
    """Names and what there is to say of them, on lines of their own."""
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=8)
    for name, text in lines.items():
        table.add_row(name, escape(text))
    return table


def grid(*heads: str, right: tuple[int, ...] = ()) -> Table:
    """A plain table: bold heads, no frame; columns in `right` are aligned so."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for number, head in enumerate(heads):
        table.add_column(
            head, justify="right" if number in right else "left", overflow="fold"
        )
    return table


def _place(error: OSError) -> str:
    """What the system says, and of what."""
    what = os.fsdecode(error.filename) if error.filename else "the output"
    return (
        f"{what} cannot be read or written ({error.strerror or error}): name another "
        "place, make room there, or change its permissions"
    )


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    warn(str(message))


def _trace() -> None:
    if Settings.debug and sys.exc_info()[0] is not None:
        err.print(traceback.format_exc(), markup=False)
