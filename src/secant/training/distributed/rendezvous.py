"""How the processes of a run find each other: JAX's own runtime, and what may go wrong.

Its coordinator listens on process 0, at the address that all are told, and nowhere
else. The processes are named on the command line, or by what has started them.
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
from secant.training.distributed.process_group import Processes
from secant.validation import WholeNumber, validate_fields

# By which it shows that mpirun or a cluster's `srun --mpi` has started this.
_MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")


@dataclass(frozen=True)
class Meeting:
    """Where the processes of a run find each other, and which of them this is.

    Attributes:
        coordinator: `HOST:PORT`, at which process 0 listens.
        processes: How many there are.
        process_id: Which this is, 0 … processes - 1; 0 leads, and keeps the run.
        devices: JAX's devices on this machine that are this process's; None for all.
        initialization_timeout: Seconds that all have to come.
        heartbeat_timeout: Seconds after which one that says nothing counts as gone.

    Raises:
        InvalidInput: A number that cannot be, or no address.

    Example:
        >>> Meeting("10.0.0.1:8476", processes=2, process_id=0).process_id
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
                f"processes: theirs are 0 to {self.processes - 1}"
            )
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise InvalidInput(
                f"coordinator is {self.coordinator!r}: pass HOST:PORT, as "
                "10.0.0.1:8476, an address of the machine that process 0 runs on"
            )

    @classmethod
    def found(
        cls,
        coordinator: str | None = None,
        processes: int | None = None,
        process_id: int | None = None,
        *,
        initialization_timeout: int = 300,
        heartbeat_timeout: int = 10,
    ) -> Self:
        """The same, what is not passed found by JAX: from SLURM, Kubernetes or MPI.

        Raises:
            InvalidInput: Something is neither passed nor found.
        """
        devices = None
        if None in (coordinator, processes, process_id):
            coordinator, processes, process_id, devices = _detected(
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
                f"{' and '.join(missing)}: not passed, and nothing here tells, as "
                "SLURM, Kubernetes and Open MPI do: pass coordinator=HOST:PORT, "
                "processes=N and process_id=0 … N - 1 (on the command line, "
                "--coordinator, --processes and --process-id)"
            )
        return cls(
            coordinator,
            processes,
            process_id,
            devices,
            initialization_timeout,
            heartbeat_timeout,
        )


def join(meeting: Meeting, *, stop: Callable[[], int] = lambda: 0) -> Processes:
    """The processes of a run, as soon as all are there.

    To be called before JAX has computed anything. Where one does not come in time, or
    stops answering later on, JAX's runtime ends this process with SIGABRT: nothing in
    Python can hear of it. `secant train --distributed` says it in a sentence, and ends
    with the exit code 75.

    Args:
        meeting: Where they meet.
        stop: As for `Processes`.

    Raises:
        InvalidInput: The host has no address, or process 0 cannot listen there.
    """
    import jax

    set_gloo_address(_own_address(meeting))
    # Else the runtime takes SIGTERM for itself, and the program never hears it.
    jax.config.update("jax_enable_preemption_service", False)
    jax.distributed.initialize(
        meeting.coordinator,
        meeting.processes,
        meeting.process_id,
        local_device_ids=meeting.devices,
        cluster_detection_method="deactivate",
        initialization_timeout=meeting.initialization_timeout,
        heartbeat_timeout_seconds=meeting.heartbeat_timeout,
        shutdown_timeout_seconds=meeting.heartbeat_timeout,
        # Else it listens at every address that this machine has.
        coordinator_bind_address=meeting.coordinator,
    )
    return Processes(stop, meeting.processes)


def _own_address(meeting: Meeting) -> str:
    """The address of this machine from which the coordinator is reached.

    Refuses an address that cannot be one, before anybody waits for it.
    """
    host, _, port = meeting.coordinator.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        kinds = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = kinds[0]
        # Nothing is sent: it is only asked which way it would go.
        with socket.socket(family, socket.SOCK_DGRAM) as question:
            question.connect(address)
            own = question.getsockname()[0]
    except OSError as error:
        raise InvalidInput(
            f"the host of coordinator {meeting.coordinator!r} has no address that can "
            f"be reached from here ({error.strerror or error}): pass a name that every "
            "machine of the run resolves, or the number itself, as 10.0.0.1:8476"
        ) from None
    if meeting.process_id != 0:
        return own
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
            trial.listen()
        except OSError as error:
            why = {
                errno.EADDRINUSE: "another program listens there: choose another port",
                errno.EADDRNOTAVAIL: "process 0 has to run on the machine whose "
                "address that is",
            }.get(error.errno or 0, error.strerror or str(error))
            raise InvalidInput(
                f"process 0 cannot listen at {meeting.coordinator}: {why}"
            ) from None
    return own


def _detected(
    coordinator: str | None, processes: int | None, process_id: int | None, wait: int
) -> tuple[str | None, int | None, int | None, tuple[int, ...] | None]:
    detect = cluster_detection()
    if detect is None:
        return coordinator, processes, process_id, None
    mpi = find_spec("mpi4py") and any(name in os.environ for name in _MPI)
    found: Any = coordinator, processes, process_id, None
    for way in (None, "mpi4py") if mpi else (None,):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # says what is missing: so do we
                found = detect(coordinator, processes, process_id, None, way, wait)
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise InvalidInput(
                f"the cluster that has started this does not tell enough ({error}): "
                "pass coordinator, processes and process_id"
            ) from None
        if None not in found[:3]:
            break
    return (*found[:3], tuple(found[3]) if found[3] else None)
