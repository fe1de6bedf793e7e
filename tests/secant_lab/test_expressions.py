"""Formulas are read right, and nothing but formulas is read."""

import math
import re
import time

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant import difference
from secant_lab.expressions import (
    FUNCTION_COSTS,
    FUNCTIONS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_FUNCTIONS,
    ExpressionError,
    expression,
)

# --- what is read -------------------------------------------------------------------

ONE = {
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "atan": mpmath.atan,
    "tanh": mpmath.tanh,
    "exp": mpmath.exp,
    "asinh": mpmath.asinh,
    "abs": abs,
    "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
    "relu": lambda v: max(v, 0),
}
TWO = {"max": max, "min": min}
SIGNS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def formulas():
    """Pairs of a text and what it should come to at (x0, x1), by mpmath."""
    leaves = st.one_of(
        st.just(("x0", lambda a, b: a)),
        st.just(("x1", lambda a, b: b)),
        st.just(("pi", lambda a, b: mpmath.pi)),
        st.integers(0, 9).map(lambda n: (str(n), lambda a, b: mpmath.mpf(n))),
        st.sampled_from(["0.5", "2.25", ".125", "1e-2"]).map(
            lambda s: (s, lambda a, b: mpmath.mpf(float(s)))
        ),
    )

    def larger(part):
        return st.one_of(
            st.tuples(st.sampled_from(sorted(SIGNS)), part, part).map(_of_sign),
            st.tuples(st.sampled_from(sorted(ONE)), part).map(_of_one),
            st.tuples(st.sampled_from(sorted(TWO)), part, part).map(_of_two),
            st.tuples(part, st.integers(0, 3)).map(_of_power),
            part.map(_negated),
        )

    return st.recursive(leaves, larger, max_leaves=8).filter(
        lambda pair: (
            len(pair[0]) <= MAX_CHARACTERS
            and sum(
                len(re.findall(rf"\b{name}\(", pair[0])) * FUNCTION_COSTS.get(name, 1)
                for name in FUNCTIONS
            )
            <= MAX_FUNCTIONS
        )
    )


def _of_sign(parts):
    sign, (left, f), (right, g) = parts
    return f"({left} {sign} {right})", lambda a, b: SIGNS[sign](f(a, b), g(a, b))


def _of_one(parts):
    name, (inner, f) = parts
    return f"{name}({inner})", lambda a, b: ONE[name](f(a, b))


def _of_two(parts):
    name, (left, f), (right, g) = parts
    return f"{name}({left}, {right})", lambda a, b: TWO[name](f(a, b), g(a, b))


def _of_power(parts):
    (inner, f), exponent = parts
    return f"({inner})**{exponent}", lambda a, b: f(a, b) ** exponent


def _negated(part):
    inner, f = part
    return f"(-{inner})", lambda a, b: -f(a, b)


@given(formulas(), st.floats(-2, 2), st.floats(-2, 2))
def test_a_formula_equals_an_independent_evaluation(pair, a, b):
    text, truth = pair
    try:
        with mpmath.workdps(40):
            exact = truth(mpmath.mpf(a), mpmath.mpf(b))
            # How far float64's roundings may carry: the value's change over 1e-15.
            near = truth(mpmath.mpf(a) * (1 + 1e-13), mpmath.mpf(b) * (1 + 1e-13))
            huge = not abs(exact) < 1e30
    except OverflowError:
        huge = True
    if huge:
        return
    try:
        f = expression(text, ("x0", "x1"))
    except ExpressionError:
        # Numbers alone, like exp(9)**3 * 9**9, that leave float64 on the way.
        assert "x" not in text or "exp" in text or "**" in text
        return
    value = float(f(np.float64(a), np.float64(b)))
    scale = max(1.0, abs(float(exact)))
    if math.isfinite(value):
        assert abs(value - float(exact)) <= abs(float(near - exact)) + 1e-8 * scale
    else:  # a part too large for float64, though the whole is not
        assert "exp" in text or "**" in text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2**2", -4),
        ("2**3**2", 512),
        ("x**-1", 0.5),
        ("x**0.5", math.sqrt(2)),
        ("  x − 1", 1),
        ("2×x ÷ 4", 1),
        ("1e3*x", 2000),
        ("2**x", 4),
        ("x**x", 4),
        ("e**x", math.e**2),
        ("log2(8)", 3),
        ("+".join(["x"] * 50), 100),
    ],
)
def test_it_reads_as_python_reads(text, value):
    assert float(expression(text)(np.float64(2))) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", ["3", "x", "x**2/3", "max(x, 0)", "sigmoid(x)"])
def test_shape_and_dtype_are_those_of_the_variable(text, dtype):
    value = expression(text)(np.ones((2, 3), dtype))
    assert (value.shape, value.dtype) == ((2, 3), dtype)


def test_out_of_a_domain_is_nan_and_no_warning():
    assert np.isnan(expression("log(x)")(np.array([-1.0]))).all()
    assert np.isinf(expression("1/x")(np.array([0.0]))).all()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_differences_propagate_through_every_function(name):
    takes, _ = FUNCTIONS[name]
    x0 = 1.5 if name == "acosh" else 0.5
    text = f"{name}({', '.join(['x', '0.25'][:takes])})"
    f = expression(text)
    h = 2.0**-10
    with jax.enable_x64(True):
        x = jnp.float64(x0)
        value, change = difference(f)(x, jnp.float64(h))
        assert float(value) == pytest.approx(float(f(np.float64(x0))), rel=1e-14)
        assert float(change) == pytest.approx(
            float(f(np.float64(x0 + h)) - f(np.float64(x0))), abs=1e-14
        )


# --- of two variables ----------------------------------------------------------------

PAIR = ("x0", "x1")
ALIASES = {"x": "x0", "y": "x1"}


@pytest.mark.parametrize(
    "text", ["x0**2 - 3*x1", "x**2 - 3*y", "x0**2 - 3*y", "x₀**2 − 3·x₁"]
)
def test_two_variables_are_read_under_all_their_names(text):
    f = expression(text, PAIR, ALIASES)
    assert f.variables == PAIR
    assert f(np.float64(3), np.float64(2)) == 3.0
    assert f(np.ones((2, 1)), np.ones(3)).shape == (2, 3)


@pytest.mark.parametrize("text", ["5", "x0", "y"])
def test_a_formula_of_fewer_variables_is_a_function_of_all(text):
    value = expression(text, PAIR, ALIASES)(np.ones((2, 1)), np.ones(3))
    assert value.shape == (2, 3)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("x2 + 1", "unknown_name", "x0, x1, pi"),
        ("x0 + z", "unknown_name", "there is no 'z'"),
        ("max(x0)", "arguments", "write max(x0, x1)"),
        ("sin", "needs_argument", "sin(x0)"),
        ("y(3)", "not_called", "y*"),
        ("2x0", "times", "2*x"),
        ("+".join(["sin(x0)"] * (MAX_FUNCTIONS + 1)), "too_many", "simpler"),
        ("x0**y" + "**y" * MAX_FUNCTIONS, "too_many", "simpler"),
        ("y**101", "power", "100"),
        ("-" * MAX_DEPTH + "y", "too_deep", "nested"),
        ("x0+" * MAX_CHARACTERS, "too_long", "at most 200"),
    ],
)
def test_all_limits_hold_for_two_variables(text, code, says):
    with pytest.raises(ExpressionError) as caught:
        expression(text, PAIR, ALIASES)
    assert caught.value.code == code
    assert says in str(caught.value)


# --- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "column", "says"),
    [
        ("", "empty", 1, "write one"),
        ("x^2", "caret", 2, "**"),
        ("y = x", "equals", 3, "right side"),
        ("3x", "times", 2, "3*x"),
        ("1 + sinn(x)", "unknown_name", 5, "'sin'"),
        ("cso(x)", "unknown_name", 1, "'cos'"),
        ("1 + y", "unknown_name", 5, "there are x, pi"),
        ("  y", "unknown_name", 3, "there are x, pi"),
        ("sin", "needs_argument", 1, "sin(x)"),
        ("sin(x, x)", "arguments", 1, "takes 1, and 2 came"),
        ("max(x)", "arguments", 1, "takes 2, and 1 came"),
        ("2 + x(3)", "not_called", 5, "x*"),
        ("(x", "syntax", 1, "parenthesis"),
        ("x 2", "syntax", 1, "sign"),
        ("x // 2", "floor", 1, "write /"),
        ("1/0", "not_finite", 1, "1/0"),
        ("x + log(0)", "not_finite", 5, "log(0)"),
        ("1e999", "too_large", 1, "1e308"),
        ("x**101", "power", 4, "100"),
        ("sin(x) + " * MAX_FUNCTIONS + "sin(x)", "too_many", 73, "simpler"),
        ("x**" * (MAX_FUNCTIONS + 1) + "x", "too_many", 4, "simpler"),
        ("asinh(asinh(asinh(x)))", "too_many", 13, "asinh as 4"),
        ("sinh(x) + cosh(x) + atanh(x) + acosh(x)", "too_many", 32, "simpler"),
    ],
)
def test_an_error_names_the_input_the_position_and_the_remedy(text, code, column, says):
    with pytest.raises(ExpressionError) as caught:
        expression(text)
    error = caught.value
    assert error.code == code
    assert says in str(error)
    assert f"column {error.column}" in str(error)
    if code != "syntax":  # there Python says where, and versions differ
        assert error.column == column


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "__import__(x)",
        "().__class__.__bases__",
        "x.__class__",
        "x.real",
        "(x).tofile",
        "x[0]",
        "[x for x in x]",
        "(lambda: 0)()",
        "lambda x: x",
        "(y := x)",
        "x if x else x",
        "x and x",
        "x or x",
        "not x",
        "x < 1",
        "x, x",
        "(x for x in x)",
        "{x}",
        "f'{x}'",
        "'a' * 999",
        '"a"',
        "b''",
        "...",
        "None",
        "True + x",
        "1j*x",
        "x @ x",
        "x % 2",
        "x << 9",
        "~x",
        "sin(*x)",
        "sin(**x)",
        "sin(x=x)",
        "sin(x)(x)",
        "sin.__globals__",
        "eval(x)",
        "exec(x)",
        "getattr(x, x)",
        "await x",
        "yield x",
        "import os",
        "x; x",
        "x\nx",
        "x # x",
        "x\0",
        "x\\\n",
        "ｘ",
        "𝓼𝓲𝓷(x)",
        "x\u202e",
        "0x10",
        "1_0",
        7,
        None,
        ["x"],
    ],
)
def test_an_invalid_formula_is_refused(text):
    with pytest.raises(ExpressionError):
        expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "9**9**9",
        "10**1000000",
        "x**1e300",
        "x**-1e300",
        "exp(exp(exp(9)))",
        "-" * (MAX_CHARACTERS - 1) + "x",
        "(" * (MAX_CHARACTERS // 2) + ")" * (MAX_CHARACTERS // 2),
        "(" * MAX_CHARACTERS,
        "sin(" * 50,
        "sin(" * 33 + "x" + ")" * 33 + "**x" * 10 + "(",
        "x" * 1_000_000,
        "(" * 1_000_000,
        "x+" * 500_000,
        "9**" * 333_333,
    ],
    ids=lambda text: f"{text[:12]}…{len(text)}",
)
def test_a_formula_that_would_run_forever_is_refused_at_once(text):
    # Of this thread alone: what else the machine does, does not count.
    began = time.thread_time()
    with pytest.raises(ExpressionError):
        expression(text)
    assert time.thread_time() - began < 1


def test_the_deepest_formula_is_read_and_one_deeper_is_not():
    def deep(signs):
        return "-" * signs + "x"

    assert float(expression(deep(MAX_DEPTH - 1))(np.float64(1))) == (-1) ** (
        MAX_DEPTH - 1
    )
    with pytest.raises(ExpressionError, match="nested"):
        expression(deep(MAX_DEPTH))


@given(st.text("x01sin(*)+-/.,_ e^[]'\"{}:=\\", max_size=40))
def test_any_text_is_a_formula_or_a_clear_refusal(text):
    try:
        value = expression(text)(np.array([0.5, 1.5]))
    except ExpressionError:
        return
    assert value.shape == (2,)
