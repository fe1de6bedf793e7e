"""Training steps, compiled by JAX or one by one in NumPy.

Both are pure functions of a state: `advance(state, start, count)` returns the state
after steps `start … start + count - 1` and the loss of each, and does not change the
old state. So a run can return to any old state.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from secant.arrays import Array, jax_array
from secant.freed_memory import count_program
from secant.nn.architecture import Architecture, transposed
from secant.nn.gradients import GradientMethod
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.training.batches import Batches
from secant.training.config import TrainConfig
from secant.training.distributed.process_group import ProcessGroup
from secant.training.optimizers import UpdateRule
from secant.training.samples import Samples

MAX_STEPS_PER_CALL = 1_000
"""The largest number of steps in one call of the compiled loop."""

MAX_PROGRAMS = 32
"""The most compiled programs that stay in memory for later runs, some megabytes each:
the least recently used one goes first."""

# The memory limit of the intermediate results of an evaluation.
_MAX_EVALUATION_BYTES = 2**28

Shape = tuple[int, ...]


class TrainState(NamedTuple):
    """The weights and the optimiser's memory after a step.

    Attributes:
        params: The weights in the layout of the stepper, which may be transposed;
            `Stepper.params` returns them as (inputs, outputs).
        optimizer_state: The optimiser's memory.
    """

    params: Mapping[str, Array]
    optimizer_state: Any


class Score(NamedTuple):
    """The loss and accuracy of a network on a set of samples."""

    loss: float
    accuracy: float


class Stepper(Protocol):
    """An object that takes the steps of a run.

    Attributes:
        batches: The samples of each step.
    """

    batches: Batches

    def start(self) -> TrainState:
        """The state before the first step."""
        ...

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """The state after `count` steps from step `start` on, and their losses.

        `count` is at most `MAX_STEPS_PER_CALL`.
        """
        ...

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        ...

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """The gradient of step `step` at a state, (inputs, outputs)."""
        ...


class _BaseStepper:
    """The common part of both steppers.

    Args:
        net: The network with the first weights.
        samples: The training samples.
        config: How the network is trained.
        processes: The processes that compute a share of every batch each; None for
            this one alone.

    Attributes:
        batches: The samples of each step.
        method: The gradient method of this process alone.
    """

    def __init__(
        self,
        net: MLP,
        samples: Samples,
        config: TrainConfig,
        processes: ProcessGroup | None = None,
    ) -> None:
        self.batches = Batches(
            len(samples), config.batch_size, config.sampling, config.seed
        )
        self.method = config.method
        self._architecture, self._first_params = net.architecture, net.params
        self._samples, self._processes = samples, processes
        self._rule, self._rate = config.update_rule, config.constant_rate
        self._key = jax.random.key(config.seed)
        # The method that all processes compute together.
        self._group_method = (
            processes.data_parallel(self.method) if processes else self.method
        )


class CompiledStepper(_BaseStepper):
    """A stepper that runs one compiled loop, with the data on JAX's device.

    With a feature-major method the weights, also those in the optimiser, are
    transposed: (outputs, inputs).

    The number of steps is an argument of the compiled program, not a constant in it.
    So the same instructions compute each step, however a run is cut into calls, and
    the result is the same bit for bit. (`lax.scan` would compile one program per
    length, each with its own rounding.)
    """

    def __init__(
        self,
        net: MLP,
        samples: Samples,
        config: TrainConfig,
        processes: ProcessGroup | None = None,
    ) -> None:
        """Puts the data on the device, in JAX's default float."""
        super().__init__(net, samples, config, processes)
        self._data = samples.on_device
        if processes:
            self._data, self._key = processes.replicate((self._data, self._key))

    def start(self) -> TrainState:
        """The state before the first step, on the device."""
        first = self._first_params
        ordered = transposed(first) if self.method.feature_major else first
        params = _on_device(ordered)
        # One by one, JAX would compile and keep a program for each shape of weights.
        init = _compiled(_init, (self._rule,), _shapes(params.values()))
        return TrainState(params, init(params, self._rate))

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        if not self.method.feature_major:
            return state.params
        return self._transpose(state.params)

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """The state after `count` steps from step `start` on, and their losses.

        `count` is at most `MAX_STEPS_PER_CALL`.
        """
        rows = np.zeros((MAX_STEPS_PER_CALL, self.batches.batch_size), np.int32)
        rows[:count] = self.batches.indices(start, start + count)
        processes, indices = self._processes, rows
        if processes:
            state, indices = processes.replicate(state), processes.shard(rows)
        state, losses = self._loop(
            state, self._data, indices, self._key, start, count, self._rate
        )
        if processes:
            state, losses = processes.to_local((state, losses))
        return state, np.asarray(losses, np.float64)[:count]

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """The gradient of step `step` at a state, (inputs, outputs)."""
        rows = self.batches.indices(step, step + 1)[0]
        gradient = self._compute_gradient(
            state.params, self._data, rows, self._key, step
        )
        if not self.method.feature_major:
            return gradient
        return self._transpose(gradient)

    # A run holds its programs: other runs cannot make it compile them again.

    @cached_property
    def _loop(self) -> Callable[..., Any]:
        return _compiled(
            _loop, (self._architecture, self._group_method, self._rule), self._shapes
        )

    @cached_property
    def _compute_gradient(self) -> Callable[..., Any]:
        return _compiled(_gradient, (self._architecture, self.method), self._shapes)

    @cached_property
    def _transpose(self) -> Callable[..., Any]:
        return _compiled(transposed, (), _shapes(self._first_params.values()))

    @property
    def _shapes(self) -> tuple[Shape, ...]:
        return *_shapes(self._data), (self.batches.batch_size,)


def _shapes(arrays: Iterable[Array]) -> tuple[Shape, ...]:
    return tuple(array.shape for array in arrays)


def _on_device(params: Mapping[str, Array]) -> dict[str, jax.Array]:
    """The parameters on JAX's device, in its default float."""
    return {name: jax_array(value, float) for name, value in params.items()}


@lru_cache(maxsize=MAX_PROGRAMS)
def _compiled(
    program: Callable[..., Any], settings: tuple[Any, ...], shapes: tuple[Shape, ...]
) -> Callable[..., Any]:
    """`program(*settings, …)`, compiled.

    JAX keeps what a function of `jax.jit` has compiled for all shapes, as long as the
    function lives. Here each has one combination of shapes, so that the bounded cache
    frees the programs one by one.
    """
    count_program()
    return jax.jit(partial(program, *settings))


def _init(rule: UpdateRule, params: Mapping[str, Array], rate: Array) -> Any:
    """The optimiser's first memory."""
    return rule.at(rate).init(params)


def _loop(
    architecture: Architecture,
    method: GradientMethod,
    rule: UpdateRule,
    state: TrainState,
    data: tuple[Array, Array],
    indices: Array,
    key: Array,
    start: int,
    count: int,
    rate: Array,
) -> tuple[TrainState, Array]:
    x, t = data
    optimizer = rule.at(rate)
    restore = transposed if method.feature_major else dict

    def step(turn: Array, carry: tuple[TrainState, Array]) -> tuple[TrainState, Array]:
        (params, optimizer_state), losses = carry
        rows = indices[turn]
        batch = x[rows], t[rows]
        loss, gradients = method.compute(
            architecture, params, *batch, jax.random.fold_in(key, start + turn)
        )
        params, optimizer_state = _apply_gradients(
            optimizer,
            TrainState(params, optimizer_state),
            loss,
            gradients,
            lambda params: architecture.error(restore(params), *batch),
        )
        return TrainState(params, optimizer_state), losses.at[turn].set(loss)

    losses = jnp.zeros(len(indices), x.dtype)
    return jax.lax.fori_loop(0, count, step, (state, losses))


def _gradient(
    architecture: Architecture,
    method: GradientMethod,
    params: Mapping[str, Array],
    data: tuple[Array, Array],
    rows: Array,
    key: Array,
    step: int,
) -> dict[str, Array]:
    x, t = data
    key = jax.random.fold_in(key, step)
    return dict(method.compute(architecture, params, x[rows], t[rows], key)[1])


def clear_compiled() -> None:
    """Frees the compiled programs of all runs that have ended.

    There is a program for each combination of architecture, gradient method, optimiser
    with its options, number of samples and batch size; constant learning rates share
    it. At most `MAX_PROGRAMS` stay in memory. Results do not change.
    """
    _compiled.cache_clear()


def _apply_gradients(
    optimizer: optax.GradientTransformation,
    state: TrainState,
    loss: Array,
    gradients: Mapping[str, Array],
    loss_at: Callable[[Mapping[str, Array]], Array],
) -> TrainState:
    """The state after an optimiser's step.

    Some optimisers need more than the gradients: a line search needs the loss, here and
    elsewhere. All get these arguments; `with_extra_args_support` hides them from the
    optimisers that do not take them.
    """
    updates: Any
    updates, optimizer_state = optax.with_extra_args_support(optimizer).update(
        gradients,
        state.optimizer_state,
        state.params,
        value=loss,
        grad=gradients,
        value_fn=loss_at,
    )
    params: Any = optax.apply_updates(state.params, updates)
    return TrainState(params, optimizer_state)


class EagerStepper(_BaseStepper):
    """A stepper in NumPy and float64, for methods that JAX cannot trace."""

    def start(self) -> TrainState:
        """The state before the first step, in float64."""
        params = {
            name: np.array(value, np.float64)
            for name, value in self._first_params.items()
        }
        with jax.enable_x64(True):
            return TrainState(params, self._rule.at(self._rate).init(params))

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        return state.params

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """The state after `count` steps from step `start` on, and their losses."""
        losses, optimizer = np.empty(count), self._rule.at(self._rate)
        for turn, rows in enumerate(self.batches.indices(start, start + count)):
            batch = self._samples.x[rows], self._samples.t[rows]
            losses[turn], gradients = self._group_method(
                self._architecture, state.params, *batch, self._key_of(start + turn)
            )
            # Optax computes with JAX, which has float64 only while x64 is enabled.
            with jax.enable_x64(True):
                params, optimizer_state = _apply_gradients(
                    optimizer,
                    state,
                    losses[turn],
                    gradients,
                    partial(self._loss_at, *batch),
                )
            params = {name: np.asarray(value) for name, value in params.items()}
            state = TrainState(params, optimizer_state)
        return state, losses

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """The gradient of step `step` at a state."""
        rows = self.batches.indices(step, step + 1)[0]
        batch = self._samples.x[rows], self._samples.t[rows]
        key = self._key_of(step)
        return self.method(self._architecture, state.params, *batch, key)[1]

    def _key_of(self, step: int) -> Array | None:
        """The random key of a step, for a stochastic method."""
        return jax.random.fold_in(self._key, step) if self.method.stochastic else None

    def _loss_at(self, x: Array, t: Array, params: Mapping[str, Array]) -> Array:
        return self._architecture.error(params, x, t)


def stepper_for(
    net: MLP,
    samples: Samples,
    config: TrainConfig,
    processes: ProcessGroup | None = None,
) -> CompiledStepper | EagerStepper:
    """The stepper of a run: compiled if JAX can trace its gradient method."""
    kind = CompiledStepper if config.method.traceable else EagerStepper
    return kind(net, samples, config, processes)


class Evaluator:
    """Loss and accuracy on a whole set of samples, in blocks of bounded memory.

    Each of several processes evaluates its share of the samples.
    """

    def __init__(
        self,
        architecture: Architecture,
        samples: Samples,
        processes: ProcessGroup | None = None,
    ) -> None:
        """Puts the samples on the device."""
        self._architecture = architecture
        self._samples = len(samples)
        self._processes = processes
        # Each block is a separate call: inside a compiled loop XLA's matrix products
        # use one core of a CPU, which is four times slower here.
        block = max(_MAX_EVALUATION_BYTES // (4 * sum(architecture.sizes[1:])), 1)
        x, t = samples.on_device
        if processes:
            share = processes.local_slice(len(samples))
            x, t = x[share], t[share]
        self._blocks = (
            [(x, t)]
            if 0 < len(x) <= block
            else [(x[i : i + block], t[i : i + block]) for i in range(0, len(x), block)]
        )
        self._programs = [
            _compiled(_block, (architecture,), _shapes(block)) for block in self._blocks
        ]

    def __call__(self, params: Mapping[str, Array]) -> Score:
        """The score of the network with these weights."""
        params = _on_device(params)
        sums = [
            program(params, *block)
            for program, block in zip(self._programs, self._blocks, strict=True)
        ]
        # JAX waits here, because NumPy turns a Ctrl-C during its wait into a
        # ValueError.
        sums = jax.block_until_ready(sums)
        sums = np.asarray(sums, np.float64).reshape(-1, 2).sum(axis=0)
        if self._processes:
            sums = self._processes.all_reduce(sums)
        loss, accuracy = sums / self._samples
        return Score(float(loss), float(accuracy))


def _block(
    architecture: Architecture, params: Mapping[str, Array], x: Array, t: Array
) -> tuple[Array, Array]:
    """The sum of the samples' losses, and the number of right answers."""
    scores = architecture.scores(params, x)
    loss = LOSSES[architecture.loss].function(scores, t, -1)
    return loss * len(x), (scores.argmax(-1) == t.argmax(-1)).sum()
