"""Walks a program and carries values and their changes through it.

It knows no primitive by name: what each of them does to a change stands in the table
of `secant.propagation.registry`.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import jax
from jax.extend import core

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    after,
    as_array,
    difference_of,
    is_number,
)
from secant.propagation.registry import (
    RULES,
    FallbackWarning,
    MissingRule,
    bind,
    subtracted,
)

Fallback: TypeAlias = Literal["error", "subtract"]


def walk(
    jaxpr: core.Jaxpr,
    consts: Sequence[Array],
    values: Sequence[Array],
    changes: Sequence[Change],
    *,
    fallback: Fallback = "error",
    within: tuple[core.JaxprEqn, ...] = (),
) -> tuple[list[Array], list[Change]]:
    """What a program gives at `x`, and by how much that changes on the way to `x + dx`.

    Args:
        jaxpr: The program.
        consts: What it holds; unchanged.
        values: Its operands.
        changes: By how much each of them changes, or `UNCHANGED`.
        fallback: What to do about a primitive without a rule: `error`, or
            `subtract` and warn.
        within: The operations that hold the program, innermost first.

    Returns:
        The results and their changes.

    Raises:
        MissingRule: A primitive has no rule.
    """
    known: dict[core.Var, tuple[Array, Change]] = {}

    def read(atom: core.Var | core.Literal) -> tuple[Array, Change]:
        if isinstance(atom, core.Literal):
            value, aval = as_array(atom.val), cast(Any, atom.aval)
            if value.dtype != aval.dtype:
                value = value.astype(aval.dtype)
            return value, UNCHANGED
        return known[atom]

    for variable, const in zip(jaxpr.constvars, consts, strict=True):
        known[variable] = (as_array(const), UNCHANGED)
    for variable, value, change in zip(jaxpr.invars, values, changes, strict=True):
        known[variable] = (value, change)
    for equation in jaxpr.eqns:
        path = (equation, *within)
        operands = [read(atom) for atom in equation.invars]
        with equation.ctx.manager:
            results = _step(
                path,
                [value for value, _ in operands],
                [change for _, change in operands],
                fallback,
            )
        for variable, value, change in zip(equation.outvars, *results, strict=True):
            known[variable] = (value, change)
    results = [read(atom) for atom in jaxpr.outvars]
    return [value for value, _ in results], [change for _, change in results]


def _step(
    path: tuple[core.JaxprEqn, ...],
    values: list[Array],
    changes: list[Change],
    fallback: Fallback,
) -> tuple[list[Array], list[Change]]:
    equation = path[0]
    primitive, params = equation.primitive, equation.params
    moves = any(change is not UNCHANGED for change in changes)
    rule = RULES.get(primitive) if moves else None
    if rule is None or not rule.knows_choice:
        changes = list(map(difference_of, changes))
    if rule is not None and rule.holds_programs:
        inner = partial(walk, fallback=fallback, within=path)
        return rule.function(inner, values, changes, **params)
    whole = moves and _is_discrete(equation, changes)
    if moves and rule is None and not whole:
        _say_missing(path, fallback)
    ans = bind(primitive, values, params)
    if not moves:
        moved: Any = [UNCHANGED] * len(equation.outvars)
    elif whole:
        # Nothing small to keep: the result is what the operands become.
        moved = bind(primitive, list(map(after, values, changes)), params)
    elif rule is not None:
        moved = rule.function(ans, values, changes, **params)
    else:
        moved = subtracted(primitive, ans, values, changes, params)
    if primitive.multiple_results:
        return list(ans), list(moved)
    return [ans], moved if isinstance(moved, list) else [moved]


def _is_discrete(equation: core.JaxprEqn, changes: list[Change]) -> bool:
    """Whether integers, truth values and keys change, and nothing else comes of it."""
    moving = [difference_of(change) for change in changes if change is not UNCHANGED]
    results = [cast(Any, variable.aval) for variable in equation.outvars]
    return not any(map(is_number, [*moving, *results]))


def _say_missing(path: tuple[core.JaxprEqn, ...], fallback: Fallback) -> None:
    name, place = path[0].primitive.name, where(path)
    if fallback == "subtract":
        warnings.warn(
            f"{name}, {place}, has no rule for differences and is computed by plain "
            "subtraction: expect to lose digits where dx is small",
            FallbackWarning,
            stacklevel=2,
        )
        return
    raise MissingRule(
        f"{name}, {place}, has no rule for differences: write this part in other "
        'operations, or pass fallback="subtract" to compute it as f(x + dx) - f(x), '
        "which loses digits where dx is small. The primitives that have one are in "
        "docs/primitives.md"
    )


_OWN = Path(__file__).parents[1]
_JAX = Path(jax.__file__).parent


def where(path: Sequence[core.JaxprEqn]) -> str:
    """The line of the user's code that an operation comes from.

    Args:
        path: The operation, and those that hold it, innermost first. JAX's functions
            that are compiled apart know no line but that of their call.
    """
    for equation in path:
        trace = equation.source_info.traceback
        for frame in trace.frames if trace is not None else ():
            file = Path(frame.file_name)
            if _JAX in file.parents or _OWN in file.parents:
                continue
            line = getattr(frame, "line_num", None) or getattr(frame, "start_line", "?")
            return f"at {frame.file_name}:{line} in {frame.function_name}"
    return "at a place that JAX does not know"
