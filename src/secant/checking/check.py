"""`check_gradient`: is this the gradient of that function? A verdict for each leaf."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking.context import Case, Claim
from secant.checking.diagnosis import cause_of_shape
from secant.checking.point import (
    Point,
    Scalar,
    as_float64,
    as_scalar,
    compiled,
    floats_of,
)
from secant.checking.products import ProductSlopes
from secant.checking.propagated import CarriedSlopes
from secant.checking.random_projections import project
from secant.checking.report import GradientReport, LeafReport, Verdict
from secant.checking.slope_source import Question, SampledSlopes, Sides, Slopes
from secant.checking.verdict import Finding, examine, judge
from secant.errors import InvalidInput
from secant.propagation import MissingRule

Coordinates = Literal["auto", "all", "projections"]

_LIMIT = 2**16
"""The most coordinates that are all nudged by themselves unless that is asked for."""


def check_gradient(
    f: Callable[[Any], Any],
    x: Any,
    gradient: Any = None,
    *,
    coordinates: Coordinates = "auto",
    seed: int = 0,
    tell: Callable[[int, int], object] | None = None,
) -> GradientReport:
    """Whether a gradient is that of a function: a verdict for each leaf, with reasons.

        gᵢ = ∂f/∂xᵢ    against    (f(x + h eᵢ) - f(x - h eᵢ)) / 2h,    for every i

    Where JAX can trace `f`, the differences are carried through it and not subtracted
    (`secant.difference`), which leaves all digits in float32 and in 16 bits as well,
    on any device. Where it cannot, they are those of `secant.gradient`, with its error
    bars. Each coordinate is checked. How far the two may be apart follows from the
    dtype and from what was measured; the report says how it was found.

    Args:
        f: A function of one pytree of arrays. It returns a number; or, if it is the
            derivative of JAX that is checked, a pytree of arrays, which is then
            weighted at random to one number.
        x: Where: a pytree of arrays. Leaves of floating-point numbers are checked,
            others are passed as they are.
        gradient: What is checked: a function of `x`, as `jax.grad(f)` is one, or its
            value at `x`; an array for each leaf of `x`, of its shape, in JAX, NumPy or
            any other library's arrays. If not given, what JAX makes of `f`: its
            `custom_vjp` rules and kernels are what is checked then.
        coordinates: `"all"`: each is nudged by itself. `"projections"`: large leaves
            are asked along random directions, and searched where these disagree; what
            that cannot see is said. `"auto"`: all, up to 65,536 numbers.
        seed: For random directions and weights.
        tell: Called with how many coordinates were nudged, and of how many.

    Returns:
        The report: `ok`, `verdict`, `leaves`; readable when printed, `to_dict()` for
        machines, `assert_ok()` for tests, `plot()` for a picture.

    Raises:
        InvalidInput: An argument that cannot be worked with; `f` returns no number.
            What `f` or `gradient` raise passes through.

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
    if not callable(f):
        raise InvalidInput(f"f is {f!r}: pass a function of one argument")
    coordinates = as_coordinates(coordinates)
    point = Point.of(x)
    with _floats_of(point):
        number, value, notes = _asked(f, point, given=gradient is not None, seed=seed)
        slopes, refused = _slopes(number, point)
        if refused:
            notes.append(refused)
        if gradient is None and not slopes.traceable:
            raise InvalidInput(
                f"there is no gradient to check: JAX cannot trace f ({refused}); pass "
                "gradient=, a function of x or its value"
            )
        claim, claimed = _claim(number, point, gradient)
        draw = np.random.default_rng(seed)
        if claim and any(
            (a != b).any() and np.isfinite(a).all()
            for a, b in zip(claimed, claim(point.leaves), strict=True)
        ):
            notes.append(
                "the gradient is another when it is asked a second time: is something "
                "in it drawn at random or added up in changing order?"
            )
        like = claim or _own_of_jax(number, point, traceable=slopes.traceable)
        case = Case(point, slopes, claim, claimed, draw, like, value)
        return _report(case, coordinates, value, notes, tell)


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

    The differences are carried through the gradient that JAX makes of `f`: what is
    checked is the derivative of that gradient, so `check_gradient` comes first.

    Args:
        f: As for `check_gradient`; JAX must be able to trace it.
        x: Where.
        v: The direction, a pytree like `x`; drawn at random if not given.
        product: What is checked: a function of `x` and `v`, or its value; if not
            given, `jax.jvp` of `jax.grad(f)`.
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
    if not callable(f):
        raise InvalidInput(f"f is {f!r}: pass a function of one argument")
    point = Point.of(x)
    with _floats_of(point):
        number, value, notes = _asked(f, point, given=product is not None, seed=seed)
        draw = np.random.default_rng(seed)
        if v is None:
            direction = [
                jnp.asarray(
                    draw.standard_normal(np.shape(point.leaves[i])),
                    point.leaves[i].dtype,
                )
                for i in point.real
            ]
        else:
            parts = point.claimed(v, "v")
            direction = [
                jnp.asarray(part, point.leaves[i].dtype)
                for part, i in zip(parts, point.real, strict=True)
            ]
            for part, i in zip(direction, point.real, strict=True):
                if part.shape != np.shape(point.leaves[i]):
                    raise InvalidInput(
                        f"v of {point.names[i]} has shape {part.shape} where x has "
                        f"{np.shape(point.leaves[i])}: pass the same"
                    )
        slopes = ProductSlopes(number, point, direction)
        whole_v = point.tree(point.with_real(direction))

        def claim(leaves: Sequence[Any]) -> list[np.ndarray]:
            if product is None:
                return slopes.exact_product(leaves)
            found = (
                product(point.tree(leaves), whole_v) if callable(product) else product
            )
            return point.claimed(found, "product")

        function = claim if product is None or callable(product) else None
        case = Case(
            point,
            slopes,
            function,
            claim(point.leaves),
            draw,
            function or slopes.exact_product,
            value,
        )
        return _report(case, "all", value, notes, None)


def as_coordinates(name: str) -> Coordinates:
    """A way to choose coordinates by its name.

    Raises:
        InvalidInput: There is none of that name.
    """
    if name in ("auto", "all", "projections"):
        return name
    raise InvalidInput(f'coordinates is {name!r}: pass "auto", "all" or "projections"')


@contextmanager
def _floats_of(point: Point) -> Iterator[None]:
    """Lets JAX have float64 where that is what came."""
    if point.double:
        with jax.enable_x64(True):
            yield
    else:
        yield


def _asked(
    f: Callable[[Any], Any], point: Point, *, given: bool, seed: int
) -> tuple[Scalar, float, list[str]]:
    """The function as one of leaves to a number, that number, and notes."""
    value = f(point.tree(point.leaves))
    number, notes = as_scalar(f, value, point.structure, given=given, seed=seed)
    one = number(*point.leaves) if number.weighted else floats_of(value)[0]
    return number, float(one), notes


def _slopes(number: Scalar, point: Point) -> tuple[Slopes, str]:
    """Where slopes come from, and why they are not carried if they are not."""
    try:
        jax.make_jaxpr(number)(*point.leaves)
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        return SampledSlopes(number, point, traceable=False), why
    try:
        return CarriedSlopes(number, point), ""
    except MissingRule as error:
        why = f"slopes are sampled, not carried: {str(error).strip().splitlines()[0]}"
        return SampledSlopes(number, point, traceable=True), why


def _claim(
    number: Scalar, point: Point, gradient: Any
) -> tuple[Claim | None, list[np.ndarray]]:
    if gradient is None:
        by_jax = _gradient_of_jax(number, point)
        return by_jax, by_jax(point.leaves)
    if not callable(gradient):
        return None, point.claimed(gradient)

    def by_function(leaves: Sequence[Any]) -> list[np.ndarray]:
        return point.claimed(gradient(point.tree(leaves)))

    return by_function, by_function(point.leaves)


def _own_of_jax(number: Scalar, point: Point, *, traceable: bool) -> Claim | None:
    """JAX's gradient beside one of which only values are known, if there is one."""
    by_jax = _gradient_of_jax(number, point)
    try:
        return by_jax if traceable and by_jax(point.leaves) else None
    except Exception:
        # Not everything that can be traced can be differentiated: that is no matter.
        return None


def _gradient_of_jax(number: Scalar, point: Point) -> Claim:
    gradient = compiled(_by_jax, number, (0,))

    def by_jax(leaves: Sequence[Any]) -> list[np.ndarray]:
        return [as_float64(g) for g in gradient(point.real, list(leaves))]

    return by_jax


def _by_jax(number: Scalar, real: tuple[int, ...], leaves: list[Any]) -> Any:
    return jax.grad(number, argnums=real)(*leaves)


def _report(
    case: Case,
    coordinates: Coordinates,
    value: float,
    notes: list[str],
    tell: Callable[[int, int], object] | None,
) -> GradientReport:
    point, slopes = case.point, case.slopes
    sizes = [int(np.size(point.leaves[i])) for i in point.real]
    total, done = sum(sizes), 0

    def count(more: int) -> None:
        nonlocal done
        done = min(done + more, total)
        if tell:
            tell(done, total)

    case = replace(case, tell=count)
    small = 0 if coordinates == "projections" else 2**62
    if coordinates == "auto" and total > _LIMIT:
        small = _LIMIT // (2 * len(sizes))
    reports: dict[str, LeafReport] = {}
    for leaf, size in enumerate(sizes):
        place = point.real[leaf]
        others = tuple(c for i, c in enumerate(case.claimed) if i != leaf)
        if case.claimed[leaf].shape != np.shape(point.leaves[place]):
            report = _of_another_shape(case, leaf)
        elif size > small and isinstance(slopes, CarriedSlopes):
            report = project(case, leaf, slopes, others)
        else:
            found = examine(case, leaf, np.arange(size))
            report = judge(case, leaf, found, others=others)
        reports[report.name] = report
    if not np.isfinite(value):
        notes.append(f"f is {value} at x: no gradient can be told from that")
    return GradientReport(reports, value, tuple(notes))


def _of_another_shape(case: Case, leaf: int) -> LeafReport:
    """A claim that cannot even be compared: what its numbers say about the cause."""
    point = case.point
    place = point.real[leaf]
    shape = np.shape(point.leaves[place])
    every = np.arange(int(np.prod(shape)))
    sides = case.slopes.each(Question(leaf, every, point.leaves, tell=case.tell))
    slope = sides.slope.reshape(shape)
    tolerance = 100 * case.unit * np.maximum(abs(slope), abs(slope).max(initial=0.0))
    cause = cause_of_shape(case.claimed[leaf], slope, tolerance)
    claimed = [*case.claimed]
    claimed[leaf] = np.full(shape, np.nan)
    report = judge(replace(case, claimed=claimed), leaf, _all_wrong(sides))
    return replace(
        report, verdict=Verdict.WRONG, cause=cause, reason="a gradient has x's shape"
    )


def _all_wrong(sides: Sides) -> Finding:
    slope = sides.slope
    every = np.ones(len(slope), bool)
    return Finding(
        indices=np.arange(len(slope)),
        gradient=np.full(len(slope), np.nan),
        slope=slope,
        below=sides.behind,
        above=sides.ahead,
        error=np.zeros(len(slope)),
        tolerance=np.zeros(len(slope)),
        suspect=every,
        kink=~every,
        wrong=every,
        smooth=every,
    )
