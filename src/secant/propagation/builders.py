"""Combinators that define rules: most rules are one line with one of these.

    def_linear           Δf = f(Δx)
    def_data_movement    as def_linear, for primitives that only move numbers about
    def_bilinear         Δf = f(Δa, b + Δb) + f(a, Δb)
    def_elementwise      a smooth function of one number
    def_binary           a function of two numbers
    def_composition      a function made of primitives that have rules
    def_recompute        a function of integers: computed again at x + dx
    def_rule             any other rule
    def_higher_order     a primitive that holds programs

`secant.propagation.registry` describes what a rule gets and returns.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import jax.numpy as jnp
from jax.extend.core import Primitive

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    ExactSum,
    SelectionDelta,
    cast_delta,
    drop_selection,
    exact_sum,
    is_inexact,
    materialize,
    upcast_16bit,
    value_after,
)
from secant.propagation.jaxpr_tools import bind, walk_function
from secant.propagation.numerics import analytic_difference, subtract_unless_same
from secant.propagation.registry import Rule, register


def def_rule(
    primitive: Primitive,
    function: Callable[..., Any],
    note: str,
    *,
    accepts_selection: bool = False,
) -> None:
    """Defines the rule `function(ans, values, deltas, **params)`."""
    rule = Rule(function, "own", accepts_selection=accepts_selection, note=note)
    register(primitive, rule)


def def_higher_order(
    primitive: Primitive,
    function: Callable[..., Any],
    note: str,
    *,
    accepts_selection: bool = False,
) -> None:
    """Defines the rule `function(walk, values, deltas, **params)` of programs."""
    rule = Rule(
        function,
        "higher-order",
        higher_order=True,
        accepts_selection=accepts_selection,
        note=note,
    )
    register(primitive, rule)


# --- Linear functions ---


def def_linear(
    primitive: Primitive, *operands: int, select: Callable[..., ExactSum] | None = None
) -> None:
    """Defines `Δf = f(Δx)`, for an `f` that is linear in some operands together.

    Args:
        primitive: The function.
        operands: The positions of the operands in which it is linear; by default all.
            The others (indices) are integers.
        select: `select(*sums, otherwise)` gives the result at `x + dx` as an exact sum,
            if an operand is a selected number. `otherwise` is `ans` and its
            difference, for a result that is none of the operands.
    """
    linear = _linear_rule(primitive, operands)
    if select is None:
        register(primitive, Rule(linear, "linear", note="Δf = f(Δx)"))
        return

    def rule(ans: Any, values: list[Array], deltas: list[Delta], **params: Any) -> Any:
        difference = linear(ans, values, list(map(drop_selection, deltas)), **params)
        if not any(isinstance(delta, SelectionDelta) for delta in deltas):
            return difference
        return SelectionDelta(
            difference,
            lambda: select(*map(exact_sum, values, deltas), (ans, difference)),
        )

    register(primitive, Rule(rule, "linear", accepts_selection=True, note="Δf = f(Δx)"))


def def_data_movement(primitive: Primitive, *operands: int) -> None:
    """Defines `Δf = f(Δx)`, for an `f` that moves numbers about and computes none.

    A selected number stays one: its value and its difference move alike. If an index
    changes, the result is selected too, by that index.

    Args:
        primitive: The function.
        operands: As `def_linear` takes them.
    """
    linear = _linear_rule(primitive, operands)

    def rule(ans: Any, values: list[Array], deltas: list[Delta], **params: Any) -> Any:
        difference = linear(ans, values, list(map(drop_selection, deltas)), **params)
        in_these = operands or range(len(values))
        indices = [d for i, d in enumerate(deltas) if i not in in_these]
        selects = any(isinstance(delta, SelectionDelta) for delta in deltas) or any(
            delta is not UNCHANGED for delta in indices
        )
        if not selects or not is_inexact(values[in_these[0]]):
            return difference

        def compute_selected() -> tuple[Any, Any]:
            sums = map(exact_sum, values, deltas)
            before, by = zip(*sums, strict=True)
            return primitive.bind(*before, **params), primitive.bind(*by, **params)

        return _selection_deltas(difference, compute_selected)

    rule_of = Rule(rule, "data movement", accepts_selection=True, note="Δf = f(Δx)")
    register(primitive, rule_of)


def _selection_deltas(
    difference: Any, compute_selected: Callable[[], tuple[Any, Any]]
) -> Any:
    """The delta of one result, or of several that are selected at once."""
    if not isinstance(difference, list | tuple):
        return SelectionDelta(difference, compute_selected)
    once = cache(compute_selected)

    def of_result(i: int) -> Callable[[], ExactSum]:
        return lambda: (once()[0][i], once()[1][i])

    return [SelectionDelta(delta, of_result(i)) for i, delta in enumerate(difference)]


def _linear_rule(primitive: Primitive, operands: tuple[int, ...]) -> Callable[..., Any]:
    def rule(ans: Any, values: list[Array], deltas: list[Delta], **params: Any) -> Any:
        in_these = operands or range(len(values))
        if any(d is not UNCHANGED and i not in in_these for i, d in enumerate(deltas)):
            return _linear_at_changed_indices(
                primitive, in_these, ans, values, deltas, params
            )
        if not is_inexact(values[in_these[0]]):
            return primitive.bind(*map(value_after, values, deltas), **params)
        differences = [
            materialize(v, d) if i in in_these else v
            for i, (v, d) in enumerate(zip(values, deltas, strict=True))
        ]
        return primitive.bind(*differences, **params)

    return rule


def _linear_at_changed_indices(
    primitive: Primitive,
    in_these: Iterable[int],
    ans: Any,
    values: list[Array],
    deltas: list[Delta],
    params: dict[str, Any],
) -> Any:
    """f(x + Δx; i') - f(x; i) = [f(x; i') - f(x; i)] + f(Δx; i')."""
    positions = range(len(values))
    there = list(map(value_after, values, deltas))
    other = primitive.bind(
        *(values[i] if i in in_these else there[i] for i in positions), **params
    )
    if not is_inexact(other):
        return primitive.bind(*there, **params)
    difference = primitive.bind(
        *(
            materialize(values[i], deltas[i]) if i in in_these else there[i]
            for i in positions
        ),
        **params,
    )
    same = [jnp.all(values[i] == there[i]) for i in positions if i not in in_these]
    return subtract_unless_same(other, ans, jnp.stack(same).all()) + difference


def def_bilinear(primitive: Primitive) -> None:
    """Defines `Δf = f(Δa, b + Δb) + f(a, Δb)`, for an `f` linear in each operand.

    If only one operand changes, this is a single product.
    """

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        (a, b), (da, db) = values, deltas
        if not is_inexact(ans):
            return primitive.bind(value_after(a, da), value_after(b, db), **params)
        by_a = by_b = None
        if da is not UNCHANGED:
            by_a = primitive.bind(da, value_after(b, db), **params)
        if db is not UNCHANGED:
            by_b = primitive.bind(a, db, **params)
        if by_a is None or by_b is None:
            return by_b if by_a is None else by_a
        return by_a + by_b

    register(primitive, Rule(rule, "bilinear", note="Δf = f(Δa, b + Δb) + f(a, Δb)"))


# --- Smooth functions ---


def def_elementwise(
    primitive: Primitive,
    function: Callable[..., Array],
    note: str,
    *,
    complex_too: bool = False,
    select: Callable[[ExactSum], ExactSum] | None = None,
) -> None:
    """Defines the rule `function(x, dx, ans, **params) -> Δ` of a smooth function.

    The function gets float32 instead of dtypes of 16 bits, with `ans` computed anew.
    Integer operands (of `integer_pow`, for example) are computed again.

    Args:
        primitive: The function of one number.
        function: Its rule.
        note: The rule's formula.
        complex_too: Whether the rule holds for complex numbers. If not, they use
            `numerics.analytic_difference`.
        select: The same function of an exact sum, if it computes no new real numbers.
    """

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Delta:
        (x,), (dx,) = values, deltas
        difference = smooth(ans, x, drop_selection(dx), **params)
        of_sum = select
        if of_sum is None or not is_inexact(ans) or jnp.iscomplexobj(x):
            return difference
        return SelectionDelta(difference, lambda: of_sum(exact_sum(x, dx)))

    def smooth(ans: Array, x: Array, dx: Array, **params: Any) -> Array:
        if not is_inexact(x):
            return primitive.bind(dx, **params)
        if jnp.iscomplexobj(x) and not complex_too:
            return analytic_difference(
                lambda z: bind(primitive, [z], params), x, dx, ans
            )
        wide_x, wide_dx = upcast_16bit(x, dx)
        wide = ans if wide_x is x else bind(primitive, [wide_x], params)
        own = {k: v for k, v in params.items() if k not in _COMPILER_PARAMS}
        return function(wide_x, wide_dx, wide, **own).astype(ans.dtype)

    accepts = select is not None
    register(primitive, Rule(rule, "elementwise", accepts_selection=accepts, note=note))


# Params that tell XLA how to compute a function. They do not change the function.
_COMPILER_PARAMS = frozenset({"accuracy"})


def def_binary(primitive: Primitive, function: Callable[..., Array], note: str) -> None:
    """Defines the rule `function(ans, values, deltas, **params) -> Δ` of two numbers.

    The function gets float32 instead of dtypes of 16 bits, with `ans` computed anew.
    Integers are computed again.
    """

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        if not is_inexact(ans):
            return primitive.bind(*map(value_after, values, deltas), **params)
        wide = [_upcast(v) for v in values]
        wide_deltas = [d if d is UNCHANGED else _upcast(d) for d in deltas]
        same = all(w is v for w, v in zip(wide, values, strict=True))
        at_x = ans if same else primitive.bind(*wide, **params)
        return function(at_x, wide, wide_deltas, **params).astype(ans.dtype)

    register(primitive, Rule(rule, "binary", note=note))


def def_composition(
    primitive: Primitive,
    function: Callable[..., Any],
    note: str,
    *,
    widen: bool = True,
) -> None:
    """Defines a rule by a function made of primitives that have rules.

    Args:
        primitive: The function.
        function: `function(*values, **params)`, which computes the same.
        note: What it is made of.
        widen: Whether it gets float32 instead of dtypes of 16 bits.
    """

    def rule(
        walk: Callable[..., Any],
        values: list[Array],
        deltas: list[Delta],
        **params: Any,
    ) -> tuple[list[Array], list[Delta]]:
        ans = bind(primitive, values, params)
        results = list(ans) if primitive.multiple_results else [ans]
        if widen:
            deltas = [cast_delta(d, _upcast) for d in deltas]
            values = [_upcast(v) for v in values]
        out_deltas = walk_function(walk, partial(function, **params), values, deltas)
        return results, [
            cast_delta(delta, lambda a, to=result.dtype: a.astype(to))
            for result, delta in zip(results, out_deltas, strict=True)
        ]

    rule_of = Rule(
        rule, "composition", higher_order=True, accepts_selection=True, note=note
    )
    register(primitive, rule_of)


def _upcast(x: Array) -> Array:
    return upcast_16bit(x)[0]


# --- Functions of integers ---


def def_recompute(primitive: Primitive) -> None:
    """Defines the rule of a function of integers or truth values: compute it again."""

    def rule(ans: Any, values: list[Array], deltas: list[Delta], **params: Any) -> Any:
        return primitive.bind(*map(value_after, values, deltas), **params)

    register(primitive, Rule(rule, "recompute", note="computed again at x + dx"))
