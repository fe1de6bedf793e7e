"""The interpreter: walks a program and carries values and their deltas through it.

It knows no primitive by name. The table of `secant.propagation.registry` has the rule
of each.
"""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core import Primitive

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    SliceDelta,
    as_array,
    drop_selection,
    is_inexact,
    value_after,
)
from secant.propagation.jaxpr_tools import bind
from secant.propagation.registry import RULES, FallbackWarning, MissingRule, Rule
from secant.propagation.slices import has_slices, slice_difference, widen_slices

Fallback: TypeAlias = Literal["error", "subtract"]


def walk(
    jaxpr: core.Jaxpr,
    consts: Sequence[Array],
    values: Sequence[Array],
    deltas: Sequence[Delta],
    *,
    fallback: Fallback = "error",
    within: tuple[core.JaxprEqn, ...] = (),
) -> tuple[list[Array], list[Delta]]:
    """The results of a program at `x`, and their deltas on the way to `x + dx`.

    Args:
        jaxpr: The program.
        consts: Its constants, which do not change.
        values: Its operands.
        deltas: The deltas of the operands.
        fallback: The treatment of a primitive without a rule: `"error"`, or
            `"subtract"` to subtract and warn.
        within: The equations that hold the program, innermost first.

    Returns:
        The results and their deltas.

    Raises:
        MissingRule: A primitive has no rule.
    """
    env: dict[core.Var, tuple[Array, Delta]] = {}

    def read(atom: core.Var | core.Literal) -> tuple[Array, Delta]:
        if isinstance(atom, core.Literal):
            value, aval = as_array(atom.val), cast(Any, atom.aval)
            if value.dtype != aval.dtype:
                value = value.astype(aval.dtype)
            return value, UNCHANGED
        return env[atom]

    for variable, const in zip(jaxpr.constvars, consts, strict=True):
        env[variable] = (as_array(const), UNCHANGED)
    for variable, value, delta in zip(jaxpr.invars, values, deltas, strict=True):
        env[variable] = (value, delta)
    for equation in jaxpr.eqns:
        path = (equation, *within)
        operands = [read(atom) for atom in equation.invars]
        with equation.ctx.manager:
            results = _apply(
                path,
                [value for value, _ in operands],
                [delta for _, delta in operands],
                fallback,
            )
        for variable, value, delta in zip(equation.outvars, *results, strict=True):
            env[variable] = (value, delta)
    results = [read(atom) for atom in jaxpr.outvars]
    return [value for value, _ in results], [delta for _, delta in results]


def _apply(
    path: tuple[core.JaxprEqn, ...],
    values: list[Array],
    deltas: list[Delta],
    fallback: Fallback,
) -> tuple[list[Array], list[Delta]]:
    """The results of one equation, and their deltas."""
    equation = path[0]
    primitive, params = equation.primitive, equation.params
    changes = any(delta is not UNCHANGED for delta in deltas)
    rule = RULES.get(primitive) if changes else None
    if rule is not None and rule.higher_order:
        if not rule.accepts_selection:
            deltas = list(map(drop_selection, widen_slices(values, deltas)))
        inner = partial(walk, fallback=fallback, within=path)
        return rule.function(inner, values, deltas, **params)
    ans = bind(primitive, values, params)
    if has_slices(deltas):
        delta = _difference_of_slice(equation, rule, ans, values, deltas)
        if delta is not None:
            return [ans], [delta]
        deltas = widen_slices(values, deltas)
    if rule is None or not rule.accepts_selection:
        deltas = list(map(drop_selection, deltas))
    out_deltas: Any
    if not changes:
        out_deltas = [UNCHANGED] * len(equation.outvars)
    elif _is_discrete(equation, deltas):
        out_deltas = _recompute(primitive, ans, values, deltas, **params)
    elif rule is not None:
        try:
            out_deltas = rule.function(ans, values, deltas, **params)
        except MissingRule as left_out:
            _report_missing(path, fallback, f" {left_out}")
            out_deltas = _subtract(equation, ans, values, deltas)
    else:
        _report_missing(path, fallback)
        out_deltas = _subtract(equation, ans, values, deltas)
    if primitive.multiple_results:
        return list(ans), list(out_deltas)
    return [ans], out_deltas if isinstance(out_deltas, list) else [out_deltas]


def _difference_of_slice(
    equation: core.JaxprEqn,
    rule: Rule | None,
    ans: Any,
    values: list[Array],
    deltas: list[Delta],
) -> Delta | None:
    """The delta of a result by those of slices; None if they do not tell it."""
    if equation.primitive.multiple_results:
        return None
    if _is_discrete(equation, deltas):
        function: Any = partial(_recompute, equation.primitive)
    elif rule is not None:
        function = rule.function
    else:
        return None
    with suppress(MissingRule):  # it is reported where the whole operands meet it
        return slice_difference(
            equation.primitive,
            function,
            ans,
            values,
            deltas,
            equation.params,
            accepts_selection=rule is not None and rule.accepts_selection,
        )
    return None


def _recompute(
    primitive: Primitive,
    ans: Any,
    values: list[Array],
    deltas: list[Delta],
    **params: Any,
) -> Any:
    """The result at `x + dx`, of numbers that have no small differences."""
    return bind(primitive, list(map(value_after, values, deltas)), params)


def _is_discrete(equation: core.JaxprEqn, deltas: list[Delta]) -> bool:
    """Whether only integers, truth values and keys change, in operands and results."""
    changing = [_array_of(delta) for delta in deltas if delta is not UNCHANGED]
    results = [cast(Any, variable.aval) for variable in equation.outvars]
    return not any(map(is_inexact, [*changing, *results]))


def _array_of(delta: Delta) -> Array:
    """The array that a delta consists of, of the value's dtype."""
    return drop_selection(delta.delta if isinstance(delta, SliceDelta) else delta)


def _subtract(
    equation: core.JaxprEqn, ans: Any, values: list[Array], deltas: list[Delta]
) -> Any:
    """The plain subtraction `f(x + dx) - f(x)`, which loses digits."""
    primitive = equation.primitive
    there = bind(primitive, list(map(value_after, values, deltas)), equation.params)

    def delta(then: Array, now: Array) -> Array:
        return jnp.subtract(then, now) if is_inexact(now) else then

    if primitive.multiple_results:
        return [delta(then, now) for then, now in zip(there, ans, strict=True)]
    return delta(there, ans)


def _report_missing(
    path: tuple[core.JaxprEqn, ...], fallback: Fallback, what: str = ""
) -> None:
    name, place = path[0].primitive.name, source_line(path)
    if fallback == "subtract":
        warnings.warn(
            f"{name}, {place}, has no rule for differences{what} and is computed by "
            "plain subtraction: expect to lose digits where dx is small",
            FallbackWarning,
            stacklevel=2,
        )
        return
    raise MissingRule(
        f"{name}, {place}, has no rule for differences{what}: write this part in other "
        'operations, or pass fallback="subtract" to compute it as f(x + dx) - f(x), '
        "which loses digits where dx is small. The primitives with a rule are in "
        "docs/primitives.md"
    )


_SECANT = Path(__file__).parents[1]
_JAX = Path(jax.__file__).parent


def source_line(path: Sequence[core.JaxprEqn]) -> str:
    """The line of the user's code from which an operation comes.

    Args:
        path: The operation, and the equations that hold it, innermost first. Inside
            functions that JAX compiles separately, only their call has a line.
    """
    for equation in path:
        trace = equation.source_info.traceback
        for frame in trace.frames if trace is not None else ():
            file = Path(frame.file_name)
            if _JAX in file.parents or _SECANT in file.parents:
                continue
            line = getattr(frame, "line_num", None) or getattr(frame, "start_line", "?")
            return f"at {frame.file_name}:{line} in {frame.function_name}"
    return "at a place that JAX does not know"
