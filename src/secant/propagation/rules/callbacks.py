"""Callbacks to Python: the one operation whose inside nobody can walk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import Primitive

from secant.propagation.delta import Array, Change, explicit
from secant.propagation.registry import special


def _of_pure_callbacks() -> Primitive:
    """The primitive of `jax.pure_callback`, of which only programs give the object."""
    like = jax.ShapeDtypeStruct((), np.float32)
    program = jax.make_jaxpr(lambda: jax.pure_callback(np.zeros, like))()
    return program.jaxpr.eqns[0].primitive


@dataclass(frozen=True)
class _Apart:
    """f(x + Δx) - f(x), in float64 on both sides of the call to Python."""

    f: Callable[..., Any]
    dtypes: tuple[Any, ...]

    def __call__(self, *values_and_changes: Array) -> list[Array]:
        half = len(values_and_changes) // 2
        values = [_widened(x) for x in values_and_changes[:half]]
        changes = [_widened(dx) for dx in values_and_changes[half:]]
        there = [
            x + dx if _differs(x) else dx for x, dx in zip(values, changes, strict=True)
        ]
        now, then = map(_widened, self.f(*values)), map(_widened, self.f(*there))
        return [
            np.asarray(b - a if _differs(a) else b, dtype)
            for a, b, dtype in zip(now, then, self.dtypes, strict=True)
        ]


def _differs(x: Array) -> bool:
    return x.dtype.kind not in "biu"


def _widened(x: Any) -> Array:
    array = np.asarray(x)
    if not _differs(array):
        return array
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _callback(
    ans: Sequence[Array],
    values: list[Array],
    changes: list[Change],
    *,
    callback: Callable[..., Any],
    result_avals: Sequence[Any],
    sharding: Any,
    vmap_method: str | None,
) -> list[Array]:
    likes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in result_avals]
    return jax.pure_callback(
        _Apart(callback, tuple(like.dtype for like in likes)),
        likes,
        *values,
        *map(explicit, values, changes),
        sharding=sharding,
        vmap_method=vmap_method,
    )


special(
    _of_pure_callbacks(),
    _callback,
    "`f(x + Δx) − f(x)` subtracted, in float64 on both sides of the call",
)
