"""Which axes of a primitive's operands and of its result belong together.

As in `numpy.einsum`, each axis has a label. A product of matrices has the labels

    (n, k), (k, m) -> (n, m)

The result at one position along n depends on the operand there alone, so that one row
of the left operand changes one row of the result. And the result is a sum over k, so
that a change at one k is a product of one column and one row.

An axis with the label None is none of these: the result depends on all of it, and not
as on a sum (a sort, a maximum, a padding). `secant.propagation.slices` sends changes of
one slice through a primitive by these labels.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive, primitives

from secant.propagation.registry import RULES

Labels = tuple[Hashable | None, ...]


class AxisLabels(NamedTuple):
    """The labels of all axes of a primitive.

    Attributes:
        operands: For each operand, a label for each axis.
        result: A label for each axis of the result.
        sums: Whether labels that the result lacks are summed over.
        shape_param: The param that is the shape of the result, if there is one.
    """

    operands: list[Labels]
    result: Labels
    sums: bool = False
    shape_param: str | None = None


def axis_labels(
    primitive: Primitive, operands: Sequence[Any], ans: Any, params: dict[str, Any]
) -> AxisLabels | None:
    """The labels of a primitive's axes; None where nothing is known about them.

    Args:
        primitive: With one result.
        operands: Its operands.
        ans: Its result.
        params: Its params.

    Example:
        >>> a = jnp.ones((2, 3))
        >>> axis_labels(lax.reduce_sum_p, [a], a.sum(axis=1), {"axes": (1,)})
        AxisLabels(operands=[(0, 1)], result=(0,), sums=True, shape_param=None)
    """
    labels = _LABELS.get(primitive)
    if labels is not None:
        return labels([tuple(jnp.shape(a)) for a in operands], ans.shape, params)
    rule = RULES.get(primitive)
    if primitive in _POINTWISE or (rule and rule.kind in ("elementwise", "binary")):
        return _pointwise([tuple(jnp.shape(a)) for a in operands], ans.shape, params)
    return None


Shapes = list[tuple[int, ...]]
_LabelsOf = Callable[[Shapes, tuple[int, ...], dict[str, Any]], AxisLabels | None]


def _pointwise(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    """Each operand has the result's shape, or is a number."""
    return AxisLabels([tuple(range(len(s))) for s in shapes], tuple(range(len(shape))))


def _broadcast_in_dim(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    return AxisLabels(
        [tuple(params["broadcast_dimensions"]), *[() for _ in shapes[1:]]],
        tuple(range(len(shape))),
        shape_param="shape",
    )


def _reshape(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels | None:
    """An axis stays one if as many numbers stand before it, and as many in it."""
    if params.get("dimensions") is not None:
        return None

    def by_place(shape: tuple[int, ...]) -> Labels:
        return tuple(
            (math.prod(shape[:axis]), n) if n > 1 else None
            for axis, n in enumerate(shape)
        )

    before, after = by_place(shapes[0]), by_place(shape)
    return AxisLabels(
        [tuple(label if label in after else None for label in before)],
        after,
        shape_param="new_sizes",
    )


def _transpose(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    return AxisLabels([tuple(range(len(shape)))], tuple(params["permutation"]))


def _squeeze(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    return _without(params["dimensions"], shapes[0], sums=False)


def _reduce_sum(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    return _without(params["axes"], shapes[0], sums=True)


def _reduce(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    return _without(params["axes"], shapes[0], sums=False)


def _without(axes: Sequence[int], shape: tuple[int, ...], *, sums: bool) -> AxisLabels:
    every = range(len(shape))
    kept = tuple(axis for axis in every if axis not in axes)
    own = tuple(axis if sums or axis in kept else None for axis in every)
    return AxisLabels([own], kept, sums)


def _along_axis(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    own = tuple(None if axis == params["axis"] else axis for axis in range(len(shape)))
    return AxisLabels([own], own)


def _dot_general(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels:
    (summed, batch) = params["dimension_numbers"]
    operands: list[list[Any]] = [[("free", i, axis) for axis in range(len(s))]
                                 for i, s in enumerate(shapes)]  # fmt: skip
    for kind, axes in (("summed", summed), ("batch", batch)):
        for labels, own in zip(operands, axes, strict=True):
            for number, axis in enumerate(own):
                labels[axis] = (kind, number)
    a, b = operands
    free = [label for label in (*a, *b) if label[0] == "free"]
    together = [("batch", number) for number in range(len(batch[0]))]
    return AxisLabels([tuple(a), tuple(b)], (*together, *free), sums=True)


def _conv_general_dilated(
    shapes: Shapes, shape: tuple[int, ...], params: dict[str, Any]
) -> AxisLabels | None:
    """Samples and channels of a convolution; not the axes that it moves along."""
    if params["feature_group_count"] != 1 or params["batch_group_count"] != 1:
        return None
    numbers = params["dimension_numbers"]

    def labels(spec: Sequence[int], first: str, second: str) -> Labels:
        found: list[str | None] = [None] * len(spec)
        found[spec[0]], found[spec[1]] = first, second
        return tuple(found)

    return AxisLabels(
        [
            labels(numbers.lhs_spec, "sample", "input"),
            labels(numbers.rhs_spec, "output", "input"),
        ],
        labels(numbers.out_spec, "sample", "output"),
        sums=True,
    )


_LABELS: dict[Primitive, _LabelsOf] = {
    lax.broadcast_in_dim_p: _broadcast_in_dim,
    lax.reshape_p: _reshape,
    lax.transpose_p: _transpose,
    lax.squeeze_p: _squeeze,
    lax.reduce_sum_p: _reduce_sum,
    lax.reduce_max_p: _reduce,
    lax.reduce_min_p: _reduce,
    lax.argmax_p: _reduce,
    lax.argmin_p: _reduce,
    lax.cumsum_p: _along_axis,
    lax.dot_general_p: _dot_general,
    lax.conv_general_dilated_p: _conv_general_dilated,
}

# Beside those whose rules say so: functions of numbers, one by one.
_POINTWISE = {
    lax.add_p, lax.sub_p, lax.mul_p, lax.neg_p, lax.max_p, lax.min_p, lax.clamp_p,
    lax.select_n_p, lax.eq_p, lax.ne_p, lax.lt_p, lax.le_p, lax.gt_p, lax.ge_p,
    lax.eq_to_p, lax.lt_to_p, lax.le_to_p, lax.is_finite_p,
    lax.and_p, lax.or_p, lax.xor_p, lax.not_p,
    lax.convert_element_type_p, lax.reduce_precision_p, lax.nextafter_p,
    lax.copy_p, lax.stop_gradient_p, primitives.name_p, primitives.add_jaxvals_p,
    lax.complex_p, lax.real_p, lax.imag_p, lax.conj_p,
}  # fmt: skip
