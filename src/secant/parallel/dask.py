"""A map over the workers of a Dask cluster, on one machine or on many.

Dask comes in the extra: `pip install "secant[cluster]"`. What it does better than a
pool: a worker that dies takes nothing with it, and its work is done again elsewhere.
"""

import warnings
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib import import_module
from typing import Any
from uuid import uuid4

from secant.errors import InvalidInput, SecantError, short
from secant.parallel.pickling import loaded, pickled, short_text


def dask_workers(client: Any) -> "DaskWorkers":
    """A map over a Dask cluster, for `workers=` here and in SciPy.

    Args:
        client: A `distributed.Client` that is connected.

    Returns:
        A callable `(function, items) -> list of function(item)`, in the order of the
        items. The function, with all that it captured, is sent to the cluster once; a
        worker gets it from one that has it. Where a worker dies, its items are
        computed again elsewhere. The workers need Secant and whatever modules the
        function imports.

    Raises:
        InvalidInput: `client` is none, is asynchronous or closed.
        SecantError: Dask is not installed; when called, a function that kills one
            worker after the other.

    Example:
        >>> from distributed import Client
        >>> with Client(processes=False, dashboard_address=":0") as client:
        ...     dask_workers(client)(abs, [-1, 2])
        [1, 2]
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise SecantError(
            "dask_workers needs Dask's scheduler, which is not installed: "
            'pip install "secant[cluster]"'
        ) from None
    if not isinstance(client, distributed.Client):
        raise InvalidInput(
            f"client is {short(client)}: pass a distributed.Client, as in "
            'dask_workers(Client("scheduler:8786"))'
        )
    if client.asynchronous:
        raise InvalidInput(
            "client is asynchronous, and a derivative is waited for: make it with "
            "Client(...), without asynchronous=True"
        )
    return DaskWorkers(client, distributed.KilledWorker)


class DaskWorkers:
    """What `dask_workers` returns: `map` over a cluster."""

    def __init__(self, client: Any, killed: type[Exception]) -> None:
        self._client = client
        self._killed = killed
        # The last function and where it is: most are mapped more than once.
        self._sent: tuple[Callable[..., Any], Any] | None = None

    @property
    def count(self) -> int:
        """How many threads the workers have at this moment."""
        return sum(self._client.nthreads().values())

    def __call__(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        """`[function(item) for item in items]`, by the cluster."""
        if self._client.status != "running":
            raise InvalidInput(
                f"the Dask client is {self._client.status}: make a new one, and pass "
                "dask_workers(it)"
            )
        with warnings.catch_warnings():
            # Dask's advice on large graphs is to send the data apart: done here.
            warnings.filterwarnings("ignore", "Sending large graph")
            cargo, tasks = self._cargo(function), list(items)
            # Dask spreads evenly what belongs to one group and depends on little else.
            # A key that is a tuple makes a group of each call; with other keys all
            # calls would be one, and depend on all functions that there ever were.
            name = f"secant-chunk-{uuid4().hex}"
            futures = self._client.map(
                _carry_out,
                tasks,
                key=[(name, i) for i in range(len(tasks))],
                cargo=cargo,
            )
        try:
            return self._client.gather(futures)
        except self._killed as error:
            raise SecantError(
                "a chunk of points killed every Dask worker that took it: they ran out "
                "of memory, f crashes in compiled code, or f ends its process "
                f"({short_text(str(error))}); call f with workers=None to see which"
            ) from error
        except BaseException:
            self._client.cancel(futures)
            raise

    def _cargo(self, function: Callable[..., Any]) -> Any:
        """The function as a future: a task that makes it from its bytes.

        Scattered data is gone when the workers that hold it die. The scheduler keeps a
        task, and has it run again.
        """
        if self._sent is None or self._sent[0] is not function:
            data = pickled(function)
            key = (f"secant-function-{sha256(data).hexdigest()}", 0)
            self._sent = function, self._client.submit(_Cargo, data, key=key)
        return self._sent[1]


class _Cargo:
    """A function in a worker's memory, which travels on as the bytes that it came as.

    One that could not be opened is kept as its error, so that a task raises it: inside
    Dask's own unpickling it would be told as a lost connection.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.function = self.error = None
        try:
            self.function = loaded(data)
        except SecantError as error:
            self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _Cargo, (self.data,)


def _carry_out(item: Any, cargo: _Cargo) -> Any:
    if cargo.error is not None:
        raise cargo.error
    return cargo.function(item)  # pyright: ignore[reportOptionalCall]
