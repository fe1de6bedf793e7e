"""`check_gradient` and `check_hessian_product`: arguments, trees, dtypes, reports."""

import gc
import json
import pickle
import weakref
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import secant
from secant import (
    Verdict,
    WrongGradient,
    check_gradient,
    check_hessian_product,
)
from secant.checking import point, propagated
from secant.plots.translations import cause_text


def cubes(x):
    return jnp.sum(x**3)


def slopes(x):
    return 3 * x**2


def sum_of(arrays):
    return sum(jnp.sum(array**2) for array in arrays)


X = jnp.array([[0.5, -1.0, 2.0], [1.5, 0.25, -3.0]])


class Pair(NamedTuple):
    weight: object
    bias: object


@pytest.mark.parametrize("gradient", [None, slopes, 3 * X**2, np.asarray(3 * X**2)])
def test_gradient_may_be_jax_s_or_a_function_or_a_value(gradient):
    report = check_gradient(cubes, X, gradient)
    assert report.verdict is Verdict.RIGHT
    assert report.leaves["x"].checked == 6
    assert report.value == pytest.approx(float(cubes(X)))


@pytest.mark.parametrize(
    "dtype", [jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16], ids=str
)
def test_each_dtype_is_judged_by_its_own_digits(dtype):
    x = np.asarray(X).astype(dtype) if dtype == jnp.float64 else X.astype(dtype)
    report = check_gradient(cubes, x, lambda x: 3 * x**2 * (1 + 0 * x))
    leaf = report.leaves["x"]
    assert report.ok
    assert leaf.dtype == np.dtype(dtype).name
    assert leaf.resolution < 64 * float(jnp.finfo(dtype).eps)
    assert not check_gradient(cubes, x, lambda x: -3 * x**2).ok


@pytest.mark.parametrize(
    "index", [np.array([0, 2, 1], np.int32), [0, 2, 1]], ids=["int32", "of JAX"]
)
def test_a_captured_index_serves_in_float32_and_then_in_float64(index):
    # The ways out that docs/checking.md gives of what JAX does with captured int64.
    index = index if isinstance(index, np.ndarray) else jnp.array(index)

    def f(x):
        return jnp.sum(jnp.take(x, index) ** 2) + jnp.sum(x[index] ** 3)

    x = np.array([1.0, 2.0, 3.0])
    assert check_gradient(f, x.astype(np.float32)).ok
    assert check_gradient(f, x).ok


def test_float64_is_checked_in_float64_though_jax_has_it_switched_off():
    assert not jax.config.jax_enable_x64
    x = np.linspace(0.1, 2, 7)
    off = 1 + 1e-12
    assert check_gradient(cubes, x, 3 * x**2).ok
    assert not check_gradient(cubes, x, 3 * x**2 * off).ok
    assert not jax.config.jax_enable_x64


def test_mixed_precision_is_judged_by_the_coarsest():
    def f(x):
        return jnp.sum(x.astype(jnp.bfloat16) ** 3).astype(jnp.float32)

    leaf = check_gradient(f, X).leaves["x"]
    assert (leaf.dtype, leaf.verdict in ("right", "rounding")) == ("bfloat16", True)


def test_leaves_are_named_as_one_would_write_them_and_integers_are_passed_on():
    def f(tree):
        pair, (scale, power) = tree["layer"], tree["rest"]
        return jnp.sum((pair.weight * scale + pair.bias) ** power)

    tree = {"layer": Pair(X, jnp.ones(3)), "rest": [1.5, 2]}
    report = check_gradient(f, tree)
    assert list(report.leaves) == [
        "x['layer'].weight",
        "x['layer'].bias",
        "x['rest'][0]",
    ]
    assert report.ok


def test_worst_coordinate_is_named_with_both_values():
    report = check_gradient(cubes, X, lambda x: slopes(x).at[1, 2].add(0.5))
    leaf = report.leaves["x"]
    assert (leaf.verdict, leaf.wrong) == (Verdict.WRONG, 1)
    assert leaf.worst.name == "x[1, 2]"
    assert leaf.worst.slope == pytest.approx(27, rel=1e-6)
    assert leaf.worst.gradient == pytest.approx(27.5)
    assert "a single coordinate" in leaf.cause


def test_a_cause_is_its_sentence_and_knows_its_parts():
    report = check_gradient(cubes, X, lambda x: slopes(x).at[1, 2].multiply(1.01))
    cause = report.leaves["x"].cause
    assert cause == (
        "a single coordinate, 1.01 times the slope, at [1, 2]; all others are right"
    )
    assert (cause.code, cause.facts) == (
        "single_factor",
        {"place": "[1, 2]", "factor": "1.01"},
    )
    for copy in (pickle.loads(pickle.dumps(cause)), deepcopy(cause)):
        assert (copy, copy.code, copy.facts) == (cause, cause.code, cause.facts)
    nothing = check_gradient(cubes, X, slopes).leaves["x"].cause
    assert (nothing, nothing.code, nothing.facts) == ("", "", {})


def test_what_was_compiled_for_a_function_is_kept_for_some_functions_only():
    def f(x):
        return jnp.sum(jnp.tanh(x))

    known = weakref.ref(f)
    # Wrong, so that each program is asked for.
    assert not check_gradient(f, X, lambda x: 1.01 / jnp.cosh(x) ** 2).ok
    del f
    for _ in range(point.compiled.cache_info().maxsize):
        point.compiled(abs, object())
    for _ in range(propagated.traced_change.cache_info().maxsize):
        of_number = (jax.ShapeDtypeStruct((), jnp.float32),)
        propagated.traced_change(partial(jnp.sin), (0,), of_number)
    gc.collect()
    assert known() is None


def test_the_coordinates_on_a_kink_are_known():
    x = jnp.array([[1.0, 0.0], [0.0, -2.0]])
    leaf = check_gradient(lambda x: jnp.sum(jnp.abs(x)), x).leaves["x"]
    assert leaf.kinked.tolist() == [[False, True], [True, False]]


def test_gradient_of_another_shape_is_wrong_and_its_cause_is_told():
    each = jnp.stack([slopes(X) / 4] * 4)
    report = check_gradient(cubes, X, each)
    assert report.verdict is Verdict.WRONG
    assert "a batch axis of 4 is left, whose sum is" in report.leaves["x"].cause
    assert "reshape" in str(check_gradient(cubes, X, slopes(X).ravel()))
    assert "transposed" in str(check_gradient(cubes, X, slopes(X).T))


def test_several_results_are_weighted_and_said_so():
    @jax.custom_vjp
    def wave(x):
        return jnp.sin(x), {"square": x**2}

    def backward(x, g):
        return (g[0] * jnp.cos(x) + g[1]["square"] * 2 * x,)

    wave.defvjp(lambda x: (wave(x), x), backward)
    report = check_gradient(wave, X)
    assert report.ok
    assert "weighted at random" in report.notes[0]
    # Not jitted: what was compiled for the old rule is not used again.
    wave.defvjp(lambda x: (wave(x), x), lambda x, g: (g[0] * jnp.cos(x),))
    assert not check_gradient(wave, X).ok


def test_kink_has_one_sided_slopes_and_any_value_between_is_right():
    x = jnp.array([-1.0, 0.0, 2.0])

    def f(x):
        return jnp.sum(jax.nn.relu(x))

    for value in (0.0, 0.3, 1.0):
        report = check_gradient(f, x, jnp.array([0.0, value, 1.0]))
        assert report.verdict is Verdict.KINK
        (kink,) = report.leaves["x"].kinks
        assert (kink.name, kink.below, kink.above) == ("x[1]", 0.0, 1.0)
    assert check_gradient(f, x, jnp.array([0.0, 1.1, 1.0])).verdict is Verdict.WRONG


def test_curve_is_no_kink_however_sharp():
    report = check_gradient(lambda x: jnp.sum(jnp.sqrt(x**2 + 1e-4)), X / 1e3)
    assert report.verdict in (Verdict.RIGHT, Verdict.ROUNDING)


def test_cancellation_is_rounding_and_not_wrong():
    def f(x):
        return jnp.sum(jnp.sin(x))

    def through_large_numbers(x):
        return (100 + jnp.cos(x)) - 100

    x = jnp.linspace(0.1, 3, 50)
    report = check_gradient(f, x, through_large_numbers)
    assert report.verdict is Verdict.ROUNDING
    assert "standard deviations" in report.leaves["x"].reason


def test_gradient_with_other_values_each_time_is_told():
    draw = np.random.default_rng(0)
    report = check_gradient(cubes, X, lambda x: slopes(x) * draw.uniform(0.9, 1.1))
    assert any("computed a second time" in note for note in report.notes)


def test_numpy_functions_are_checked_with_error_bars():
    def f(x):
        return float(np.sum(np.sin(np.asarray(x)) ** 2))

    x = np.linspace(-1, 1, 5)
    assert check_gradient(f, x, lambda x: np.sin(2 * x)).ok
    report = check_gradient(f, x, lambda x: 1.001 * np.sin(2 * x))
    assert "1.001 times" in report.leaves["x"].cause
    with pytest.raises(secant.InvalidInput, match="JAX cannot trace f"):
        check_gradient(f, x)


def test_kink_of_a_numpy_function_is_one():
    report = check_gradient(
        lambda x: float(abs(np.asarray(x)).sum()), np.array([0.0, 2.0]), [0.5, 1.0]
    )
    assert report.verdict is Verdict.KINK
    (kink,) = report.leaves["x"].kinks
    assert (kink.below, kink.above) == pytest.approx((-1, 1))


def test_the_values_of_a_gradient_that_jax_cannot_compute_are_checked():
    # JAX traces a while loop, but does not differentiate it in reverse.
    def tenth_power(x):
        return lax.while_loop(
            lambda state: state[0] < 10,
            lambda state: (state[0] + 1, state[1] * x),
            (0, jnp.ones_like(x)),
        )[1]

    x = jnp.float32(1.25)
    assert check_gradient(tenth_power, x, 10 * x**9).ok
    report = check_gradient(tenth_power, x, 9 * x**9)
    assert report.verdict is Verdict.WRONG


def test_operation_without_a_rule_is_sampled_and_said_so():
    def f(x):  # the trace of x³
        return jnp.sum(jnp.diag(jax.lax.linalg.schur(x)[0]) ** 3)

    x = np.array([[0.5, 1.5], [2.0, -1.0]])
    report = check_gradient(f, x, 3 * (x @ x).T)
    assert report.ok
    assert "sampled, not propagated" in report.notes[0]
    assert not check_gradient(f, x, x).ok


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [False, True])
def test_projections_find_a_single_sign_among_many(wrong):
    size = 66_000  # the least of which not all are nudged
    x = jnp.asarray(np.random.default_rng(0).standard_normal(size), jnp.float32)

    def gradient(x):
        g = 1 - jnp.tanh(x) ** 2
        return g.at[54_321].multiply(-1) if wrong else g

    report = check_gradient(lambda x: jnp.sum(jnp.tanh(x)), x, gradient)
    leaf = report.leaves["x"]
    assert leaf.verdict is (Verdict.WRONG if wrong else Verdict.RIGHT)
    assert leaf.checked < 5_000
    assert "cannot see" in leaf.reason
    if wrong:
        assert leaf.worst.name == "x[54321]"


@pytest.mark.parametrize("coordinates", ["auto", "all", "projections"])
def test_an_empty_leaf_has_nothing_to_check(coordinates):
    report = check_gradient(jnp.sum, jnp.zeros(0), coordinates=coordinates)
    assert report.ok
    assert "nothing to check" in str(report)


def test_progress_is_told_to_the_end():
    told = []
    check_gradient(cubes, X, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)


def test_report_reads_well_and_is_a_dict_for_machines():
    good = check_gradient(cubes, {"a": X, "bias": jnp.ones(2)}["a"])
    assert str(good).splitlines()[0] == "gradient: right"
    bad = check_gradient(
        lambda p: cubes(p["W"]) + jnp.sum(p["b"]),
        {"W": X, "b": jnp.ones(2)},
        lambda p: {"W": -slopes(p["W"]), "b": jnp.ones(2)},
    )
    text = str(bad)
    assert "x['W']  2×3  wrong  float32, 6 of 6 nudged" in text
    assert "likely: the sign: the gradient is minus the slope" in text
    # What both leaves share is said once.
    assert text.count("tolerance: 16 roundings of float32, 2e-06 of the slope\n") <= 1
    again = json.loads(json.dumps(bad.to_dict()))
    assert [leaf["verdict"] for leaf in again["leaves"]] == ["wrong", "right"]
    with pytest.raises(secant.WrongGradient, match="the sign"):
        bad.assert_ok()
    with pytest.raises(AssertionError):
        bad.assert_ok()
    good.assert_ok()


def test_plot_shows_the_worst_leaf_or_the_one_named():
    report = check_gradient(lambda p: cubes(p["W"]), {"W": X, "b": jnp.ones(2)})
    assert report.plot("x['b']").axes[0].get_title("left") == "x['b']: right"
    bad = check_gradient(cubes, X, lambda x: -slopes(x))
    assert bad.plot().axes[0].get_title("left") == "x: wrong"
    told = bad.plot(language="ko").axes[0].get_title("left")
    assert told in ("x: 틀림", "x: wrong")  # as the fonts at hand allow
    note = bad.plot(language="ko").get_supxlabel()
    assert note == cause_text(bad.leaves["x"].cause, "ko")
    with pytest.raises(secant.InvalidInput, match=r"did you mean \"x\['b'\]\""):
        report.plot("x['c']")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_gradient(3, X), "f is 3: pass a function"),
        (lambda: check_gradient(cubes, jnp.arange(3)), "no floating-point number"),
        (lambda: check_gradient(cubes, X + 1j), "x is complex"),
        (lambda: check_gradient(cubes, X.at[1, 0].set(jnp.nan)), r"x\[1, 0\] is nan"),
        (
            lambda: check_gradient(cubes, np.array(["a"])),
            "no array of numbers|no float",
        ),
        (lambda: check_gradient(lambda x: None, X), "returns None.*`return`"),
        (lambda: check_gradient(lambda x: x * 2, X, slopes), "that of one number"),
        (
            lambda: check_gradient(lambda x: (cubes(x), slopes(x)), X, slopes),
            r"as in lambda x: f\(x\)\[0\]",
        ),
        (lambda: check_gradient(cubes, X, {"a": X}), "is dict: give an array"),
        (lambda: check_gradient(sum_of, [X], [None]), "is None: give an array"),
        (
            lambda: check_gradient(cubes, X, coordinates="some"),
            "all, auto, projections",
        ),
        (lambda: jax.jit(lambda x: check_gradient(cubes, x).value)(X), "is traced"),
        (lambda: check_hessian_product(cubes, X, X[0]), "v of x has shape"),
        (lambda: check_hessian_product(sum_of, [X], X), "v has another structure"),
    ],
    ids=[
        *("no function", "integers", "complex", "nan", "strings", "no return"),
        *(
            "several results",
            "loss and gradient",
            "another tree",
            "none",
            "coordinates",
            "traced",
        ),
        *("direction", "direction tree"),
    ],
)
def test_what_cannot_be_checked_is_refused(call, words):
    with pytest.raises(secant.InvalidInput, match=words):
        call()


def test_what_the_function_raises_passes_through():
    def f(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        check_gradient(f, X)


def test_hessian_product_is_checked_though_the_gradient_is_right():
    @jax.custom_jvp
    def f(x):
        return jnp.sum(jnp.sin(x))

    @jax.custom_jvp
    def gradient(x):
        return jnp.cos(x)

    f.defjvp(lambda x, dx: (f(*x), jnp.sum(gradient(x[0]) * dx[0])))
    gradient.defjvp(lambda x, dx: (gradient(*x), jnp.sin(x[0]) * dx[0]))
    assert check_gradient(f, X).ok
    report = check_hessian_product(f, X)
    assert report.verdict is Verdict.WRONG
    assert "the sign" in report.leaves["x"].cause
    v = jnp.ones_like(X)
    assert check_hessian_product(f, X, v, lambda x, v: -jnp.sin(x) * v).ok
    assert check_hessian_product(f, X, v, -jnp.sin(X)).ok


def test_a_jitted_function_is_traced_in_its_first_check_only():
    traced = 0

    @jax.jit
    def f(x):
        nonlocal traced
        traced += 1
        return jnp.sum(jnp.sin(x))

    check_gradient(f, X)
    first = traced
    check_gradient(f, 2 * X)
    assert traced == first


def test_a_function_that_reads_something_new_is_checked_anew():
    scale = 1.0

    def f(x):
        return scale * jnp.sum(x**2)

    for scale in (1.0, 3.0):
        assert check_gradient(f, X, 2 * scale * X).ok


# --- coordinates of very different sizes ----------------------------------------------

BESIDE = {
    "log": (lambda v: jnp.log(v).sum(), [1e-6, 100.0]),
    "sqrt": (lambda v: jnp.sqrt(v).sum(), [1e-6, 100.0]),
    "1/x": (lambda v: (1 / v).sum(), [1e-6, 100.0]),
    "x log x": (lambda v: (v * jnp.log(v)).sum(), [1e-6, 100.0]),
    "abs": (lambda v: jnp.abs(v).sum(), [1e-6, 100.0]),
    "selu": (lambda v: jax.nn.selu(v).sum(), [0.0, 100.0]),
    "logaddexp": (lambda v: jnp.logaddexp(v, -v).sum(), [1.0, 1e8]),
    "relu": (lambda v: jax.nn.relu(v).sum(), [1e-7, 100.0, -1e-7]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BESIDE)
def test_a_nudge_is_of_the_coordinate_s_own_size(name, dtype):
    f, x = BESIDE[name]
    report = check_gradient(f, np.array(x, dtype))
    assert report.ok, report
    # At 0 selu has two slopes.
    assert (report.verdict is Verdict.KINK) == (name == "selu"), report


def test_a_coordinate_of_1e_12_beside_1_is_nudged_by_its_own_size_in_float64():
    report = check_gradient(lambda v: jnp.log(v).sum(), np.array([1e-12, 1.0]))
    assert report.verdict is Verdict.RIGHT
    wrong = check_gradient(
        lambda v: jnp.log(v).sum(),
        np.array([1e-12, 1.0]),
        gradient=lambda v: np.array([1.01, 1.0]) / v,
    )
    assert wrong.verdict is Verdict.WRONG


# --- functions that write into arrays -------------------------------------------------


def test_the_caller_s_arrays_are_never_written():
    def tripled(x):
        x *= 3
        return float(np.sum(x**2))

    def halved(p):
        p["a"] *= 0.5
        return float(np.sum(p["a"] ** 2) + np.sum(p["b"] ** 2))

    def shifted(x):
        x += 1
        return 2 * (x - 1)

    x, tree = np.array([1.0, 2.0, 3.0]), {"a": np.array([1.0, 2.0]), "b": np.ones(1)}
    assert check_gradient(tripled, x, gradient=lambda x: 18 * x).ok
    assert check_gradient(lambda x: float(np.sum(x**2)), x, gradient=shifted).ok
    gradient = {"a": 0.5 * tree["a"], "b": 2 * tree["b"]}
    assert check_gradient(halved, tree, gradient=lambda p: gradient).ok
    np.testing.assert_array_equal(x, [1, 2, 3])
    np.testing.assert_array_equal(tree["a"], [1, 2])


# --- nothing passes that was not seen -------------------------------------------------


@pytest.mark.parametrize("factor", [1, -1, 0, 10])
def test_a_loss_that_draws_random_numbers_lets_no_gradient_pass(factor):
    draw = np.random.default_rng(0)

    def dropout(w):
        return float(np.sum((w * (draw.random(w.shape) < 0.5)) ** 2))

    x = np.arange(1.0, 6)
    report = check_gradient(dropout, x, gradient=lambda w: factor * w)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not report.ok
    assert any("give its random numbers a seed" in note for note in report.notes)
    with pytest.raises(WrongGradient, match="inconclusive"):
        report.assert_ok()


@pytest.mark.parametrize("factor", [1, 0, -1])
def test_a_loss_that_is_too_coarse_to_tell_lets_no_wrong_gradient_pass(factor):
    def rounded(w):
        return float(round(np.sum(w**2)))

    report = check_gradient(
        rounded, np.array([1.0, 2.0]), gradient=lambda w: factor * 2 * w
    )
    assert report.ok == (factor == 1) or report.verdict is Verdict.INCONCLUSIVE


def test_rounding_excuses_no_gradient_that_is_off_by_everything():
    def j1(x):  # an upward recurrence, unstable in float32
        return jax.scipy.special.bessel_jn(x, v=1, n_iter=50)[1]

    report = check_gradient(j1, np.float32(5.0))
    assert report.verdict in (Verdict.INCONCLUSIVE, Verdict.WRONG)


def test_a_leaf_that_f_does_not_use_is_right():
    def f(p):
        return float(np.float32(np.sum(p["a"] ** 2)))

    x = {"a": np.array([1.0, 2.0]), "unused": np.array([3.0, 4.0])}
    gradient = {"a": 2 * x["a"], "unused": np.zeros(2)}
    assert (
        check_gradient(f, x, gradient=gradient).leaves["x['unused']"].verdict == "right"
    )


def test_the_worst_entry_tells_how_far_it_is_off():
    report = check_gradient(
        lambda x: jnp.sum(x**2), np.ones(3, np.float32), gradient=lambda x: x
    )
    assert report.leaves["x"].worst.relative == pytest.approx(0.5)


def test_a_function_that_ignores_its_argument_is_told_so():
    weights, x = np.ones((2, 3)), np.array([1.0, -2.0])

    def in_numpy(_):
        return float(np.sum(np.tanh(x @ weights)))

    for f in (in_numpy, lambda _: jnp.sum(jnp.tanh(x @ jnp.asarray(weights)))):
        slopes = np.outer(x, 1 - np.tanh(x @ weights) ** 2)
        report = check_gradient(f, weights, slopes)
        assert report.verdict is Verdict.WRONG
        assert "f reads another array than its argument" in str(
            report.leaves["x"].cause
        )
        assert "lambda w: loss(w, x, t)" in report.leaves["x"].cause.fix()


def test_the_chapter_s_loss_and_its_gradient_differ_by_its_small_number():
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 1]]

    def softmax(a):
        powers = np.exp(a - a.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def loss(a):
        return float(-np.sum(targets * np.log(softmax(a) + 1e-7)) / len(a))

    report = check_gradient(loss, scores, (softmax(scores) - targets) / 4)
    assert report.verdict is Verdict.WRONG
    assert report.leaves["x"].cause.code == "small_number"


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda v: jax.nn.gelu(v).sum(), [1e20, -1e20]),
        (lambda v: jnp.sum((v * 1e30) ** 2.5 * 0), [1.0, 2.0]),
    ],
    ids=["gelu", "power"],
)
def test_no_cause_names_a_where_that_f_does_not_have(f, x):
    report = check_gradient(f, jnp.array(x, jnp.float32))
    assert report.verdict is Verdict.NOT_FINITE
    assert "where" not in report.leaves["x"].cause.replace("where the function", "")


def test_the_nudge_of_a_0_is_told():
    for x, nudge in (([0.0, 3.0, 4.0], "1e-06"), ([1e-3, 0.0], "7e-10")):
        report = check_gradient(lambda x: jnp.sum(x**3), jnp.float32(x))
        told = report.leaves["x"].reason
        assert told.endswith(f"a coordinate that is 0 is nudged by {nudge}")
    assert "that is 0" not in str(check_gradient(cubes, X))


def test_zeros_that_rounding_made_let_no_gradient_pass():
    report = check_gradient(jnp.sinc, jnp.float32(1e-6), jnp.float32(0))
    assert report.verdict is Verdict.INCONCLUSIVE
    # Flat, at a minimum, and at one a rounding beside x.
    for f, x in ((jnp.cos, 0.0), (lambda x: (x - 0.1) ** 2, 0.1)):
        assert check_gradient(f, jnp.float32(x), jnp.float32(0)).ok


@pytest.mark.parametrize("gradient", [0.0, 1.0, -3.0])
def test_no_gradient_far_from_a_slope_that_rounding_hides_passes(gradient):
    x = np.float32(1e-6)
    for f in (np.sinc, jnp.sinc, lambda x: jnp.sin(jnp.pi * x) / (jnp.pi * x)):
        report = check_gradient(f, np.asarray(x), np.float32(gradient))
        assert not report.ok, (f, report)


def test_a_zero_in_place_of_a_small_slope_is_wrong():
    report = check_gradient(np.sinc, np.asarray(1e-6), np.asarray(0.0))
    assert report.verdict is Verdict.WRONG


def test_a_leaf_that_coarse_values_do_not_depend_on_has_a_gradient_of_0():
    def f(p):
        return round(float((p["used"] ** 2).sum()), 4)

    x = {"used": np.array([0.3, 2.0]), "unused": np.array([1e-6, 3.0])}
    gradient = {"used": 2 * x["used"], "unused": np.zeros(2)}
    assert check_gradient(f, x, gradient).ok


JUMPS = {
    "sign": (np.sign, 0.0),
    "heaviside": (lambda x: np.heaviside(x, 0.5), 0.0),
    "floor": (lambda x: float(np.floor(x)), 2.0),
    "round": (lambda x: float(np.round(x)), 0.5),
    "where": (lambda x: float(np.where(x > 0.7, x**2, x)), 0.7),
    "if": (lambda x: float(x) ** 2 if x >= 0.7 else 0.1, 0.7),
    "another value at x alone": (lambda x: 1.0 if x == 0 else float(np.sin(x)), 0.0),
    "a thousandth": (lambda x: float(x**2 + (1e-3 if x > 0.7 else 0)), 0.7),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_of_a_function_that_jax_cannot_trace_is_wrong_and_named(name, dtype):
    f, x = JUMPS[name]
    x = np.asarray(x, dtype)
    # In float32, 0.7 is a number beside the one at which f jumps.
    off = JUMPS[name][1] - np.float64(x)
    for gradient in (0.0, 1.0, 1e6):
        report = check_gradient(
            lambda p: f(np.float64(p) + off), x, np.asarray(gradient, dtype)
        )
        assert report.verdict is Verdict.WRONG, report
        assert report.leaves["x"].cause.code == "jump"


def test_a_jump_in_one_coordinate_of_many_is_found():
    x = np.array([0.3, 0.0, -2.0])
    report = check_gradient(lambda x: float((x**2).sum() + np.sign(x[1])), x, 2 * x)
    assert report.verdict is Verdict.WRONG
    assert report.leaves["x"].worst.name == "x[1]"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_jump_is_never_right(dtype):
    steps = {
        jnp.sign: 0.0,
        jnp.floor: 2.0,
        lambda x: jnp.heaviside(x, 0.5): 0.0,
        lambda x: jnp.where(x > 1, x + 0.5, x): 1.0,
    }
    for f, x in steps.items():
        x = np.asarray(x, dtype)
        for value in (0.0, 1.0):
            # A function can be asked nearby, too, where there is no jump.
            for gradient in (np.asarray(value, dtype), lambda x, g=value: 0 * x + g):
                report = check_gradient(f, x, gradient)
                assert report.verdict == "wrong", report
                assert report.leaves["x"].cause.code == "jump"
