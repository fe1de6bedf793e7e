"""Calls and branches.

What is built again for the changes is built with the public functions of `jax.lax`,
so that it works under `vmap`, `grad` and `difference` as the user's own would.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import hijax
from jax.extend.core import Primitive, primitives

from secant.propagation.changes import UNCHANGED, Array, Change, after, explicit
from secant.propagation.registry import program
from secant.propagation.staging import (
    Carried,
    Program,
    Walk,
    called,
    crossed,
    plainly,
    run,
    staged,
)

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
