"""Linear systems and factorisations of matrices."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import primitives

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    after,
    explicit,
    is_number,
)
from secant.propagation.jaxpr_tools import Carried, Walk, crossed, groups, plainly, run
from secant.propagation.registry import bind, discrete, program, special

_product = partial(jnp.matmul, precision=lax.Precision.HIGHEST)


# --- Systems: A' Δx = Δb - ΔA x, solved as the system itself is ---


def _triangular(
    ans: Array,
    values: list[Array],
    changes: list[Change],
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> Array:
    """Only the triangle that is read changes anything, and not a diagonal of ones."""
    (a, b), (da, db) = values, changes
    right = explicit(b, db)
    if da is not UNCHANGED:
        inner = int(unit_diagonal)
        read = jnp.tril(da, -inner) if lower else jnp.triu(da, inner)
        read = read.conj() if conjugate_a else read
        read = jnp.swapaxes(read, -1, -2) if transpose_a else read
        right = right - (_product(read, ans) if left_side else _product(ans, read))
    return lax.linalg.triangular_solve(
        after(a, da),
        right,
        left_side=left_side,
        lower=lower,
        transpose_a=transpose_a,
        conjugate_a=conjugate_a,
        unit_diagonal=unit_diagonal,
    )


def _tridiagonal(
    ans: Array, values: list[Array], changes: list[Change], **params: Any
) -> Array:
    """The first number below the diagonal and the last above it are never read."""
    diagonals, b = values[:3], values[3]
    below, on, above = (
        explicit(value, change)[..., None]
        for value, change in zip(diagonals, changes[:3], strict=True)
    )
    moved = on * ans
    moved = moved.at[..., 1:, :].add(below[..., 1:, :] * ans[..., :-1, :])
    moved = moved.at[..., :-1, :].add(above[..., :-1, :] * ans[..., 1:, :])
    there = map(after, diagonals, changes[:3])
    return primitives.tridiagonal_solve_p.bind(
        *there, explicit(b, changes[3]) - moved, **params
    )


def _linear_solve(
    walk: Walk,
    values: list[Array],
    changes: list[Change],
    *,
    const_lengths: Any,
    jaxprs: Any,
) -> Carried:
    """The system of `lax.custom_linear_solve`, its matrix and its solver functions."""
    lengths = [const_lengths.matvec, const_lengths.vecmat]
    lengths += [const_lengths.solve, const_lengths.transpose_solve]
    sizes = [*lengths, len(values) - sum(lengths)]
    matrix, _, _, _, b = groups(sizes, values)
    d_matrix, _, _, _, db = groups(sizes, changes)
    there, _, solver, back, _ = groups(sizes, list(map(after, values, changes)))
    params = {"const_lengths": const_lengths, "jaxprs": jaxprs}
    results = list(bind(primitives.linear_solve_p, values, params))
    x, said = results[: len(b)], results[len(b) :]

    still: list[Change] = [UNCHANGED] * len(x)
    _, moved = run(walk, jaxprs.matvec, [*matrix, *x], [*d_matrix, *still])
    right = [
        explicit(value, change) if by is UNCHANGED else explicit(value, change) - by
        for value, change, by in zip(b, db, moved, strict=True)
    ]

    def solve(_: Any, right: list[Array]) -> list[Array]:
        return plainly(jaxprs.solve, [*solver, *right])[: len(b)]

    def transposed(_: Any, right: list[Array]) -> list[Array]:
        return plainly(jaxprs.transpose_solve, [*back, *right])[: len(b)]

    dx = lax.custom_linear_solve(
        lambda y: plainly(jaxprs.matvec, [*there, *y]),
        right,
        solve,
        None if jaxprs.transpose_solve is None else transposed,
    )
    if not said:
        return results, list(dx)
    # What else the solver says (how well it went) is no part of the solution.
    there = plainly(jaxprs.solve, [*solver, *map(after, b, db)])[len(b) :]
    apart = [
        later - now if is_number(now) else later
        for now, later in zip(said, there, strict=True)
    ]
    return results, [*dx, *apart]


special(lax.linalg.triangular_solve_p, _triangular, "A' Δx = Δb - ΔA x")
special(primitives.tridiagonal_solve_p, _tridiagonal, "A' Δx = Δb - ΔA x")
program(lax.linear_solve_p, _linear_solve, "A' Δx = Δb - ΔA x")


# --- Factorisations: the elimination, done for the changes ---


def _column(a: Array, k: Array) -> Array:
    return lax.dynamic_index_in_dim(a, k, -1, keepdims=False)


def _row(a: Array, k: Array) -> Array:
    return lax.dynamic_index_in_dim(a, k, -2, keepdims=False)


def _outer(a: Array, b: Array) -> Array:
    return a[..., :, None] * b[..., None, :]


def _cholesky(
    ans: Array, values: list[Array], changes: list[Change], **_: Any
) -> Array:
    """Column by column; `s` is what is left of `ΔA`, its pivots those of the factor.

    Δl_kk = s_kk / (l_kk + sqrt(l_kk² + s_kk))
    Δl_ik = (s_ik - l_ik Δl_kk) / (l_kk + Δl_kk)
    s -= Δl_k (l_k + Δl_k)* + l_k Δl_k*
    """
    (change,) = changes
    n = ans.shape[-1]
    factor, rows = jnp.tril(ans), jnp.arange(n)
    below = jnp.tril(change, -1)
    diagonal = jnp.where(jnp.eye(n, dtype=bool), change.real, 0)
    left = below + jnp.swapaxes(below, -1, -2).conj() + diagonal

    def step(left: Array, k: Array) -> tuple[Array, Array]:
        lk, sk = _column(factor, k), _column(left, k)
        pivot, by = _column(lk, k).real, _column(sk, k).real
        # Where x + dx is not positive definite, the root is of a negative number.
        root = pivot * jnp.sqrt(1 + by / (pivot * pivot))
        of_pivot = (by / (pivot + root))[..., None]
        of_rest = (sk - lk * of_pivot) / (pivot[..., None] + of_pivot)
        dlk = jnp.where(rows > k, of_rest, jnp.where(rows == k, of_pivot, 0))
        left = left - _outer(dlk, (lk + dlk).conj()) - _outer(lk, dlk.conj())
        return left, dlk

    _, columns = lax.scan(step, left, jnp.arange(n))
    moved = jnp.moveaxis(columns, 0, -1)
    failed = jnp.isnan(moved).any((-2, -1), keepdims=True)
    return jnp.where(failed, jnp.nan, moved).astype(ans.dtype)


def _lu(
    ans: list[Array], values: list[Array], changes: list[Change], **params: Any
) -> list[Array]:
    """The elimination in the order of `x + dx`; where that is another, across both."""
    (a,), (da,) = values, changes
    factors, _, order = ans
    factors_there, pivots, order_there = lax.linalg.lu_p.bind(after(a, da), **params)
    rows = order_there[..., None]
    other, change = _eliminated(
        jnp.take_along_axis(a, rows, -2), jnp.take_along_axis(da, rows, -2)
    )
    same = (order == order_there).all(-1)[..., None, None]
    between = crossed(factors, other, change, factors_there)
    return [jnp.where(same, change, between), pivots, order_there]


def _eliminated(a: Array, da: Array) -> tuple[Array, Array]:
    """The factors of `a`, L below U, without pivoting, and their changes.

    With `s` what is left of the matrix:

        u_k = s_k          Δu_k = Δs_k
        l_k = s_k / u_kk   Δl_k = (Δs_k - l_k Δu_kk) / (u_kk + Δu_kk)
        s -= l_k u_k       Δs -= Δl_k (u_k + Δu_k) + l_k Δu_k
    """
    m, n = a.shape[-2:]
    rows, columns = jnp.arange(m), jnp.arange(n)

    def step(left: tuple[Array, Array], k: Array) -> tuple[Any, None]:
        s, ds = left
        uk, duk = _row(s, k), _row(ds, k)
        pivot, by = _column(uk, k)[..., None], _column(duk, k)[..., None]
        under, right = rows > k, columns > k
        sk, dsk = _column(s, k), _column(ds, k)
        # Of a column of zeros nothing is eliminated, nor is there where x + dx ends
        # in one: the rows are in its order.
        lk = jnp.where(under, sk / jnp.where(sk == 0, 1, pivot), 0)
        there = pivot + by
        dlk = (dsk - lk * by) / jnp.where(there == 0, 1, there)
        dlk = jnp.where(under, jnp.where(there == 0, -lk, dlk), 0)
        uk, duk = jnp.where(right, uk, 0), jnp.where(right, duk, 0)
        s = s - _outer(lk, uk)
        ds = ds - _outer(dlk, uk + duk) - _outer(lk, duk)
        here = under[:, None] & (columns == k)
        left = jnp.where(here, lk[..., None], s), jnp.where(here, dlk[..., None], ds)
        return left, None

    (factors, moved), _ = lax.scan(step, (a, da), jnp.arange(min(m, n)))
    return factors, moved


special(lax.linalg.cholesky_p, _cholesky, "the elimination, done for the changes")
special(lax.linalg.lu_p, _lu, "the elimination, done for the changes")
discrete(lax.linalg.lu_pivots_to_permutation_p)
