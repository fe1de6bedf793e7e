"""Callbacks to Python: the only operations whose inside cannot be walked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import Primitive

from secant.propagation.builders import def_rule
from secant.propagation.delta import Array, Delta, materialize


def _pure_callback_primitive() -> Primitive:
    """The primitive of `jax.pure_callback`.

    JAX has no public name for it, so it is taken from a program.
    """
    like = jax.ShapeDtypeStruct((), np.float32)
    program = jax.make_jaxpr(lambda: jax.pure_callback(np.zeros, like))()
    return program.jaxpr.eqns[0].primitive


@dataclass(frozen=True)
class _CallbackDifference:
    """`f(x + Δx) - f(x)` of a Python function, in float64 on both sides of the call."""

    f: Callable[..., Any]
    dtypes: tuple[Any, ...]

    def __call__(self, *values_and_changes: Array) -> list[Array]:
        half = len(values_and_changes) // 2
        values = [_as_double(x) for x in values_and_changes[:half]]
        deltas = [_as_double(dx) for dx in values_and_changes[half:]]
        there = [
            x + dx if _is_inexact(x) else dx
            for x, dx in zip(values, deltas, strict=True)
        ]
        now, then = map(_as_double, self.f(*values)), map(_as_double, self.f(*there))
        return [
            np.asarray(b - a if _is_inexact(a) else b, dtype)
            for a, b, dtype in zip(now, then, self.dtypes, strict=True)
        ]


def _is_inexact(x: Array) -> bool:
    return x.dtype.kind not in "biu"


def _as_double(x: Any) -> Array:
    array = np.asarray(x)
    if not _is_inexact(array):
        return array
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _pure_callback(
    ans: Sequence[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    callback: Callable[..., Any],
    result_avals: Sequence[Any],
    sharding: Any,
    vmap_method: str | None,
) -> list[Array]:
    likes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in result_avals]
    return jax.pure_callback(
        _CallbackDifference(callback, tuple(like.dtype for like in likes)),
        likes,
        *values,
        *map(materialize, values, deltas),
        sharding=sharding,
        vmap_method=vmap_method,
    )


def_rule(
    _pure_callback_primitive(),
    _pure_callback,
    "`f(x + Δx) − f(x)` subtracted, in float64 on both sides of the call",
)
