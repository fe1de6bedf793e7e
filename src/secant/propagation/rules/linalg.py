"""Linear systems and factorisations of matrices."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import primitives

from secant.propagation.builders import def_higher_order, def_recompute, def_rule
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    is_inexact,
    materialize,
    value_after,
)
from secant.propagation.jaxpr_tools import (
    ValuesAndDeltas,
    Walk,
    bind,
    delta_across,
    eval_jaxpr,
    split_list,
    walk_isolated,
)

_matmul = partial(jnp.matmul, precision=lax.Precision.HIGHEST)


# --- Linear systems: A' Δx = Δb - ΔA x with A' = A + ΔA, by the system's own solver ---


def _triangular_solve(
    ans: Array,
    values: list[Array],
    deltas: list[Delta],
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> Array:
    """Only the triangle that the solver reads counts, without a unit diagonal."""
    (a, b), (da, db) = values, deltas
    right = materialize(b, db)
    if da is not UNCHANGED:
        inner = int(unit_diagonal)
        read = jnp.tril(da, -inner) if lower else jnp.triu(da, inner)
        read = read.conj() if conjugate_a else read
        read = jnp.swapaxes(read, -1, -2) if transpose_a else read
        right = right - (_matmul(read, ans) if left_side else _matmul(ans, read))
    return lax.linalg.triangular_solve(
        value_after(a, da),
        right,
        left_side=left_side,
        lower=lower,
        transpose_a=transpose_a,
        conjugate_a=conjugate_a,
        unit_diagonal=unit_diagonal,
    )


def _tridiagonal_solve(
    ans: Array, values: list[Array], deltas: list[Delta], **params: Any
) -> Array:
    """The solver never reads the first number below the diagonal and the last above."""
    diagonals, b = values[:3], values[3]
    below, on, above = (
        materialize(value, delta)[..., None]
        for value, delta in zip(diagonals, deltas[:3], strict=True)
    )
    product = on * ans
    product = product.at[..., 1:, :].add(below[..., 1:, :] * ans[..., :-1, :])
    product = product.at[..., :-1, :].add(above[..., :-1, :] * ans[..., 1:, :])
    there = map(value_after, diagonals, deltas[:3])
    return primitives.tridiagonal_solve_p.bind(
        *there, materialize(b, deltas[3]) - product, **params
    )


def _custom_linear_solve(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    const_lengths: Any,
    jaxprs: Any,
) -> ValuesAndDeltas:
    """The system of `lax.custom_linear_solve`: functions for matrix and solver."""
    lengths = [const_lengths.matvec, const_lengths.vecmat]
    lengths += [const_lengths.solve, const_lengths.transpose_solve]
    sizes = [*lengths, len(values) - sum(lengths)]
    matrix, _, _, _, b = split_list(sizes, values)
    d_matrix, _, _, _, db = split_list(sizes, deltas)
    after = list(map(value_after, values, deltas))
    there, _, solver, transpose_solver, _ = split_list(sizes, after)
    params = {"const_lengths": const_lengths, "jaxprs": jaxprs}
    results = list(bind(primitives.linear_solve_p, values, params))
    x, info = results[: len(b)], results[len(b) :]

    unchanged: list[Delta] = [UNCHANGED] * len(x)
    _, products = walk_isolated(
        walk, jaxprs.matvec, [*matrix, *x], [*d_matrix, *unchanged]
    )
    right = [
        materialize(value, delta)
        if product is UNCHANGED
        else materialize(value, delta) - product
        for value, delta, product in zip(b, db, products, strict=True)
    ]

    def solve(_: Any, right: list[Array]) -> list[Array]:
        return eval_jaxpr(jaxprs.solve, [*solver, *right])[: len(b)]

    def transposed(_: Any, right: list[Array]) -> list[Array]:
        return eval_jaxpr(jaxprs.transpose_solve, [*transpose_solver, *right])[: len(b)]

    dx = lax.custom_linear_solve(
        lambda y: eval_jaxpr(jaxprs.matvec, [*there, *y]),
        right,
        solve,
        None if jaxprs.transpose_solve is None else transposed,
    )
    if not info:
        return results, list(dx)
    # The solver's other results (how well it went) are no part of the solution, so they
    # are subtracted.
    info_there = eval_jaxpr(jaxprs.solve, [*solver, *map(value_after, b, db)])[len(b) :]
    d_info = [
        then - now if is_inexact(now) else then
        for now, then in zip(info, info_there, strict=True)
    ]
    return results, [*dx, *d_info]


def_rule(lax.linalg.triangular_solve_p, _triangular_solve, "A' Δx = Δb - ΔA x")
def_rule(primitives.tridiagonal_solve_p, _tridiagonal_solve, "A' Δx = Δb - ΔA x")
def_higher_order(lax.linear_solve_p, _custom_linear_solve, "A' Δx = Δb - ΔA x")


# --- Factorisations: the elimination, carried out on the differences ---


def _column(a: Array, k: Array) -> Array:
    return lax.dynamic_index_in_dim(a, k, -1, keepdims=False)


def _row(a: Array, k: Array) -> Array:
    return lax.dynamic_index_in_dim(a, k, -2, keepdims=False)


def _outer(a: Array, b: Array) -> Array:
    return a[..., :, None] * b[..., None, :]


def _cholesky(ans: Array, values: list[Array], deltas: list[Delta], **_: Any) -> Array:
    """Column by column: the elimination of `L L* = A`, subtracted step by step.

    The matrix that is left after each step has a difference `s`; at first, `s = ΔA`.

    Δl_kk = s_kk / (l_kk + sqrt(l_kk² + s_kk))
    Δl_ik = (s_ik - l_ik Δl_kk) / (l_kk + Δl_kk)
    s -= Δl_k (l_k + Δl_k)* + l_k Δl_k*
    """
    (delta,) = deltas
    n = ans.shape[-1]
    if n == 0:
        return jnp.zeros_like(ans)
    factor, rows = jnp.tril(ans), jnp.arange(n)
    below = jnp.tril(delta, -1)
    diagonal = jnp.where(jnp.eye(n, dtype=bool), delta.real, 0)
    left = below + jnp.swapaxes(below, -1, -2).conj() + diagonal

    def step(left: Array, k: Array) -> tuple[Array, Array]:
        lk, sk = _column(factor, k), _column(left, k)
        pivot, ds = _column(lk, k).real, _column(sk, k).real
        # If A + ΔA is not positive definite, this is the root of a negative number.
        root = pivot * jnp.sqrt(1 + ds / (pivot * pivot))
        d_pivot = (ds / (pivot + root))[..., None]
        d_rest = (sk - lk * d_pivot) / (pivot[..., None] + d_pivot)
        dlk = jnp.where(rows > k, d_rest, jnp.where(rows == k, d_pivot, 0))
        left = left - _outer(dlk, (lk + dlk).conj()) - _outer(lk, dlk.conj())
        return left, dlk

    _, columns = lax.scan(step, left, jnp.arange(n))
    change = jnp.moveaxis(columns, 0, -1)
    failed = jnp.isnan(change).any((-2, -1), keepdims=True)
    return jnp.where(failed, jnp.nan, change).astype(ans.dtype)


def _lu(
    ans: list[Array], values: list[Array], deltas: list[Delta], **params: Any
) -> list[Array]:
    """The elimination with the rows in the order of `x + dx`.

    If the order changes, the result is the delta from the factors in the order of `x`
    to the factors in the order of `x + dx`.
    """
    (a,), (da,) = values, deltas
    factors, pivots, order = ans
    if factors.size == 0:
        return [jnp.zeros_like(factors), pivots, order]
    there = value_after(a, da)
    factors_there, pivots, order_there = lax.linalg.lu_p.bind(there, **params)
    rows = order_there[..., None]
    other, delta = _eliminate(
        jnp.take_along_axis(a, rows, -2), jnp.take_along_axis(da, rows, -2)
    )
    same = (order == order_there).all(-1)[..., None, None]
    across = delta_across(factors, other, delta, factors_there)
    return [jnp.where(same, delta, across), pivots, order_there]


def _eliminate(a: Array, da: Array) -> tuple[Array, Array]:
    """The factors of `a` without pivoting, L below U, and their differences.

    With `s` the matrix that is left after each step:

        u_k = s_k          Δu_k = Δs_k
        l_k = s_k / u_kk   Δl_k = (Δs_k - l_k Δu_kk) / (u_kk + Δu_kk)
        s -= l_k u_k       Δs -= Δl_k (u_k + Δu_k) + l_k Δu_k
    """
    m, n = a.shape[-2:]
    rows, columns = jnp.arange(m), jnp.arange(n)

    def step(left: tuple[Array, Array], k: Array) -> tuple[Any, None]:
        s, ds = left
        uk, duk = _row(s, k), _row(ds, k)
        pivot, d_pivot = _column(uk, k)[..., None], _column(duk, k)[..., None]
        under, right = rows > k, columns > k
        sk, dsk = _column(s, k), _column(ds, k)
        # A column of zeros needs no elimination, at x or at x + dx.
        lk = jnp.where(under, sk / jnp.where(sk == 0, 1, pivot), 0)
        there = pivot + d_pivot
        dlk = (dsk - lk * d_pivot) / jnp.where(there == 0, 1, there)
        dlk = jnp.where(under, jnp.where(there == 0, -lk, dlk), 0)
        uk, duk = jnp.where(right, uk, 0), jnp.where(right, duk, 0)
        s = s - _outer(lk, uk)
        ds = ds - _outer(dlk, uk + duk) - _outer(lk, duk)
        here = under[:, None] & (columns == k)
        left = jnp.where(here, lk[..., None], s), jnp.where(here, dlk[..., None], ds)
        return left, None

    (factors, changes), _ = lax.scan(step, (a, da), jnp.arange(min(m, n)))
    return factors, changes


def _qr(
    walk: Walk,
    values: list[Array],
    deltas: list[Delta],
    *,
    pivoting: bool,
    full_matrices: bool,
    **params: Any,
) -> ValuesAndDeltas:
    """Householder's reflections of the differences, with the signs of LAPACK.

    Pivots are those at x + dx. If their order changes, the result is the delta from the
    factors in the one order to those in the other.
    """
    (a,), (da,) = values, deltas
    params = {"pivoting": pivoting, "full_matrices": full_matrices, **params}
    ans = list(lax.linalg.qr_p.bind(a, **params))
    if not a.size:
        same = [jnp.zeros_like(part) if is_inexact(part) else part for part in ans]
        return ans, same
    there = lax.linalg.qr_p.bind(value_after(a, da), **params) if pivoting else None
    if there is not None:
        columns = there[2][..., None, :]
        a, da = (jnp.take_along_axis(part, columns, -1) for part in (a, da))
    # The squares of norms would overflow or underflow. To scale a column by a power of
    # 2 scales that of R, and loses no digit. One of zeros is as long as its change.
    length, change = (abs(part).max(-2, keepdims=True) for part in (a, da))
    length = jnp.where(length > 0, length, jnp.where(change > 0, change, 1))
    unit = lax.reduce_precision(length, jnp.finfo(length.dtype).nexp, 0)
    program = jax.make_jaxpr(partial(_householder, full=full_matrices))(a)
    others, changes = walk(program.jaxpr, program.consts, [a / unit], [da / unit])
    dq, dr = map(materialize, others, changes)
    if there is None:
        return ans, [dq, dr * unit]
    same = (ans[2] == there[2]).all(-1)[..., None, None]
    across = [
        jnp.where(same, delta, delta_across(now, other, delta, then))
        for now, other, delta, then in zip(
            ans[:2],
            (others[0], others[1] * unit),
            (dq, dr * unit),
            there[:2],
            strict=True,
        )
    ]
    return ans, [*across, there[2]]


def _householder(a: Array, full: bool) -> tuple[Array, Array]:
    """Q and R with LAPACK's signs: `Q = H₁ H₂ …` with `H_k = 1 - τ w w*`.

    Column k below the diagonal is `x`, with `α` on it. `H_k* (α, x)` is `(β, 0)` with

        β = -sign(Re α) √(|α|² + |x|²)    w = (1, x / (α - β))    τ = (β - α) / β

    Golub & Van Loan (2013), Matrix Computations, 5.1; LAPACK's `larfg`.
    """
    m, n = a.shape[-2:]
    rows = jnp.arange(m)

    def reflect(r: Array, k: Array) -> tuple[Array, tuple[Array, Array]]:
        column = _column(r, k)
        alpha = _column(column, k)
        below = jnp.where(rows > k, column, 0)
        square = (below.real**2 + below.imag**2).sum(-1)
        none = (square == 0) & (alpha.imag == 0)
        square = square + (alpha.real**2 + alpha.imag**2)
        zero = square == 0
        norm = jnp.sqrt(jnp.where(zero, 1, square))
        beta = jnp.where(alpha.real < 0, norm, -norm)
        w = below / jnp.where(zero, 1, alpha - beta)[..., None]
        w = jnp.where(rows == k, 1, w)
        tau = jnp.where(none, 0, (beta - alpha) / beta)
        return _reflected(r, w, tau.conj()), (w, tau)

    def undo(q: Array, reflection: tuple[Array, Array]) -> tuple[Array, None]:
        return _reflected(q, *reflection), None

    size = min(m, n)
    r, reflections = lax.scan(reflect, a, jnp.arange(size))
    width = m if full else size
    q = jnp.broadcast_to(jnp.eye(m, width, dtype=a.dtype), (*a.shape[:-1], width))
    q, _ = lax.scan(undo, q, reflections, reverse=True)
    return q, jnp.triu(r)[..., :width, :]


def _reflected(a: Array, w: Array, tau: Array) -> Array:
    """`(1 - τ w w*) a`."""
    product = (w.conj()[..., None] * a).sum(-2)
    return a - _outer(tau[..., None] * w, product)


def_rule(lax.linalg.cholesky_p, _cholesky, "the elimination of the differences")
def_rule(lax.linalg.lu_p, _lu, "the elimination of the differences")
def_recompute(lax.linalg.lu_pivots_to_permutation_p)
def_higher_order(lax.linalg.qr_p, _qr, "Householder's reflections of the differences")
