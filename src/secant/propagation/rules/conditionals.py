"""Conditionals: the branch at `x` and the branch at `x + dx`.

The rule uses the public functions of `jax.lax`, so that it works under `vmap`, `grad`
and `difference` as the user's own conditional does.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jax import lax

from secant.propagation.builders import def_higher_order
from secant.propagation.delta import UNCHANGED, Array, Delta, materialize, value_after
from secant.propagation.jaxpr_tools import (
    AnyJaxpr,
    ValuesAndDeltas,
    Walk,
    delta_across,
    eval_jaxpr,
    trace_walk,
)


def _cond(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    branches: Sequence[AnyJaxpr],
    branches_platforms: Any = None,
    **_: Any,
) -> ValuesAndDeltas:
    """The delta within a branch, or from the branch at `x` to that at `x + dx`.

    With `i` the index at `x` and `j` the index at `x + dx`:

        i = j:  Δ = Δf_i
        i ≠ j:  Δ = (f_j(x) - f_i(x)) + Δf_j

    The index is an integer, which the rules for comparisons computed from the exact
    sums. So the right branch is taken even if `dx` is smaller than the spacing of
    floats at `x`.
    """
    (index, *operands), (index_there, *operand_deltas) = values, deltas
    walks = _with_same_outputs(
        [trace_walk(walk, branch, operand_deltas) for branch in branches],
        index_there is UNCHANGED,
    )
    if branches_platforms is not None:
        # The index is the platform. It is known when the program is compiled.
        return _platform_dependent(branches_platforms, walks)(operands, operand_deltas)
    if index_there is UNCHANGED:
        return lax.switch(index, walks, operands, operand_deltas)

    def crossing_to(
        branch: AnyJaxpr, branch_walk: Callable[..., ValuesAndDeltas]
    ) -> Callable[..., Any]:
        def cross(now: list[Array], within: list[Delta]) -> list[Array]:
            there = eval_jaxpr(branch, list(map(value_after, operands, operand_deltas)))
            other, by = branch_walk(operands, operand_deltas)
            return list(map(delta_across, now, other, by, there, within))

        return cross

    now, within = lax.switch(index, walks, operands, operand_deltas)
    crossings = [
        crossing_to(branch, branch_walk)
        for branch, branch_walk in zip(branches, walks, strict=True)
    ]
    return now, lax.cond(
        index == index_there,
        lambda: within,
        lambda: lax.switch(index_there, crossings, now, within),
    )


def _with_same_outputs(
    branches: Sequence[tuple[Callable[..., ValuesAndDeltas], ValuesAndDeltas]],
    may_stay: bool,
) -> list[Callable[..., ValuesAndDeltas]]:
    """The walks of the branches, with zeros for a delta that only another one has.

    Args:
        branches: Each as `trace_walk` returns it.
        may_stay: Whether a result may be `UNCHANGED`, which needs an index that does
            not change.
    """
    unchanged = [
        may_stay and all(delta is UNCHANGED for delta in of_each)
        for of_each in zip(*(shapes[1] for _, shapes in branches), strict=True)
    ]

    def with_zeros(
        branch_walk: Callable[..., ValuesAndDeltas],
    ) -> Callable[..., ValuesAndDeltas]:
        def walked(operands: list[Array], deltas: list[Delta]) -> ValuesAndDeltas:
            results, out_deltas = branch_walk(operands, deltas)
            return results, [
                UNCHANGED if stays else materialize(result, delta)
                for result, delta, stays in zip(
                    results, out_deltas, unchanged, strict=True
                )
            ]

        return walked

    return [with_zeros(branch_walk) for branch_walk, _ in branches]


def _platform_dependent(
    platforms: Sequence[Sequence[str] | None],
    walks: Sequence[Callable[..., ValuesAndDeltas]],
) -> Callable[..., ValuesAndDeltas]:
    """Each branch for its platforms; the branch for None is the default."""
    named = {
        name: branch_walk
        for names, branch_walk in zip(platforms, walks, strict=True)
        for name in names or ()
    }
    default = dict(zip(platforms, walks, strict=True)).get(None)
    return lambda *operands: lax.platform_dependent(*operands, default=default, **named)


def_higher_order(
    lax.cond_p,
    _cond,
    "the branch that is taken; if it is another at x + dx, what lies between the two",
)
