"""The gradient methods side by side: what each costs, and how accurate it is.

All start from one set of weights and one batch. The reference is backpropagation in
float64.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, jax_array
from secant.derivatives.finite_difference import numerical_gradient
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients import METHODS, GradientMethod
from secant.nn.networks import MLP
from secant.propagation import slope
from secant.propagation.coordinates import displacement
from secant.training.config import TrainConfig
from secant.training.forecast import measure_forecast
from secant.training.samples import Samples
from secant.training.trainer import Trainer

# Parameters of each array that the definition is run on: all would take over a minute.
_SAMPLE = 100

# Parameters of each array that the errors of steps of many sizes are measured on.
_CURVE = 48


@dataclass(frozen=True)
class Compared:
    """A gradient method on one batch.

    Attributes:
        name: The method's name, with the options that differ.
        seconds: What a step of training takes, compiled where JAX can compile it.
        evaluations: Runs of the whole network that a step amounts to; None where that
            is no meaningful number.
        error: ‖g - g*‖ / ‖g*‖, with g* backprop's gradient in float64.
        cosine: The cosine of the angle between g and g*.
        of_parameters: How many parameters these two were measured on.
    """

    name: str
    seconds: float
    evaluations: int | None
    error: float
    cosine: float
    of_parameters: int


def methods() -> list[tuple[str, GradientMethod]]:
    """The methods compared by default: all, with the options that each names.

    Example:
        >>> [name for name, _ in methods()][:4]
        ['definition', 'weight', 'node', 'spsa, k = 1']
    """
    rows: list[tuple[str, GradientMethod]] = []
    for name, method in METHODS.items():
        compared = [
            (f"{name}, {option.symbol or option.name} = {value}", {option.name: value})
            for option in method.options
            for value in option.compared
        ]
        rows += [
            (label, method.with_options(**options))
            for label, options in compared or [(name, {})]
        ]
    return rows


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
        t: The batch's targets: labels, or one-hot rows.
        chosen: Names and methods; `methods()` if not given.
        seed: The seed of random directions, and of the choice of parameters that the
            definition is run on.
        tell: Called with the name of each method before it begins.

    Returns:
        A row for each method.

    Raises:
        InvalidInput: The batch does not fit the network.

    Example:
        >>> net = MLP((3, 4, 2), init="xavier")
        >>> rows = compare(net, np.eye(3), [0, 1, 1], chosen=methods()[:3])
        >>> [row.name for row in rows if row.error < 1e-5]
        ['definition', 'weight', 'node']
    """
    architecture = net.architecture
    x, t = architecture.as_batch(np.asarray(x), np.asarray(t))
    samples = Samples(x, t)
    exact = _exact(architecture, net.params, x, t)
    rows: list[Compared] = []
    for name, method in methods() if chosen is None else chosen:
        tell(name)
        config = TrainConfig.build(
            method, batch_size=len(x), sampling="epochs", seed=seed
        )
        trainer = Trainer(net, (samples, None), config)
        forecast = measure_forecast(trainer, trainer.start)
        # A step of the definition may take minutes, and each slope stands by itself.
        by_part = method.name == "definition"
        found, truth = (_sampled if by_part else _whole)(trainer, exact, seed)
        lengths = float(np.linalg.norm(found)), float(np.linalg.norm(truth))
        rows.append(
            Compared(
                name,
                forecast.seconds_per_step,
                method.evaluations_per_step(architecture),
                float(np.linalg.norm(found - truth)) / max(lengths[1], 1e-300),
                float(found @ truth) / max(lengths[0] * lengths[1], 1e-300),
                found.size,
            )
        )
    return rows


def _whole(
    trainer: Trainer, exact: dict[str, np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The method's whole gradient and the exact one, each as one vector."""
    net, samples, method = trainer.net, trainer.samples, trainer.config.method
    key = jax.random.key(seed)
    if method.traceable:
        params = {name: jax_array(value, float) for name, value in net.params.items()}
        _, gradients = jax.jit(method, static_argnums=0)(
            net.architecture, params, *samples.on_device, key
        )
    else:
        params = _in_double(net.params)
        x, t = _double(samples.x), _double(samples.t)
        _, gradients = method(net.architecture, params, x, t, key)
    return _as_vector(gradients, exact), _as_vector(exact, exact)


def _as_vector(arrays: Params, names: Iterable[str]) -> np.ndarray:
    return np.concatenate([np.ravel(_double(arrays[name])) for name in names])


def _sampled(
    trainer: Trainer, exact: dict[str, np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The definition's slopes along some parameters, and the exact ones."""
    architecture, params = trainer.net.architecture, _in_double(trainer.net.params)
    x, t = _double(trainer.samples.x), _double(trainer.samples.t)
    draw = np.random.default_rng(seed)
    found, truth = [], []
    for name, array in params.items():
        rows = draw.permutation(array.size)[:_SAMPLE]

        def loss(values: np.ndarray, name: str = name, rows: Array = rows) -> Array:
            moved = params[name].copy()
            moved.flat[rows] = values
            return architecture.error({**params, name: moved}, x, t)

        h = trainer.config.method.option_values["h"]
        found.append(numerical_gradient(loss, array.flat[rows], h))
        truth.append(exact[name].flat[rows])
    return np.concatenate(found), np.concatenate(truth)


class Curve(NamedTuple):
    """The error of a slope as a function of the step size.

    Attributes:
        name: How the slope is computed.
        steps: The step sizes h, descending.
        errors: ‖slopes - exact‖ / ‖exact‖, over some parameters of every array.
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
    """The error of the central slope for every step size: subtracted, and propagated.

    `(L(w + h) - L(w - h)) / 2h` for some parameters: by plain subtraction and by
    difference propagation, each in float32 and in float64.

    Args:
        architecture: What the network computes.
        params: Its parameters.
        x: The batch's inputs.
        t: The batch's targets: labels, or one-hot rows.
        seed: The seed of the choice of parameters.
        steps: The step sizes; from 1 to 1e-12, two a decade, if not given.

    Returns:
        Four curves. Propagated differences have only the h² error of the formula and
        the dtype's rounding. Subtracted ones also lose the digits that the two losses
        have in common: the smaller h, the more.
    """
    h = 10.0 ** np.arange(0, -12.5, -0.5) if steps is None else np.asarray(steps)
    x, t = architecture.as_batch(np.asarray(x), np.asarray(t))
    exact = _exact(architecture, params, x, t)
    draw = np.random.default_rng(seed)
    places = [(name, _largest(value, draw)) for name, value in exact.items()]
    truth = np.concatenate([exact[n].flat[rows] for n, rows in places])
    curves: list[Curve] = []
    for precision, double in (("float32", False), ("float64", True)):
        with jax.enable_x64(double):
            given = [
                jax.tree.map(partial(jax_array, dtype=float), part)
                for part in (dict(params), x, t)
            ]
            for name, function in (("subtracted", _subtracted), ("propagated", slope)):
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
    """Some parameters, by flat index, from the half with the larger slopes."""
    order = np.argsort(-abs(slopes), axis=None)[: max(slopes.size // 2, 1)]
    return draw.permutation(order)[:_CURVE]


def _exact(
    architecture: Architecture, params: Params, x: Array, t: Array
) -> dict[str, np.ndarray]:
    """Backprop's gradient in float64."""
    _, gradients = METHODS["backprop"](
        architecture, _in_double(params), _double(x), _double(t)
    )
    return _in_double(gradients)


def _double(array: Array) -> np.ndarray:
    return np.asarray(array, np.float64)


def _in_double(params: Params) -> dict[str, np.ndarray]:
    return {name: _double(value) for name, value in params.items()}
