"""`check_gradient`: is this the gradient of that function? A verdict for each leaf."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking.context import CheckContext, GradientFunction
from secant.checking.point import (
    Point,
    ScalarFunction,
    as_float64,
    compiled,
    scalar_function,
)
from secant.checking.products import HessianProductSlopes
from secant.checking.propagated import PropagatedSlopes
from secant.checking.random_projections import project
from secant.checking.report import GradientReport, LeafReport
from secant.checking.slope_source import SampledSlopes, SlopeSource
from secant.checking.verdict import judge, judge_shape
from secant.errors import InvalidInput
from secant.propagation import MissingRule
from secant.validation import SEED, Choice, validate

Coordinates = Literal["auto", "all", "projections"]

COORDINATES = Choice[Coordinates](
    ("auto", "all", "projections"), "choice of coordinates"
)

CheckProgress = Callable[[int, int], object]
"""Called with how many coordinates were nudged, and of how many."""

_MAX_COORDINATES = 2**16
"""The most coordinates that are all nudged by themselves unless `"all"` is passed."""


def check_gradient(
    f: Callable[[Any], Any],
    x: Any,
    gradient: Any = None,
    *,
    coordinates: Coordinates = "auto",
    seed: int = 0,
    progress: CheckProgress | None = None,
) -> GradientReport:
    """Whether a gradient is that of a function: a verdict for each leaf, with reasons.

        gᵢ = ∂f/∂xᵢ    against    (f(x + h eᵢ) - f(x - h eᵢ)) / 2h,    for every i

    Where JAX can trace `f`, the differences are propagated through it and not
    subtracted (`secant.difference`). So they keep all digits, in float32 and in 16 bits
    as well, on any device. Where JAX cannot, they are those of `secant.gradient`, with
    its error bars. Each coordinate is checked. By how much the two may differ follows
    from the dtype and from what was measured; the report says how it was found.

    Args:
        f: A function of one pytree of arrays. It returns a number. If the derivative of
            JAX is checked, it may return a pytree of arrays, which is then weighted at
            random to one number.
        x: Where: a pytree of arrays. Leaves of floating-point numbers are checked,
            others are passed as they are.
        gradient: The gradient that is checked: a function of `x`, as `jax.grad(f)` is
            one, or its value at `x`; an array for each leaf of `x`, of its shape, in
            arrays of JAX, NumPy or any other library. By default what JAX makes of `f`:
            then the `custom_vjp` rules and kernels of `f` are checked.
        coordinates: `"all"`: each is nudged by itself. `"projections"`: large leaves
            are compared along random directions, and searched where these differ; the
            report says what that cannot see. `"auto"`: all, up to 65,536 numbers.
        seed: For random directions and weights.
        progress: Called with how many coordinates were nudged, and of how many.

    Returns:
        The report: `ok`, `verdict`, `leaves`; readable when printed, `to_dict()` for
        machines, `assert_ok()` for tests, `plot()` for a picture.

    Raises:
        InvalidInput: An argument is invalid, or `f` returns no number. What `f` or
            `gradient` raise passes through.

    Source:
        Kahan & Fateman (1999), for the differences; Vignes (1993), for the rounding.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> @jax.custom_vjp
        ... def cube(x):
        ...     return x**3
        >>> cube.defvjp(lambda x: (cube(x), x), lambda x, g: (2 * x**2 * g,))
        >>> print(check_gradient(lambda x: cube(x).sum(), jnp.arange(1.0, 4.0)))
        gradient: wrong
        x  3  wrong  float32, 3 of 3 nudged
            likely: a constant factor: the gradient is 0.666... times the slope
            wrong in 3 of 3; the worst:
            ...
    """
    _require_function(f)
    coordinates = validate("coordinates", coordinates, COORDINATES)
    seed = validate("seed", seed, SEED)
    point = Point.of(x)
    with _dtypes_of(point):
        scalar, value, notes = scalar_function(
            f, point, single=gradient is not None, seed=seed
        )
        source, why_sampled = _slope_source(scalar, point)
        if why_sampled:
            notes.append(why_sampled)
        if gradient is None and not source.traceable:
            raise InvalidInput(
                f"there is no gradient to check: JAX cannot trace f ({why_sampled}); "
                "pass gradient=, a function of x or its value"
            )
        by_jax = _gradient_of_jax(scalar, point)
        function = by_jax if gradient is None else _as_function(gradient, point)
        values = function(point.leaves) if function else point.arrays_of(gradient)
        if not source.exact and (again := float(scalar(*point.leaves))) != value:
            notes.append(
                f"f gives another value when it is asked again, {value!r} and then "
                f"{again!r}: give its random numbers a seed, or pass them to it"
            )
        if function and _changes(values, function(point.leaves)):
            notes.append(
                "the gradient has other values when it is computed a second time: does "
                "it draw random numbers, or sum in a changing order?"
            )
        reference = function
        if reference is None and source.traceable and _works(by_jax, point):
            reference = by_jax
        rng = np.random.default_rng(seed)
        check = CheckContext(point, source, function, values, reference, value, rng)
        return _report(check, coordinates, notes, progress)


def check_hessian_product(
    f: Callable[[Any], Any],
    x: Any,
    v: Any = None,
    product: Any = None,
    *,
    seed: int = 0,
) -> GradientReport:
    """Whether a Hessian-vector product is that of a function; a second-order check.

        H v    against    (∇f(x + h v) - ∇f(x - h v)) / 2h

    The differences are propagated through the gradient that JAX makes of `f`. So this
    checks the derivative of that gradient: call `check_gradient` first.

    Args:
        f: As for `check_gradient`; JAX must be able to trace it.
        x: Where.
        v: The direction, a pytree like `x`; random by default.
        product: The product that is checked: a function of `x` and `v`, or its value;
            by default `jax.jvp` of `jax.grad(f)`.
        seed: For random directions and weights.

    Returns:
        The report, as of `check_gradient`.

    Raises:
        InvalidInput: As `check_gradient`; or JAX cannot trace `f`.
        MissingRule: The gradient uses an operation that has no rule.

    Example:
        >>> import jax.numpy as jnp
        >>> check_hessian_product(lambda x: jnp.sum(jnp.sin(x)), jnp.ones(3)).ok
        True
    """
    _require_function(f)
    point = Point.of(x)
    with _dtypes_of(point):
        scalar, value, notes = scalar_function(
            f, point, single=product is not None, seed=seed
        )
        rng = np.random.default_rng(seed)
        direction = _direction(point, v, rng)
        source = HessianProductSlopes(scalar, point, direction)
        function = by_jax = source.exact_product
        if product is not None:
            whole_v = point.tree(point.with_real(direction))
            function = _as_function(product, point, whole_v, name="product")
        values = (
            function(point.leaves) if function else point.arrays_of(product, "product")
        )
        reference = function or by_jax
        check = CheckContext(point, source, function, values, reference, value, rng)
        return _report(check, "all", notes, None)


def _require_function(f: object) -> None:
    if not callable(f):
        raise InvalidInput(f"f is {f!r}: pass a function of one argument")


def _dtypes_of(point: Point) -> AbstractContextManager[Any]:
    """Switches float64 on in JAX if `x` holds float64."""
    return jax.enable_x64(True) if point.double else nullcontext()


def _slope_source(scalar: ScalarFunction, point: Point) -> tuple[SlopeSource, str]:
    """The source of slopes, and why they are sampled if they are."""
    try:
        jax.make_jaxpr(scalar)(*point.leaves)
    except Exception as error:
        why = f"{type(error).__name__}: {_first_line(error)}"
        return SampledSlopes(scalar, point, traceable=False), why
    try:
        return PropagatedSlopes(scalar, point), ""
    except MissingRule as error:
        why = f"slopes are sampled, not propagated: {_first_line(error)}"
        return SampledSlopes(scalar, point, traceable=True), why


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _as_function(
    gradient: Any, point: Point, *more: Any, name: str = "gradient"
) -> GradientFunction | None:
    """The user's gradient as a function of the leaves; None if it is a value."""
    if not callable(gradient):
        return None
    return lambda leaves: point.arrays_of(gradient(point.tree(leaves), *more), name)


def _gradient_of_jax(scalar: ScalarFunction, point: Point) -> GradientFunction:
    gradient = compiled(_jax_gradient, scalar, (0,))
    return lambda leaves: [as_float64(g) for g in gradient(point.real, list(leaves))]


def _jax_gradient(
    scalar: ScalarFunction, real: tuple[int, ...], leaves: list[Any]
) -> Any:
    return jax.grad(scalar, argnums=real)(*leaves)


def _works(function: GradientFunction, point: Point) -> bool:
    """Whether JAX can differentiate what it can trace."""
    try:
        function(point.leaves)
    except Exception:
        # A kernel without a derivative may raise anything at all.
        return False
    return True


def _changes(values: list[np.ndarray], again: list[np.ndarray]) -> bool:
    """Whether a gradient differs from the same one computed again."""
    return any(
        (a != b).any() and np.isfinite(a).all()
        for a, b in zip(values, again, strict=True)
    )


def _direction(point: Point, v: Any, rng: np.random.Generator) -> list[Any]:
    """The direction of a Hessian-vector product, an array for each leaf of floats."""
    leaves = [point.leaves[i] for i in point.real]
    if v is None:
        parts = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]
    else:
        parts = point.arrays_of(v, "v")
    for part, leaf, i in zip(parts, leaves, point.real, strict=True):
        if part.shape != np.shape(leaf):
            raise InvalidInput(
                f"v of {point.names[i]} has shape {part.shape} where x has "
                f"{np.shape(leaf)}: pass the same"
            )
    return [
        jnp.asarray(part, leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)
    ]


def _report(
    check: CheckContext,
    coordinates: Coordinates,
    notes: list[str],
    progress: CheckProgress | None,
) -> GradientReport:
    sizes = [int(np.size(check.point.leaves[i])) for i in check.point.real]
    total, done = sum(sizes), 0

    def count(more: int) -> None:
        nonlocal done
        done = min(done + more, total)
        if progress:
            progress(done, total)

    check = replace(check, progress=count)
    max_size = 0 if coordinates == "projections" else 2**62
    if coordinates == "auto" and total > _MAX_COORDINATES:
        max_size = _MAX_COORDINATES // (2 * len(sizes))
    leaves = [_leaf_report(check, leaf, max_size) for leaf in range(len(sizes))]
    if not np.isfinite(check.value):
        notes.append(f"f is {check.value} at x, so no gradient can be judged there")
    return GradientReport(
        {leaf.name: leaf for leaf in leaves}, check.value, tuple(notes)
    )


def _leaf_report(check: CheckContext, leaf: int, max_size: int) -> LeafReport:
    array = check.point.leaves[check.point.real[leaf]]
    if check.values[leaf].shape != np.shape(array):
        reason = "a gradient has x's shape"
        return LeafReport.of(check, leaf, judge_shape(check, leaf), reason)
    size = int(np.size(array))
    if size > max_size and isinstance(check.source, PropagatedSlopes):
        return project(check, leaf, check.source)
    return LeafReport.of(check, leaf, judge(check, leaf, np.arange(size)))
