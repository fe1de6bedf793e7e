"""Callbacks to Python, whose inside cannot be walked, and what only shows a number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from secant.propagation.builders import def_rule
from secant.propagation.delta import Array, Delta, materialize
from secant.propagation.jaxpr_tools import primitive_of

_NUMBER = jax.ShapeDtypeStruct((), np.float32)


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
    primitive_of(lambda: jax.pure_callback(np.zeros, _NUMBER)),
    _pure_callback,
    "`f(x + Δx) − f(x)` subtracted, in float64 on both sides of the call",
)


# --- Side effects ---


def _show(
    ans: Sequence[Array], values: list[Array], deltas: list[Delta], **_: Any
) -> list[Delta]:
    """No result has no delta; the number at x was shown already."""
    return []


for _primitive in {
    primitive_of(lambda x: jax.debug.print("{}", x), _NUMBER),
    primitive_of(lambda x: jax.debug.callback(print, x), _NUMBER),
}:
    def_rule(_primitive, _show, "none: it shows the number at x")
