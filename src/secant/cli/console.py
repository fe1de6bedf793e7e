"""Printing: two consoles, errors in a sentence, warnings in a line."""

import functools
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from secant.errors import SecantError

out = Console(highlight=False, soft_wrap=True)
"""What was asked for."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Everything else."""

BAD_INPUT, BUG, INTERRUPTED = 2, 1, 130


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
            except BrokenPipeError:
                # Whoever read our output has seen enough: nothing is left to say,
                # and flushing at exit must not say that either.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(0) from None
            except (SecantError, OSError) as error:
                fail(str(error))
            except KeyboardInterrupt:
                _trace()
                err.print("stopped by Ctrl-C")
                raise typer.Exit(INTERRUPTED) from None
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


def fail(sentence: str, code: int = BAD_INPUT) -> None:
    """Says what is wrong and ends the command."""
    _trace()
    err.print(f"[bold red]error:[/] {escape(sentence)}")
    raise typer.Exit(code)


def warn(sentence: str) -> None:
    """Says what may be wrong and goes on."""
    err.print(f"[yellow]warning:[/] {escape(sentence)}")


def grid(*heads: str, right: tuple[int, ...] = ()) -> Table:
    """A plain table: bold heads, no frame; columns in `right` are aligned so."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number in right else "left")
    return table


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    warn(str(message))


def _trace() -> None:
    if Settings.debug and sys.exc_info()[0] is not None:
        err.print(escape(traceback.format_exc()))
