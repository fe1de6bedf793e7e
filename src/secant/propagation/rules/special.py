"""Special functions: error, Bessel, gamma, zeta and beta functions.

Most of these have no addition theorem, so their rules use the derivative. By the
fundamental theorem, the difference is `Δx` times the mean slope:

    f(x + Δx) - f(x) = ∫ f'(x + s) ds over 0 … Δx = Δx mean(f'(x + s))

Nothing cancels if the slope keeps its sign. `numerics.quadrature_mean` computes the
mean by Gauss-Legendre quadrature. Its error falls exponentially with the number of
nodes, as long as `Δx` is small against the distance to the nearest singularity of `f'`.
So each rule has a condition `near` that bounds this ratio, and numbers of nodes (one
for float64, one for fewer digits) that reach all digits within it. Outside of it, `f`
changes so much that plain subtraction loses few digits.

A recurrence first removes a pole near the interval: `log Γ(x) = log Γ(1 + x) - log x`,
`ψ(x) = ψ(1 + x) - 1/x`, `ζ(s, q) = ζ(s, 1 + q) + q^-s`. The last term of each has an
exact difference of its own.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.propagation.builders import def_binary, def_elementwise
from secant.propagation.delta import UNCHANGED, Array, Delta, materialize, two_sum
from secant.propagation.numerics import (
    expm1,
    is_double,
    leading_half,
    log_ratio,
    polynomial,
    quadrature_mean,
    quadrature_mean_unrolled,
)

_ERF_SLOPE = 2 / math.sqrt(math.pi)

# Cody (1969), "Rational Chebyshev approximations for the error function", Math. Comp.
# 23, 631-637: exp(x²) erfc(x) for 0.46875 <= x <= 4, and for x > 4 in 1/x².
_ERFC_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594,
     6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
     1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3,
     3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_ERFC_OUTER = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip


def _scaled_erfc(x: Array) -> Array:
    """`exp(x²) erfc(x)` for x >= 0.47, with all digits (Cody 1969)."""
    inner = jnp.clip(x, 0.4, 4)
    middle = polynomial(inner, _ERFC_MIDDLE[0]) / polynomial(inner, _ERFC_MIDDLE[1])
    outer = jnp.maximum(x, 4)
    z = 1 / (outer * outer)
    rest = z * polynomial(z, _ERFC_OUTER[0]) / polynomial(z, _ERFC_OUTER[1])
    return jnp.where(x <= 4, middle, (1 / math.sqrt(math.pi) - rest) / outer)


def _gaussian(x: Array) -> Array:
    """`exp(-x²)` with an exact square, in two parts (Cody 1969).

    A rounded square would cost x² ulp.
    """
    # Beyond 30, the result is 0 in any dtype.
    x = jnp.clip(x, -30, 30)
    high = leading_half(x)
    bell = jnp.exp(-high * high)
    # XLA would merge the product of two exponentials into one, of a rounded sum.
    return bell * (1 + expm1(-(x - high) * (x + high)))


def _erf(x: Array, dx: Array, ans: Array) -> Array:
    """`2/√π exp(-x²) ∫ exp(-2xs - s²) ds` over 0 … Δx, where the exponent is small.

    Elsewhere nothing cancels in a subtraction; in the tails, erfc is subtracted.
    """
    near = abs(dx) * (2 * abs(x) + abs(dx)) < 0.5
    d = jnp.where(near, dx, 0)
    inside = jnp.where(near, x, 0)
    integral = quadrature_mean_unrolled(
        lambda s: jnp.exp(-s * (2 * inside + s)), d, 9 if is_double(x) else 5
    )
    by_mean = _ERF_SLOPE * _gaussian(inside) * d * integral

    there, e = two_sum(x, dx)
    side = jnp.where(x + there < 0, -1, 1).astype(x.dtype)
    a, b, e = side * x, side * there, side * e
    in_tail = jnp.minimum(a, b) > 0.5
    tails = _gaussian(a) * _scaled_erfc(a) - _gaussian(b) * (
        _scaled_erfc(b) - _ERF_SLOPE * e
    )
    far = jnp.where(in_tail, side * tails, lax.erf(there) - lax.erf(x))
    return jnp.where(near, by_mean, far)


def _erfc(x: Array, dx: Array, ans: Array) -> Array:
    return -_erf(x, dx, ans)


def_elementwise(lax.erf_p, _erf, "2/√π exp(-x²) ∫ exp(-2xs - s²) ds over 0 … Δx")
def_elementwise(lax.erfc_p, _erfc, "-Δ erf x")


def _erf_inv(x: Array, dx: Array, ans: Array) -> Array:
    """`Δx` times the mean of `1 / erf'`; subtraction where `Δx` is large.

    `1 / erf'(y) = √π/2 exp(y²)`. In the tails, `exp(y²)` would amplify the error of `y`
    by 2y². With `p = 1 - |x| = erfc(y)`, it is `(exp(y²) erfc(y)) / p` as well, which
    does not amplify it.
    """
    sign = jnp.where(x < 0, -1, 1).astype(x.dtype)
    p = 1 - abs(x)

    def distance_to_one(s: Array) -> Array:
        """`1 - |x + s|`."""
        return jnp.where(sign * (x + s) > 0, p - sign * s, 1 - abs(x + s))

    p_there = distance_to_one(dx)
    near = abs(dx) < 1.3 * jnp.minimum(p, p_there)
    d = jnp.where(near, dx, 0)

    def reciprocal_slope(s: Array) -> Array:
        rest = distance_to_one(s)
        y = abs(_erf_inv_refined(x + s, rest))
        # _scaled_erfc is not defined near 0, where exp(y²) itself is exact.
        inner = jnp.exp(jnp.where(y < 0.5, y, 0) ** 2)
        outer = _scaled_erfc(y) / jnp.where(rest > 0, rest, 1)
        return jnp.where(y < 0.5, inner, outer) / _ERF_SLOPE

    by_mean = d * quadrature_mean(reciprocal_slope, d, 14 if is_double(x) else 8)
    return jnp.where(
        near, by_mean, _erf_inv_refined(x + dx, p_there) - _erf_inv_refined(x, p)
    )


def _erf_inv_refined(x: Array, p: Array) -> Array:
    """`erf_inv(x)` with `p = 1 - |x|`: a Newton step from XLA's, with 17 ulp error."""
    y = lax.erf_inv(x)
    size = abs(y)
    tail = (size > 0.5) & jnp.isfinite(y) & (p > 0)
    inner = jnp.where(tail, size, 1)
    bell = _gaussian(inner)
    step = (bell * _scaled_erfc(inner) - p) / (_ERF_SLOPE * bell)
    return jnp.where(tail, jnp.sign(y) * (inner + step), y)


def_elementwise(lax.erf_inv_p, _erf_inv, "Δx times the mean of √π/2 exp(erf_inv²)")


# --- Modified Bessel functions, exponentially scaled ---


def _bessel_difference(order: int, a: Array, d: Array) -> Array:
    """The difference of `exp(-x) Iₙ(x)` from a >= 0 to a + d >= 0.

    The function is `1/π ∫ exp(-x (1 - cos θ)) cos nθ dθ` over 0 … π. The trapezoidal
    rule converges exponentially for periodic functions, and the difference of each of
    its terms is exact. Where x is large, the integrand is a narrow bell around 0, so
    the nodes lie under the bell (Trefethen & Weideman 2014, "The exponentially
    convergent trapezoidal rule", SIAM Review 56, 385-458).
    """
    # Beyond the last node, the bell is below exp(-reach) of its height.
    count, reach = (22, 40.0) if is_double(a) else (12, 20.0)
    # The sum does not depend on the positions of the nodes, so its slope does not.
    smaller = lax.stop_gradient(jnp.maximum(jnp.minimum(a, a + d), reach / 2))
    step = 2 * jnp.asin(jnp.sqrt(reach / 2 / smaller)) / count
    total = jnp.zeros_like(a)
    for k in range(1, count + 1):
        half = jnp.sin(k * step / 2)
        u = 2 * half * half
        # The last node is the interval's end, or lies where the integrand is 0.
        weight = 0.5 if k == count else 1.0
        wave = 1.0 if order == 0 else 1 - u
        total = total + weight * wave * jnp.exp(-a * u) * expm1(-d * u)
    return total * step / math.pi


def _i0e(x: Array, dx: Array, ans: Array) -> Array:
    """The function is even: the difference from |x| to |x + dx|."""
    same = jnp.sign(x) * jnp.sign(x + dx) >= 0
    sign = jnp.where(x == 0, jnp.sign(dx), jnp.sign(x))
    d = jnp.where(same, sign * dx, -sign * dx - 2 * abs(x))
    return _bessel_difference(0, abs(x), d)


def _i1e(x: Array, dx: Array, ans: Array) -> Array:
    """The function is odd. Where the sign changes, nothing cancels."""
    same = jnp.sign(x) * jnp.sign(x + dx) > 0
    sign = jnp.sign(x)
    change = sign * _bessel_difference(1, abs(x), jnp.where(same, sign * dx, 0))
    return jnp.where(same, change, lax.bessel_i1e(x + dx) - ans)


_BESSEL = "1/π ∫ Δ exp(-x (1 - cos θ)) cos nθ dθ over 0 … π"
def_elementwise(lax.bessel_i0e_p, _i0e, _BESSEL)
def_elementwise(lax.bessel_i1e_p, _i1e, _BESSEL)


# --- The gamma function and its derivatives ---


def _node_count(x: Array) -> int:
    """The number of nodes for a `Δx` up to the distance to the nearest pole."""
    return 12 if is_double(x) else 7


def _lgamma(x: Array, dx: Array, ans: Array) -> Array:
    """`Δx mean(ψ)`; near the pole at 0, from `log Γ(x) = log Γ(1 + x) - log x`.

    Left of 0, `log |Γ(x)| = log π - log |sin πx| - log Γ(1 - x)`.
    """
    way = _GammaWay.of(x, dx)
    a, d = way.start, way.change
    low = jnp.minimum(a, a + d) < 1
    start = jnp.where(low, a + 1, a)
    log_change = jnp.where(low, log_ratio(d / a, (a + d) / a), 0)
    by_mean = d * quadrature_mean(lambda s: _psi(start, s), d, _node_count(x))
    by_mean = by_mean - log_change
    reflected = -by_mean - way.log_sine_change()
    by_mean = jnp.where(way.reflected, reflected, by_mean)
    return jnp.where(way.near, by_mean, lax.lgamma(x + dx) - ans)


# Maddock (2006), digamma in Boost.Math (BSL-1.0): ψ(x) / (x - root) on [1, 2].
_PSI_ROOT = 1.4616321449683623
_PSI_ROOT_REST = 9.549995429965697e-17
_PSI_LEVEL = 0.99558162689208984
_PSI = (
    (-0.0020713321167745952, -0.045251321448739056, -0.28919126444774784,
     -0.65031853770896507, -0.32555031186804491, 0.25479851061131551),
    (-0.55789841321675513e-6, 0.0021284987017821144, 0.054151797245674225,
     0.43593529692665969, 1.4606242909763515, 2.0767117023730469, 1.0),
)  # fmt: skip


def _psi(x: Array, s: Array) -> Array:
    """`ψ(x + s)`; on [1, 3] with all digits, also near its root.

    On [2, 3], it is `ψ(t) = ψ(t - 1) + 1/(t - 1)`.
    """
    t = x + s
    inside, second = (t >= 1) & (t <= 3), (t > 2) & (t <= 3)
    below = jnp.where(second, t - 1, 2)
    x = jnp.where(second, x - 1, x)
    z = jnp.where(inside, jnp.where(second, below, t), 1) - 1
    root = float(np.asarray(_PSI_ROOT, x.dtype))
    rest = _PSI_ROOT_REST + (_PSI_ROOT - root)
    slope = _PSI_LEVEL + polynomial(z, _PSI[0]) / polynomial(z, _PSI[1])
    near = ((x - root) + (s - rest)) * slope + jnp.where(second, 1 / below, 0)
    return jnp.where(inside, near, lax.digamma(t))


def _trigamma(x: Array) -> Array:
    return lax.zeta(jnp.full_like(x, 2), x)


def _digamma(x: Array, dx: Array, ans: Array) -> Array:
    """`Δx mean(ψ')` from `ψ(x) = ψ(1 + x) - 1/x`; ψ(1 + x) has no pole near 0.

    Left of 0, `ψ(x) = ψ(1 - x) - π cot πx`.
    """
    way = _GammaWay.of(x, dx)
    a, d = way.start, way.change
    by_mean = d * quadrature_mean(lambda s: _trigamma(1 + a + s), d, _node_count(x))
    by_mean = by_mean + d / a / (a + d)
    reflected = by_mean - math.pi * way.cotangent_change()
    by_mean = jnp.where(way.reflected, reflected, by_mean)
    return jnp.where(way.near, by_mean, lax.digamma(x + dx) - ans)


class _GammaWay(NamedTuple):
    """The way from x to x + Δx, or its mirror image, on which Γ has no pole.

    Attributes:
        start: `x`, or `1 - x` if the way is reflected; above 0.
        change: `Δx`, or `-Δx`.
        reflected: Whether the way touches negative numbers.
        near: Whether the mean of a slope has all digits; elsewhere subtraction.
        of_here: `sin πx`, `cos πx`,
        of_there: `sin π(x + Δx)`, but for one sign of all three,
        of_change: and `sin πΔx`, `1 - cos πΔx`.
    """

    start: Array
    change: Array
    reflected: Array
    near: Array
    of_here: tuple[Array, Array]
    of_there: Array
    of_change: tuple[Array, Array]

    @classmethod
    def of(cls, x: Array, dx: Array) -> "_GammaWay":
        """The sine of πx is that of x's distance to the next pole, which is exact."""
        distance = x - jnp.round(x)
        s, e = two_sum(distance, dx)
        periods, turns = jnp.round(s), jnp.round(dx)
        half = jnp.sin(math.pi / 2 * (dx - 2 * jnp.round(dx / 2)))
        here = jnp.sin(math.pi * distance)
        there = _sign(periods) * jnp.sin(math.pi * ((s - periods) + e))
        change = _sign(turns) * jnp.sin(math.pi * (dx - turns))

        reflected = jnp.minimum(x, x + dx) <= 0
        start = jnp.where(reflected, 1 - x, x)
        d = jnp.where(reflected, -dx, dx)
        near = (start > 0) & (start + d > 0) & (abs(d) <= jnp.maximum(1, start / 3))
        near = near & ~(reflected & ((here == 0) | (there == 0)))
        used = near & reflected
        here, there = (jnp.where(used, sine, 1) for sine in (here, there))
        return cls(
            jnp.where(near, start, 1),
            jnp.where(near, d, 0),
            reflected,
            near,
            (here, jnp.sin(math.pi * (0.5 - abs(distance)))),
            there,
            (change, 2 * half * half),
        )

    def cotangent_change(self) -> Array:
        """`cot πb - cot πa = -sin π(b - a) / (sin πa sin πb)`."""
        return -(self.of_change[0] / self.of_here[0]) / self.of_there

    def log_sine_change(self) -> Array:
        """`log |sin πb / sin πa|`, the quotient `1 + cot πa sin πΔx - (1 - cos πΔx)`.

        Beyond a pole, the quotient is negative.
        """
        sine, cosine = self.of_here
        z = cosine / sine * self.of_change[0] - self.of_change[1]
        return log_ratio(z, abs(self.of_there / sine))


def _sign(n: Array) -> Array:
    """`(-1)ⁿ` of a whole number."""
    return 1 - 2 * abs(jnp.remainder(n, 2))


def_elementwise(
    lax.lgamma_p, _lgamma, "Δx times the mean of ψ(1 + x), less log1p(Δx/x)"
)
def_elementwise(
    lax.digamma_p, _digamma, "Δx times the mean of ψ'(1 + x), and Δx/(x(x + Δx))"
)


# --- Hurwitz's zeta function and the polygamma functions ---


def _zeta(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """A change of `q` by `ζ(s, q) = q^-s + ζ(s, q + 1)` and `dζ/dq = -s ζ(s + 1, q)`.

    A change of `s` is computed by plain subtraction: JAX has no function for the
    derivative.
    """
    (s, q), (ds, dq) = values, deltas
    if ds is not UNCHANGED:
        return lax.zeta(s + ds, q + materialize(q, dq)) - ans
    return _zeta_in_q(s, q, dq, ans)


def _zeta_in_q(s: Array, q: Array, dq: Array, ans: Array) -> Array:
    near = (q > 0) & (q + dq > 0) & (abs(dq) <= 1)
    a, d = jnp.where(near, q, 1), jnp.where(near, dq, 0)
    first = jnp.power(a, -s) * expm1(-s * log_ratio(d / a, (a + d) / a))
    rest = quadrature_mean(
        lambda t: lax.zeta(*jnp.broadcast_arrays(s + 1, 1 + a + t)), d, _node_count(q)
    )
    return jnp.where(near, first - s * d * rest, lax.zeta(s, q + dq) - ans)


def _polygamma(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """A change of `x` by `ψₙ(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)`; of `n` by subtraction."""
    (n, x), (dn, dx) = values, deltas
    if dn is not UNCHANGED:
        return lax.polygamma(n + dn, x + materialize(x, dx)) - ans
    sign = jnp.where(n % 2 == 1, 1, -1).astype(x.dtype)
    factorial = jnp.exp(lax.lgamma(n + 1))
    whole = (n < 10) & (n == jnp.round(n))
    factor = sign * jnp.where(whole, jnp.round(factorial), factorial)
    at_zero = _digamma(x, dx, ans)
    order = jnp.where(n == 0, 1, n)
    zeta = lax.zeta(order + 1, x)
    return jnp.where(n == 0, at_zero, factor * _zeta_in_q(order + 1, x, dx, zeta))


def_binary(lax.zeta_p, _zeta, "Δ(q^-s) - s Δq times the mean of ζ(s + 1, q + 1)")
def_binary(lax.polygamma_p, _polygamma, "(-1)ⁿ⁺¹ n! Δζ(n + 1, x)")


# --- Incomplete gamma and beta functions ---


def _igamma(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """A change of x by the mean density; a change of a by the mean of igamma_grad_a."""
    (a, x), (da, dx) = jnp.broadcast_arrays(*values), deltas
    total = jnp.zeros_like(a)
    there = x
    if dx is not UNCHANGED:
        there = x + dx
        smaller = jnp.minimum(x, there)
        steepness = abs(a - 1) / jnp.where(smaller > 0, smaller, 1) + 1
        near = (abs(dx) < 2 * smaller) & (abs(dx) * steepness < 5)
        d = jnp.where(near, dx, 0)
        at = jnp.where(near, x, 1)
        by_mean = d * quadrature_mean(
            lambda s: _gamma_density(a, at, s), d, 16 if is_double(x) else 9
        )
        lower = lax.igamma(a, there) - lax.igamma(a, x)
        upper = lax.igammac(a, x) - lax.igammac(a, there)
        total = jnp.where(near, by_mean, jnp.where(x > a, upper, lower))
    if da is not UNCHANGED:
        near = abs(da) <= jnp.minimum(a, a + da)
        d = jnp.where(near, da, 0)
        by_mean = d * quadrature_mean(
            lambda s: lax.igamma_grad_a(*jnp.broadcast_arrays(a + s, there)),
            d,
            _node_count(x),
        )
        plain = lax.igamma(a + da, there) - lax.igamma(a, there)
        total = total + jnp.where(near, by_mean, plain)
    return total


def _gamma_density(a: Array, x: Array, s: Array) -> Array:
    """The gamma distribution's density `t^(a-1) exp(-t) / Γ(a)` at `t = x + s`.

    For large `a`, the factors are huge and their logarithms cancel. Stirling's series
    of Γ gives, with `u = (t - a)/a`,

        √(a/2π)/t exp(-a (u - log1p u) - 1/(12a) + 1/(360a³) - …)
    """
    t = x + s
    large = a > 10
    big, small = jnp.where(large, a, 20), jnp.where(large, 1, a)
    u = ((x - big) + s) / big
    terms = (1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
    stirling = polynomial(1 / (big * big), terms) / big
    # phi = u - log1p(u) = ∫ r/(1 + r) dr over 0 … u cancels nothing where u is small.
    close = abs(u) < 0.5
    v = jnp.where(close, u, 0)
    phi = jnp.where(
        close,
        v * quadrature_mean_unrolled(lambda r: r / (1 + r), v, _node_count(x)),
        u - log_ratio(u, t / big),
    )
    far = jnp.sqrt(big / (2 * math.pi)) / t * jnp.exp(-big * phi - stirling)
    power = jnp.power(t, small - 1) * jnp.exp(-t) / jnp.exp(lax.lgamma(small))
    return jnp.where(large, far, power)


def _igammac(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    return -_igamma(ans, values, deltas)


def_binary(lax.igamma_p, _igamma, "Δx times the mean of x^(a-1) exp(-x) / Γ(a)")
def_binary(lax.igammac_p, _igammac, "-Δ igamma")


def _igamma_grad_a(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """Plain subtraction: JAX has no functions for its derivatives."""
    return lax.igamma_grad_a(*_values_after(values, deltas)) - ans


def _values_after(values: list[Array], deltas: list[Delta]) -> list[Array]:
    return [v + materialize(v, c) for v, c in zip(values, deltas, strict=True)]


def _betainc(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """A change of x by the mean density of the beta distribution; of a, b subtraction.

    JAX has no functions for the derivatives with respect to a and b.
    """
    (a, b, x), (da, db, dx) = jnp.broadcast_arrays(*values), deltas
    if da is not UNCHANGED or db is not UNCHANGED:
        return lax.betainc(*_values_after(values, deltas)) - ans
    there = x + dx
    room = jnp.minimum(jnp.minimum(x, there), 1 - jnp.maximum(x, there))
    near = abs(dx) < 1.3 * room
    d, at = jnp.where(near, dx, 0), jnp.where(near, x, 0.5)
    whole = jnp.exp(lax.lgamma(a) + lax.lgamma(b) - lax.lgamma(a + b))
    rest = 1 - at

    def density(s: Array) -> Array:
        return jnp.power(at + s, a - 1) * jnp.power(rest - s, b - 1)

    by_mean = d * quadrature_mean(density, d, _node_count(x)) / whole
    return jnp.where(near, by_mean, lax.betainc(a, b, there) - ans)


def_binary(lax.igamma_grad_a_p, _igamma_grad_a, "plain subtraction")
def_binary(
    lax.regularized_incomplete_beta_p,
    _betainc,
    "Δx times the mean of x^(a-1) (1-x)^(b-1) / B(a, b)",
)
