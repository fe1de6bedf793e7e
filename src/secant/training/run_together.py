"""One run of several processes: process 0 leads, the others follow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
from safetensors.numpy import load, save

from secant.errors import PeerLost, SecantError
from secant.history import Epoch, History
from secant.training.distributed.process_group import ProcessGroup
from secant.training.leader import DistributedStepper
from secant.training.run import Run, Timings
from secant.training.trainer import Trainer


class LeaderFailed(SecantError):
    """Process 0 ended with an error, so all processes end."""


@contextmanager
def lead(
    trainer: Trainer, processes: ProcessGroup | None
) -> Iterator[Callable[[Run], None]]:
    """The context of process 0's run; however it ends, the others learn of it.

    Args:
        trainer: The trainer of the run.
        processes: The processes; None for this one alone.

    Yields:
        A function that sends the ended run to the others.
    """
    if processes is None:
        yield lambda run: None
        return
    stepper = trainer.stepper
    assert isinstance(stepper, DistributedStepper)
    try:
        yield lambda run: _send(run, stepper, processes)
    except PeerLost:
        raise
    except BaseException as error:
        stepper.end({"failure": str(error) or type(error).__name__})
        raise


def _send(run: Run, stepper: DistributedStepper, processes: ProcessGroup) -> None:
    stepper.end(
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
    processes.broadcast(save({"losses": run.losses, **solid}))


def follow(trainer: Trainer, processes: ProcessGroup) -> Run:
    """Follows the orders of process 0 until the run ends.

    Returns:
        The run.

    Raises:
        PeerLost: A process is gone.
        LeaderFailed: Process 0 ended with an error.
    """
    stepper = trainer.stepper
    assert isinstance(stepper, DistributedStepper)
    summary = stepper.follow()
    if "failure" in summary:
        raise LeaderFailed(f"process 0 has ended: {summary['failure']}")
    arrays = load(processes.broadcast(b""))

    def params(prefix: str) -> dict:
        return {
            name.removeprefix(prefix): value
            for name, value in arrays.items()
            if name.startswith(prefix)
        }

    best = summary["best"]
    return Run(
        net=trainer.net.replace(params("net/")),
        history=History(
            arrays["losses"], tuple(Epoch(*epoch) for epoch in summary["epochs"])
        ),
        settings=trainer.config,
        status=summary["status"],
        timings=Timings(**summary["timings"]),
        best=trainer.net.replace(params("best/")) if best else None,
        best_epoch=Epoch(*best) if best else None,
        data_name=trainer.data_name,
    )
