"""The entry point of `secant`: signals, streams and `--debug`, before any command."""

import io
import sys

from secant.cli.signals import signal_handlers


def main() -> None:
    """Runs the command line and exits."""
    with signal_handlers():
        # Imported here, because a Ctrl-C during the imports is handled already.
        from secant.cli.app import app
        from secant.cli.console import GlobalOptions
        from secant.cli.supervisor import attach_to_supervisor, is_supervised

        if is_supervised():
            attach_to_supervisor()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A character that the terminal's encoding lacks becomes a `?`; without
                # this it would end the output.
                stream.reconfigure(errors="replace")
        arguments = sys.argv[1:]
        # Removed here, so that it works before and after the name of the command.
        GlobalOptions.debug = "--debug" in arguments
        app([a for a in arguments if a != "--debug"], prog_name="secant")
