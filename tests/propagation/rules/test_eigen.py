"""Eigenvalues, singular values and QR, against mpmath with 50 digits.

Errors are relative to the norm of a difference, in ulp times the condition: the norm of
the matrix over the smallest distance of two eigenvalues.
"""

from functools import cache

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax import lax

from secant.propagation import MissingRule, difference

slow = pytest.mark.slow

SIZES = [1e-12, 1e-6, 1e-3, 0.1, 0.5]
DTYPES = ["float32", "float64", "complex64", "complex128"]
EPS = {d: float(np.finfo(d).eps) for d in DTYPES}


def matrix(seed, dtype, *shape):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    return (a + 1j * rng.normal(size=shape) if "c" in dtype else a).astype(dtype)


def hermitian(seed, dtype, *shape):
    a = matrix(seed, dtype, *shape)
    return (a + a.conj().swapaxes(-1, -2)) / 2


def exact(a):
    return mp.matrix([[mp.mpmathify(entry.item()) for entry in row] for row in a])


def columns(a):
    return [a[:, j] for j in range(a.cols)]


def inner(u, v):
    return mp.fsum(mp.conj(s) * t for s, t in zip(u, v, strict=True))


def aligned(v, to):
    """A vector with the phase of another."""
    z = inner(v, to)
    return v * (z / abs(z)) if z else v


def changed(vectors, there, given, change):
    """Exact vectors at x and at x + dx, with the phases of those that were given.

    Real vectors have either sign at x + dx, complex ones the phase that is next.
    """
    found = mp.matrix(len(given), len(vectors))
    for j, (v, w) in enumerate(zip(vectors, there, strict=True)):
        at_x = exact(given[:, j : j + 1])
        v = aligned(v, at_x)
        real = not np.iscomplexobj(given)
        w = aligned(w, at_x + exact(change[:, j : j + 1]) if real else v)
        for i in range(len(given)):
            found[i, j] = w[i] - v[i]
    return found


def distance(given, want):
    """Relative to the norm."""
    want = [want[i, j] for i in range(want.rows) for j in range(want.cols)]
    pairs = zip(np.ravel(given), want, strict=True)
    off = mp.sqrt(mp.fsum(abs(mp.mpmathify(g.item()) - w) ** 2 for g, w in pairs))
    size = mp.sqrt(mp.fsum(abs(w) ** 2 for w in want))
    return float(off / size) if size else float(off)


def condition(w):
    w = np.asarray(w)
    gaps = abs(w[:, None] - w) + np.diag(np.full(len(w), np.inf))
    return max(abs(w).max() / gaps.min(), 1)


def row(values, there):
    return mp.matrix([[b - a for a, b in zip(values, there, strict=True)]])


@cache
def compiled(f):
    return jax.jit(difference(f))


def carried(f, a, da):
    with jax.enable_x64(a.dtype in ("float64", "complex128")):
        value, change = compiled(f)(a, da)
        return jax.tree.map(np.asarray, (tuple(value), tuple(change)))


def eigh_errors(a, da):
    (v, w), (dv, dw) = carried(lax.linalg.eigh, a, da)
    assert (dv.dtype, dw.dtype) == (v.dtype, w.dtype)
    with mp.workdps(50):
        before, vectors = mp.eighe(exact(a))
        after, there = mp.eighe(exact(a) + exact(da))
        of_v = changed(columns(vectors), columns(there), v, dv)
        return [distance(dw, row(before, after)), distance(dv, of_v)], condition(w)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@slow
def test_eigh_is_exact_at_every_size_of_dx(dtype, size):
    a, change = hermitian(0, dtype, 4, 4), hermitian(1, dtype, 4, 4)
    errors, condition = eigh_errors(a, (change * size).astype(dtype))
    assert max(errors) < 16 * EPS[dtype] * condition


def thin_svd(a):
    return jnp.linalg.svd(a, full_matrices=False)


def svd_errors(a, da):
    (_, s, vh), (du, ds, dvh) = carried(thin_svd, a, da)
    m, n = a.shape
    v, dv = (part.conj().T for part in (vh, dvh))
    with mp.workdps(50):
        parts = []
        for x in (exact(a), exact(a) + exact(da)):
            _, values, right = mp.svd_c(x)
            parts.append((list(values), columns(right.H)))
        (before, vs), (after, vs_there) = parts
        wanted_v = changed(vs, vs_there, v, dv)
        # The phase of U is that of A V / s.
        wanted_u = mp.matrix(m, len(s))
        for j in range(len(s)):
            at_x = aligned(vs[j], exact(v[:, j : j + 1]))
            at_there = at_x + wanted_v[:, j]
            moved = (exact(a) + exact(da)) * at_there / after[j]
            still = exact(a) * at_x / before[j]
            for i in range(m):
                wanted_u[i, j] = moved[i] - still[i]
        errors = [
            distance(ds, row(before, after)),
            distance(du, wanted_u),
            distance(dv, wanted_v),
        ]
    ends = [0.0] if m != n else []
    return errors, max(condition(np.append(s, ends)), s.max() / s.min())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 4)])
@slow
def test_svd_is_exact_at_every_size_of_dx(shape, dtype, size):
    a, change = matrix(2, dtype, *shape), matrix(3, dtype, *shape)
    errors, condition = svd_errors(a, (change * size).astype(dtype))
    assert max(errors) < 16 * EPS[dtype] * condition


def qr_errors(a, da):
    (_, r), (dq, dr) = carried(jnp.linalg.qr, a, da)
    m, n = a.shape
    k = min(m, n)
    ends = []
    with mp.workdps(50):
        for x, signs in ((exact(a), r), (exact(a) + exact(da), r + dr)):
            left, _ = mp.qr(x[:, :k], mode="skinny")
            right = left.H * x
            for j in range(k):
                phase = (
                    right[j, j] / abs(right[j, j]) * float(np.sign(signs[j, j].real))
                )
                left[:, j] *= phase
            ends.append((left, left.H * x))
        (q0, r0), (q1, r1) = ends
        errors = [distance(dq, q1 - q0), distance(dr, r1 - r0)]
    return errors, np.linalg.cond(a[:, :k].astype(np.complex128))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
@slow
def test_qr_is_exact_at_every_size_of_dx(shape, dtype, size):
    a, change = matrix(4, dtype, *shape), matrix(5, dtype, *shape)
    errors, condition = qr_errors(a, (change * size).astype(dtype))
    assert max(errors) < 16 * EPS[dtype] * condition


def eig_errors(a, da):
    (w, vl, vr), (dw, dvl, dvr) = carried(lax.linalg.eig, a, da)
    errors = []
    with mp.workdps(50):
        parts = []
        for x, near in ((exact(a), w), (exact(a) + exact(da), w + dw)):
            values, left, right = mp.eig(x, left=True, right=True)
            order = [
                min(range(len(w)), key=lambda i: abs(values[i] - complex(one)))
                for one in near
            ]
            parts.append(
                (
                    [values[i] for i in order],
                    [left[i, :].H for i in order],
                    [right[:, i] for i in order],
                )
            )
        (before, left, right), (after, left_there, right_there) = parts
        errors.append(distance(dw, row(before, after)))
        for v, dv, here, there in (
            (vl, dvl, left, left_there),
            (vr, dvr, right, right_there),
        ):
            wanted = mp.matrix(*v.shape)
            for j in range(len(w)):
                # A real entry in each column, the largest one.
                ends = []
                for one, given in ((here[j], v), (there[j], v + dv)):
                    at = max(range(len(w)), key=lambda i: abs(one[i]))
                    one = one / mp.norm(one) * (abs(one[at]) / one[at])
                    ends.append(one * float(np.sign(given[at, j].real)))
                wanted[:, j] = ends[1] - ends[0]
            errors.append(distance(dv, wanted))
    v_condition = np.linalg.cond(vr.astype(np.complex128))
    return errors, condition(w) * v_condition


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@slow
def test_eig_is_exact_at_every_size_of_dx(dtype, size):
    a, change = matrix(6, dtype, 4, 4), matrix(7, dtype, 4, 4)
    errors, condition = eig_errors(a, (change * size).astype(dtype))
    # Subtraction starts where the change is an eighth of the smallest distance.
    assert max(errors) < 32 * EPS[dtype] * condition


@pytest.mark.parametrize(
    ("of", "shape", "draw"),
    [
        (eigh_errors, (3, 3), hermitian),
        (svd_errors, (4, 3), matrix),
        (qr_errors, (3, 4), matrix),
        (eig_errors, (2, 2), matrix),
    ],
    ids=["eigh", "svd", "qr", "eig"],
)
def test_a_decomposition_keeps_its_digits_in_float32(of, shape, draw):
    a, change = draw(8, "float32", *shape), draw(9, "float32", *shape)
    for size in (1e-12, 0.3):
        errors, condition = of(a, (change * size).astype("float32"))
        assert max(errors) < 32 * EPS["float32"] * condition


def test_equal_eigenvalues_part_as_those_of_the_change():
    """Subtraction gives 0: 1 + 1e-12 is 1."""
    change = hermitian(10, "float32", 4, 4)
    want = np.linalg.eigvalsh(change.astype(np.float64))
    for a in (np.eye(4), np.zeros((4, 4))):
        for size in np.float32([1e-12, 1e-3]):
            a = a.astype(np.float32)
            (v, _), (dv, dw) = carried(lax.linalg.eigh, a, change * size)
            np.testing.assert_allclose(dw, want * size, rtol=1e-6, atol=1e-6 * size)
            np.testing.assert_allclose((v + dv).T @ (v + dv), np.eye(4), atol=1e-6)


def test_eigenvalues_that_stay_equal_do_not_change():
    one = np.float32([[1, 2, 0, 1]])
    _, (_, dw) = carried(lax.linalg.eigh, np.eye(4, dtype="float32"), one.T @ one / 64)
    np.testing.assert_allclose(dw, [0, 0, 0, 6 / 64], atol=1e-7)


def test_eigenvalues_that_pass_each_other_stay_in_order():
    a, da = np.diag(np.float32([1, 2, 3])), np.diag(np.float32([4, 0, 0]))
    (v, _), (dv, dw) = carried(lax.linalg.eigh, a, da)
    np.testing.assert_array_equal(dw, [1, 1, 2])
    np.testing.assert_array_equal(abs(v + dv), [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_a_triangle_that_is_not_read_does_not_count():
    a, change = hermitian(11, "float32", 3, 3), matrix(12, "float32", 3, 3)
    read = np.tril(change, -1)
    _, (_, whole) = carried(lower_eigh, a, change)
    _, (_, mirrored) = carried(lower_eigh, a, read + read.T + np.diag(np.diag(change)))
    np.testing.assert_array_equal(whole, mirrored)


def lower_eigh(a):
    return lax.linalg.eigh(a, lower=True, symmetrize_input=False)


def test_singular_values_of_a_matrix_without_full_rank():
    a = np.outer([1, 2, 2, 4], [3, 0, 4]).astype(np.float32) / 8
    da = matrix(13, "float32", 4, 3) * np.float32(1e-4)
    there = a.astype(np.float64) + da
    parts = carried(thin_svd, a, da)
    u, s, vh = (np.float64(part) + change for part, change in zip(*parts, strict=True))
    np.testing.assert_allclose(s, np.linalg.svd(there)[1], atol=1e-6)
    np.testing.assert_allclose((u * s) @ vh, there, atol=1e-6)


def test_vectors_that_are_arbitrary_have_no_rule():
    a = matrix(14, "float32", 4, 3)
    with pytest.raises(MissingRule, match="full_matrices=False"):
        difference(jnp.linalg.svd)(a, a)


def test_eigenvalues_of_any_matrix_that_part_from_each_other_are_nan():
    a, da = np.eye(3, dtype="float32"), hermitian(19, "float32", 3, 3) / 2**20
    _, (dw, *_) = carried(lax.linalg.eig, a, da)
    assert np.isnan(dw).all()
    _, changes = carried(lax.linalg.eig, a, 0 * da)
    assert not any(part.any() for part in changes)


@pytest.mark.parametrize("f", [lax.linalg.eigh, thin_svd, jnp.linalg.qr])
@slow
def test_decompositions_batch_differentiate_and_are_carried_twice(f):
    a, da = hermitian(15, "float32", 2, 3, 3), hermitian(16, "float32", 2, 3, 3) / 64
    _, together = compiled(f)(a, da)
    _, each = jax.jit(jax.vmap(difference(f)))(a, da)
    for one, other in zip(together, each, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)

    def first(x):
        return abs(jax.tree.leaves(difference(f)(x, da[0])[1])[-1]).sum()

    gradient = jax.jit(jax.grad(first))(a[0])
    with jax.enable_x64(True):
        x, h = (np.float64(part) for part in (a[0], da[0]))
        slope = float(first(x + 1e-6 * h) - first(x - 1e-6 * h)) / 2e-6
        np.testing.assert_allclose((gradient * h).sum(), slope, rtol=1e-3)
    change = jax.jit(difference(first))(a[0], da[0] * np.float32(1e-6))[1]
    np.testing.assert_allclose(change, slope * 1e-6, rtol=1e-3)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e6])
def test_qr_of_columns_of_zeros_and_of_any_size(size):
    """The factors of zeros are 1 and 0, those of their change are its own."""
    a, change = np.zeros((3, 2), np.float32), matrix(20, "float32", 3, 2)
    (_, r), (_, dr) = carried(jnp.linalg.qr, a, np.float32(size) * change)
    assert not r.any()
    np.testing.assert_allclose(dr / size, np.linalg.qr(change)[1], rtol=2e-6)


@slow
def test_pivoted_and_full_qr_and_matrices_without_full_rank():
    def f(a):
        return jnp.linalg.qr(a, mode="complete")

    def pivoted(a):
        return jax.scipy.linalg.qr(a, pivoting=True)

    for a in (matrix(17, "float32", 4, 3), np.zeros((3, 2), np.float32)):
        da = matrix(18, "float32", *a.shape) / 64
        for of in (f, pivoted):
            (q, r, *p), (dq, dr, *dp) = carried(of, a, da)
            q_there, r_there, *p_there = map(np.asarray, of(a + da))
            np.testing.assert_allclose(q + dq, q_there, atol=2e-6)
            np.testing.assert_allclose(r + dr, r_there, atol=2e-6)
            assert [(i + di).tolist() for i, di in zip(p, dp, strict=True)] == [
                i.tolist() for i in p_there
            ]
