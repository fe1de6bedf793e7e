"""The rendezvous of a run's processes, through JAX's distributed runtime.

The coordinator listens on process 0, only at the address that all processes get. The
command line or the cluster that starts the processes numbers them.
"""

import errno
import os
import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Self

from secant.compat import cluster_detection, set_gloo_address
from secant.errors import InvalidInput
from secant.training.distributed.process_group import ProcessGroup
from secant.validation import WholeNumber, validate_fields

# One of these is set if mpirun or a cluster's `srun --mpi` has started this process.
_MPI_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")


@dataclass(frozen=True)
class Rendezvous:
    """The rendezvous point of a run's processes, and the number of this process.

    Attributes:
        coordinator: `HOST:PORT`, where process 0 listens.
        processes: The number of processes.
        process_id: The number of this process, 0 … processes - 1; process 0 leads and
            saves the run.
        devices: The devices of JAX on this machine for this process; None for all.
        initialization_timeout: The seconds until all processes must have joined.
        heartbeat_timeout: The seconds of silence after which a process counts as gone.

    Raises:
        InvalidInput: A number is out of its range, or the address is not one.

    Example:
        >>> Rendezvous("10.0.0.1:8476", processes=2, process_id=0).process_id
        0
    """

    coordinator: str
    processes: int
    process_id: int
    devices: tuple[int, ...] | None = None
    initialization_timeout: int = 300
    heartbeat_timeout: int = 10

    def __post_init__(self) -> None:
        validate_fields(
            self,
            processes=WholeNumber(low=1),
            process_id=WholeNumber(low=0),
            initialization_timeout=WholeNumber(low=1),
            heartbeat_timeout=WholeNumber(low=1),
        )
        if self.process_id >= self.processes:
            raise InvalidInput(
                f"process_id is {self.process_id}, and there are {self.processes} "
                f"processes: pass a number from 0 to {self.processes - 1}"
            )
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise InvalidInput(
                f"coordinator is {self.coordinator!r}: pass HOST:PORT, such as "
                "10.0.0.1:8476, an address of the machine of process 0"
            )

    @classmethod
    def detect(
        cls,
        coordinator: str | None = None,
        processes: int | None = None,
        process_id: int | None = None,
        *,
        initialization_timeout: int = 300,
        heartbeat_timeout: int = 10,
    ) -> Self:
        """The rendezvous, with missing arguments from SLURM, Kubernetes or MPI.

        Raises:
            InvalidInput: An argument is neither passed nor detected.
        """
        devices = None
        if None in (coordinator, processes, process_id):
            coordinator, processes, process_id, devices = _detect(
                coordinator, processes, process_id, initialization_timeout
            )
        missing = [
            name
            for name, value in (
                ("coordinator", coordinator),
                ("processes", processes),
                ("process_id", process_id),
            )
            if value is None
        ]
        if coordinator is None or processes is None or process_id is None:
            raise InvalidInput(
                f"{' and '.join(missing)}: not passed, and no SLURM, Kubernetes or "
                "Open MPI sets them here: pass coordinator=HOST:PORT, processes=N and "
                "process_id=0 … N - 1 (on the command line, --coordinator, --processes "
                "and --process-id)"
            )
        return cls(
            coordinator,
            processes,
            process_id,
            devices,
            initialization_timeout,
            heartbeat_timeout,
        )


def join(
    rendezvous: Rendezvous, *, stop: Callable[[], int] = lambda: 0
) -> ProcessGroup:
    """Joins the processes of a run; it returns when all have joined.

    Call it before JAX computes anything. If a process does not come in time, or stops
    answering later, JAX's runtime ends this process with SIGABRT, which Python cannot
    catch. `secant train --distributed` then prints a sentence and ends with the exit
    code 75.

    Args:
        rendezvous: Where the processes meet.
        stop: As for `ProcessGroup`.

    Raises:
        InvalidInput: The host has no address, or process 0 cannot listen there.
    """
    import jax

    set_gloo_address(_own_address(rendezvous))
    # Otherwise the runtime takes SIGTERM, and the program never gets it.
    jax.config.update("jax_enable_preemption_service", False)
    jax.distributed.initialize(
        rendezvous.coordinator,
        rendezvous.processes,
        rendezvous.process_id,
        local_device_ids=rendezvous.devices,
        cluster_detection_method="deactivate",
        initialization_timeout=rendezvous.initialization_timeout,
        heartbeat_timeout_seconds=rendezvous.heartbeat_timeout,
        shutdown_timeout_seconds=rendezvous.heartbeat_timeout,
        # Otherwise it listens at every address of this machine.
        coordinator_bind_address=rendezvous.coordinator,
    )
    return ProcessGroup(stop, rendezvous.processes)


def _own_address(rendezvous: Rendezvous) -> str:
    """The address of this machine on the way to the coordinator.

    An impossible address is refused here, before any process waits for it.
    """
    host, _, port = rendezvous.coordinator.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        kinds = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = kinds[0]
        # Connecting a datagram socket sends nothing; it only chooses the route.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            own = probe.getsockname()[0]
    except OSError as error:
        raise InvalidInput(
            f"the host of coordinator {rendezvous.coordinator!r} has no address that "
            f"this machine can reach ({error.strerror or error}): pass a name that "
            "every machine of the run resolves, or the address itself, such as "
            "10.0.0.1:8476"
        ) from None
    if rendezvous.process_id != 0:
        return own
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            reason = {
                errno.EADDRINUSE: "another program listens there: choose another port",
                errno.EADDRNOTAVAIL: "process 0 must run on the machine with that "
                "address",
            }.get(error.errno or 0, error.strerror or str(error))
            raise InvalidInput(
                f"process 0 cannot listen at {rendezvous.coordinator}: {reason}"
            ) from None
    return own


def _detect(
    coordinator: str | None, processes: int | None, process_id: int | None, wait: int
) -> tuple[str | None, int | None, int | None, tuple[int, ...] | None]:
    detect = cluster_detection()
    if detect is None:
        return coordinator, processes, process_id, None
    mpi = find_spec("mpi4py") and any(name in os.environ for name in _MPI_VARIABLES)
    detected: Any = coordinator, processes, process_id, None
    for way in (None, "mpi4py") if mpi else (None,):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # our error says the same
                detected = detect(coordinator, processes, process_id, None, way, wait)
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise InvalidInput(
                f"the cluster that started this process does not say enough ({error}): "
                "pass coordinator, processes and process_id"
            ) from None
        if None not in detected[:3]:
            break
    return (*detected[:3], tuple(detected[3]) if detected[3] else None)
