"""One run of several processes: what process 0 does, and what the others do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
from safetensors.numpy import load, save

from secant.errors import PeerLost, SecantError
from secant.history import Epoch, History
from secant.training.distributed.process_group import Processes
from secant.training.leader import DistributedStepper
from secant.training.run import Run, Timings
from secant.training.trainer import Training


class LeaderFailed(SecantError):
    """Process 0 has ended with an error, and so all do."""


@contextmanager
def leading(
    training: Training, processes: Processes | None
) -> Iterator[Callable[[Run], None]]:
    """What process 0 does its run in: however it ends, the others hear of it.

    Args:
        training: What is computed.
        processes: Which compute it; None for this one alone, which tells nobody.

    Yields:
        What is called with the run in the end.
    """
    if processes is None:
        yield lambda run: None
        return
    led = training.stepper
    assert isinstance(led, DistributedStepper)
    try:
        yield lambda run: _tell(run, led, processes)
    except PeerLost:
        raise
    except BaseException as error:
        led.end({"failure": str(error) or type(error).__name__})
        raise


def _tell(run: Run, led: DistributedStepper, processes: Processes) -> None:
    led.end(
        {
            "status": run.status,
            "epochs": run.history.epochs,
            "timings": asdict(run.timings),
            "best": run.best_epoch,
        }
    )
    arrays = {f"net/{name}": value for name, value in run.net.params.items()}
    if run.best is not None:
        arrays |= {f"best/{name}": value for name, value in run.best.params.items()}
    solid = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    processes.shared(save({"losses": run.losses, **solid}))


def follow(training: Training, processes: Processes) -> Run:
    """What the others do: all that process 0 says, until it has the run.

    Returns:
        That run.

    Raises:
        PeerLost: One of them is gone.
        LeaderFailed: Process 0 has ended with an error.
    """
    led = training.stepper
    assert isinstance(led, DistributedStepper)
    about = led.follow()
    if "failure" in about:
        raise LeaderFailed(f"process 0 has ended: {about['failure']}")
    arrays = load(processes.shared(b""))

    def params(of: str) -> dict:
        return {
            name.removeprefix(of): value
            for name, value in arrays.items()
            if name.startswith(of)
        }

    best = about["best"]
    return Run(
        net=training.net.replace(params("net/")),
        history=History(
            arrays["losses"], tuple(Epoch(*epoch) for epoch in about["epochs"])
        ),
        settings=training.config,
        status=about["status"],
        timings=Timings(**about["timings"]),
        best=training.net.replace(params("best/")) if best else None,
        best_epoch=Epoch(*best) if best else None,
        data_name=training.data_name,
    )
