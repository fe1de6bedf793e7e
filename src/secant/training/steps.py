"""Running training steps: compiled with JAX, or one by one in NumPy.

Both are pure functions of a state: `advance(state, start, count)` gives the
state after steps `start … start + count - 1` and the loss of each, and leaves
the state that came as it was. Whoever keeps an old state can go back to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from secant.architecture import Architecture, turned
from secant.arrays import Array
from secant.gradients import GradientMethod
from secant.losses import LOSSES
from secant.training.batches import Batches
from secant.training.distributed.processes import Processes
from secant.training.samples import Samples

BLOCK = 1_000
"""The most steps that one call of the compiled loop runs."""

# How much memory an evaluation's intermediate results may take.
_EVALUATION_BYTES = 2**28


class State(NamedTuple):
    """Where training stands.

    Attributes:
        held: The weights as steps hold them; `Steps.params` gives them in their own
            shapes.
        optimizer_state: The optimiser's memory.
    """

    held: Mapping[str, Array]
    optimizer_state: Any


class Score(NamedTuple):
    """How good a network is on a set of samples."""

    loss: float
    accuracy: float


class Steps(Protocol):
    """A way to run steps."""

    def start(self) -> State:
        """The state before the first step."""
        ...

    def advance(self, state: State, start: int, count: int) -> tuple[State, np.ndarray]:
        """`count` steps from step `start` on, at most `BLOCK`, and their losses."""
        ...

    def params(self, state: State) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        ...

    def gradient(self, state: State, step: int) -> Mapping[str, Array]:
        """The gradient that step `step` goes against there, (inputs, outputs)."""
        ...


@dataclass(frozen=True)
class Problem:
    """What is trained, on what, and how: all that a step depends on.

    Attributes:
        architecture: What the network computes.
        params: Its weights at the start.
        samples: What it is trained on.
        method: The way to the gradient.
        optimizer: What a step makes of it.
        batches: Which samples each step sees.
        processes: That compute it together, each a share of every batch; None for
            this one alone.
    """

    architecture: Architecture
    params: Mapping[str, np.ndarray]
    samples: Samples
    method: GradientMethod
    optimizer: optax.GradientTransformation
    batches: Batches
    processes: Processes | None = None

    @property
    def shared_method(self) -> GradientMethod:
        """The method, as the processes compute it together."""
        return self.processes.over(self.method) if self.processes else self.method


class CompiledSteps:
    """Steps as one compiled loop, the data on JAX's device.

    For a feature-major method, weights are held transposed, as (outputs, inputs),
    and the optimiser sees them so.

    The loop's number of turns is an argument of the one program that XLA makes,
    not a part of it: however a run is cut into calls, each step is computed by
    the same instructions, and the result is the same bit for bit. (`lax.scan`
    would be compiled anew for each length, with roundings of its own.)
    """

    def __init__(self, problem: Problem) -> None:
        """Has the data put on the device, in JAX's default float."""
        self._problem = problem
        self._method = problem.shared_method
        self._data = problem.samples.on_device
        self._key = jax.random.key(problem.batches.seed)
        if problem.processes:
            self._data, self._key = problem.processes.everywhere(
                (self._data, self._key)
            )

    def start(self) -> State:
        """The state before the first step, on the device."""
        problem = self._problem
        feature_major = problem.method.feature_major
        given = turned(problem.params) if feature_major else problem.params
        held = {name: jnp.asarray(value, float) for name, value in given.items()}
        return State(held, problem.optimizer.init(held))

    def params(self, state: State) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs)."""
        feature_major = self._problem.method.feature_major
        return turned(state.held) if feature_major else state.held

    def advance(self, state: State, start: int, count: int) -> tuple[State, np.ndarray]:
        """`count` steps from step `start` on, at most `BLOCK`, and their losses."""
        problem = self._problem
        rows = np.zeros((BLOCK, problem.batches.batch_size), np.int32)
        rows[:count] = problem.batches.indices(start, start + count)
        together, indices = problem.processes, rows
        if together:
            state, indices = together.everywhere(state), together.split(rows)
        state, losses = _loop(
            problem.architecture,
            self._method,
            problem.optimizer,
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

    def gradient(self, state: State, step: int) -> Mapping[str, Array]:
        """The gradient that step `step` goes against there, (inputs, outputs)."""
        problem = self._problem
        rows = problem.batches.indices(step, step + 1)[0]
        found = _gradient(
            problem.architecture,
            problem.method,
            state.held,
            self._data,
            rows,
            self._key,
            step,
        )
        return turned(found) if problem.method.feature_major else found


@partial(jax.jit, static_argnums=(0, 1, 2))
def _loop(
    architecture: Architecture,
    method: GradientMethod,
    optimizer: optax.GradientTransformation,
    state: State,
    data: tuple[Array, Array],
    indices: Array,
    key: Array,
    start: int,
    count: int,
) -> tuple[State, Array]:
    x, t = data
    back = turned if method.feature_major else dict

    def step(turn: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
        (held, optimizer_state), losses = carry
        rows = indices[turn]
        batch = x[rows], t[rows]
        loss, gradients = method.compute(
            architecture, held, *batch, jax.random.fold_in(key, start + turn)
        )
        held, optimizer_state = _updated(
            optimizer,
            State(held, optimizer_state),
            loss,
            gradients,
            lambda held: architecture.error(back(held), *batch),
        )
        return State(held, optimizer_state), losses.at[turn].set(loss)

    losses = jnp.zeros(len(indices), x.dtype)
    return jax.lax.fori_loop(0, count, step, (state, losses))


@partial(jax.jit, static_argnums=(0, 1))
def _gradient(
    architecture: Architecture,
    method: GradientMethod,
    held: Mapping[str, Array],
    data: tuple[Array, Array],
    rows: Array,
    key: Array,
    step: int,
) -> dict[str, Array]:
    x, t = data
    key = jax.random.fold_in(key, step)
    return dict(method.compute(architecture, held, x[rows], t[rows], key)[1])


def forget_compiled() -> None:
    """Frees the programs of all runs; those that go on are compiled anew.

    JAX keeps one for every architecture, method, optimiser, learning rate and size of
    batch, some megabytes each.
    """
    programs: tuple[Any, ...] = (_loop, _gradient)
    for program in programs:
        program.clear_cache()


def _updated(
    optimizer: optax.GradientTransformation,
    state: State,
    loss: Array,
    gradients: Mapping[str, Array],
    loss_at: Callable[[Mapping[str, Array]], Array],
) -> State:
    """The state after a step along the gradients.

    What else an optimiser may want to know (a line search: the loss itself, here and
    elsewhere) is offered, and passed over by the others.
    """
    updates: Any
    updates, optimizer_state = optax.with_extra_args_support(optimizer).update(
        gradients,
        state.optimizer_state,
        state.held,
        value=loss,
        grad=gradients,
        value_fn=loss_at,
    )
    held: Any = optax.apply_updates(state.held, updates)
    return State(held, optimizer_state)


class PlainSteps:
    """Steps one by one in NumPy and float64, for methods that JAX cannot enter."""

    def __init__(self, problem: Problem) -> None:
        """Nothing is prepared: a method takes a batch as the data has it."""
        self._problem = problem
        self._method = problem.shared_method
        self._key = jax.random.key(problem.batches.seed)

    def start(self) -> State:
        """The state before the first step, in float64."""
        held = {
            name: np.array(value, np.float64)
            for name, value in self._problem.params.items()
        }
        with jax.enable_x64(True):
            return State(held, self._problem.optimizer.init(held))

    def params(self, state: State) -> Mapping[str, Array]:
        """The weights of a state, as they are held."""
        return state.held

    def advance(self, state: State, start: int, count: int) -> tuple[State, np.ndarray]:
        """`count` steps from step `start` on, and their losses."""
        problem, samples = self._problem, self._problem.samples
        losses = np.empty(count)
        for turn, rows in enumerate(problem.batches.indices(start, start + count)):
            batch = samples.x[rows], samples.t[rows]
            losses[turn], gradients = self._method(
                problem.architecture, state.held, *batch, self._key_of(start + turn)
            )
            # Optax computes with JAX, which has float64 only where it is let.
            with jax.enable_x64(True):
                held, optimizer_state = _updated(
                    problem.optimizer,
                    state,
                    losses[turn],
                    gradients,
                    partial(self._loss_at, *batch),
                )
            held = {name: np.asarray(value) for name, value in held.items()}
            state = State(held, optimizer_state)
        return state, losses

    def gradient(self, state: State, step: int) -> Mapping[str, Array]:
        """The gradient that step `step` goes against there."""
        problem, samples = self._problem, self._problem.samples
        rows = problem.batches.indices(step, step + 1)[0]
        batch = samples.x[rows], samples.t[rows]
        return problem.method(
            problem.architecture, state.held, *batch, self._key_of(step)
        )[1]

    def _key_of(self, step: int) -> Array | None:
        """The random key of a step, if the method draws from it."""
        stochastic = self._problem.method.stochastic
        return jax.random.fold_in(self._key, step) if stochastic else None

    def _loss_at(self, x: Array, t: Array, held: Mapping[str, Array]) -> Array:
        return self._problem.architecture.error(held, x, t)


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
