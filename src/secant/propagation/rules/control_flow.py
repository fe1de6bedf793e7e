"""Calls and branches.

What is built again for the changes is built with the public functions of `jax.lax`,
so that it works under `vmap`, `grad` and `difference` as the user's own would.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import hijax
from jax.extend.core import Primitive, primitives

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    after,
    explicit,
    is_number,
)
from secant.propagation.jaxpr_tools import (
    Carried,
    Program,
    Walk,
    called,
    crossed,
    groups,
    plainly,
    run,
    staged,
)
from secant.propagation.registry import program

# --- Calls ---


def _call(
    walk: Walk, values: list[Array], changes: list[Change], *, jaxpr: Program, **_: Any
) -> Carried:
    return called(walk, jaxpr, values, changes)


def _custom(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    call_jaxpr: Program,
    **_: Any,
) -> Carried:
    return called(walk, call_jaxpr, values, changes)


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

    def walked(values: list[Array], changes: list[Change]) -> Carried:
        return run(walk, jaxpr, values, changes)

    again = jax.checkpoint(walked, prevent_cse=prevent_cse, policy=policy)
    return again(values, changes)


_AS_WRITTEN = "the function itself, not its rule"
program(primitives.jit_p, _call, "the function that is called", knows_choice=True)
for _primitive in {primitives.call_p, primitives.closed_call_p}:  # one, from 0.11 on
    program(_primitive, _custom, "the function that is called", knows_choice=True)
for _primitive in (primitives.custom_jvp_call_p, primitives.custom_vjp_call_p):
    program(_primitive, _custom, _AS_WRITTEN, knows_choice=True)
program(primitives.remat_p, _remat, "the function, under `jax.checkpoint`")


# --- Operations that are objects: JAX's `HiPrim` ---


def _expanded(
    walk: Walk, values: list[Array], changes: list[Change], *, _prim: Any
) -> Carried:
    def expanded(*leaves: Array) -> list[Array]:
        return jax.tree.leaves(_prim.expand(*_prim.in_tree.unflatten(leaves)))

    held = jax.make_jaxpr(expanded)(*values)
    return called(walk, held, values, changes)


def _that_calls_objects() -> Primitive | None:
    """The one primitive of them all, which JAX does not name: it is in a program."""
    base = getattr(hijax, "HiPrim", None)  # from JAX 0.11 on
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


if (_primitive := _that_calls_objects()) is not None:
    program(_primitive, _expanded, "what the object expands to", knows_choice=True)


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

    i stays: Δ = Δf_i; i becomes j: Δ = (f_j(x) - f_i(x)) + Δf_j.
    """
    (index, *operands), (moved, *moves) = values, changes
    taken = _alike(
        [staged(walk, branch, moves) for branch in branches], moved is UNCHANGED
    )
    if branches_platforms is not None:
        # The index is the kind of machine, known when the program is compiled.
        return _by_platform(branches_platforms, taken)(operands, moves)
    if moved is UNCHANGED:
        return lax.switch(index, taken, operands, moves)

    def crossing(held: Program, take: Callable[..., Carried]) -> Callable[..., Any]:
        def cross(now: list[Array]) -> list[Array]:
            there = plainly(held, list(map(after, operands, moves)))
            return list(map(crossed, now, *take(operands, moves), there))

        return cross

    now, change = lax.switch(index, taken, operands, moves)
    crossings = [
        crossing(held, take) for held, take in zip(branches, taken, strict=True)
    ]
    return now, lax.cond(
        index == moved, lambda: change, lambda: lax.switch(moved, crossings, now)
    )


def _alike(
    branches: Sequence[tuple[Callable[..., Carried], Carried]], may_stay: bool
) -> list[Callable[..., Carried]]:
    """The branches, with zeros for what changes only in another.

    Args:
        branches: Each as `staged` gives it.
        may_stay: Whether a result can be `UNCHANGED` at all: not if the branch changes.
    """
    still = [
        may_stay and all(change is UNCHANGED for change in of_each)
        for of_each in zip(*(shapes[1] for _, shapes in branches), strict=True)
    ]

    def alike(take: Callable[..., Carried]) -> Callable[..., Carried]:
        def taken(operands: list[Array], moves: list[Change]) -> Carried:
            results, changes = take(operands, moves)
            return results, [
                UNCHANGED if stays else explicit(result, change)
                for result, change, stays in zip(results, changes, still, strict=True)
            ]

        return taken

    return [alike(take) for take, _ in branches]


def _by_platform(
    platforms: Sequence[Sequence[str] | None], taken: Sequence[Callable[..., Carried]]
) -> Callable[..., Carried]:
    """Each branch for its platforms; the one for None is the default."""
    named = {
        name: take
        for names, take in zip(platforms, taken, strict=True)
        for name in names or ()
    }
    others = dict(zip(platforms, taken, strict=True)).get(None)
    return lambda *operands: lax.platform_dependent(*operands, default=others, **named)


program(
    lax.cond_p,
    _branch,
    "the branch that is taken; if it is another at x + dx, what lies between the two",
)


# Loops: `scan` and `while`, over values and changes side by side.


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
        turn, shapes = staged(walk, body, [*consts, *moving, *slices])
        later = shapes[1][: len(moving)]
        added = [
            i
            for i, change in enumerate(later)
            if moving[i] is UNCHANGED and change is not UNCHANGED
        ]
        if not added:
            return turn, [change is not UNCHANGED for change in moving]
        for i in added:
            moving[i] = later[i]


def _where_moving(
    moving: Sequence[bool], values: Sequence[Array], changes: Sequence[Change]
) -> list[Change]:
    return [
        explicit(value, change) if moves else UNCHANGED
        for moves, value, change in zip(moving, values, changes, strict=True)
    ]


# --- scan ---


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
    consts, state, slices = groups(sizes, values)
    d_consts, d_state, d_slices = groups(sizes, changes)
    turn, moving = _steady(walk, jaxpr, d_consts, d_state, d_slices)
    n = len(state)

    def body(carry: Carried, slices: Carried) -> tuple[Carried, Carried]:
        results, moved = turn(
            [*consts, *carry[0], *slices[0]], [*d_consts, *carry[1], *slices[1]]
        )
        state = results[:n], _where_moving(moving, results[:n], moved[:n])
        return state, (results[n:], moved[n:])

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
    """How many operands are constants, state, slices: in jax 0.10, and from 0.11 on."""
    if "num_carry" in params:
        consts, carry = params["num_consts"], params["num_carry"]
        return [consts, carry, operands - consts - carry]
    parts = params["ft_in"].update(range(operands)).unpack()
    return [len(list(part)) for part in parts]


program(lax.scan_p, _scan, "the same loop over values and changes")


# --- while ---


@dataclass(frozen=True)
class _Loop:
    """A `while` loop whose operands are known: its question and its turn."""

    walk: Walk
    cond: Program
    body: Program
    of_cond: list[Array]
    d_cond: list[Change]
    of_body: list[Array]
    d_body: list[Change]

    def question(self, dy: list[Change]) -> tuple[Callable[..., Carried], Carried]:
        """Whether the loop goes on, as `staged` gives it."""
        ask, shapes = staged(self.walk, self.cond, [*self.d_cond, *dy])
        return (
            lambda y, dy: ask([*self.of_cond, *y], [*self.d_cond, *dy]),
            shapes,
        )

    def turn(self, dy: list[Change]) -> tuple[Callable[..., Carried], list[bool]]:
        """A turn, and which parts of the state it changes."""
        take, moving = _steady(self.walk, self.body, self.d_body, dy)

        def turn(y: list[Array], dy: list[Change]) -> Carried:
            results, moved = take([*self.of_body, *y], [*self.d_body, *dy])
            return results, _where_moving(moving, results, moved)

        return turn, moving


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
    """One loop if the number of turns cannot change, else two side by side."""
    sizes = [cond_nconsts, body_nconsts, len(values) - cond_nconsts - body_nconsts]
    of_cond, of_body, y = groups(sizes, values)
    d_cond, d_body, dy = groups(sizes, changes)
    loop = _Loop(walk, cond_jaxpr, body_jaxpr, of_cond, d_cond, of_body, d_body)
    turn, moving = loop.turn(dy)
    dy = _where_moving(moving, y, dy)
    ask, shapes = loop.question(dy)
    if shapes[1][0] is not UNCHANGED:
        return _two_runs(loop, y, list(map(explicit, y, dy)))

    def goes_on(carry: Carried) -> Array:
        return ask(*carry)[0][0]

    def step(carry: Carried) -> Carried:
        if not shapes[0][0].shape:
            return turn(*carry)
        return _either(goes_on(carry), turn, _stay, *carry)

    return lax.while_loop(lambda carry: jnp.any(goes_on(carry)), step, (y, dy))


def _two_runs(loop: _Loop, y: list[Array], dy: list[Array]) -> Carried:
    """The runs from `x` and from `x + dx`; the one that has ended stands still.

    With `y` the state of the first and `y + Δ` that of the second, `f` a turn:

        both go on:             y' = f(y),  Δ' = Δf
        the second alone does:  y' = y,     Δ' = (f(y) - y) + Δf
        the first alone does:   y' = f(y),  Δ' = Δ - (y' - y)
    """
    both, _ = loop.turn(dy)
    ask, _ = loop.question(dy)

    def second(y: list[Array], dy: list[Array]) -> Carried:
        operands = map(after, [*loop.of_body, *y], [*loop.d_body, *dy])
        then = plainly(loop.body, list(operands))
        return y, list(map(crossed, y, *both(y, dy), then))

    def first(y: list[Array], dy: list[Array]) -> Carried:
        results = plainly(loop.body, [*loop.of_body, *y])
        return results, [
            change - (new - old) if is_number(old) else change
            for old, new, change in zip(y, results, dy, strict=True)
        ]

    def go_on(y: list[Array], dy: list[Array]) -> tuple[Array, Array]:
        (now,), (then,) = ask(y, dy)
        return now, explicit(now, then)

    def step(carry: Any) -> Any:
        y, dy, now, then = carry
        y, dy = _either(
            now,
            lambda y, dy: _either(then, both, first, y, dy),
            lambda y, dy: _either(then, second, _stay, y, dy),
            y,
            dy,
        )
        now_again, then_again = go_on(y, dy)
        return y, dy, now & now_again, then & then_again

    y, dy, _, _ = lax.while_loop(
        lambda carry: jnp.any(carry[2] | carry[3]), step, (y, dy, *go_on(y, dy))
    )
    return y, dy


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


program(
    lax.while_p,
    _while,
    "the same loop over values and changes; if the number of turns changes, both "
    "runs, of which the one that has ended stands still",
)
