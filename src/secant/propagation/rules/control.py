"""Calls, branches and loops: primitives that hold programs."""

from typing import Any

from jax.extend import core
from jax.extend.core import primitives

from secant.propagation.changes import Array, Change
from secant.propagation.registry import program


def _call(
    walk: Any,
    values: list[Array],
    changes: list[Change],
    *,
    jaxpr: core.ClosedJaxpr,
    **_: Any,
) -> tuple[list[Array], list[Change]]:
    return walk(jaxpr.jaxpr, jaxpr.consts, values, changes)


program(primitives.jit_p, _call, "the function that is called")
