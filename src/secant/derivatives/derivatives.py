"""Derivatives of any Python function, to a tolerance and with an error.

A simulator, another program, a function of `math`: nothing is asked of `f` but that
it can be called. Each derivative is one along lines (`secant.derivatives.lines`), found
by extrapolated differences (`secant.derivatives.ridders`), the complex step or, for
functions made of JAX operations, difference propagation.
"""

from typing import Any, Literal, TypeAlias

import numpy as np

from secant.arrays import ArrayLike
from secant.derivatives.finite_difference import refuse_unread
from secant.derivatives.lines import Lines, axes, diagonals, places, ray
from secant.derivatives.result import Derivative
from secant.derivatives.ridders import Slopes
from secant.derivatives.solver import Request
from secant.derivatives.validation import Floats, Function, as_point
from secant.errors import InvalidInput
from secant.validation import Choice, validate

Method: TypeAlias = Literal["central", "forward", "backward", "complex", "difference"]

_ORDER = Choice([1, 2, 3, 4])


def derivative(
    f: Function,
    x: ArrayLike,
    *,
    order: int = 1,
    method: Method = "central",
    step: ArrayLike | None = None,
    tolerance: float | None = None,
    noise: float | Literal["measure"] | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    max_evaluations: int | None = None,
    vectorized: bool = False,
    workers: Any = None,
) -> Derivative:
    """The derivative of a function of one number, here or at many places.

        central   (f(x + h) - f(x - h)) / 2h      at several h, extrapolated to h = 0
        forward   (f(x + h) - f(x)) / h           likewise; backward with -h
        complex   Im f(x + ih) / h                nothing subtracted, h = 1e-20
        difference                                carried through f, nothing subtracted

    Args:
        f: A function of one real number, a Python float, that returns a real number or
            an array of them.
        x: Where: a number, or an array of places of any shape.
        order: Which derivative, 1 to 4.
        method: See above. `complex` needs an f that is analytic and order 1,
            `difference` one that is made of JAX operations.
        step: The step to begin with, in units of x; a number, or one for each entry.
            By itself a quarter of log(1 + |x|), of 1 for x = 0.
        tolerance: The error to reach, relative to the value; where `value` has several
            entries, to the largest of them (here: of those that belong to one place).
            None: as good as can be had cheaply.
        noise: By how much f's values scatter, a standard deviation. None: nothing is
            assumed, and f is listened to (9 to 27 evaluations) where differences look
            like noise; "measure": it is listened to first.
        bounds: The lowest and the highest x, each a number or one for each entry. They
            are never left; beside one of them the differences are one-sided.
        max_evaluations: How many evaluations of f there may be.
        vectorized: f takes many points at once: an array (m, *shape of a point), and
            returns (m, *shape of a value).
        workers: A number of processes, or anything that works like `map`.

    Returns:
        value: Of shape x.shape + the shape of f's values, float64.
        error, step: Of the same shape.

    Raises:
        InvalidInput: An argument that cannot be worked with; f is not finite, or is no
            real number or array. What f raises passes through, with a note of where.

    Source:
        Ridders (1982), Advances in Engineering Software 4(2), 75-76 (extrapolation with
        an error); Moré & Wild (2012), "Estimating derivatives of noisy simulations",
        ACM Transactions on Mathematical Software 38(3) (steps from noise).

    Example:
        >>> import math
        >>> result = derivative(math.exp, 1.0)
        >>> bool(abs(result.value - math.e) < result.error < 1e-10)
        True
        >>> derivative(math.sin, [0.0, 1.0], order=2).value.round(9) + 0.0
        array([ 0.        , -0.84147098])
    """
    order = validate("order", order, _ORDER)
    request = Request(
        f, x, order, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with request.begin(scalar=False):
        found = request.slopes(places(request.x, request.step), alone=True)
        return request.result(
            found, lambda a: a.reshape(request.x.shape + request.f_shape)
        )


def gradient(
    f: Function,
    x: ArrayLike,
    *,
    method: Method = "central",
    step: ArrayLike | None = None,
    tolerance: float | None = None,
    noise: float | Literal["measure"] | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    max_evaluations: int | None = None,
    vectorized: bool = False,
    workers: Any = None,
) -> Derivative:
    """The derivatives of a number along every coordinate of an array.

    Args:
        f: A function of an array of x's shape, which is its own to change, that
            returns one real number.
        x: The point, of any shape.
        method: As for `derivative`, as all that follows.
        step: The same.
        tolerance: Relative to the largest entry of the gradient.
        noise: The same.
        bounds: The same.
        max_evaluations: The same.
        vectorized: The same.
        workers: The same.

    Returns:
        value, error, step: Of x's shape.

    Raises:
        InvalidInput: As `derivative`; f returns something else than one number, or
            reads the caller's own array in place of its argument.

    Example:
        >>> gradient(lambda x: x[0] ** 2 * x[1], [3.0, 4.0]).value.round(9)
        array([24.,  9.])
    """
    request = Request(
        f, x, 1, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with request.begin(scalar=True):
        found = request.slopes(axes(request.x, request.step))
        if request.x.size and not found.value.any() and not vectorized:
            refuse_unread(request.f, request.x.copy(), x, "")
        return request.result(found, lambda a: a.reshape(request.x.shape))


def jacobian(
    f: Function,
    x: ArrayLike,
    *,
    method: Method = "central",
    step: ArrayLike | None = None,
    tolerance: float | None = None,
    noise: float | Literal["measure"] | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    max_evaluations: int | None = None,
    vectorized: bool = False,
    workers: Any = None,
) -> Derivative:
    """The derivatives of an array along every coordinate of an array.

    Args:
        f: A function of an array of x's shape that returns an array of any shape.
        x: The point, of any shape.
        method: As for `derivative`, as all that follows.
        step: The same.
        tolerance: Relative to the largest entry of the Jacobian.
        noise: The same.
        bounds: The same.
        max_evaluations: The same.
        vectorized: The same.
        workers: The same.

    Returns:
        value, error, step: Of the shape of f's values + x.shape; for two vectors a
        matrix with a row for each value.

    Raises:
        InvalidInput: As `derivative`.

    Example:
        >>> def f(x):
        ...     return [x[0] * x[1], x[0] + x[1], x[1]]
        >>> jacobian(f, [3.0, 4.0]).value.round(9)
        array([[4., 3.],
               [1., 1.],
               [0., 1.]])
    """
    request = Request(
        f, x, 1, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with request.begin(scalar=False):
        found = request.slopes(axes(request.x, request.step))
        return request.result(
            found, lambda a: a.T.reshape(request.f_shape + request.x.shape)
        )


def directional_derivative(
    f: Function,
    x: ArrayLike,
    v: ArrayLike,
    *,
    method: Method = "central",
    step: float | None = None,
    tolerance: float | None = None,
    noise: float | Literal["measure"] | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    max_evaluations: int | None = None,
    vectorized: bool = False,
    workers: Any = None,
) -> Derivative:
    """The derivative along one direction: that of f(x + t v) by t, at t = 0.

    Args:
        f: A function of an array of x's shape that returns a number or an array.
        x: The point, of any shape.
        v: The direction, of x's shape. Its length counts: twice as long a direction
            gives twice the derivative.
        method: As for `derivative`, as all that follows.
        step: The same, in units of v.
        tolerance: Relative to the largest entry of the derivative.
        noise: The same.
        bounds: The same.
        max_evaluations: The same.
        vectorized: The same.
        workers: The same.

    Returns:
        value, error, step: Of the shape of f's values.

    Raises:
        InvalidInput: As `derivative`; `v` has another shape than `x`.

    Example:
        >>> def f(x):
        ...     return x[0] * x[1]
        >>> float(directional_derivative(f, [3.0, 4.0], [1.0, 2.0]).value.round(9))
        10.0
    """
    request = Request(
        f, x, 1, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    direction = as_point(v, "v")
    if direction.shape != request.x.shape:
        raise InvalidInput(
            f"v has shape {direction.shape} where x has {request.x.shape}: pass a "
            "direction of x's shape"
        )
    with request.begin(scalar=False):
        found = request.slopes(ray(request.x, direction, request.step))
        return request.result(found, lambda a: a.reshape(request.f_shape))


def hessian(
    f: Function,
    x: ArrayLike,
    *,
    method: Method = "central",
    step: ArrayLike | None = None,
    tolerance: float | None = None,
    noise: float | Literal["measure"] | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    max_evaluations: int | None = None,
    vectorized: bool = False,
    workers: Any = None,
) -> Derivative:
    """The second derivatives of a number by every two coordinates of an array.

    Each is told from the curvature along three lines, both axes and the diagonal u
    between them: `2 aᵢ aⱼ Hᵢⱼ = uᵀHu - aᵢ² Hᵢᵢ - aⱼ² Hⱼⱼ` for u = aᵢ eᵢ + aⱼ eⱼ.

    Args:
        f: A function of an array of x's shape that returns one real number.
        x: The point, of any shape.
        method: As for `derivative`, as all that follows; there is no "complex".
        step: The same.
        tolerance: Relative to the largest entry of the Hessian's diagonal and, where
            every coordinate is measured by its step, off it.
        noise: The same.
        bounds: The same.
        max_evaluations: The same.
        vectorized: The same.
        workers: The same.

    Returns:
        value, error, step: Of shape x.shape + x.shape, symmetric.

    Raises:
        InvalidInput: As `gradient`.

    Example:
        >>> hessian(lambda x: x[0] ** 2 * x[1], [3.0, 4.0]).value.round(6)
        array([[8., 6.],
               [6., 0.]])
    """
    request = Request(
        f, x, 2, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with request.begin(scalar=True):
        along = axes(request.x, request.step)
        between = diagonals(along, request.inward(along))
        own = request.slopes(along, later=len(between))
        mixed = request.slopes(between)
        return request.result(
            _polarised(along, between, own, mixed),
            lambda a: a.reshape(request.x.shape + request.x.shape),
        )


def _polarised(along: Lines, between: Lines, own: Slopes, mixed: Slopes) -> Slopes:
    """The matrix from the curvatures along axes and diagonals."""
    n = len(along)
    one, other = np.triu_indices(n, 1)
    a = along.first[:, np.newaxis]

    def matrix(diagonal: Floats, off: Floats) -> Floats:
        whole = np.empty((n, n))
        whole[np.arange(n), np.arange(n)] = diagonal[:, 0]
        whole[one, other] = whole[other, one] = off[:, 0]
        return whole

    twice = 2 * between.directions.prod(axis=1, keepdims=True)
    squared = a**2
    off = (
        mixed.value - squared[one] * own.value[one] - squared[other] * own.value[other]
    )
    error = (
        mixed.error + squared[one] * own.error[one] + squared[other] * own.error[other]
    )
    step = mixed.step * np.minimum(a[one], a[other])
    outcome = np.maximum(
        mixed.outcome, np.maximum(own.outcome[one], own.outcome[other])
    )
    return Slopes(
        matrix(own.value, off / twice),
        matrix(own.error, error / abs(twice)),
        matrix(own.step, step),
        matrix(own.outcome, outcome),
    )
