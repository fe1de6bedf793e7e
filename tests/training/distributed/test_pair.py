"""Two real processes compute what one does, by every gradient method."""

import importlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from secant import Run

_FILE = Path(__file__).parent / "pair.py"

# Two processes add up their shares of a batch in another order than one. Each of the up
# to 40 steps rounds the weights, and with them a loss of about 1, by half of 1.2e-7.
_LOSS_ROUNDINGS = 40 * 6e-8


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="JAX's processes do not meet on Windows")
@pytest.mark.parametrize("devices", [1, 2])
def test_two_processes_have_the_losses_of_one(devices, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(_FILE.parent))
    pair = importlib.import_module("pair")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    flags = f"--xla_force_host_platform_device_count={devices}"
    both = [
        subprocess.Popen(
            [sys.executable, *map(str, (_FILE, index, port, tmp_path, devices))],
            env={**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {flags}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]
    said = [process.communicate(timeout=900)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    for method, optimizer in pair.cases(devices):
        alone = pair.trained(method, optimizer)
        runs = [Run.load(tmp_path / f"{method}-{optimizer}-{i}") for i in range(2)]
        for run in runs:
            name = f"{method}, {optimizer}"
            np.testing.assert_allclose(
                run.losses, alone.losses, rtol=0, atol=_LOSS_ROUNDINGS, err_msg=name
            )
            for key, value in alone.net.params.items():
                np.testing.assert_allclose(
                    run.net.params[key], value, rtol=0, atol=1e-5, err_msg=name
                )
            np.testing.assert_array_equal(run.losses, runs[0].losses)
            assert run.history.epochs == runs[0].history.epochs
            assert run.history.epochs[-1].test_accuracy == pytest.approx(
                alone.history.epochs[-1].test_accuracy, abs=1e-6
            )
