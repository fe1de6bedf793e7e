"""What the smooth rules are made of: functions that keep the digits of a change.

Each is made of primitives that have rules, so that a difference can be taken of a
difference, and asks questions about `dx` rather than `x` where it can: a change of
formula on the way from `x` to another `x` would cost digits there.
"""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.propagation.delta import Array, two_sum


def is_double(x: Array) -> bool:
    """Whether a number's real part has float64's digits."""
    return jnp.finfo(x.dtype).bits == 64


def polynomial(x: Array, coefficients: Any) -> Array:
    """`c0 xⁿ + c1 xⁿ⁻¹ + …` by Horner's rule."""
    total = jnp.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total = total * x + c
    return total


def expm1(d: Array) -> Array:
    """`exp(d) - 1`: Taylor's series where `d` is small.

    Costs one exponential, half of what XLA's own takes on a CPU, and no more error
    than 3 ulp.
    """
    terms = 14 if is_double(d) else 7
    small = abs(d) < 0.3
    inner = jnp.where(small, d, 0)
    series = polynomial(inner, [1 / math.factorial(k) for k in range(terms, 0, -1)])
    return jnp.where(small, inner * series, jnp.exp(d) - 1)


def log_ratio(z: Array, ratio: Array) -> Array:
    """`log(1 + z)`, given also `ratio = 1 + z`, whichever of them is the more exact.

    Where `z` is small, `2 atanh(z / (2 + z))` by its series; elsewhere `log ratio`.
    XLA's own log1p is off by 28 ulp in float64, and takes twice as long.
    """
    terms = 12 if is_double(z) else 6
    small = abs(z) < 0.35
    inner = jnp.where(small, z, 0)
    w = inner / (2 + inner)
    series = polynomial(w * w, [1 / k for k in range(2 * terms - 1, 0, -2)])
    return jnp.where(small, 2 * w * series, jnp.log(jnp.where(small, 1, ratio)))


def over(a: Array, b: Array) -> Array:
    """`a / b`, and 0 for 0 / 0."""
    both = (a == 0) & (b == 0)
    return jnp.where(both, 0, a / jnp.where(both, 1, b))


def growth(x: Array, dx: Array, exp_x: Array) -> Array:
    """`exp(x + dx) - exp(x) = exp(x) expm1(dx)`, with one exponential.

    Where `dx > 1` nothing cancels, and the left side cannot meet 0 times infinity.
    """
    there, e = two_sum(x, dx)
    far = dx > 1
    power = jnp.exp(jnp.where(far, there, dx))
    small = abs(dx) < 0.3
    inner = jnp.where(small, dx, 0)
    terms = 14 if is_double(dx) else 7
    series = polynomial(inner, [1 / math.factorial(k) for k in range(terms, 0, -1)])
    near = exp_x * jnp.where(small, inner * series, power - 1)
    return jnp.where(far, power * (1 + e) - exp_x, near)


def risen(ans: Array, value: Array, change: Array) -> Array:
    """`(value - ans) + change`, rounded once or so, and 0 + change where both are inf.

    Whatever cancels is exact: either the two values or the two differences are close.
    """
    s, e = two_sum(value, -ans)
    same = (value == ans) & ~jnp.isfinite(s)
    return (jnp.where(same, 0, s) + change) + e


def mean(f: Callable[[Array], Array], dx: Array, nodes: int) -> Array:
    """The mean of `f(s)` for `s` from 0 to `dx`: Gauss and Legendre's quadrature.

    A loop over the nodes, for an `f` that takes long to compile.
    """
    at, weights = np.polynomial.legendre.leggauss(nodes)

    def add(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
        t, weight = node
        return total + weight * f(t * dx), None

    table = jnp.asarray((at + 1) / 2, dx.dtype), jnp.asarray(weights / 2, dx.dtype)
    return lax.scan(add, jnp.zeros_like(dx), table)[0]


def mean_of_few(f: Callable[[Array], Array], dx: Array, nodes: int) -> Array:
    """As `mean`, node after node without a loop: for an `f` that is computed fast."""
    at, weights = np.polynomial.legendre.leggauss(nodes)
    parts = [
        float(weight) / 2 * f(float(t + 1) / 2 * dx)
        for t, weight in zip(at, weights, strict=True)
    ]
    return functools.reduce(operator.add, parts)


def leading(x: Array) -> Array:
    """Half of the digits of x: its square is exact, and so is what is left of x."""
    bits, digits = (11, 25) if is_double(x) else (8, 11)
    return lax.reduce_precision(x, bits, digits)


def along(f: Callable[[Array], Array], x: Array, dx: Array, ans: Array) -> Array:
    """Of any analytic function: `dx` times the mean of its derivative on the way.

    For complex numbers. Where |dx| is not small, plain subtraction: nothing is known
    about where the function has its poles and cuts.
    """
    near = abs(dx) < 0.1
    inner = jnp.where(near, dx, 0)

    def derivative(s: Array) -> Array:
        z = x + s
        return jax.jvp(f, (z,), (jnp.ones_like(z),))[1]

    carried = inner * mean(derivative, inner, 10 if is_double(x) else 6)
    return jnp.where(near, carried, f(x + dx) - ans)
