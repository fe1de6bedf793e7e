"""A map over the workers of a Dask cluster, on one machine or on many.

Dask is an extra: `pip install "secant[cluster]"`. Unlike a pool, it survives a worker
that dies: another worker does its work again.
"""

import warnings
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib import import_module
from typing import Any
from uuid import uuid4

from secant.errors import InvalidInput, SecantError, short_repr
from secant.parallel.pickling import deserialize, first_line, to_bytes


def dask_workers(client: Any) -> "DaskWorkers":
    """A map over a Dask cluster, for `workers=` here and in SciPy.

    Args:
        client: A `distributed.Client` that is connected.

    Returns:
        A callable `(function, items) -> list of function(item)`, in the order of the
        items. The function, with the data that it captured, is sent to the cluster
        once; the workers pass it on. If a worker dies, others compute its items again.
        The workers need Secant and the modules that the function imports.

    Raises:
        InvalidInput: `client` is no client, is asynchronous, or is closed.
        SecantError: Dask is not installed; or, in a call, the function kills one worker
            after the other.

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
            f"client is {short_repr(client)}: pass a distributed.Client, as in "
            'dask_workers(Client("scheduler:8786"))'
        )
    if client.asynchronous:
        raise InvalidInput(
            "client is asynchronous, and a derivative waits for its results: make it "
            "with Client(...), without asynchronous=True"
        )
    return DaskWorkers(client, distributed.KilledWorker)


class DaskWorkers:
    """A map over a Dask cluster, from `dask_workers`."""

    def __init__(self, client: Any, killed: type[Exception]) -> None:
        self._client = client
        self._killed = killed
        # The last function and its future: most functions are mapped more than once.
        self._sent: tuple[Callable[..., Any], Any] | None = None

    @property
    def count(self) -> int:
        """The number of threads that the workers have now."""
        return sum(self._client.nthreads().values())

    def __call__(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        """`[function(item) for item in items]`, computed by the cluster."""
        if self._client.status != "running":
            raise InvalidInput(
                f"the Dask client is {self._client.status}: make a new one, and pass "
                "dask_workers(it)"
            )
        with warnings.catch_warnings():
            # Dask advises to send large data apart, as happens here.
            warnings.filterwarnings("ignore", "Sending large graph")
            cached, tasks = self._cached(function), list(items)
            # Dask spreads the tasks of one group evenly, if they depend on few others.
            # A tuple as the key makes a group of each call. With other keys all calls
            # are one group, which depends on every function that was ever sent.
            name = f"secant-chunk-{uuid4().hex}"
            futures = self._client.map(
                _call_cached,
                tasks,
                key=[(name, i) for i in range(len(tasks))],
                cached=cached,
            )
        try:
            return self._client.gather(futures)
        except self._killed as error:
            raise SecantError(
                "a chunk of points killed every Dask worker that took it: they ran out "
                "of memory, f crashes in compiled code, or f ends its process "
                f"({first_line(str(error))}); call f with workers=None to see which"
            ) from error
        except BaseException:
            self._client.cancel(futures)
            raise

    def _cached(self, function: Callable[..., Any]) -> Any:
        """The function as a future: a task that makes it from its bytes.

        Scattered data is lost when the workers that hold it die. A task is not: the
        scheduler keeps it and runs it again.
        """
        if self._sent is None or self._sent[0] is not function:
            data = to_bytes(function)
            key = (f"secant-function-{sha256(data).hexdigest()}", 0)
            self._sent = function, self._client.submit(CachedFunction, data, key=key)
        return self._sent[1]


class CachedFunction:
    """A function in a worker's memory. Other workers get it as its original bytes.

    A function that cannot be loaded is kept as its error, which a task then raises:
    Dask would report an error of its own unpickling as a lost connection.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.function = self.error = None
        try:
            self.function = deserialize(data)
        except SecantError as error:
            self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return CachedFunction, (self.data,)


def _call_cached(item: Any, cached: CachedFunction) -> Any:
    if cached.error is not None:
        raise cached.error
    return cached.function(item)  # pyright: ignore[reportOptionalCall]
