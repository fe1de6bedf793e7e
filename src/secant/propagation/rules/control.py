"""Calls, branches and loops: primitives that hold programs.

What is built again for the changes is built with the public functions of `jax.lax`,
so that it works under `vmap`, `grad` and `difference` as the user's own would.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core
from jax.extend.core import primitives

from secant.propagation.changes import (
    UNCHANGED,
    Array,
    Change,
    after,
    explicit,
    is_number,
    widened,
)
from secant.propagation.registry import bind, program

Carried: TypeAlias = tuple[list[Array], list[Change]]
Walk: TypeAlias = Callable[..., Carried]
Program: TypeAlias = Any
"""A `ClosedJaxpr`, or a `Jaxpr` that holds no constants."""

# --- Calls ---


def _run(walk: Walk, held: Program, values: Sequence[Any], changes: Any) -> Carried:
    """Walks a program that a primitive holds."""
    return walk(
        getattr(held, "jaxpr", held), getattr(held, "consts", ()), values, changes
    )


def _call(
    walk: Walk, values: list[Array], changes: list[Change], *, jaxpr: Program, **_: Any
) -> Carried:
    return _run(walk, jaxpr, values, changes)


def _custom(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    call_jaxpr: Program,
    **_: Any,
) -> Carried:
    return _run(walk, call_jaxpr, values, changes)


def _remat(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    jaxpr: Program,
    prevent_cse: Any,
    policy: Any,
    **_: Any,
) -> Carried:
    """The same bargain for the changes: computed again rather than kept, under grad."""

    @jax.checkpoint(prevent_cse=prevent_cse, policy=policy)
    def run(values: list[Array], changes: list[Change]) -> Carried:
        return _run(walk, jaxpr, values, changes)

    return run(values, changes)


program(primitives.jit_p, _call, "the function that is called")
for _primitive in {primitives.call_p, primitives.closed_call_p}:  # one from 0.11 on
    program(_primitive, _custom, "the function that is called")
program(primitives.custom_jvp_call_p, _custom, "the function itself, not its rule")
program(primitives.custom_vjp_call_p, _custom, "the function itself, not its rule")
program(primitives.remat_p, _remat, "the function, under `jax.checkpoint`")


# --- What branches and loops share ---


def _staged(
    walk: Walk, held: Program, changes: list[Change]
) -> tuple[Callable[..., Carried], Carried]:
    """The walk of a program, traced once: a function, and the shapes of its results.

    Of `changes` it matters which of them are `UNCHANGED`; an operand that changes does
    so by an array of its own shape.
    """
    values = [_shape(variable.aval) for variable in _inside(held).invars]
    moving = [
        UNCHANGED if change is UNCHANGED else _shape(value)
        for value, change in zip(values, changes, strict=True)
    ]

    def run(values: list[Array], changes: list[Change]) -> Carried:
        return _run(walk, held, values, changes)

    traced, shapes = jax.make_jaxpr(run, return_shape=True)(values, moving)
    results = jax.tree.structure(shapes)

    def again(values: Sequence[Array], changes: Sequence[Change]) -> Carried:
        operands = jax.tree.leaves((list(values), list(changes)))
        return results.unflatten(core.jaxpr_as_fun(traced)(*operands))

    return again, shapes


def _inside(held: Program) -> Any:
    return getattr(held, "jaxpr", held)


def _shape(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _plainly(held: Program, operands: Sequence[Array]) -> list[Array]:
    """What a program gives, without changes."""
    return list(core.jaxpr_as_fun(held)(*operands))


def _crossed(now: Array, other: Array, change: Change, then: Array) -> Array:
    """`then - now`, where `then` belongs to another branch: `(other - now) + change`.

    `other` is what that branch gives at `x`, `change` what it changes by on the way to
    `x + dx`. The branch may not be made for `x` (a logarithm of a negative number);
    then what it gives at `x + dx`, rounded, has to do.
    """
    change = explicit(other, change)
    if not is_number(now):
        return change
    a, b, d, c = widened(now, other, change, then)
    carried = (b - a) + d
    return jnp.where(jnp.isfinite(carried), carried, c - a).astype(now.dtype)


# --- Branches ---


def _branch(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    branches: Sequence[Program],
    branches_platforms: Any = None,
    **_: Any,
) -> Carried:
    """The branch that is taken; where another is taken at `x + dx`, that between both.

    i stays:   Δ = Δf_i
    i -> j:    Δ = (f_j(x) - f_i(x)) + Δf_j
    """
    (index, *operands), (moved, *moves) = values, changes
    staged = [_staged(walk, branch, moves) for branch in branches]
    # What changes in one of the branches changes; with the branch, all may.
    still = [
        moved is UNCHANGED and all(change is UNCHANGED for change in of_each)
        for of_each in zip(*(shapes[1] for _, shapes in staged), strict=True)
    ]

    def taking(run: Callable[..., Carried]) -> Callable[..., Carried]:
        def taken(operands: list[Array], moves: list[Change]) -> Carried:
            results, moved_by = run(operands, moves)
            return results, [
                UNCHANGED if stays and moved is UNCHANGED else explicit(result, change)
                for result, change, stays in zip(results, moved_by, still, strict=True)
            ]

        return taken

    taken = [taking(run) for run, _ in staged]
    if branches_platforms is not None:
        # The index is the kind of machine, known when the program is compiled.
        return _by_platform(branches_platforms, taken)(operands, moves)
    if moved is UNCHANGED:
        return lax.switch(index, taken, operands, moves)

    def crossing(held: Program, run: Callable[..., Carried]) -> Callable[..., Any]:
        def crossed(now: list[Array]) -> list[Array]:
            there = _plainly(held, list(map(after, operands, moves)))
            return list(map(_crossed, now, *run(operands, moves), there))

        return crossed

    now, change = lax.switch(index, taken, operands, moves)
    crossings = [crossing(held, run) for held, run in zip(branches, taken, strict=True)]
    return now, lax.cond(
        index == moved,
        lambda: change,
        lambda: lax.switch(moved, crossings, now),
    )


def _by_platform(
    platforms: Sequence[Sequence[str] | None], taken: Sequence[Callable[..., Carried]]
) -> Callable[..., Carried]:
    """Each branch for its platforms; the one for None is the default."""
    named = {
        name: run
        for names, run in zip(platforms, taken, strict=True)
        for name in names or ()
    }
    others = dict(zip(platforms, taken, strict=True)).get(None)
    return lambda *operands: lax.platform_dependent(*operands, default=others, **named)


program(
    lax.cond_p,
    _branch,
    "the branch that is taken; where it is another at x + dx, that between the two",
)


# --- Loops ---


def _steady(
    walk: Walk,
    body: Program,
    consts: list[Change],
    state: list[Change],
    slices: Sequence[Change] = (),
) -> tuple[Callable[..., Carried], list[bool]]:
    """A turn of a loop, and which parts of its state change at all.

    A part that does not change at first may do so after a turn; then the turn is
    traced again with it changing, until no part is added.

    Args:
        walk: The walk.
        body: A turn; the new state comes first in its results.
        consts: The changes of what is the same in all turns.
        state: Those of the state before the first turn.
        slices: Those of what is another in each turn.
    """
    moving = list(state)
    while True:
        turn, shapes = _staged(walk, body, [*consts, *moving, *slices])
        added = [
            i
            for i, (before, later) in enumerate(zip(moving, shapes[1], strict=False))
            if before is UNCHANGED and later is not UNCHANGED
        ]
        if not added:
            return turn, [change is not UNCHANGED for change in moving]
        for i in added:
            moving[i] = shapes[1][i]


def _where_moving(
    moving: Sequence[bool], values: Sequence[Array], changes: Sequence[Change]
) -> list[Change]:
    return [
        explicit(value, change) if moves else UNCHANGED
        for moves, value, change in zip(moving, values, changes, strict=True)
    ]


def _stay(y: list[Array], dy: list[Change]) -> Carried:
    return y, dy


def _either(
    where: Array, yes: Callable[..., Any], no: Callable[..., Any], *operands: Any
) -> Any:
    """`lax.cond`; for many loops at once, under `vmap`, each by its own condition."""
    if not jnp.ndim(where):
        return lax.cond(where, yes, no, *operands)

    def chosen(a: Array, b: Array) -> Array:
        axes = range(jnp.ndim(where), jnp.ndim(a))
        return jnp.where(jnp.expand_dims(where, tuple(axes)), a, b)

    return jax.tree.map(chosen, yes(*operands), no(*operands))


def _scan(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    jaxpr: Program,
    length: int,
    reverse: bool,
    unroll: Any,
    **params: Any,
) -> Carried:
    """The same loop over values and changes side by side."""
    sizes = _scan_groups(params, len(values))
    consts, state, slices = _groups(sizes, values)
    d_consts, d_state, d_slices = _groups(sizes, changes)
    turn, moving = _steady(walk, jaxpr, d_consts, d_state, d_slices)

    def body(carry: Carried, slices: Carried) -> tuple[Carried, Carried]:
        results, moved = turn(
            [*consts, *carry[0], *slices[0]], [*d_consts, *carry[1], *slices[1]]
        )
        n = len(state)
        carried = results[:n], _where_moving(moving, results[:n], moved[:n])
        return carried, (results[n:], moved[n:])

    (state, d_state), (stacked, d_stacked) = lax.scan(
        body,
        (state, _where_moving(moving, state, d_state)),
        (slices, d_slices),
        length=length,
        reverse=reverse,
        unroll=unroll,
    )
    return [*state, *stacked], [*d_state, *d_stacked]


def _scan_groups(params: dict[str, Any], operands: int) -> list[int]:
    """How many operands are constants, state and slices: from jax 0.10, and 0.11 on."""
    if "num_carry" in params:
        consts, carry = params["num_consts"], params["num_carry"]
        return [consts, carry, operands - consts - carry]
    return [
        len(list(group)) for group in params["ft_in"].update(range(operands)).unpack()
    ]


def _while(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    cond_jaxpr: Program,
    cond_nconsts: int,
    body_jaxpr: Program,
    body_nconsts: int,
    **_: Any,
) -> Carried:
    """The loop over values and changes; two runs where the number of turns may change.

    The run from `x` and the run from `x + dx` go on side by side, and the one that
    has ended stands still, `y` the state of the first and `y + Δ` of the second:

        both go on:             y' = f(y),  Δ' = Δf
        the second alone does:  y' = y,     Δ' = (f(y) - y) + Δf
        the first alone does:   y' = f(y),  Δ' = Δ - (y' - y)
    """
    sizes = [cond_nconsts, body_nconsts, len(values) - cond_nconsts - body_nconsts]
    of_cond, of_body, state = _groups(sizes, values)
    d_cond, d_body, d_state = _groups(sizes, changes)
    turn, moving = _steady(walk, body_jaxpr, d_body, d_state)
    d_state = _where_moving(moving, state, d_state)
    asked, shapes = _staged(walk, cond_jaxpr, [*d_cond, *d_state])
    if shapes[1][0] is UNCHANGED:

        def goes_on(y: list[Array], dy: list[Change]) -> Array:
            return asked([*of_cond, *y], [*d_cond, *dy])[0][0]

        def body(y: list[Array], dy: list[Change]) -> Carried:
            results, moved = turn([*of_body, *y], [*d_body, *dy])
            return results, _where_moving(moving, results, moved)

        def step(carry: Carried) -> Carried:
            if not shapes[0][0].shape:
                return body(*carry)
            return _either(goes_on(*carry), body, _stay, *carry)

        return lax.while_loop(
            lambda carry: jnp.any(goes_on(*carry)), step, (state, d_state)
        )

    d_state = list(map(explicit, state, d_state))
    turn, _ = _steady(walk, body_jaxpr, d_body, d_state)
    asked, _ = _staged(walk, cond_jaxpr, [*d_cond, *d_state])

    def go_on(y: list[Array], dy: list[Array]) -> tuple[Array, Array]:
        (now,), (then,) = asked([*of_cond, *y], [*d_cond, *dy])
        return now, explicit(now, then)

    def both(y: list[Array], dy: list[Array]) -> Carried:
        results, moved = turn([*of_body, *y], [*d_body, *dy])
        return results, list(map(explicit, results, moved))

    def second(y: list[Array], dy: list[Array]) -> Carried:
        operands = map(after, [*of_body, *y], [*d_body, *dy])
        then = _plainly(body_jaxpr, list(operands))
        return y, list(map(_crossed, y, *both(y, dy), then))

    def first(y: list[Array], dy: list[Array]) -> Carried:
        results = _plainly(body_jaxpr, [*of_body, *y])
        return results, [
            change - (new - old) if is_number(old) else change
            for old, new, change in zip(y, results, dy, strict=True)
        ]

    def step(carry: Any) -> Any:
        y, dy, now, then = carry
        y, dy = _either(
            now,
            lambda y, dy: _either(then, both, first, y, dy),
            lambda y, dy: _either(then, second, _stay, y, dy),
            y,
            dy,
        )
        still_now, still_then = go_on(y, dy)
        return y, dy, now & still_now, then & still_then

    y, dy, _, _ = lax.while_loop(
        lambda carry: jnp.any(carry[2] | carry[3]),
        step,
        (state, d_state, *go_on(state, d_state)),
    )
    return y, dy


program(lax.scan_p, _scan, "the same loop over values and changes")
program(
    lax.while_p,
    _while,
    "the same loop over values and changes; where the number of turns changes, both "
    "runs, of which the one that has ended stands still",
)


# --- A linear system that is solved by a function ---


def _linear_solve(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    const_lengths: Any,
    jaxprs: Any,
) -> Carried:
    """`A x = b`: `A' Δx = Δb - ΔA x`, solved as the user solves."""
    lengths = [const_lengths.matvec, const_lengths.vecmat]
    lengths += [const_lengths.solve, const_lengths.transpose_solve]
    sizes = [*lengths, len(values) - sum(lengths)]
    matrix, _, _, _, b = _groups(sizes, values)
    d_matrix, _, _, _, db = _groups(sizes, changes)
    there, _, solver, back, _ = _groups(sizes, list(map(after, values, changes)))
    params = {"const_lengths": const_lengths, "jaxprs": jaxprs}
    results = list(bind(primitives.linear_solve_p, values, params))
    x, extras = results[: len(b)], results[len(b) :]

    _, by_matrix = _run(
        walk, jaxprs.matvec, [*matrix, *x], [*d_matrix, *[UNCHANGED] * len(x)]
    )
    residual = [
        explicit(value, change)
        if moved is UNCHANGED
        else explicit(value, change) - moved
        for value, change, moved in zip(b, db, by_matrix, strict=True)
    ]

    def solve(_: Any, right: list[Array]) -> list[Array]:
        return _plainly(jaxprs.solve, [*solver, *right])[: len(b)]

    def transposed(_: Any, right: list[Array]) -> list[Array]:
        return _plainly(jaxprs.transpose_solve, [*back, *right])[: len(b)]

    dx = lax.custom_linear_solve(
        lambda y: _plainly(jaxprs.matvec, [*there, *y]),
        residual,
        solve,
        None if jaxprs.transpose_solve is None else transposed,
    )
    if not extras:
        return results, list(dx)
    # What else the solver says (a count of its turns) is no part of the solution.
    said = _plainly(jaxprs.solve, [*solver, *map(after, b, db)])[len(b) :]
    apart = [
        then - now if is_number(now) else then
        for now, then in zip(extras, said, strict=True)
    ]
    return results, [*dx, *apart]


program(primitives.linear_solve_p, _linear_solve, "A' Δx = Δb - ΔA x")


def _groups(sizes: Sequence[int], operands: Sequence[Any]) -> list[list[Any]]:
    """The operands in consecutive groups of these sizes."""
    groups, start = [], 0
    for size in sizes:
        groups.append(list(operands[start : start + size]))
        start += size
    return groups
