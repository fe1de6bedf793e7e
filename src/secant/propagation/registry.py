"""The table of rules, and the few combinators that most of them are.

A rule says by how much the result of one JAX primitive changes:

    rule(ans, values, changes, **params) -> change, or a list of them

`ans` is the primitive's result, computed once by the interpreter; `values` and
`changes` belong to its operands (see `secant.propagation.delta`), at least one of
which is not `UNCHANGED`; `params` are the primitive's own. A primitive that holds
programs (a loop, a branch, a call) has a rule that walks them:

    rule(walk, values, changes, **params) -> values, changes

with `walk(jaxpr, consts, values, changes) -> values, changes`.

Rules are keyed on the primitives of public JAX. Two for one primitive are a mistake.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive

from secant.errors import SecantError
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    Chosen,
    Sum,
    after,
    difference_of,
    exact_sum,
    explicit,
    is_number,
    widened,
)
from secant.propagation.numerics import along


class MissingRule(SecantError, NotImplementedError):
    """A program uses a primitive whose difference Secant has no rule for."""


class FallbackWarning(UserWarning):
    """A primitive without a rule was computed by plain subtraction."""


@dataclass(frozen=True)
class Rule:
    """How a primitive's result changes.

    Attributes:
        function: The rule itself.
        family: Which combinator made it; for the docs.
        holds_programs: Whether it walks programs, and computes the result itself.
        knows_choice: Whether it is given changes that are `Chosen`; a rule that is
            not gets their differences.
        note: A formula or a remark; for the docs.
        module: Which module entered it; for the docs, and for whom it stands in the
            way of.
    """

    function: Callable[..., Any]
    family: str
    holds_programs: bool = False
    knows_choice: bool = False
    note: str = ""
    module: str = ""


RULES: dict[Primitive, Rule] = {}
"""Every rule, by primitive. `secant.propagation.rules` fills it."""


def register(primitive: Primitive, rule: Rule) -> None:
    """Enters a rule.

    Raises:
        ValueError: The primitive has one already.
    """
    if primitive in RULES:
        raise ValueError(
            f"{primitive} has a rule already, in {RULES[primitive].module}"
        )
    RULES[primitive] = replace(rule, module=_entering_module())


def _entering_module() -> str:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals["__name__"] == __name__:
        frame = frame.f_back
    return "" if frame is None else frame.f_globals["__name__"]


def special(
    primitive: Primitive,
    function: Callable[..., Any],
    note: str,
    *,
    knows_choice: bool = False,
) -> None:
    """A rule of its own kind, `function(ans, values, changes, **params)`."""
    register(primitive, Rule(function, "special", knows_choice=knows_choice, note=note))


def program(
    primitive: Primitive,
    function: Callable[..., Any],
    note: str,
    *,
    knows_choice: bool = False,
) -> None:
    """A primitive that holds programs: `function(walk, values, changes, **params)`."""
    rule = Rule(
        function,
        "program",
        holds_programs=True,
        knows_choice=knows_choice,
        note=note,
    )
    register(primitive, rule)


def linear(
    primitive: Primitive, *operands: int, choose: Callable[..., Sum] | None = None
) -> None:
    """`f` is linear in some operands together: `Δf = f(Δx)`.

    Args:
        primitive: What is linear.
        operands: Which of its operands it is linear in, by position; the others
            (indices) are integers. None given: in all of them.
        choose: `choose(*sums, otherwise)`, what becomes of operands that were chosen:
            `otherwise`, of `ans` and its change, where that is a new number.
    """
    plain = _linearly(primitive, operands)
    if choose is None:
        register(primitive, Rule(plain, "linear", note="Δf = f(Δx)"))
        return

    def rule(
        ans: Any, values: list[Array], changes: list[Change], **params: Any
    ) -> Any:
        moved = plain(ans, values, list(map(difference_of, changes)), **params)
        if not any(isinstance(change, Chosen) for change in changes):
            return moved
        return Chosen(
            moved, lambda: choose(*map(exact_sum, values, changes), (ans, moved))
        )

    register(primitive, Rule(rule, "linear", knows_choice=True, note="Δf = f(Δx)"))


def moving(primitive: Primitive, *operands: int) -> None:
    """As `linear`, of what moves numbers about and computes none.

    What was chosen stays so: its two halves are moved alike.
    """
    plain = _linearly(primitive, operands)

    def rule(
        ans: Any, values: list[Array], changes: list[Change], **params: Any
    ) -> Any:
        moved = plain(ans, values, list(map(difference_of, changes)), **params)
        in_these = operands or _all(values)
        others = [c for i, c in enumerate(changes) if i not in in_these]
        chooses = any(isinstance(change, Chosen) for change in changes) or any(
            change is not UNCHANGED for change in others
        )
        if not chooses or not is_number(values[in_these[0]]):
            return moved

        def choose() -> tuple[Any, Any]:
            sums = map(exact_sum, values, changes)
            before, change = zip(*sums, strict=True)
            return primitive.bind(*before, **params), primitive.bind(*change, **params)

        return chosen(moved, choose)

    register(primitive, Rule(rule, "linear", knows_choice=True, note="Δf = f(Δx)"))


def chosen(moved: Any, choose: Callable[[], tuple[Any, Any]]) -> Any:
    """One result or several, all chosen at once."""
    if not isinstance(moved, list | tuple):
        return Chosen(moved, choose)
    once = cache(choose)

    def of_each(i: int) -> Callable[[], Sum]:
        return lambda: (once()[0][i], once()[1][i])

    return [Chosen(change, of_each(i)) for i, change in enumerate(moved)]


def _linearly(primitive: Primitive, operands: tuple[int, ...]) -> Callable[..., Any]:
    def rule(
        ans: Any, values: list[Array], changes: list[Change], **params: Any
    ) -> Any:
        in_these = operands or range(len(values))
        if any(changes[i] is not UNCHANGED and i not in in_these for i in _all(values)):
            return _linear_with_moved_indices(
                primitive, in_these, ans, values, changes, params
            )
        if not is_number(values[in_these[0]]):
            return primitive.bind(*map(after, values, changes), **params)
        moved = [
            explicit(v, c) if i in in_these else v
            for i, (v, c) in enumerate(zip(values, changes, strict=True))
        ]
        return primitive.bind(*moved, **params)

    return rule


def _all(values: list[Array]) -> range:
    return range(len(values))


def _linear_with_moved_indices(
    primitive: Primitive,
    in_these: Iterable[int],
    ans: Any,
    values: list[Array],
    changes: list[Change],
    params: dict[str, Any],
) -> Any:
    """f(x + Δx; i') - f(x; i) = [f(x; i') - f(x; i)] + f(Δx; i')."""
    there = list(map(after, values, changes))
    moved = primitive.bind(
        *(values[i] if i in in_these else there[i] for i in _all(values)), **params
    )
    if not is_number(moved):
        return primitive.bind(*there, **params)
    carried = primitive.bind(
        *(
            explicit(values[i], changes[i]) if i in in_these else there[i]
            for i in _all(values)
        ),
        **params,
    )
    same = [jnp.all(values[i] == there[i]) for i in _all(values) if i not in in_these]
    return apart(moved, ans, jnp.stack(same).all()) + carried


def apart(then: Array, now: Array, same: Array) -> Array:
    """`then - now`, and 0 where they are the same element.

    Compiled programs may compute a number twice, and not round it both times: `a b -
    a b` is then what rounding the product took from it.
    """
    return jnp.where(same | (then == now), 0, then - now).astype(now.dtype)


def bilinear(primitive: Primitive) -> None:
    """`f` is linear in each of two operands: `Δf = f(Δa, b + Δb) + f(a, Δb)`.

    Where only one of them changes, that is a single product.
    """

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        (a, b), (da, db) = values, changes
        if not is_number(ans):
            return primitive.bind(after(a, da), after(b, db), **params)
        of_a = None if da is UNCHANGED else primitive.bind(da, after(b, db), **params)
        of_b = None if db is UNCHANGED else primitive.bind(a, db, **params)
        if of_a is None or of_b is None:
            return of_b if of_a is None else of_a
        return of_a + of_b

    register(primitive, Rule(rule, "bilinear", note="Δf = f(Δa, b + Δb) + f(a, Δb)"))


def elementwise(
    primitive: Primitive,
    function: Callable[..., Array],
    note: str,
    *,
    complex_too: bool = False,
    choose: Callable[[Sum], Sum] | None = None,
) -> None:
    """A smooth function of one number: `function(x, dx, ans, **params) -> Δ`.

    It is called with float32 in the place of dtypes of 16 bits, `ans` computed anew.
    Integer operands (of `integer_pow`, say) are computed again.

    Args:
        primitive: The function.
        function: Its rule.
        note: The rule's formula.
        complex_too: Whether the rule holds for complex numbers; if not, they go the
            way of every analytic function (`formulas.along`).
        choose: The function of a sum, if of real numbers it makes no new ones.
    """

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Change:
        (x,), (dx,) = values, changes
        change = plain(ans, values, [difference_of(dx)], **params)
        of_sum = choose
        if of_sum is None or not is_number(ans) or jnp.iscomplexobj(x):
            return change
        return Chosen(change, lambda: of_sum(exact_sum(x, dx)))

    def plain(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        (x,), (dx,) = values, changes
        if not is_number(x):
            return primitive.bind(dx, **params)
        if jnp.iscomplexobj(x) and not complex_too:
            return along(lambda z: bind(primitive, [z], params), x, dx, ans)
        wide_x, wide_dx = widened(x, dx)
        wide = ans if wide_x is x else bind(primitive, [wide_x], params)
        own = {k: v for k, v in params.items() if k not in _HOW}
        return function(wide_x, wide_dx, wide, **own).astype(ans.dtype)

    rule_of = Rule(rule, "elementwise", knows_choice=choose is not None, note=note)
    register(primitive, rule_of)


# Params that say how XLA should compute a function, not which function it is.
_HOW = frozenset({"accuracy"})


def binary(primitive: Primitive, function: Callable[..., Array], note: str) -> None:
    """A function of two numbers: `function(ans, values, changes, **params) -> Δ`.

    It is called with float32 in the place of dtypes of 16 bits, `ans` computed anew.
    Integers are computed again.
    """

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        if not is_number(ans):
            return primitive.bind(*map(after, values, changes), **params)
        wide = [_widened(v) for v in values]
        moves = [c if c is UNCHANGED else _widened(c) for c in changes]
        same = all(w is v for w, v in zip(wide, values, strict=True))
        at_x = ans if same else primitive.bind(*wide, **params)
        return function(at_x, wide, moves, **params).astype(ans.dtype)

    register(primitive, Rule(rule, "binary", note=note))


def _widened(x: Array) -> Array:
    return widened(x)[0]


def discrete(primitive: Primitive) -> None:
    """A function of integers or truth values: computed again with what they become."""

    def rule(
        ans: Any, values: list[Array], changes: list[Change], **params: Any
    ) -> Any:
        return primitive.bind(*map(after, values, changes), **params)

    register(primitive, Rule(rule, "discrete", note="computed again at x + dx"))


def composed(
    primitive: Primitive,
    function: Callable[..., Any],
    note: str,
    *,
    widen: bool = True,
) -> None:
    """A function that is made of others: the changes go through those.

    Args:
        primitive: The function.
        function: `function(*values, **params)`, the same in operations with rules.
        note: What it is made of.
        widen: Whether float32 may stand for dtypes of 16 bits in it.
    """

    def rule(
        walk: Callable[..., Any],
        values: list[Array],
        changes: list[Change],
        **params: Any,
    ) -> tuple[list[Array], list[Change]]:
        ans = bind(primitive, values, params)
        results = list(ans) if primitive.multiple_results else [ans]
        if widen:
            changes = [in_dtype(c, _widened) for c in changes]
            values = [_widened(v) for v in values]
        moved = through(walk, partial(function, **params), values, changes)
        return results, [
            in_dtype(change, lambda a, to=result.dtype: a.astype(to))
            for result, change in zip(results, moved, strict=True)
        ]

    rule_of = Rule(rule, "composed", holds_programs=True, knows_choice=True, note=note)
    register(primitive, rule_of)


def in_dtype(change: Change, convert: Callable[[Array], Array]) -> Change:
    """The change in another dtype; what was chosen is so still, if no digit is lost."""
    if change is UNCHANGED:
        return UNCHANGED
    moved = convert(difference_of(change))
    if not isinstance(change, Chosen):
        return moved
    if jnp.promote_types(change.difference.dtype, moved.dtype) != moved.dtype:
        return moved

    def choose() -> Sum:
        before, by = change.sum
        return convert(before), convert(by)

    return Chosen(moved, choose)


def through(
    walk: Callable[..., Any],
    function: Callable[..., Any],
    values: list[Array],
    changes: list[Change],
) -> list[Change]:
    """By how much a function changes that is made of operations with rules."""
    made_of = jax.make_jaxpr(function)(*values)
    return walk(made_of.jaxpr, made_of.consts, values, changes)[1]


def bind(primitive: Primitive, values: list[Array], params: dict[str, Any]) -> Any:
    """The primitive's result, from the params that stand in a program."""
    return primitive.bind(*values, **primitive.get_bind_params(params))


def subtracted(
    primitive: Primitive,
    ans: Any,
    values: list[Array],
    changes: list[Change],
    params: dict[str, Any],
) -> Any:
    """The plain subtraction `f(x + dx) - f(x)`, with all the digits that it loses."""
    there = bind(primitive, list(map(after, values, changes)), params)

    def apart(then: Array, now: Array) -> Array:
        return jnp.subtract(then, now) if is_number(now) else then

    if primitive.multiple_results:
        return [apart(then, now) for then, now in zip(there, ans, strict=True)]
    return apart(there, ans)
