"""The ways to a gradient side by side: what each costs, and how right it is.

From one set of weights and one batch; the judge is backpropagation in float64.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from secant.architecture import Architecture, Params
from secant.arrays import Array
from secant.gradients import GradientMethod, backprop, find_method, spsa_method
from secant.networks import MLP
from secant.propagation import slope
from secant.propagation.coordinates import displacement
from secant.slopes.definition import numerical_gradient
from secant.training.batches import Batches
from secant.training.forecast import measure
from secant.training.optimizers import find_optimizer
from secant.training.samples import Samples
from secant.training.steps import CompiledSteps, PlainSteps, Problem

# Weights of each layer that the definition is run on: all would take a minute and more.
_SAMPLE = 100

# Weights that the errors of steps of many sizes are measured on.
_CURVE = 48


@dataclass(frozen=True)
class Compared:
    """A gradient method on one batch.

    Attributes:
        name: The method's, with its settings.
        seconds: A step of training takes, compiled where that can be.
        evaluations: Runs of the whole network that a step amounts to; None where the
            question has no answer.
        error: ‖g - g*‖ / ‖g*‖, g* backprop's gradient in float64.
        cosine: Of the angle between the two.
        of_parameters: How many parameters that was measured on.
    """

    name: str
    seconds: float
    evaluations: int | None
    error: float
    cosine: float
    of_parameters: int


def methods() -> list[tuple[str, GradientMethod]]:
    """What is compared by default: every method, SPSA with 1, 10 and 100 directions."""
    named = ("definition", "weight", "node", "backprop")
    return [(name, find_method(name)) for name in named] + [
        (f"spsa, k = {k}", spsa_method(k)) for k in (1, 10, 100)
    ]


def compare(
    net: MLP,
    x: np.ndarray,
    t: np.ndarray,
    *,
    chosen: Iterable[tuple[str, GradientMethod]] | None = None,
    seed: int = 0,
    tell: Callable[[str], object] = lambda name: None,
) -> list[Compared]:
    """Every method on the same weights and batch.

    Args:
        net: The network.
        x: The batch's inputs, (samples, inputs).
        t: Its targets: labels, or one-hot rows.
        chosen: Names and methods; `methods()` if not given.
        seed: Of SPSA's directions, and of the weights that the definition is run on.
        tell: Called with the name of each method before it begins.

    Returns:
        A row for each method.

    Raises:
        InvalidInput: The batch does not go with the network.

    Example:
        >>> net = MLP((3, 4, 2), init="xavier")
        >>> rows = compare(net, np.eye(3), [0, 1, 1], chosen=methods()[:3])
        >>> [row.name for row in rows if row.error < 1e-5]
        ['definition', 'weight', 'node']
    """
    architecture = net.architecture
    x, t = architecture.as_batch(np.asarray(x), np.asarray(t))
    samples = Samples(x, t)
    exact = {
        name: np.asarray(value, np.float64)
        for name, value in backprop(
            architecture, _in_double(net.params), _double(x), _double(t)
        )[1].items()
    }
    rows: list[Compared] = []
    for name, method in methods() if chosen is None else chosen:
        tell(name)
        problem = Problem(
            architecture=architecture,
            params={name: np.array(value) for name, value in net.params.items()},
            samples=samples,
            method=method,
            optimizer=find_optimizer("sgd", None).transformation,
            batches=Batches(len(x), len(x), "epochs", seed),
        )
        steps = (CompiledSteps if method.traceable else PlainSteps)(problem)
        forecast = measure(problem, steps, steps.start(), 10_000)
        found, truth = (
            _compiled(problem, exact, seed)
            if method.traceable
            else _sampled(problem, exact, seed)
        )
        lengths = float(np.linalg.norm(found)), float(np.linalg.norm(truth))
        rows.append(
            Compared(
                name,
                forecast.seconds_per_step,
                method.evaluations(architecture) if method.evaluations else None,
                float(np.linalg.norm(found - truth)) / max(lengths[1], 1e-300),
                float(found @ truth) / max(lengths[0] * lengths[1], 1e-300),
                found.size,
            )
        )
    return rows


def _compiled(
    problem: Problem, exact: dict[str, np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The method's whole gradient, and the exact one, end to end."""
    params = jax.tree.map(lambda a: jnp.asarray(a, float), problem.params)
    _, gradients = jax.jit(problem.method.function, static_argnums=0)(
        problem.architecture, params, *problem.samples.on_device, jax.random.key(seed)
    )
    return _end_to_end(gradients, exact), _end_to_end(exact, exact)


def _end_to_end(arrays: Params, names: Iterable[str]) -> np.ndarray:
    return np.concatenate([np.ravel(_double(arrays[name])) for name in names])


def _sampled(
    problem: Problem, exact: dict[str, np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The definition's slopes along some parameters of each array, and the exact."""
    params = _in_double(problem.params)
    x, t = _double(problem.samples.x), _double(problem.samples.t)
    draw = np.random.default_rng(seed)
    found, truth = [], []
    for name, array in params.items():
        rows = draw.permutation(array.size)[:_SAMPLE]

        def loss(values: np.ndarray, name: str = name, rows: Array = rows) -> Array:
            moved = params[name].copy()
            moved.flat[rows] = values
            return problem.architecture.error({**params, name: moved}, x, t)

        found.append(numerical_gradient(loss, array.flat[rows]))
        truth.append(exact[name].flat[rows])
    return np.concatenate(found), np.concatenate(truth)


class Curve(NamedTuple):
    """How the error of a slope depends on the size of the step.

    Attributes:
        name: How the slope is computed.
        steps: h, descending.
        errors: ‖slopes - exact‖ / ‖exact‖, over some weights of every layer.
    """

    name: str
    steps: np.ndarray
    errors: np.ndarray


def error_curves(
    architecture: Architecture,
    params: Params,
    x: np.ndarray,
    t: np.ndarray,
    *,
    seed: int = 0,
    steps: np.ndarray | None = None,
) -> list[Curve]:
    """The error of the central slope for every step: subtracted, and carried.

    `(L(w + h) - L(w - h)) / 2h` for some weights: by plain subtraction and by
    difference propagation, in float32 and in float64.

    Args:
        architecture: What the network computes.
        params: Its weights.
        x: The batch's inputs.
        t: Its targets: labels, or one-hot rows.
        seed: Of the choice of weights.
        steps: Sizes of the step; half decades from 1 to 1e-12 if not given.

    Returns:
        Four curves. Carried differences are right to the formula's own h² and to the
        dtype's rounding; subtracted ones lose what h loses.
    """
    h = 10.0 ** np.arange(0, -12.5, -0.5) if steps is None else np.asarray(steps)
    x, t = architecture.as_batch(np.asarray(x), np.asarray(t))
    exact = backprop(architecture, _in_double(params), _double(x), _double(t))[1]
    draw = np.random.default_rng(seed)
    places = [
        (name, _largest(np.asarray(value), draw)) for name, value in exact.items()
    ]
    truth = np.concatenate([np.asarray(exact[n]).flat[rows] for n, rows in places])
    curves: list[Curve] = []
    for precision, double in (("float32", False), ("float64", True)):
        with jax.enable_x64(double):
            given = [
                jax.tree.map(lambda a: jnp.asarray(a, float), part)
                for part in (dict(params), x, t)
            ]
            for name, function in (("subtracted", _subtracted), ("carried", slope)):
                of_all = _slopes(architecture, *given, places=places, of=function)
                errors = [
                    np.linalg.norm(np.asarray(of_all(step)) - truth)
                    / np.linalg.norm(truth)
                    for step in h
                ]
                curves.append(Curve(f"{name}, {precision}", h, np.array(errors)))
    return curves


def _slopes(
    architecture: Architecture,
    params: dict[str, Array],
    x: Array,
    t: Array,
    *,
    places: list[tuple[str, np.ndarray]],
    of: Callable[..., Array],
) -> Callable[[float], Array]:
    def loss(params: dict[str, Array]) -> Array:
        return architecture.error(params, x, t)

    @jax.jit
    def of_all(h: Array) -> Array:
        found = []
        for name, rows in places:

            def along(row: Array, name: str = name) -> Array:
                zeros = {n: jnp.zeros_like(p) for n, p in params.items()}
                direction = displacement(params[name], row, 1)
                return of(loss, params, {**zeros, name: direction}, h)

            found.append(jax.lax.map(along, jnp.asarray(rows)))
        return jnp.concatenate(found)

    return lambda h: of_all(jnp.asarray(h, float))


def _subtracted(
    loss: Callable[..., Array], params: dict[str, Array], direction: Params, h: Array
) -> Array:
    there, back = (
        {name: params[name] + s * direction[name] for name in params} for s in (h, -h)
    )
    return (loss(there) - loss(back)) / (2 * h)


def _largest(slopes: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Some of the parameters with the larger half of the slopes, by flat index."""
    order = np.argsort(-abs(slopes), axis=None)[: max(slopes.size // 2, 1)]
    return draw.permutation(order)[:_CURVE]


def _double(array: Array) -> np.ndarray:
    return np.asarray(array, np.float64)


def _in_double(params: Params) -> dict[str, np.ndarray]:
    return {name: _double(value) for name, value in params.items()}
