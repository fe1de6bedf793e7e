"""Several processes, on one machine or on many, that compute one run together.

Each has the whole data, and computes a step's gradient for its share of the batch; the
mean of these gradients is the batch's, since its loss is a mean over samples and each
share is as large as any other. Weights are the same everywhere.

What passes between them is a sum over all: of gradients, inside the compiled loop; of
bytes, where all but one process give zeros, to tell the others something.
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
from secant.training.manifest import versions

_BATCH = "batch"

# Messages of fewer words than these are as long as that.
_SMALL = 1024


class Processes:
    """The processes of a run, once they have found each other: from `join`.

    Args:
        stop: Asked between steps on each process; a signal's number if somebody wants
            the run to end. It then ends on all of them, kept and whole.
        told: How many there are to be; those that have come if not given.

    Attributes:
        index: Which of them this one is; 0 leads.
        count: How many there are.
        devices: How many of JAX's devices they have together.
        stopped_by: The signal that ended the run, on whichever process; else 0.
        met: Whether it is known that all are about to compute the same.
        lost: Whether one of them is gone.
    """

    def __init__(
        self, stop: Callable[[], int] = lambda: 0, told: int | None = None
    ) -> None:
        self.index, self.count = jax.process_index(), jax.process_count()
        self._told = told or self.count
        self.stop, self.stopped_by = stop, 0
        self.met = self.lost = False
        self._mesh = Mesh(np.array(jax.devices()), (_BATCH,))
        self.devices = self._mesh.size

    @property
    def leads(self) -> bool:
        """Whether this one tells the others what to do, and keeps the run."""
        return self.index == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends together: the others hear of what kept this one from beginning."""
        if not self.met and not self.lost:
            with suppress(SecantError):
                self.meet(None, str(error) if isinstance(error, SecantError) else "")
        if not self.lost:
            jax.distributed.shutdown()

    def meet(self, origin: Mapping[str, Any] | None, failure: str = "") -> None:
        """Sees that all are about to compute the same; each of them calls this.

        Args:
            origin: All that this one's outcome depends on; None if it cannot begin.
            failure: Why it cannot.

        Raises:
            InvalidInput: They differ, or one cannot begin; names what and which.
            PeerLost: One of them is gone.
        """
        mine = {"processes": self._told, **versions(), **(origin or {})}
        about = {"failure": failure, "origin": mine if origin is not None else None}
        answers = [json.loads(one) for one in self.gathered(json.dumps(about).encode())]
        self.met = True
        for index, answer in enumerate(answers):
            if index != self.index and answer["origin"] is None:
                why = f": {answer['failure']}" if answer["failure"] else ""
                raise InvalidInput(f"process {index} cannot begin{why}")
        if origin is None:
            return
        first = answers[0]["origin"]
        apart = [
            f"{name} is {first.get(name)!r} on process 0 and "
            f"{answer['origin'].get(name)!r} on process {index}"
            for index, answer in enumerate(answers)
            for name in sorted(first.keys() | answer["origin"].keys())
            if first.get(name) != answer["origin"].get(name)
        ]
        if apart:
            raise InvalidInput(
                f"the processes were not started alike: {'; '.join(apart)}. Give each "
                "the same options and data, and install the same versions"
            )

    def check(self, batch_size: int, method: GradientMethod) -> None:
        """Sees that each gets as many samples of a batch as any other.

        Raises:
            InvalidInput: The batch cannot be divided so.
        """
        # What JAX does not compile runs in each process once.
        shares = self.devices if method.traceable else self.count
        below = batch_size // shares * shares
        if below != batch_size:
            near = " or ".join(str(n) for n in (below, below + shares) if n)
            raise InvalidInput(
                f"batch_size is {batch_size}, and {self.count} processes with "
                f"{self.devices} devices cannot take equal shares of it: pass "
                f"batch_size={near}"
            )

    # Where arrays are

    def everywhere(self, tree: Any) -> Any:
        """Arrays that each process has alike, as arrays of all its devices."""
        return jax.tree.map(self._everywhere, tree)

    def _everywhere(self, leaf: Any) -> jax.Array:
        sharding = NamedSharding(self._mesh, PartitionSpec())
        copies = [jax.device_put(leaf, device) for device in self._mesh.local_devices]
        shape = np.shape(leaf)
        return jax.make_array_from_single_device_arrays(shape, sharding, copies)

    def here(self, tree: Any) -> Any:
        """Arrays that are alike everywhere, as this process's own."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)

    def split(self, rows: np.ndarray) -> jax.Array:
        """Which samples steps see, (steps, batch_size): to each device its share."""
        sharding = NamedSharding(self._mesh, PartitionSpec(None, _BATCH))
        return jax.make_array_from_callback(
            rows.shape, sharding, lambda part: rows[part]
        )

    def part(self, count: int) -> slice:
        """This process's own of `count` things, as nearly equal shares as can be."""
        return slice(
            self.index * count // self.count, (self.index + 1) * count // self.count
        )

    # What all of them compute

    def over(self, method: GradientMethod) -> GradientMethod:
        """The same method, each process computing its share of the batch."""
        over = self._sharded if method.traceable else self._in_turns
        return replace(method, function=over(method.function))

    def _sharded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        alike, shared = PartitionSpec(), PartitionSpec(_BATCH)

        def together(
            architecture: Architecture,
            params: Params,
            x: Array,
            t: Array,
            key: Array | None = None,
            /,
            **options: Any,
        ) -> tuple[Array, dict[str, Array]]:
            def share(params: Params, x: Array, t: Array, key: Array) -> Any:
                found = function(architecture, params, x, t, key, **options)
                # One message a step: each costs far more than what is in it.
                flat, back = ravel_pytree(found)
                return back(lax.pmean(flat, _BATCH))

            return jax.shard_map(
                share,
                mesh=self._mesh,
                in_specs=(alike, shared, shared, alike),
                out_specs=alike,
                # The methods begin their sums with zeros that are alike everywhere.
                check_vma=False,
            )(dict(params), x, t, key)

        return together

    def _in_turns(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def together(
            architecture: Architecture,
            params: Params,
            x: Array,
            t: Array,
            key: Array | None = None,
            /,
            **options: Any,
        ) -> tuple[Array, dict[str, Array]]:
            mine = self.part(len(x))
            found = function(architecture, params, x[mine], t[mine], key, **options)
            # By their names' order, not by that in which each process has them.
            leaves, structure = jax.tree.flatten(found)
            whole = self.total(np.concatenate([np.ravel(leaf) for leaf in leaves]))
            ends = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
            means = [
                piece.reshape(np.shape(leaf)) / self.count
                for piece, leaf in zip(np.split(whole, ends), leaves, strict=True)
            ]
            return structure.unflatten(means)

        return together

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of all processes' arrays, of one shape and dtype, on each of them.

        Raises:
            PeerLost: One of them is gone.
        """
        # JAX has float64 and int64 only where it is let.
        with self._losses(), jax.enable_x64(values.dtype.itemsize == 8):
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

    # What they tell each other

    def shared(self, content: bytes) -> bytes:
        """What process 0 has passed, on each; what the others pass is not looked at."""
        return self.gathered(content if self.leads else b"")[0]

    def gathered(self, content: bytes) -> list[bytes]:
        """What each process has passed, on each of them."""
        lengths = np.zeros(self.count, np.int32)
        lengths[self.index] = len(content)
        lengths = self.total(lengths)
        starts = np.cumsum([0, *lengths])
        # A program is compiled for each size: powers of two are few.
        size = max(int(-(-starts[-1] // 4)), _SMALL)
        words = np.zeros(1 << (size - 1).bit_length(), np.uint32)
        mine = words.view(np.uint8)[starts[self.index] :][: len(content)]
        mine[:] = np.frombuffer(content, np.uint8)
        whole = self.total(words).tobytes()
        return [
            whole[start : start + length]
            for start, length in zip(starts, lengths, strict=False)
        ]

    def computing(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function that all of them call together returns.

        Raises:
            PeerLost: One of them is gone.
        """
        with self._losses():
            return function(*args)

    @contextmanager
    def _losses(self) -> Iterator[None]:
        try:
            yield
        # NumPy makes a ValueError of JAX's error, where it waits for an array.
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            if isinstance(error, SecantError) or "RESOURCE_EXHAUSTED" in str(error):
                raise
            self.lost = True
            raise PeerLost(
                f"another process of this run is gone ({_first(str(error))}): start "
                "all of them again, the first with resume=True or --resume"
            ) from error


def _first(text: str) -> str:
    return text.partition("\n")[0][:200]
