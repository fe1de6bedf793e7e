"""Where an optimiser goes on a surface, step after step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from secant.training import OPTIMIZERS
from secant_lab.descents.surfaces import HASTY, value_and_gradient
from secant_lab.expressions import Expression

LONGEST = 500
"""Steps of a course."""

# Weight decay draws towards 0, where a surface has no reason to be low.
OFFERED = tuple(name for name in OPTIMIZERS if name != "adamw")
"""The optimisers that go down a surface."""


@dataclass(frozen=True, eq=False)
class Course:
    """A descent, as far as everything was finite.

    Attributes:
        optimizer: Its name in `secant.training.optimizers`.
        rate: The learning rate.
        path: The points, (steps + 1, 2); the start alone where f has no value there.
        values: f at each of them, (steps + 1,).
        gradients: And its gradients, (steps + 1, 2).
        ended: Whether the next point was to be a step, and came out not finite.
    """

    optimizer: str
    rate: float
    path: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    gradients: np.ndarray = field(repr=False)
    ended: bool

    @property
    def steps(self) -> int:
        """How many were taken."""
        return len(self.path) - 1


def course(
    f: Expression, start: np.ndarray, optimizer: str, rate: float, steps: int
) -> Course:
    """The descent from a point: `x ← x + update(gradient)`, the update Optax's.

    Args:
        f: A surface.
        start: Where it begins, (2,).
        optimizer: One of `OFFERED`.
        rate: The learning rate.
        steps: How many, at most `LONGEST`.

    Example:
        >>> from secant_lab.descents.surfaces import surface
        >>> bowl = surface("x0**2 + x1**2")
        >>> course(bowl, np.array([-3.0, 4.0]), "sgd", 0.25, 2).path
        array([[-3.  ,  4.  ],
               [-1.5 ,  2.  ],
               [-0.75,  1.  ]])
    """
    with jax.enable_x64(True):
        whole = _compiled(f, optimizer)(jnp.asarray(start, float), jnp.float64(rate))
        path, values, gradients = (np.asarray(part)[: steps + 1] for part in whole)
    finite = np.isfinite(np.c_[path, values, gradients]).all(axis=1)
    end = len(finite) if finite.all() else max(int(finite.argmin()), 1)
    return Course(
        optimizer, rate, path[:end], values[:end], gradients[:end], not finite.all()
    )


@lru_cache(maxsize=128)
def _compiled(f: Expression, optimizer: str) -> Callable[..., Any]:
    # All steps each time: they take a millisecond, another number a new program.
    def descend(start: jax.Array, rate: Any) -> tuple[jax.Array, ...]:
        rule = OPTIMIZERS[optimizer].make(rate)

        def step(carried: Any, _: None) -> tuple[Any, tuple[jax.Array, ...]]:
            x, state = carried
            value, gradient = value_and_gradient(f, x)
            update, state = rule.update(gradient, state, x)
            return (optax.apply_updates(x, update), state), (x, value, gradient)

        return jax.lax.scan(step, (start, rule.init(start)), length=LONGEST + 1)[1]

    return jax.jit(descend, compiler_options=HASTY)
