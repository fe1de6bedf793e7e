"""Systems and factorisations: relative error to the norm of Δ, times the condition.

Right is what float64 gives: by plain subtraction where dx is large, else by the first
two terms of Taylor's series, the third being below float32's digits.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax import lax

from secant.propagation import difference

slow = pytest.mark.slow

EPS = np.finfo(np.float32).eps
SIZES = [1e-12, 1e-6, 1e-3, 0.1]


def matrix(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def double(x):
    x = np.asarray(x)
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def exactly(f, x, dx):
    """f(x + dx) - f(x) to more digits than float32 holds."""
    with jax.enable_x64(True):
        x, dx = jnp.asarray(double(x)), jnp.asarray(double(dx))
        if np.abs(dx).max() >= 1e-3:
            return np.asarray(f(x + dx)) - np.asarray(f(x))

        def first(x):
            return jax.jvp(f, (x,), (dx,))[1]

        _, second = jax.jvp(first, (x,), (dx,))
        return np.asarray(first(x)) + np.asarray(second) / 2


def error(f, x, dx, sizes=SIZES):
    """The largest, over changes of these sizes, relative to the norm of each."""
    carry = jax.jit(difference(f))
    errors = []
    for size in sizes:
        change = (dx * size).astype(dx.dtype)
        got = np.asarray(carry(x, change)[1], np.complex128)
        right = exactly(f, x, change)
        errors.append(
            np.linalg.norm(np.ravel(got - right)) / np.linalg.norm(right.ravel())
        )
    return max(errors)


A = matrix(0, 5, 5) + 2 * np.eye(5, dtype=np.float32)
DA = matrix(1, 5, 5)
POSITIVE = (A @ A.T + np.eye(5)).astype(np.float32)
D_POSITIVE = (DA + DA.T).astype(np.float32)
B = matrix(2, 5, 3)


def bound(a):
    return 8 * EPS * max(np.linalg.cond(np.asarray(a, np.float64)), 4)


# --- Systems ---


@pytest.mark.parametrize("left_side", [True, False])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transpose_a", [True, False])
@pytest.mark.parametrize("unit_diagonal", [True, False])
@slow
def test_triangular_systems(left_side, lower, transpose_a, unit_diagonal):
    def f(x):
        b = jnp.asarray(B if left_side else B.T, x.dtype)
        return lax.linalg.triangular_solve(
            x,
            b * x[0, 0],
            left_side=left_side,
            lower=lower,
            transpose_a=transpose_a,
            unit_diagonal=unit_diagonal,
        )

    triangle = np.tril(A) if lower else np.triu(A)
    if unit_diagonal:
        triangle = triangle + np.diag(1 - np.diag(A))
    assert error(f, A, DA) < bound(triangle)


def _subtracted(f, x, dx):
    """f(x + dx) - f(x) by NumPy or SciPy, in float64."""
    return f(double(x) + double(dx)) - f(double(x))


def test_small_triangular_systems_from_both_sides():
    """One program for what the slow tests go through."""
    a, da = (matrix(s, 2, 2) + 1j * matrix(s + 1, 2, 2) for s in (9, 11))
    a = (a + 3 * np.eye(2)).astype(np.complex64)
    da = da.astype(np.complex64) / 64
    b = B[:2, :2].astype(np.complex64)

    @jax.jit
    @difference
    def solve(a):
        left = lax.linalg.triangular_solve(
            a, b, left_side=True, lower=True, transpose_a=True, conjugate_a=True
        )
        return left, lax.linalg.triangular_solve(a, b, unit_diagonal=True)

    def from_left(a):
        return np.linalg.solve(np.tril(a).conj().T, b)

    def from_right(a):
        return b @ np.linalg.inv(np.triu(a, 1) + np.eye(2))

    _, changes = solve(a, da)
    for change, f in zip(changes, (from_left, from_right), strict=True):
        want = _subtracted(f, a, da)
        assert np.linalg.norm(change - want) < 32 * EPS * np.linalg.norm(want)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: jnp.linalg.solve(x, jnp.asarray(B, x.dtype)),
        lambda x: jnp.linalg.solve(x, x[0]),
        jnp.linalg.inv,
        lambda x: jax.scipy.linalg.solve(x, x @ x),
    ],
    ids=["solve", "solve for a vector", "inv", "scipy's solve"],
)
@slow
def test_general_systems(f):
    assert error(f, A, DA) < bound(A)


@slow
def test_positive_systems():
    def f(x):
        return jax.scipy.linalg.solve(x, jnp.asarray(B, x.dtype), assume_a="pos")

    assert error(f, POSITIVE, D_POSITIVE) < bound(POSITIVE)


def test_tridiagonal_systems():
    def f(x):
        return lax.linalg.tridiagonal_solve(x[0], x[1] + 4.0, x[2], x[3:].T)

    def by_dense(v):
        a = jnp.diag(v[1] + 4.0) + jnp.diag(v[0][1:], -1) + jnp.diag(v[2][:-1], 1)
        return jnp.linalg.solve(a, v[3:].T)

    x, dx = matrix(3, 5, 6), matrix(4, 5, 6) * np.float32(1e-6)
    got = jax.jit(difference(f))(x, dx)[1]
    right = exactly(by_dense, x, dx)
    assert np.linalg.norm(got - right) / np.linalg.norm(right) < 32 * EPS


@slow
def test_custom_linear_solve_with_a_matrix_and_a_right_side_that_change():
    def by_matrix(times, b):
        return jnp.linalg.solve(jax.jacobian(times)(b), b)

    def f(x):
        def times(v):
            return x * v + jnp.roll(v, 1) * 0.25

        return lax.custom_linear_solve(
            times, x * 2.0, by_matrix, transpose_solve=by_matrix
        )

    x, dx = np.float32([1.5, 2.0, 3.0]), np.float32([1.0, -2.0, 0.1])
    assert error(f, x, dx) < 32 * EPS
    gradient = jax.grad(lambda x: difference(f)(x, dx)[1].sum())(x)
    assert np.isfinite(gradient).all()


@slow
def test_systems_differentiate_and_batch():
    def f(x):
        return jnp.linalg.solve(x, jnp.asarray(B, x.dtype)).sum()

    h = DA * np.float32(1e-5)
    gradient = jax.grad(lambda x: difference(f)(x, h)[1])(A)
    with jax.enable_x64(True):
        x, dx = jnp.asarray(double(A)), jnp.asarray(double(h))
        right = np.asarray(jax.grad(f)(x + dx)) - np.asarray(jax.grad(f)(x))
    np.testing.assert_allclose(gradient, right, rtol=1e-3, atol=1e-4 * abs(right).max())
    many = jnp.stack([A, A + 1])
    _, each = jax.vmap(difference(f), (0, None))(many, h)
    _, together = difference(jax.vmap(f))(many, jnp.stack([h, h]))
    np.testing.assert_allclose(each, together, rtol=1e-4)


# --- Factorisations ---


def test_small_cholesky_factors_of_many_complex_matrices():
    a = matrix(5, 2, 3, 3) + 1j * matrix(6, 2, 3, 3)
    positive = (a @ a.conj().swapaxes(-1, -2) + np.eye(3)).astype(np.complex64)
    change = (positive[::-1] / 512).astype(np.complex64)
    _, given = jax.jit(difference(jnp.linalg.cholesky))(positive, change)
    want = _subtracted(np.linalg.cholesky, positive, change)
    assert np.linalg.norm(given - want) < 1e-5 * np.linalg.norm(want)


def test_small_lu_factors_of_many_matrices():
    a, da = matrix(7, 2, 3, 3), matrix(8, 2, 3, 3) / 512

    def factors(many):
        return np.stack([scipy.linalg.lu_factor(one)[0] for one in many])

    _, given = jax.jit(difference(lambda x: lax.linalg.lu(x)[0]))(a, da)
    want = _subtracted(factors, a, da)
    assert np.linalg.norm(given - want) < 1e-5 * np.linalg.norm(want)


@pytest.mark.parametrize("symmetrize", [True, False])
@slow
def test_cholesky(symmetrize):
    def f(x):
        return jnp.linalg.cholesky(x, symmetrize_input=symmetrize)

    change = D_POSITIVE * np.float32(1e-3)
    assert error(f, POSITIVE, D_POSITIVE) < bound(POSITIVE)
    upper = jax.jit(difference(lambda x: jnp.linalg.cholesky(x, upper=True)))
    np.testing.assert_allclose(
        upper(POSITIVE, change)[1].T, difference(f)(POSITIVE, change)[1], rtol=1e-4
    )


@slow
def test_cholesky_of_complex_matrices_and_of_many():
    a = matrix(5, 4, 3, 3) + 1j * matrix(6, 4, 3, 3)
    positive = (a @ a.conj().swapaxes(-1, -2) + np.eye(3)).astype(np.complex64)
    change = positive * np.complex64(0.5)
    assert error(jnp.linalg.cholesky, positive, change) < 1e-5


@slow
def test_cholesky_of_what_is_not_positive_at_either_end():
    value, change = difference(jnp.linalg.cholesky)(
        jnp.eye(2), jnp.diag(jnp.array([0.0, -2.0]))
    )
    assert np.isfinite(value).all()
    there = jnp.linalg.cholesky(jnp.diag(jnp.array([1.0, -1.0])))
    np.testing.assert_array_equal(np.isnan(change), np.isnan(there))
    _, change = difference(jnp.linalg.cholesky)(-jnp.eye(2), 3 * jnp.eye(2))
    assert np.isnan(change).any()


@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (4, 6), (3, 4, 4)])
@slow
def test_lu(shape):
    a = matrix(7, *shape)
    assert error(lambda x: lax.linalg.lu(x)[0], a, matrix(8, *shape)) < 1e-5


@slow
def test_lu_whose_pivots_change():
    a = np.float32([[1.0, 2.0], [0.999, 5.0]])
    da = np.float32([[0.0, 0.0], [0.002, 0.0]])
    (_, pivots, order), (change, by, moved) = difference(lax.linalg.lu)(a, da)
    assert (pivots + by).tolist() == [1, 1]
    assert (order + moved).tolist() == [1, 0]
    (p, q), (r, t), d = *double(a), double(da)[1, 0]
    right = np.array([[(r + d) - p, t - q], [p / (r + d) - r / p, 0]])
    right[1, 1] = (q - p / (r + d) * t) - (t - r / p * q)
    np.testing.assert_allclose(change, right, atol=2 * EPS)


@slow
def test_lu_of_singular_matrices():
    a, da = jnp.zeros((3, 3)), jnp.diag(jnp.array([1.0, 2.0, 3.0]))
    _, change = difference(lambda x: lax.linalg.lu(x)[0])(a, da)
    np.testing.assert_allclose(change, da)
    _, change = difference(lambda x: lax.linalg.lu(x)[0])(da, -da)
    np.testing.assert_allclose(change, -da)


@pytest.mark.parametrize("n", [2, 3, 5])
@slow
def test_determinants(n):
    # Partly along a itself, where the terms of the difference do not cancel.
    a = A[:n, :n]
    da = a + DA[:n, :n] / 2
    assert error(jnp.linalg.det, a, da) < 1e-5
    assert error(lambda x: jnp.linalg.slogdet(x)[1], a, da) < 1e-5
    sign = difference(lambda x: jnp.linalg.slogdet(x)[0])
    assert float(sign(a, a)[1]) == 0
    swapped = a[::-1] - a
    assert float(sign(a, swapped)[1]) == (-2 if n in (2, 3) else 0) * float(
        jnp.linalg.slogdet(a)[0]
    )


@slow
def test_norms_and_powers_of_matrices():
    for f in (jnp.linalg.norm, lambda x: jnp.linalg.matrix_power(x, 3), jnp.trace):
        assert error(f, A, DA, [1e-6]) < 1e-6


@slow
def test_factorisations_in_a_difference_of_a_difference():
    h = POSITIVE * np.float32(1e-3)

    def step(x):
        return difference(jnp.linalg.cholesky)(x, h)[1]

    # The factor of (1 + t) P is sqrt(1 + t) L.
    _, second = jax.jit(difference(step))(POSITIVE, h)
    factor = np.linalg.cholesky(double(POSITIVE))
    right = (np.sqrt(1.002) - 2 * np.sqrt(1.001) + 1) * factor
    np.testing.assert_allclose(second, right, rtol=1e-4, atol=1e-11)


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 2, 2)])
def test_empty_matrices_change_by_empty_ones(shape):
    """A determinant of no rows is 1, and stays 1."""

    def f(a):
        b = jnp.zeros((*shape[:-1], 2))
        solution = jnp.linalg.solve(a, b)
        factors = jnp.linalg.cholesky(a), *lax.linalg.lu(a)
        return *factors, solution, jnp.linalg.inv(a), jnp.linalg.det(a)

    value, change = difference(f)(jnp.zeros(shape), jnp.zeros(shape))
    for v, c in zip(value, change, strict=True):
        assert (v.shape, v.dtype) == (c.shape, c.dtype)
        assert not c.any()


def test_what_has_no_rule_says_so():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NotImplementedError, match="schur"):
            difference(lambda x: jax.lax.linalg.schur(x))(A, DA)
