"""Loops: `scan` and `while`, over values and deltas side by side.

The rules use the public functions of `jax.lax`, so that they work under `vmap`, `grad`
and `difference` as the user's own loops do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from secant.propagation.builders import def_higher_order
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    is_inexact,
    materialize,
    value_after,
)
from secant.propagation.jaxpr_tools import (
    AnyJaxpr,
    ValuesAndDeltas,
    Walk,
    delta_across,
    eval_jaxpr,
    split_list,
    trace_walk,
)


def _trace_body(
    walk: Walk,
    body: AnyJaxpr,
    consts: list[Delta],
    carry: list[Delta],
    slices: Sequence[Delta] = (),
) -> tuple[Callable[..., ValuesAndDeltas], list[bool]]:
    """The walk of a loop's body, and which parts of the carry change.

    The carry of a loop has one type in all iterations, so a part is `UNCHANGED` either
    always or never. A part that does not change before the first iteration may change
    after it (`c ← c x` with `c = 1`). So the body is traced with the deltas known so
    far, the parts that change after it are added, and this is repeated until no part is
    added: a least fixed point, reached after at most as many traces as there are parts.

    Args:
        walk: The interpreter.
        body: The body; the new carry comes first in its results.
        consts: The deltas of the loop's constants.
        carry: The deltas of the carry before the first iteration.
        slices: The deltas of the operands that differ in each iteration.
    """
    deltas = list(carry)
    while True:
        body_walk, shapes = trace_walk(walk, body, [*consts, *deltas, *slices])
        after = shapes[1][: len(deltas)]
        added = [
            i
            for i, delta in enumerate(after)
            if deltas[i] is UNCHANGED and delta is not UNCHANGED
        ]
        if not added:
            return body_walk, [delta is not UNCHANGED for delta in deltas]
        for i in added:
            deltas[i] = after[i]


def _materialize_changing(
    changing: Sequence[bool], values: Sequence[Array], deltas: Sequence[Delta]
) -> list[Delta]:
    return [
        materialize(value, delta) if changes else UNCHANGED
        for changes, value, delta in zip(changing, values, deltas, strict=True)
    ]


# --- scan ---


def _scan(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    jaxpr: AnyJaxpr,
    length: int,
    reverse: bool,
    unroll: Any,
    **params: Any,
) -> ValuesAndDeltas:
    """The same scan over values and deltas side by side."""
    sizes = _scan_sizes(params, len(values))
    consts, carry, slices = split_list(sizes, values)
    d_consts, d_carry, d_slices = split_list(sizes, deltas)
    body_walk, changing = _trace_body(walk, jaxpr, d_consts, d_carry, d_slices)
    n = len(carry)

    def body(
        carry: ValuesAndDeltas, slices: ValuesAndDeltas
    ) -> tuple[ValuesAndDeltas, ValuesAndDeltas]:
        results, out_deltas = body_walk(
            [*consts, *carry[0], *slices[0]], [*d_consts, *carry[1], *slices[1]]
        )
        new = results[:n], _materialize_changing(changing, results[:n], out_deltas[:n])
        return new, (results[n:], out_deltas[n:])

    (carry, d_carry), (stacked, d_stacked) = lax.scan(
        body,
        (carry, _materialize_changing(changing, carry, d_carry)),
        (slices, d_slices),
        length=length,
        reverse=reverse,
        unroll=unroll,
    )
    return [*carry, *stacked], [*d_carry, *d_stacked]


def _scan_sizes(params: dict[str, Any], operands: int) -> list[int]:
    """The numbers of constants, carried operands and slices."""
    if "num_carry" in params:  # up to JAX 0.10
        consts, carry = params["num_consts"], params["num_carry"]
        return [consts, carry, operands - consts - carry]
    parts = params["ft_in"].update(range(operands)).unpack()
    return [len(list(part)) for part in parts]


def_higher_order(lax.scan_p, _scan, "the same loop over values and deltas")


# --- while ---


@dataclass(frozen=True)
class _WhileLoop:
    """A `while` loop with its operands, but for the carry."""

    walk: Walk
    cond: AnyJaxpr
    body: AnyJaxpr
    cond_consts: list[Array]
    d_cond_consts: list[Delta]
    body_consts: list[Array]
    d_body_consts: list[Delta]

    def trace_cond(
        self, dy: list[Delta]
    ) -> tuple[Callable[..., ValuesAndDeltas], ValuesAndDeltas]:
        """The walk of the condition, as `trace_walk` returns it."""
        cond_walk, shapes = trace_walk(self.walk, self.cond, [*self.d_cond_consts, *dy])
        return (
            lambda y, dy: cond_walk(
                [*self.cond_consts, *y], [*self.d_cond_consts, *dy]
            ),
            shapes,
        )

    def trace_body(
        self, dy: list[Delta]
    ) -> tuple[Callable[..., ValuesAndDeltas], list[bool]]:
        """The walk of the body, and which parts of the carry change."""
        body_walk, changing = _trace_body(self.walk, self.body, self.d_body_consts, dy)

        def walked(y: list[Array], dy: list[Delta]) -> ValuesAndDeltas:
            results, out_deltas = body_walk(
                [*self.body_consts, *y], [*self.d_body_consts, *dy]
            )
            return results, _materialize_changing(changing, results, out_deltas)

        return walked, changing


def _while(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    cond_jaxpr: AnyJaxpr,
    cond_nconsts: int,
    body_jaxpr: AnyJaxpr,
    body_nconsts: int,
    **_: Any,
) -> ValuesAndDeltas:
    """One loop if the number of iterations cannot change, else two side by side."""
    sizes = [cond_nconsts, body_nconsts, len(values) - cond_nconsts - body_nconsts]
    cond_consts, body_consts, y = split_list(sizes, values)
    d_cond_consts, d_body_consts, dy = split_list(sizes, deltas)
    loop = _WhileLoop(
        walk,
        cond_jaxpr,
        body_jaxpr,
        cond_consts,
        d_cond_consts,
        body_consts,
        d_body_consts,
    )
    body_walk, changing = loop.trace_body(dy)
    dy = _materialize_changing(changing, y, dy)
    cond_walk, shapes = loop.trace_cond(dy)
    if shapes[1][0] is not UNCHANGED:
        return _while_two_runs(loop, y, list(map(materialize, y, dy)))

    def goes_on(carry: ValuesAndDeltas) -> Array:
        return cond_walk(*carry)[0][0]

    def step(carry: ValuesAndDeltas) -> ValuesAndDeltas:
        if not shapes[0][0].shape:
            return body_walk(*carry)
        return _cond_or_where(goes_on(carry), body_walk, _identity, *carry)

    return lax.while_loop(lambda carry: jnp.any(goes_on(carry)), step, (y, dy))


def _while_two_runs(
    loop: _WhileLoop, y: list[Array], dy: list[Array]
) -> ValuesAndDeltas:
    """The run from `x` and the run from `x + dx`, side by side.

    The carry of the first run is `y`, that of the second is `y + Δ`. Only the pair
    `(y, Δ)` is stored, so the two carries are never subtracted. The run that ends first
    keeps its carry; the loop ends with the other. With `f` the body, an iteration of

        both runs:             y' = f(y),  Δ' = Δf
        the second run alone:  y' = y,     Δ' = (f(y) - y) + Δf
        the first run alone:   y' = f(y),  Δ' = Δ - (y' - y)

    In the second line, `f(y + Δ) - y = [f(y) - y] + [f(y + Δ) - f(y)]`, which
    `delta_across` adds up. In the third line, the second carry `y + Δ = y' + Δ'` stays
    as it is.
    """
    both, _ = loop.trace_body(dy)
    cond_walk, _ = loop.trace_cond(dy)

    def second(y: list[Array], dy: list[Array]) -> ValuesAndDeltas:
        operands = map(value_after, [*loop.body_consts, *y], [*loop.d_body_consts, *dy])
        then = eval_jaxpr(loop.body, list(operands))
        return y, list(map(delta_across, y, *both(y, dy), then))

    def first(y: list[Array], dy: list[Array]) -> ValuesAndDeltas:
        results = eval_jaxpr(loop.body, [*loop.body_consts, *y])
        return results, [
            delta - (new - old) if is_inexact(old) else delta
            for old, new, delta in zip(y, results, dy, strict=True)
        ]

    def go_on(y: list[Array], dy: list[Array]) -> tuple[Array, Array]:
        (now,), (then,) = cond_walk(y, dy)
        return now, materialize(now, then)

    def step(carry: Any) -> Any:
        y, dy, now, then = carry
        y, dy = _cond_or_where(
            now,
            lambda y, dy: _cond_or_where(then, both, first, y, dy),
            lambda y, dy: _cond_or_where(then, second, _identity, y, dy),
            y,
            dy,
        )
        now_again, then_again = go_on(y, dy)
        return y, dy, now & now_again, then & then_again

    y, dy, _, _ = lax.while_loop(
        lambda carry: jnp.any(carry[2] | carry[3]), step, (y, dy, *go_on(y, dy))
    )
    return y, dy


def _identity(y: list[Array], dy: list[Delta]) -> ValuesAndDeltas:
    return y, dy


def _cond_or_where(
    condition: Array, yes: Callable[..., Any], no: Callable[..., Any], *operands: Any
) -> Any:
    """`lax.cond`; for many loops at once, under `vmap`, a selection for each loop."""
    if not jnp.ndim(condition):
        return lax.cond(condition, yes, no, *operands)

    def select(a: Array, b: Array) -> Array:
        axes = range(jnp.ndim(condition), jnp.ndim(a))
        return jnp.where(jnp.expand_dims(condition, tuple(axes)), a, b)

    return jax.tree.map(select, yes(*operands), no(*operands))


def_higher_order(
    lax.while_p,
    _while,
    "the same loop over values and deltas; if the number of iterations changes, the "
    "runs from x and from x + dx, of which one ends first",
)
