"""Gradients where numbers are tied: the choices of libraries, and what is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant import Verdict, check_gradient
from secant.checking.evidence import Comparison
from secant.checking.ties import Tie

ONES = jnp.ones(3)


def sorted_sum(x):
    return jnp.sort(x) @ jnp.arange(float(len(x)), dtype=x.dtype)


def largest(x):
    return jax.lax.top_k(x, 3)[0] @ jnp.array([1.0, 2.0, 3.0], x.dtype)


def filtered(x):
    """A median filter of 3 by 3, weighted."""
    rows, columns = (length - 2 for length in x.shape)
    windows = [x[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    weights = jnp.arange(1.0, rows * columns + 1).reshape(rows, columns)
    return jnp.sum(jnp.median(jnp.stack(windows), axis=0) * weights.astype(x.dtype))


def picture():
    background = np.zeros((6, 6), "float32")
    background[2:4, 1:4] = np.random.default_rng(0).uniform(0.2, 1, (2, 3))
    return background


TIED = {
    "median": (jnp.median, ONES),
    "median of an even number, float64": (jnp.median, np.ones(4)),
    "sort": (sorted_sum, jnp.ones(9)),
    "quantile": (lambda x: jnp.quantile(x, 0.37), jnp.ones(20)),
    "top_k": (largest, jnp.ones(8)),
    "max": (jnp.max, ONES),
    "median filter": (filtered, picture()),
}


@pytest.mark.parametrize("name", TIED)
def test_the_choice_of_jax_is_right_and_neither_zeros_nor_a_hundredth_more(name):
    f, x = TIED[name]
    with jax.enable_x64(x.dtype == np.float64):
        gradient = np.asarray(jax.grad(f)(x))
    assert check_gradient(f, x, gradient).verdict in (Verdict.TIE, Verdict.KINK)
    for wrong in (0 * gradient, 1.01 * gradient, -gradient):
        report = check_gradient(f, x, wrong)
        assert report.verdict is Verdict.WRONG, report


@pytest.mark.parametrize(
    ("gradient", "code", "told"),
    [
        ([0, 1, 0], "tie_to_one", "gives the whole slope to the one at [1]"),
        ([1 / 3, 1 / 3, 1 / 3], "tie_shared", "shares the slope equally among 3"),
        ([0.5, 0.2, 0.3], "tie_other", "a mean of several"),
    ],
)
def test_the_choice_is_named(gradient, code, told):
    report = check_gradient(jnp.median, ONES, jnp.array(gradient))
    assert report.ok
    assert report.leaves["x"].cause.code == code
    assert told in " ".join(str(report).split())


def test_slopes_of_0_hide_no_tie():
    report = check_gradient(jnp.median, ONES, jnp.zeros(3))
    assert report.leaves["x"].cause.code == "tie_total"
    assert report.leaves["x"].cause.facts == {"came": "0", "due": "1"}


def test_what_is_not_tied_has_to_be_right():
    x = np.array([1.0, 1.0, 1.0, 5.0, 6.0])
    for wrong in ([0, 0, 1, -0.2, 0.2], [0, 0, 2, -1, 0]):
        assert check_gradient(jnp.median, x, np.array(wrong, float)).verdict == "wrong"


def test_numbers_that_are_not_tied_are_compared_as_ever():
    x = jnp.array([0.3, -1.0, 2.0, 0.7, 0.5])
    assert check_gradient(sorted_sum, x).verdict is Verdict.RIGHT
    assert check_gradient(lambda x: jax.nn.softmax(x)[0], x).ok


def middle_of_three(x):
    """The median filter of 3 by 3 with weights, in NumPy."""
    rows, columns = (length - 2 for length in x.shape)
    windows = [x[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    weights = np.arange(1.0, rows * columns + 1).reshape(rows, columns)
    return float((np.median(np.stack(windows), axis=0) * weights).sum())


UNTRACEABLE = {
    "median": (np.median, jnp.median, np.ones(3)),
    "median at 0": (np.median, jnp.median, np.zeros(3)),
    "median of an even number": (np.median, jnp.median, np.ones(4)),
    "sort": (
        lambda x: float(np.sort(x) @ np.arange(float(len(x)))),
        sorted_sum,
        np.ones(9),
    ),
    "quantile": (
        lambda x: float(np.quantile(x, 0.37)),
        lambda x: jnp.quantile(x, 0.37),
        np.ones(20),
    ),
    "max": (np.max, jnp.max, np.ones(3)),
    "curved": (
        lambda x: float(np.sin(np.median(x**2))),
        lambda x: jnp.sin(jnp.median(x**2)),
        np.full(3, 1.3),
    ),
    "median filter": (middle_of_three, filtered, picture().astype(float)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", UNTRACEABLE)
def test_a_tie_of_a_function_that_jax_cannot_trace(name, dtype):
    f, traced, x = UNTRACEABLE[name]
    x = x.astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        gradient = np.asarray(jax.grad(traced)(x))

    def opaque(x):
        return float(f(np.asarray(x)))

    report = check_gradient(opaque, x, gradient)
    assert report.verdict in (Verdict.TIE, Verdict.KINK), report
    for wrong in (0 * gradient, 1.01 * gradient, -gradient):
        report = check_gradient(opaque, x, wrong)
        assert report.verdict is Verdict.WRONG, report


@pytest.mark.parametrize(
    ("gradient", "code"),
    [
        ([0, 1, 0], "tie_to_one"),
        ([1 / 3, 1 / 3, 1 / 3], "tie_shared"),
        ([0, 0, 0], "tie_total"),
        ([0, 2, 0], "tie_total"),
    ],
)
def test_the_choice_at_a_tie_of_numpy_is_named(gradient, code):
    report = check_gradient(np.median, np.ones(3), np.array(gradient, float))
    assert report.leaves["x"].cause.code == code


def test_numpys_functions_are_no_ties_where_numbers_differ_or_are_not_read():
    x = np.array([0.3, -1.0, 2.0, 0.7, 0.5])
    median = (x == 0.5).astype(float)
    assert check_gradient(np.median, x, median).verdict is Verdict.RIGHT
    assert check_gradient(np.median, x, np.roll(median, 1)).verdict is Verdict.WRONG


def test_a_tie_at_the_edge_of_a_domain_is_judged_by_coordinates():
    def root(x):
        return float(np.sqrt(np.sort(x)).sum()) if (x >= 0).all() else 1 / 0

    report = check_gradient(root, np.full(3, 0.25), np.ones(3))
    assert report.ok


@pytest.mark.parametrize(
    ("suspect", "decides"),
    [([True, False], True), ([True, True], False), ([False, False], False)],
    ids=["within", "one is outside", "no suspect"],
)
def test_a_tie_explains_suspects_within_the_slopes_nearby(suspect, decides):
    zeros, none = np.zeros(2), np.zeros(2, bool)
    comparison = Comparison(
        *(np.arange(2), zeros, zeros, zeros, zeros, zeros, zeros),
        suspect=np.array(suspect),
        kink=none,
        wrong=none,
        smooth=none,
        jump=none,
    )
    tie = Tie(1.0, 1.0, off=False, within=np.array([True, False]))
    assert tie.decides(comparison) is decides
