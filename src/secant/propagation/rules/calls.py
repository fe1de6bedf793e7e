"""Calls of functions: `jit`, custom derivatives, `jax.checkpoint`, samplers.

The rules walk the function that is called. A custom rule for derivatives is no part of
the function, so they ignore it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import hijax
from jax.extend.core import Primitive, primitives

from secant.propagation.builders import def_composition, def_higher_order
from secant.propagation.delta import (
    TWO_SUM,
    UNCHANGED,
    Array,
    Delta,
    materialize,
    two_sum,
)
from secant.propagation.jaxpr_tools import (
    AnyJaxpr,
    ValuesAndDeltas,
    Walk,
    primitive_of,
    walk_inline,
    walk_isolated,
)


def _jaxpr_call(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    jaxpr: AnyJaxpr,
    name: str = "",
    **_: Any,
) -> ValuesAndDeltas:
    if name == TWO_SUM:
        return _two_sum_call(values, deltas)
    return walk_inline(walk, jaxpr, values, deltas)


def _two_sum_call(values: list[Array], deltas: list[Delta]) -> ValuesAndDeltas:
    """The sum of the differences, and what rounding leaves of it.

    `s + e = a + b`, so that `Δs + Δe = Δa + Δb`.
    """
    (a, b) = values
    da, db = (
        delta if delta is UNCHANGED else materialize(value, delta)
        for value, delta in zip(values, deltas, strict=True)
    )
    if da is UNCHANGED or db is UNCHANGED:
        change = [db if da is UNCHANGED else da, UNCHANGED]
    else:
        change = list(two_sum(da, db))
    return list(two_sum(a, b)), change


def _call_jaxpr_call(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    call_jaxpr: AnyJaxpr,
    **_: Any,
) -> ValuesAndDeltas:
    return walk_inline(walk, call_jaxpr, values, deltas)


def _custom_vmap_call(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    call: AnyJaxpr,
    **_: Any,
) -> ValuesAndDeltas:
    return walk_inline(walk, call, values, deltas)


def _checkpoint(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    jaxpr: AnyJaxpr,
    prevent_cse: Any,
    policy: Any,
    **_: Any,
) -> ValuesAndDeltas:
    """A checkpoint of the values and the deltas: under `grad`, both are recomputed."""

    def walked(values: list[Array], deltas: list[Delta]) -> ValuesAndDeltas:
        return walk_isolated(walk, jaxpr, values, deltas)

    checkpointed = jax.checkpoint(walked, prevent_cse=prevent_cse, policy=policy)
    return checkpointed(values, deltas)


_CALLED = "the function that is called"
_AS_WRITTEN = "the function itself, not its rule"
def_higher_order(primitives.jit_p, _jaxpr_call, _CALLED, accepts_selection=True)
# From JAX 0.11 on, these two are one primitive.
for _primitive in {primitives.call_p, primitives.closed_call_p}:
    def_higher_order(_primitive, _call_jaxpr_call, _CALLED, accepts_selection=True)
for _primitive in (primitives.custom_jvp_call_p, primitives.custom_vjp_call_p):
    def_higher_order(_primitive, _call_jaxpr_call, _AS_WRITTEN, accepts_selection=True)
_composite = primitive_of(lax.composite(lax.sin, "a.sine"), 0.0)
_sine = jax.custom_batching.custom_vmap(lax.sin)
_sine.def_vmap(lambda size, batched, x: (lax.sin(x), True))
_custom_vmap = primitive_of(_sine, 0.0)
def_higher_order(_composite, _jaxpr_call, _CALLED, accepts_selection=True)
def_higher_order(_custom_vmap, _custom_vmap_call, _AS_WRITTEN, accepts_selection=True)
def_higher_order(
    primitives.remat_p, _checkpoint, "the function, under `jax.checkpoint`"
)


# --- Operations that are objects: JAX's `HiPrim` ---


def _hi_primitive(
    walk: Walk, values: list[Array], deltas: list[Delta], *, _prim: Any
) -> ValuesAndDeltas:
    def expanded(*leaves: Array) -> list[Array]:
        return jax.tree.leaves(_prim.expand(*_prim.in_tree.unflatten(leaves)))

    jaxpr = jax.make_jaxpr(expanded)(*values)
    return walk_inline(walk, jaxpr, values, deltas)


def _find_hi_primitive() -> Primitive | None:
    """The one primitive that calls all such objects.

    JAX has no public name for it, so it is taken from a program. None before JAX 0.11.
    """
    base = getattr(hijax, "HiPrim", None)
    if base is None:
        return None

    class Same(base):
        def __init__(self) -> None:
            number = hijax.ShapedArray((), jnp.dtype("float32"))
            self.in_avals, self.out_aval, self.params = (number,), number, {}
            super().__init__()

        def expand(self, x: Array) -> Array:
            return x

    program = jax.make_jaxpr(Same())(jax.ShapeDtypeStruct((), jnp.float32))
    return program.eqns[0].primitive


if (_primitive := _find_hi_primitive()) is not None:
    def_higher_order(
        _primitive,
        _hi_primitive,
        "what the object expands to",
        accepts_selection=True,
    )


# --- Samplers ---


def_composition(
    primitives.random_gamma_p,
    primitives.random_gamma_p.impl,
    "the sampler's own program, not the implicit derivative that JAX's gradient has",
    widen=False,
)
