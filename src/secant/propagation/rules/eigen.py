"""Eigenvalues and singular values, with their vectors.

The decomposition at x is exact but for its rounding, so `A = V Λ V*`. In the basis of
its vectors, `A + ΔA` is `Λ + B` with `B = V* ΔA V`, which is as small as `ΔA`. The
decomposition of `Λ + B` is a rotation that is close to the identity:

    (Λ + B) (I + X) = (I + X) (Λ + D)        ΔV = V X        ΔΛ = D

The rules find `X` and `D` themselves, not as what is left of `I + X` and `Λ + D`. So
they have all digits for every size of `ΔA`, relative to the condition of the vectors:
the rounding error of `A` over the distance to the next eigenvalue.
"""

import math
from functools import cache, partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.propagation.builders import def_rule
from secant.propagation.delta import Array, Delta, two_sum, value_after
from secant.propagation.registry import MissingRule

_matmul = partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def _adjoint(a: Array) -> Array:
    return jnp.swapaxes(a, -1, -2).conj()


def _diagonal(a: Array) -> Array:
    return jnp.diagonal(a, axis1=-2, axis2=-1)


# --- Jacobi's method, carried out on the differences ---


@cache
def _partners(n: int) -> np.ndarray:
    """Who meets whom in the rounds of a tournament of n; itself if it sits out.

    In each sweep, every pair of rows meets once. The pairs of a round share no row, so
    their rotations are one operation.
    """
    players = n + n % 2
    circle, rounds = list(range(players)), []
    for _ in range(players - 1):
        partner = np.arange(players)
        partner[circle] = circle[::-1]
        rounds.append(np.where(partner < n, partner, np.arange(players))[:n])
        circle = [circle[0], circle[-1], *circle[1:-1]]
    return np.array(rounds, np.int32)


_MOST_SWEEPS = 16
"""Jacobi's method converges quadratically: 3 sweeps for a small B, 6 to 10 for any."""


def _diagonalize(w: Array, b: Array) -> tuple[Array, Array]:
    """The `X` and `D` of `Λ + B`, by rotations of two rows and columns at a time.

    A rotation by at most π/4 makes the entry `b` of a pair (i, r) zero. With the
    distance `g` of their diagonal entries, which is a difference of eigenvalues and not
    of their sums with D,

        y = tan = -2 b* / (g ± √(g² + 4|b|²))        Δd_i = Re(b y)
        column i becomes c (column i + y column r)    c = 1/√(1 + |y|²)

    `c - 1 = -|y|² c² / (1 + c)` does not cancel, and B is always without the diagonal,
    so every quantity is relative to B. If two eigenvalues are equal, g is 0 and the
    rotation is large: their vectors at x say nothing about those at x + dx. If they
    stay equal, their entries of B become rounding errors. By these nothing is rotated,
    or the columns would never settle.

    Jacobi (1846); Golub & Van Loan (2013), Matrix Computations, 8.5.

    Args:
        w: The diagonal of Λ, real, (..., n).
        b: A Hermitian matrix, (..., n, n).

    Returns:
        X, and the diagonal of D in the order of w.
    """
    n, eps = w.shape[-1], float(jnp.finfo(w.dtype).eps)
    index = jnp.arange(n, dtype=jnp.int32)
    same = jnp.eye(n, dtype=bool)
    noise = eps * lax.stop_gradient(abs(b).max((-2, -1)))[..., None]
    d = _diagonal(b).real
    b = jnp.where(same, 0, b)
    x = jnp.zeros_like(b)

    def rotate(state: Any, r: Array) -> tuple[Any, Array]:
        x, d, b = state
        pairs = index[:, None] == r
        entry = jnp.where(pairs, jnp.swapaxes(b, -1, -2), 0).sum(-2)
        # B is Hermitian but for rounding errors. Both columns take the same one of two
        # entries, or the rotation would not be unitary.
        entry = jnp.where(index < r, entry, jnp.take(entry, r, -1).conj())
        g = (jnp.take(w, r, -1) - w) + (jnp.take(d, r, -1) - d)
        none = entry == 0
        safe = jnp.where(none, 1, entry)
        none = none | ((abs(safe) <= noise) & (abs(g) <= 64 * noise))
        # Scaled, since the squares may underflow.
        twice, size = 2 * abs(safe), abs(g)
        scale = jnp.maximum(twice, size)
        root = scale * jnp.sqrt((size / scale) ** 2 + (twice / scale) ** 2)
        up = jnp.where(g == 0, index < r, g > 0)
        y = jnp.where(none, 0, -2 * safe.conj() / jnp.where(up, g + root, g - root))
        square = (y * y.conj()).real
        c_square = 1 / (1 + square)
        c = jnp.sqrt(c_square)
        less = -square * c_square / (1 + c)

        def columns(a: Array) -> Array:
            return c[..., None, :] * (a + y[..., None, :] * jnp.take(a, r, -1))

        turn = jnp.where(same, less[..., None, :], 0)
        turn = turn + jnp.where(pairs, (c * y)[..., None, :], 0)
        x = columns(x) + turn
        b = _adjoint(columns(_adjoint(columns(b))))
        b = jnp.where((pairs & ~none[..., None, :]) | same, 0, b)
        return (x, d + (entry * y).real, b), square

    def sweep(state: Any, _: None) -> tuple[Any, None]:
        def go_on(state: Any) -> Any:
            (x, d, b), squares = lax.scan(rotate, state[:3], jnp.asarray(_partners(n)))
            moved, turned = jnp.sqrt(squares.max(0)), abs(x).max(-2)
            settled = moved <= eps * turned / 8
            return x, d, b, settled.all()

        return lax.cond(state[3], lambda state: state, go_on, state), None

    start = (x, d, b, jnp.zeros((), bool))
    (x, d, _, _), _ = lax.scan(sweep, start, None, length=_MOST_SWEEPS)
    return x, d


def _sorted_rotation(w: Array, b: Array) -> tuple[Array, Array]:
    """`X` and the change of the eigenvalues, for ascending eigenvalues at x + dx.

    The order is that of exact sums; equal ones stay as they are.
    """
    x, d = _diagonalize(w, b)
    n = w.shape[-1]
    index = jnp.broadcast_to(jnp.arange(n), w.shape)
    *_, order = lax.sort((*two_sum(w, d), index), num_keys=2)
    moved = (order[..., None, :] == jnp.arange(n)[:, None]).astype(x.dtype)
    x = jnp.take_along_axis(x, order[..., None, :], -1)
    x = x + (moved - jnp.eye(n, dtype=x.dtype))
    there, change = (jnp.take_along_axis(a, order, -1) for a in (w, d))
    return x, (there - w) + change


def _phase(z: Array) -> Array:
    """`u - 1` of the phase u for which `u z` is positive."""
    size = abs(jnp.where(z == 0, 1, z))
    right = z.real > 0
    # |z| - Re z, where it would cancel.
    rest = z.imag**2 / jnp.where(right, size + z.real, 1)
    less = lax.complex(jnp.where(right, -rest, z.real - size), -z.imag) / size
    return jnp.where(z == 0, 0, less)


def _turned(v: Array, dv: Array, phase: Array) -> Array:
    """`u (v + dv) - v` for phases `u - 1` of columns."""
    u = phase[..., None, :]
    return dv + u * (v + dv)


def _flips(v: Array, there: Array) -> Array:
    """`u - 1` = -2 where columns point away from those that the library computes."""
    return jnp.where((v * there).sum(-2) < 0, -2, 0).astype(v.dtype)


# --- Hermitian matrices ---


def _eigh(
    ans: list[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    lower: bool,
    subset_by_index: tuple[int, int] | None,
    **params: Any,
) -> list[Array]:
    """Real vectors have the sign that they are computed with at x + dx.

    Complex ones have the phase that is next to that at x, as in JAX's derivative.
    """
    (a,), (da,) = values, deltas
    n = a.shape[-1]
    if n == 0:
        return [jnp.zeros_like(part) for part in ans]
    bind = partial(lax.linalg.eigh_p.bind, lower=lower, **params)
    whole = subset_by_index in (None, (0, n))
    v, w = ans if whole else bind(a, subset_by_index=None)
    read = jnp.tril(da, -1) if lower else jnp.triu(da, 1)
    diagonal = jnp.where(jnp.eye(n, dtype=bool), da.real, 0)
    b = _matmul(_adjoint(v), _matmul(read + _adjoint(read) + diagonal, v))
    x, dw = _sorted_rotation(w, (b + _adjoint(b)) / 2)
    dv = _matmul(v, x)
    if jnp.iscomplexobj(v):
        phase = _phase(1 + _diagonal(x))
    else:
        there, _ = bind(value_after(a, da), subset_by_index=None)
        phase = _flips(v + dv, there)
    dv = _turned(v, dv, phase)
    first, last = subset_by_index or (0, n)
    return [dv[..., first:last], dw[..., first:last]]


# --- Singular values ---


def _svd(
    ans: list[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    full_matrices: bool,
    compute_uv: bool,
    subset_by_index: tuple[int, int] | None,
    **params: Any,
) -> list[Array]:
    """By the eigenvectors of a Hermitian matrix, after Jordan (1874) and Wielandt.

        [ 0   A ] [ u ]         [ u ]          [ 0   A ] [  u ]          [  u ]
        [ A*  0 ] [ v ]  =  σ   [ v ]          [ A*  0 ] [ -v ]  =  -σ   [ -v ]

    and, for a tall matrix, (u, 0) with eigenvalue 0 for what is orthogonal to U. Of
    that, the part suffices to which ΔA leads. Signs and phases are as for eigh; the
    phase is that of V.
    """
    (a,), (da,) = values, deltas
    m, n = a.shape[-2:]
    k = min(m, n)
    if compute_uv and full_matrices and m != n:
        raise MissingRule(
            f"of matrices of shape {m, n} with full_matrices=True, of whose vectors "
            "some are arbitrary (there is one for full_matrices=False)"
        )
    if k == 0:
        return [jnp.zeros_like(part) for part in ans]
    bind = partial(
        lax.linalg.svd_p.bind,
        full_matrices=False,
        compute_uv=True,
        subset_by_index=None,
        **params,
    )
    whole = subset_by_index in (None, (0, k))
    s, u, vh = ans if compute_uv and whole else bind(a)
    v = _adjoint(vh)
    if m < n:
        u, v, da = v, u, _adjoint(da)
    to_u = _matmul(da, v)
    rest = to_u - _matmul(u, _matmul(_adjoint(u), to_u))
    beside = jnp.linalg.qr(jnp.concatenate([u, rest], -1))[0][..., k:]
    p, q = _matmul(_adjoint(u), to_u), _matmul(_adjoint(beside), to_u)
    q = q / math.sqrt(2)
    even, odd = (p + _adjoint(p)) / 2, (p - _adjoint(p)) / 2
    empty = jnp.zeros((*q.shape[:-1], q.shape[-2]), q.dtype)
    b = jnp.concatenate(
        [
            jnp.concatenate([even, -odd, _adjoint(q)], -1),
            jnp.concatenate([odd, -even, -_adjoint(q)], -1),
            jnp.concatenate([q, -q, empty], -1),
        ],
        -2,
    )
    # Ascending, the largest singular value comes first with a minus.
    w = jnp.concatenate([-s, s, jnp.zeros((*s.shape[:-1], q.shape[-2]), s.dtype)], -1)
    x, dw = _sorted_rotation(w, -b)
    of_plus, of_minus, of_rest = (
        x[..., :k, :k], x[..., k : 2 * k, :k], x[..., 2 * k :, :k]
    )  # fmt: skip
    du = _matmul(u, of_plus + of_minus) + math.sqrt(2) * _matmul(beside, of_rest)
    dv = _matmul(v, of_plus - of_minus)
    first, last = subset_by_index or (0, k)
    ds = -dw[..., first:last]
    if not compute_uv:
        return [ds]
    if jnp.iscomplexobj(a):
        of_v = of_plus - of_minus if m >= n else of_plus + of_minus
        phase = _phase(1 + _diagonal(of_v))
    else:
        _, there, _ = bind(value_after(*values, *deltas))
        phase = _flips(u + du if m >= n else v + dv, there)
    du, dv = _turned(u, du, phase), _turned(v, dv, phase)
    if m < n:
        du, dv = dv, du
    return [ds, du[..., first:last], _adjoint(dv[..., first:last])]


def_rule(lax.linalg.eigh_p, _eigh, "(Λ + V* ΔA V) (I + X) = (I + X) (Λ + ΔΛ), ΔV = V X")
def_rule(lax.linalg.svd_p, _svd, "as eigh of [0 A; A* 0]")


# --- Matrices of any kind ---


def _eig(
    ans: list[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    compute_left_eigenvectors: bool,
    compute_right_eigenvectors: bool,
    **params: Any,
) -> list[Array]:
    """Left vectors are those of A*, with the conjugate eigenvalues."""
    (a,), (da,) = values, deltas
    if a.shape[-1] == 0:
        return [jnp.zeros_like(part) for part in ans]
    bind = partial(
        lax.linalg.eig_p.bind,
        compute_left_eigenvectors=compute_left_eigenvectors,
        compute_right_eigenvectors=True,
        **params,
    )
    w, *left, v = ans if compute_right_eigenvectors else bind(a)
    w_there, *left_there, v_there = bind(value_after(a, da))
    dw, dv = _eigenvectors(w, v, da, w_there, v_there)
    result = [dw]
    if compute_left_eigenvectors:
        of_left = left[0], _adjoint(da), w_there.conj(), left_there[0]
        result.append(_eigenvectors(w.conj(), *of_left)[1])
    return [*result, dv] if compute_right_eigenvectors else result


def _eigenvectors(
    w: Array, v: Array, da: Array, w_there: Array, v_there: Array
) -> tuple[Array, Array]:
    """The changes of eigenvalues and vectors, of length 1 and a real largest entry.

    With `B = V⁻¹ ΔA V`, each column of X is a fixed point of its own,

        x_ij = (B (I + X))_ij / (λ_j + d_j - λ_i)        d_j = (B (I + X))_jj

    which converges if B is small against the distance `gap` to the next eigenvalue.
    Otherwise the vectors change about as much as they are uncertain in ulp over gap,
    and subtraction loses no more than that. Where it would lose more than half of the
    digits, the eigenvalues at x are equal to the last digit: then the result is NaN.
    """
    n, kind = w.shape[-1], jnp.finfo(w.dtype)
    same = jnp.eye(n, dtype=bool)
    b = jnp.linalg.solve(v, _matmul(da.astype(v.dtype), v))
    apart = w[..., None, :] - w[..., :, None]
    gap = jnp.where(same, jnp.inf, abs(apart)).min(-2)
    size = jnp.sqrt((abs(b) ** 2).sum((-2, -1)))[..., None]
    near = (8 * size < gap) | (size == 0)
    columns = near[..., None, :]
    b_near = jnp.where(columns, b, 0)
    apart = jnp.where(columns & (apart != 0), apart, 1)

    def step(state: tuple[Array, Array], _: None) -> tuple[Any, None]:
        x, _ = state
        product = b_near + jnp.where(columns, _matmul(b, x), 0)
        d = _diagonal(product)
        return (jnp.where(same, 0, product / (apart + d[..., None, :])), d), None

    start = jnp.zeros_like(b), jnp.zeros_like(w)
    (x, d), _ = lax.scan(step, start, None, length=28 if kind.bits == 64 else 13)

    # The order in which the library computes them at x + dx; equal ones stay.
    distance = abs(w_there[..., None, :] - (w + d)[..., :, None])
    closer = distance.min(-2) < _diagonal(distance)
    order = jnp.where(closer, jnp.argmin(distance, -2), jnp.arange(n))
    w_near = jnp.take_along_axis(w, order, -1) - w
    w_near = w_near + jnp.take_along_axis(d, order, -1)
    v_here = jnp.take_along_axis(v, order[..., None, :], -1)
    dv = jnp.take_along_axis(_matmul(v, x), order[..., None, :], -1)
    near = jnp.take_along_axis(near, order, -1)

    real = ~(v_here.imag.any(-2) | v_there.imag.any(-2))[..., None, :]
    dv = jnp.where(real, dv.real, dv)
    growth = (2 * (v_here.conj() * dv).real + abs(dv) ** 2).sum(-2)
    root = jnp.sqrt(1 + growth)
    shrinking = -growth / ((1 + root) * root)
    dv = dv + shrinking[..., None, :] * (v_here + dv)
    # The largest entry of the library's column is real, and its sign is to be ours.
    largest = jnp.where(v_there.imag == 0, abs(v_there), -1)
    at = jnp.argmax(largest, -2)[..., None, :]
    entry, there = (
        jnp.take_along_axis(a, at, -2)[..., 0, :] for a in (v_here + dv, v_there)
    )
    dv = _turned(v_here, dv, _phase(jnp.where(there.real < 0, -entry, entry)))
    dv = (v_here - v) + dv

    lost = size < math.sqrt(kind.eps) * abs(w).max(-1, keepdims=True)
    w_far = jnp.where(lost, jnp.nan, w_there - w)
    v_far = jnp.where(lost[..., None, :], jnp.nan, v_there - v)
    return jnp.where(near, w_near, w_far), jnp.where(near[..., None, :], dv, v_far)


def_rule(
    lax.linalg.eig_p,
    _eig,
    "as eigh, with V⁻¹ for V*, at length 1; NaN where equal eigenvalues part by little",
)
