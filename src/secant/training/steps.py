"""Running training steps: compiled with JAX, or one by one in NumPy.

Both are pure functions of a state: `advance(state, start, count)` gives the
state after steps `start … start + count - 1` and the loss of each, and leaves
the state that came as it was. Whoever keeps an old state can go back to it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from secant.arrays import Array
from secant.nn.architecture import Architecture, transposed
from secant.nn.gradients import GradientMethod
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.training.batches import Batches
from secant.training.config import TrainConfig
from secant.training.distributed.process_group import Processes
from secant.training.samples import Samples

MAX_STEPS_PER_CALL = 1_000
"""The most steps that one call of the compiled loop runs."""

# How much memory an evaluation's intermediate results may take.
_EVALUATION_BYTES = 2**28


class TrainState(NamedTuple):
    """The weights and the optimiser's memory after a step.

    Attributes:
        params: The weights as the stepper holds them, which may be transposed;
            `Stepper.params` gives them as (inputs, outputs).
        optimizer_state: The optimiser's memory.
    """

    params: Mapping[str, Array]
    optimizer_state: Any


class Score(NamedTuple):
    """How good a network is on a set of samples."""

    loss: float
    accuracy: float


class Stepper(Protocol):
    """A way to run steps.

    Attributes:
        batches: Which samples each step sees.
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
        """The gradient that step `step` goes against there, (inputs, outputs)."""
        ...


class _Stepper:
    """What both steppers are made of.

    Args:
        net: The network, with the weights before the first step.
        samples: What it is trained on.
        config: How it is trained.
        processes: That compute it together, each a share of every batch; None for
            this one alone.

    Attributes:
        batches: Which samples each step sees.
        method: The way to the gradient, of this process alone.
    """

    def __init__(
        self,
        net: MLP,
        samples: Samples,
        config: TrainConfig,
        processes: Processes | None = None,
    ) -> None:
        self.batches = Batches(
            len(samples), config.batch_size, config.sampling, config.seed
        )
        self.method = config.method
        self._architecture, self._first_params = net.architecture, net.params
        self._samples, self._processes = samples, processes
        self._optimizer = config.transformation
        self._key = jax.random.key(config.seed)
        # As the processes compute it together.
        self._shared = processes.over(self.method) if processes else self.method


class CompiledStepper(_Stepper):
    """Steps as one compiled loop, the data on JAX's device.

    For a feature-major method, weights are held transposed, as (outputs, inputs),
    and the optimiser sees them so.

    The loop's number of turns is an argument of the one program that XLA makes,
    not a part of it: however a run is cut into calls, each step is computed by
    the same instructions, and the result is the same bit for bit. (`lax.scan`
    would be compiled anew for each length, with roundings of its own.)
    """

    def __init__(
        self,
        net: MLP,
        samples: Samples,
        config: TrainConfig,
        processes: Processes | None = None,
    ) -> None:
        """Puts the data on the device, in JAX's default float."""
        super().__init__(net, samples, config, processes)
        self._data = samples.on_device
        if processes:
            self._data, self._key = processes.everywhere((self._data, self._key))

    def start(self) -> TrainState:
        """The state before the first step, on the device."""
        first = self._first_params
        given = transposed(first) if self.method.feature_major else first
        params = {name: jnp.asarray(value, float) for name, value in given.items()}
        return TrainState(params, self._optimizer.init(params))

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        return transposed(state.params) if self.method.feature_major else state.params

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """The state after `count` steps from step `start` on, and their losses.

        `count` is at most `MAX_STEPS_PER_CALL`.
        """
        rows = np.zeros((MAX_STEPS_PER_CALL, self.batches.batch_size), np.int32)
        rows[:count] = self.batches.indices(start, start + count)
        together, indices = self._processes, rows
        if together:
            state, indices = together.everywhere(state), together.split(rows)
        state, losses = _loop(
            self._architecture,
            self._shared,
            self._optimizer,
            state,
            self._data,
            indices,
            self._key,
            start,
            count,
        )
        if together:
            state, losses = together.here((state, losses))
        return state, np.asarray(losses[:count], np.float64)

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """The gradient that step `step` goes against there, (inputs, outputs)."""
        found = _gradient(
            self._architecture,
            self.method,
            state.params,
            self._data,
            self.batches.indices(step, step + 1)[0],
            self._key,
            step,
        )
        return transposed(found) if self.method.feature_major else found


@partial(jax.jit, static_argnums=(0, 1, 2))
def _loop(
    architecture: Architecture,
    method: GradientMethod,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    data: tuple[Array, Array],
    indices: Array,
    key: Array,
    start: int,
    count: int,
) -> tuple[TrainState, Array]:
    x, t = data
    back = transposed if method.feature_major else dict

    def step(turn: Array, carry: tuple[TrainState, Array]) -> tuple[TrainState, Array]:
        (params, optimizer_state), losses = carry
        rows = indices[turn]
        batch = x[rows], t[rows]
        loss, gradients = method.compute(
            architecture, params, *batch, jax.random.fold_in(key, start + turn)
        )
        params, optimizer_state = _updated(
            optimizer,
            TrainState(params, optimizer_state),
            loss,
            gradients,
            lambda params: architecture.error(back(params), *batch),
        )
        return TrainState(params, optimizer_state), losses.at[turn].set(loss)

    losses = jnp.zeros(len(indices), x.dtype)
    return jax.lax.fori_loop(0, count, step, (state, losses))


@partial(jax.jit, static_argnums=(0, 1))
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
    """Frees the compiled programs of all runs; a run that goes on compiles again.

    JAX keeps a program for each combination of architecture, gradient method,
    optimiser, learning rate and batch size, and each takes some megabytes. A process
    that trains many different runs, as the page's server does, frees them from time
    to time. Results do not change.
    """
    programs: tuple[Any, ...] = (_loop, _gradient)
    for program in programs:
        program.clear_cache()


def _updated(
    optimizer: optax.GradientTransformation,
    state: TrainState,
    loss: Array,
    gradients: Mapping[str, Array],
    loss_at: Callable[[Mapping[str, Array]], Array],
) -> TrainState:
    """The state after a step along the gradients.

    What else an optimiser may want to know (a line search: the loss itself, here and
    elsewhere) is offered, and passed over by the others.
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


class EagerStepper(_Stepper):
    """Steps one by one in NumPy and float64, for methods that JAX cannot enter."""

    def start(self) -> TrainState:
        """The state before the first step, in float64."""
        params = {
            name: np.array(value, np.float64)
            for name, value in self._first_params.items()
        }
        with jax.enable_x64(True):
            return TrainState(params, self._optimizer.init(params))

    def params(self, state: TrainState) -> Mapping[str, Array]:
        """The weights of a state, as they are held."""
        return state.params

    def advance(
        self, state: TrainState, start: int, count: int
    ) -> tuple[TrainState, np.ndarray]:
        """`count` steps from step `start` on, and their losses."""
        losses = np.empty(count)
        for turn, rows in enumerate(self.batches.indices(start, start + count)):
            batch = self._samples.x[rows], self._samples.t[rows]
            losses[turn], gradients = self._shared(
                self._architecture, state.params, *batch, self._key_of(start + turn)
            )
            # Optax computes with JAX, which has float64 only where it is let.
            with jax.enable_x64(True):
                params, optimizer_state = _updated(
                    self._optimizer,
                    state,
                    losses[turn],
                    gradients,
                    partial(self._loss_at, *batch),
                )
            params = {name: np.asarray(value) for name, value in params.items()}
            state = TrainState(params, optimizer_state)
        return state, losses

    def gradient(self, state: TrainState, step: int) -> Mapping[str, Array]:
        """The gradient that step `step` goes against there."""
        rows = self.batches.indices(step, step + 1)[0]
        batch = self._samples.x[rows], self._samples.t[rows]
        key = self._key_of(step)
        return self.method(self._architecture, state.params, *batch, key)[1]

    def _key_of(self, step: int) -> Array | None:
        """The random key of a step, if the method draws from it."""
        return jax.random.fold_in(self._key, step) if self.method.stochastic else None

    def _loss_at(self, x: Array, t: Array, params: Mapping[str, Array]) -> Array:
        return self._architecture.error(params, x, t)


def stepper_for(
    net: MLP,
    samples: Samples,
    config: TrainConfig,
    processes: Processes | None = None,
) -> CompiledStepper | EagerStepper:
    """The stepper of a run: compiled where its gradient method can be."""
    kind = CompiledStepper if config.method.traceable else EagerStepper
    return kind(net, samples, config, processes)


class Evaluator:
    """Loss and accuracy on a whole set of samples, in blocks of bounded memory.

    Of several processes each looks at its part of the samples.
    """

    def __init__(
        self,
        architecture: Architecture,
        samples: Samples,
        processes: Processes | None = None,
    ) -> None:
        """Has the samples put on the device."""
        self._architecture = architecture
        self._samples = len(samples)
        self._processes = processes
        # Blocks are separate calls: inside a compiled loop, XLA's products on a
        # CPU use one core, and are four times slower here.
        block = max(_EVALUATION_BYTES // (4 * sum(architecture.sizes[1:])), 1)
        x, t = samples.on_device
        if processes:
            part = processes.part(len(samples))
            x, t = x[part], t[part]
        self._blocks = (
            [(x, t)]
            if 0 < len(x) <= block
            else [(x[i : i + block], t[i : i + block]) for i in range(0, len(x), block)]
        )

    def __call__(self, params: Mapping[str, Array]) -> Score:
        """How good the network is with these weights."""
        params = {name: jnp.asarray(value, float) for name, value in params.items()}
        sums = [_block(self._architecture, params, *block) for block in self._blocks]
        # Waited for here: NumPy would make a ValueError of a Ctrl-C in its waiting.
        sums = jax.block_until_ready(sums)
        sums = np.asarray(sums, np.float64).reshape(-1, 2).sum(axis=0)
        if self._processes:
            sums = self._processes.total(sums)
        loss, right = sums / self._samples
        return Score(float(loss), float(right))


@partial(jax.jit, static_argnums=0)
def _block(
    architecture: Architecture, params: Mapping[str, Array], x: Array, t: Array
) -> tuple[Array, Array]:
    """The sum of the samples' losses, and how many of them are right."""
    scores = architecture.scores(params, x)
    loss = LOSSES[architecture.loss].function(scores, t, -1)
    return loss * len(x), (scores.argmax(-1) == t.argmax(-1)).sum()
