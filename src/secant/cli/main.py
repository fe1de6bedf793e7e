"""The program `secant`: what happens before any command is known."""

import io
import sys

from secant.cli.signals import signal_handlers


def main() -> None:
    """Runs the command line and exits."""
    with signal_handlers():
        # Imported here, when a Ctrl-C in the midst of it is heard already.
        from secant.cli.app import app
        from secant.cli.console import GlobalOptions
        from secant.cli.distributed import attach, is_watched

        if is_watched():
            attach()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A `?` in the place of what an old terminal or a name in no
                # encoding cannot show, and the rest of the table.
                stream.reconfigure(errors="replace")
        arguments = sys.argv[1:]
        # Taken out here, so that it may stand before the command's name or after it.
        GlobalOptions.debug = "--debug" in arguments
        app([a for a in arguments if a != "--debug"], prog_name="secant")
