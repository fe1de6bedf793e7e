"""A JupyterLab of its own, with a notebook of given cells, for pictures and tests."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MAX_WAIT = 300.0
"""Seconds for JupyterLab to start."""


@contextmanager
def serving(home: Path, sources: Sequence[str]) -> Iterator[str]:
    """Starts JupyterLab on a free port; yields the notebook's address.

    Args:
        home: An empty folder, for the notebook, all settings and the log.
        sources: The code of each cell.

    Raises:
        TimeoutError: It does not start; the message ends with its log.
    """
    cells = [
        {"cell_type": "code", "id": f"cell-{i}", "source": source, "metadata": {}}
        | {"outputs": [], "execution_count": None}
        for i, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}}
    notebook |= {"nbformat": 4, "nbformat_minor": 5}
    (home / "cells.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}"]
    options += ["--IdentityProvider.token=t", f"--ServerApp.root_dir={home}"]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    folders = ("CONFIG", "DATA", "RUNTIME")
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in folders}
    with (home / "log").open("w") as log:
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=os.environ | own,
            stdout=log,
            stderr=log,
        )
    origin = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{origin}/api/status?token=t", home / "log")
        yield f"{origin}/lab/tree/cells.ipynb?token=t&reset"
    finally:
        lab.terminate()
        lab.wait(60)


def _wait_for(address: str, log: Path) -> None:
    ends = time.monotonic() + MAX_WAIT
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise TimeoutError(f"JupyterLab does not start: {log.read_text()[-2000:]}")
