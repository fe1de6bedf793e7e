"""The group of processes, on one or more machines, that computes one run together.

Each process has all data and computes a step's gradient for its share of the batch.
The mean of these gradients is the gradient of the batch, because the loss is a mean
over samples and all shares have the same size. All processes have the same weights.

All communication is a sum over processes. Inside the compiled loop it is a sum of
gradients. A message is a sum of bytes, to which all but the sender add zeros.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from secant.arrays import Array
from secant.errors import InvalidInput, PeerLost, SecantError
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients import GradientMethod
from secant.training.manifest import current_versions

_BATCH = "batch"

# Shorter messages are padded to this number of words.
_MIN_MESSAGE_WORDS = 1024


class ProcessGroup:
    """The processes of a run after their rendezvous: from `join`.

    Args:
        stop: A function that each process calls between steps. It returns the number
            of a signal that is to end the run, else 0. The run then ends on all
            processes, saved and whole.
        expected: The expected number of processes; those that have joined by default.

    Attributes:
        index: The number of this process; process 0 leads.
        count: The number of processes.
        devices: The number of JAX's devices of all processes together.
        stopped_by: The signal that ended the run, on any process; else 0.
        has_agreed: Whether all processes are known to compute the same run.
        lost: Whether a process is gone.
    """

    def __init__(
        self, stop: Callable[[], int] = lambda: 0, expected: int | None = None
    ) -> None:
        self.index, self.count = jax.process_index(), jax.process_count()
        self._expected = expected or self.count
        self.stop, self.stopped_by = stop, 0
        self.has_agreed = self.lost = False
        self._mesh = Mesh(np.array(jax.devices()), (_BATCH,))
        self.devices = self._mesh.size

    @property
    def is_leader(self) -> bool:
        """Whether this process gives the orders and saves the run."""
        return self.index == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the group; the others learn why this process could not begin."""
        if not self.has_agreed and not self.lost:
            with suppress(SecantError):
                self.check_agreement(
                    None, str(error) if isinstance(error, SecantError) else ""
                )
        if not self.lost:
            jax.distributed.shutdown()

    def check_agreement(
        self, origin: Mapping[str, Any] | None, failure: str = ""
    ) -> None:
        """Checks that all processes compute the same run; each process calls it.

        Args:
            origin: All that determines this process's run; None if it cannot begin.
            failure: Why it cannot begin.

        Raises:
            InvalidInput: The processes differ, or one cannot begin; the message names
                the difference and the process.
            PeerLost: A process is gone.
        """
        mine = {"processes": self._expected, **current_versions(), **(origin or {})}
        answer = {"failure": failure, "origin": mine if origin is not None else None}
        gathered = self.all_gather(json.dumps(answer).encode())
        answers = [json.loads(content) for content in gathered]
        self.has_agreed = True
        for index, answer in enumerate(answers):
            if index != self.index and answer["origin"] is None:
                reason = f": {answer['failure']}" if answer["failure"] else ""
                raise InvalidInput(f"process {index} cannot begin{reason}")
        if origin is None:
            return
        first = answers[0]["origin"]
        differences = [
            f"{name} is {first.get(name)!r} on process 0 and "
            f"{answer['origin'].get(name)!r} on process {index}"
            for index, answer in enumerate(answers)
            for name in sorted(first.keys() | answer["origin"].keys())
            if first.get(name) != answer["origin"].get(name)
        ]
        if differences:
            raise InvalidInput(
                "the processes were not started with the same arguments: "
                f"{'; '.join(differences)}. Give each the same options and data, and "
                "install the same versions"
            )

    def check_batch_size(self, batch_size: int, method: GradientMethod) -> None:
        """Checks that a batch has equal shares.

        Raises:
            InvalidInput: It cannot be divided into equal shares.
        """
        # A method without compilation has one share per process, not per device.
        shares = self.devices if method.traceable else self.count
        below = batch_size // shares * shares
        if below != batch_size:
            near = " or ".join(str(n) for n in (below, below + shares) if n)
            raise InvalidInput(
                f"batch_size is {batch_size}, and {self.count} processes with "
                f"{self.devices} devices cannot take equal shares of it: pass "
                f"batch_size={near}"
            )

    # Placement of arrays

    def replicate(self, tree: Any) -> Any:
        """Arrays that are equal on all processes, as arrays on all devices."""
        return jax.tree.map(self._replicate, tree)

    def _replicate(self, leaf: Any) -> jax.Array:
        sharding = NamedSharding(self._mesh, PartitionSpec())
        copies = [jax.device_put(leaf, device) for device in self._mesh.local_devices]
        shape = np.shape(leaf)
        return jax.make_array_from_single_device_arrays(shape, sharding, copies)

    def to_local(self, tree: Any) -> Any:
        """Replicated arrays as arrays of this process."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)

    def shard(self, rows: np.ndarray) -> jax.Array:
        """The samples of steps, (steps, batch_size), with a share for each device."""
        sharding = NamedSharding(self._mesh, PartitionSpec(None, _BATCH))
        return jax.make_array_from_callback(
            rows.shape, sharding, lambda part: rows[part]
        )

    def local_slice(self, count: int) -> slice:
        """This process's share of `count` items; the shares differ by at most one."""
        return slice(
            self.index * count // self.count, (self.index + 1) * count // self.count
        )

    # Computation on all processes

    def data_parallel(self, method: GradientMethod) -> GradientMethod:
        """The method with each process computing its share of the batch."""
        wrap = self._compiled_parallel if method.traceable else self._eager_parallel
        return replace(method, function=wrap(method.function))

    def _compiled_parallel(self, function: Callable[..., Any]) -> Callable[..., Any]:
        replicated, sharded = PartitionSpec(), PartitionSpec(_BATCH)

        def parallel(
            architecture: Architecture,
            params: Params,
            x: Array,
            t: Array,
            key: Array | None = None,
            /,
            **options: Any,
        ) -> tuple[Array, dict[str, Array]]:
            def share(params: Params, x: Array, t: Array, key: Array) -> Any:
                result = function(architecture, params, x, t, key, **options)
                # One message per step, because its latency costs more than its size.
                flat, unravel = ravel_pytree(result)
                return unravel(lax.pmean(flat, _BATCH))

            return jax.shard_map(
                share,
                mesh=self._mesh,
                in_specs=(replicated, sharded, sharded, replicated),
                out_specs=replicated,
                # The methods start their sums with zeros that are replicated.
                check_vma=False,
            )(dict(params), x, t, key)

        return parallel

    def _eager_parallel(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def parallel(
            architecture: Architecture,
            params: Params,
            x: Array,
            t: Array,
            key: Array | None = None,
            /,
            **options: Any,
        ) -> tuple[Array, dict[str, Array]]:
            mine = self.local_slice(len(x))
            result = function(architecture, params, x[mine], t[mine], key, **options)
            # Flattening sorts by name; the order of a dict may differ by process.
            leaves, structure = jax.tree.flatten(result)
            whole = self.all_reduce(np.concatenate([np.ravel(leaf) for leaf in leaves]))
            ends = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
            means = [
                piece.reshape(np.shape(leaf)) / self.count
                for piece, leaf in zip(np.split(whole, ends), leaves, strict=True)
            ]
            return structure.unflatten(means)

        return parallel

    def all_reduce(self, values: np.ndarray) -> np.ndarray:
        """The sum of all processes' arrays, of one shape and dtype, on each process.

        Raises:
            PeerLost: A process is gone.
        """
        # JAX has float64 and int64 only while x64 is enabled.
        with self._detect_loss(), jax.enable_x64(values.dtype.itemsize == 8):
            mine = np.zeros(
                (len(self._mesh.local_devices), *values.shape), values.dtype
            )
            mine[0] = values
            rows = jax.make_array_from_process_local_data(
                NamedSharding(self._mesh, PartitionSpec(_BATCH)),
                mine,
                (self.devices, *values.shape),
            )
            return np.asarray(self._sum(rows).addressable_data(0))

    @cached_property
    def _sum(self) -> Callable[[jax.Array], jax.Array]:
        return jax.jit(
            lambda rows: jnp.sum(rows, axis=0, dtype=rows.dtype),
            out_shardings=NamedSharding(self._mesh, PartitionSpec()),
        )

    # Messages

    def broadcast(self, content: bytes) -> bytes:
        """The content of process 0, on each process; that of the others is ignored."""
        return self.all_gather(content if self.is_leader else b"")[0]

    def all_gather(self, content: bytes) -> list[bytes]:
        """The content of each process, on each process."""
        lengths = np.zeros(self.count, np.int32)
        lengths[self.index] = len(content)
        lengths = self.all_reduce(lengths)
        starts = np.cumsum([0, *lengths])
        # Each size needs its own compiled program, and powers of two are few.
        size = max(int(-(-starts[-1] // 4)), _MIN_MESSAGE_WORDS)
        words = np.zeros(1 << (size - 1).bit_length(), np.uint32)
        mine = words.view(np.uint8)[starts[self.index] :][: len(content)]
        mine[:] = np.frombuffer(content, np.uint8)
        whole = self.all_reduce(words).tobytes()
        return [
            whole[start : start + length]
            for start, length in zip(starts, lengths, strict=False)
        ]

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """The result of a function that all processes call together.

        Raises:
            PeerLost: A process is gone.
        """
        with self._detect_loss():
            return function(*args)

    @contextmanager
    def _detect_loss(self) -> Iterator[None]:
        try:
            yield
        # NumPy turns JAX's error into a ValueError while it waits for an array.
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            if isinstance(error, SecantError) or "RESOURCE_EXHAUSTED" in str(error):
                raise
            self.lost = True
            raise PeerLost(
                f"another process of this run is gone ({_first_line(str(error))}): "
                "start all of them again, the first with resume=True or --resume"
            ) from error


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:200]
