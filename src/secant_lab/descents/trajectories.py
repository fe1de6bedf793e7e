"""Trajectories of optimisers on a surface, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from secant.training import OPTIMIZERS
from secant_lab.descents.surfaces import FAST_COMPILE, value_and_gradient
from secant_lab.expressions import MAX_COMPILED, Expression

MAX_STEPS = 500
"""The number of steps of the longest trajectory."""

# Without adamw: its decay pulls towards 0, and a surface need not be low there.
OPTIMIZER_NAMES = tuple(name for name in OPTIMIZERS if name != "adamw")
"""The optimisers that the room offers."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The trajectory of a descent, up to the last point where everything was finite.

    Attributes:
        optimizer: The optimiser's name in `secant.training.OPTIMIZERS`.
        rate: The learning rate.
        path: The points, (steps + 1, 2); the start alone where f has no value there.
        values: The values of f at these points, (steps + 1,).
        gradients: The gradients of f there, (steps + 1, 2).
        ended: Whether the next step led to a point where something is not finite.
    """

    optimizer: str
    rate: float
    path: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    gradients: np.ndarray = field(repr=False)
    ended: bool

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self.path) - 1


def trajectory(
    f: Expression, start: np.ndarray, optimizer: str, rate: float, steps: int
) -> Trajectory:
    """The trajectory from a point: `x ← x + update(gradient)`, with Optax's update.

    Args:
        f: A surface.
        start: The first point, (2,).
        optimizer: One of `OPTIMIZER_NAMES`.
        rate: The learning rate.
        steps: The number of steps, at most `MAX_STEPS`.

    Example:
        >>> from secant_lab.descents.surfaces import surface
        >>> bowl = surface("x0**2 + x1**2")
        >>> trajectory(bowl, np.array([-3.0, 4.0]), "sgd", 0.25, 2).path
        array([[-3.  ,  4.  ],
               [-1.5 ,  2.  ],
               [-0.75,  1.  ]])
    """
    with jax.enable_x64(True):
        whole = _compiled(f, optimizer)(jnp.asarray(start, float), jnp.float64(rate))
        path, values, gradients = (np.asarray(part)[: steps + 1] for part in whole)
    finite = np.isfinite(np.c_[path, values, gradients]).all(axis=1)
    end = len(finite) if finite.all() else max(int(finite.argmin()), 1)
    return Trajectory(
        optimizer, rate, path[:end], values[:end], gradients[:end], not finite.all()
    )


@lru_cache(maxsize=2 * MAX_COMPILED)
def _compiled(f: Expression, optimizer: str) -> Callable[..., Any]:
    # Always all steps: they take a millisecond, and each other number of steps would
    # need its own program.
    def descend(start: jax.Array, rate: Any) -> tuple[jax.Array, ...]:
        rule = OPTIMIZERS[optimizer].make(rate)

        def step(carry: Any, _: None) -> tuple[Any, tuple[jax.Array, ...]]:
            x, state = carry
            value, gradient = value_and_gradient(f, x)
            update, state = rule.update(gradient, state, x)
            return (optax.apply_updates(x, update), state), (x, value, gradient)

        return jax.lax.scan(step, (start, rule.init(start)), length=MAX_STEPS + 1)[1]

    return jax.jit(descend, compiler_options=FAST_COMPILE)
