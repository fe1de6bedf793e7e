"""Derivatives of any Python function, to a tolerance and with an error.

`f` may be a simulator, another program or a function of `math`: it only has to be
callable. Each derivative is one along lines (`secant.derivatives.lines`). It is
computed by extrapolated differences (`secant.derivatives.ridders`), by the complex step
or, for functions made of JAX operations, by difference propagation.
"""

from typing import Any, Literal, TypeAlias

import numpy as np

from secant.arrays import ArrayLike
from secant.derivatives.finite_difference import refuse_unread
from secant.derivatives.lines import (
    Lines,
    along_direction,
    axes,
    diagonals,
    elementwise_lines,
)
from secant.derivatives.result import Derivative
from secant.derivatives.solver import DerivativeProblem
from secant.derivatives.tolerance import LineDerivatives
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
    """The derivative of a function of one number, at one point or at many.

        central   (f(x + h) - f(x - h)) / 2h      at several h, extrapolated to h = 0
        forward   (f(x + h) - f(x)) / h           likewise; backward with -h
        complex   Im f(x + ih) / h                no subtraction, h = 1e-20
        difference                                propagated through f, no subtraction

    Args:
        f: A function of one real number, a Python float, that returns a real number or
            an array of them.
        x: The point, a number, or an array of points of any shape.
        order: Of the derivative, 1 to 4.
        method: See above. `complex` needs an analytic f and order 1, `difference` an f
            made of JAX operations.
        step: The initial step, in units of x; a number, or one for each entry. The
            default is a quarter of log(1 + |x|), and of 1 for x = 0.
        tolerance: The error to reach, relative to the value. Where `value` has several
            entries, relative to the largest of them (here: of those of one point).
            None: as good as is possible at low cost.
        noise: The standard deviation of the noise in f's values. None: unknown; it is
            measured (9 to 27 evaluations) where differences look noisy. "measure":
            it is measured first.
        bounds: The lowest and the highest x, each a number or one for each entry. f is
            never called outside of them; beside a bound the differences are one-sided.
        max_evaluations: The most evaluations of f.
        vectorized: Whether f takes many points at once: an array (m, *shape of a
            point), for which it returns (m, *shape of a value).
        workers: A number of processes, or anything that works like `map`.

    Returns:
        value: Of shape x.shape + the shape of f's values, float64.
        error, step: Of the same shape.

    Raises:
        InvalidInput: An argument is not valid; or f returns something that is not
            finite, or no real number or array. An error that f raises passes through,
            with a note that names the point.

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
    problem = DerivativeProblem(
        f, x, order, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with problem.evaluating(scalar=False):
        found = problem.solve(elementwise_lines(problem.x, problem.step), per_line=True)
        return problem.result(
            found, lambda a: a.reshape(problem.x.shape + problem.f_shape)
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
        f: A function of an array of x's shape that returns one real number. It may
            change its argument.
        x: The point, of any shape.
        method: As for `derivative`.
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
        InvalidInput: As `derivative`; or f returns something other than one number, or
            reads the caller's array in place of its argument.

    Example:
        >>> gradient(lambda x: x[0] ** 2 * x[1], [3.0, 4.0]).value.round(9)
        array([24.,  9.])
    """
    problem = DerivativeProblem(
        f, x, 1, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with problem.evaluating(scalar=True):
        found = problem.solve(axes(problem.x, problem.step))
        if problem.x.size and not found.value.any() and not vectorized:
            refuse_unread(problem.f, problem.x.copy(), x, "")
        return problem.result(found, lambda a: a.reshape(problem.x.shape))


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
        method: As for `derivative`.
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
    problem = DerivativeProblem(
        f, x, 1, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with problem.evaluating(scalar=False):
        found = problem.solve(axes(problem.x, problem.step))
        return problem.result(
            found, lambda a: a.T.reshape(problem.f_shape + problem.x.shape)
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
    """The derivative along a direction: of f(x + t v) with respect to t, at t = 0.

    Args:
        f: A function of an array of x's shape that returns a number or an array.
        x: The point, of any shape.
        v: The direction, of x's shape. Its length counts: 2v gives twice the
            derivative of v.
        method: As for `derivative`.
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
        InvalidInput: As `derivative`; or `v` has another shape than `x`.

    Example:
        >>> def f(x):
        ...     return x[0] * x[1]
        >>> float(directional_derivative(f, [3.0, 4.0], [1.0, 2.0]).value.round(9))
        10.0
    """
    problem = DerivativeProblem(
        f, x, 1, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    direction = as_point(v, "v")
    if direction.shape != problem.x.shape:
        raise InvalidInput(
            f"v has shape {direction.shape} where x has {problem.x.shape}: pass a "
            "direction of x's shape"
        )
    with problem.evaluating(scalar=False):
        found = problem.solve(along_direction(problem.x, direction, problem.step))
        return problem.result(found, lambda a: a.reshape(problem.f_shape))


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
    """The second derivatives of a number with respect to every two coordinates.

    Each follows from the curvature along three lines, both axes and the diagonal u
    between them: `2 aᵢ aⱼ Hᵢⱼ = uᵀHu - aᵢ² Hᵢᵢ - aⱼ² Hⱼⱼ` for u = aᵢ eᵢ + aⱼ eⱼ.

    Args:
        f: A function of an array of x's shape that returns one real number.
        x: The point, of any shape.
        method: As for `derivative`, without "complex".
        step: The same.
        tolerance: Relative to the largest entry of the Hessian's diagonal, and to the
            largest off it, in units of the coordinates' initial steps.
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
    problem = DerivativeProblem(
        f, x, 2, method, step, tolerance, noise, bounds,
        max_evaluations, vectorized, workers,
    )  # fmt: skip
    with problem.evaluating(scalar=True):
        along = axes(problem.x, problem.step)
        between = diagonals(along, problem.inward(along))
        own = problem.solve(along, later=len(between))
        mixed = problem.solve(between)
        return problem.result(
            _polarized(along, between, own, mixed),
            lambda a: a.reshape(problem.x.shape + problem.x.shape),
        )


def _polarized(
    along: Lines, between: Lines, own: LineDerivatives, mixed: LineDerivatives
) -> LineDerivatives:
    """The Hessian from the curvatures along axes and diagonals, with its error."""
    n = len(along)
    one, other = np.triu_indices(n, 1)
    a = along.initial_step[:, np.newaxis]

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
    return LineDerivatives(
        matrix(own.value, off / twice),
        matrix(own.error, error / abs(twice)),
        matrix(own.step, step),
        matrix(own.outcome, outcome),
    )
