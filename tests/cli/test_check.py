"""`secant check`: exit codes, the report, and errors in the user's code."""

import json

import pytest

MODULE = """
import jax, jax.numpy as jnp, numpy as np

W = np.linspace(-1, 1, 6).reshape(2, 3)

def loss(w):
    return jnp.sum(jnp.tanh(w) ** 2)

@jax.custom_vjp
def _halved(w):
    return loss(w)
_halved.defvjp(lambda w: (loss(w), w), lambda w, g: (g * jax.grad(loss)(w) / 2,))

def wrong(w):
    return _halved(w)

def gradient(w):
    return 2 * np.tanh(w) / np.cosh(w) ** 2

def minus(w):
    return -gradient(w)

def example():
    return W

def single():
    return jnp.asarray(W, jnp.float32)

def raises(w):
    raise ZeroDivisionError("a fault of mine")

number = 3
"""


@pytest.fixture
def losses(tmp_path):
    (tmp_path / "my_losses.py").write_text(MODULE)
    return "my_losses.py"


def test_right_gradient_exits_with_0(secant, losses):
    outcome = secant("check", f"{losses}:loss")
    assert outcome.code == 0
    assert outcome.out.startswith("gradient: right\nx  2×3  right  float64, 6 of 6")


def test_wrong_gradient_exits_with_1_and_names_the_likely_cause(secant, losses):
    outcome = secant("check", f"{losses}:wrong", "--at", ":single")
    assert outcome.code == 1
    assert "the gradient is 0.5 times the slope" in outcome.out


def test_user_gradient_is_checked(secant, losses):
    assert secant("check", f"{losses}:loss", "--gradient", ":gradient").code == 0
    outcome = secant("check", f"{losses}:loss", "--gradient", ":minus")
    assert outcome.code == 1
    assert "the sign" in outcome.out


def test_hessian_vector_product_is_checked(secant, losses):
    assert secant("check", f"{losses}:loss", "--hessian").code == 0
    outcome = secant("check", f"{losses}:loss", "--hessian", "--gradient", ":minus")
    assert outcome.code == 2
    assert "remove --gradient" in outcome.err


def test_json_report_is_the_only_output(secant, losses):
    outcome = secant("check", f"{losses}:wrong", "--json")
    report = json.loads(outcome.out)
    assert (outcome.code, report["ok"], report["verdict"]) == (1, False, "wrong")
    assert report["leaves"][0]["wrong"] == 6


def test_picture_of_the_errors_is_written(secant, losses, tmp_path):
    outcome = secant("check", f"{losses}:wrong", "--plot", "errors.png")
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    assert "look at errors.png" in outcome.err


def test_module_in_the_current_folder_is_found(secant, losses):
    assert secant("check", "my_losses:loss").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["my_losses.py"], "write module:function"),
        (["my_losses.py:los"], "did you mean 'loss'"),
        (["my_losses.py:number"], "is a int and cannot be called"),
        (["no_such_module:loss"], "there is no module 'no_such_module'"),
        (["nowhere.py:loss"], "there is no file nowhere.py"),
        (["broken.py:loss"], "running broken.py raised SyntaxError"),
        (["bare.py:loss"], "has no function `example`"),
        (["my_losses.py:raises"], "raised ZeroDivisionError: a fault of mine"),
        (["my_losses.py:loss", "--at", ":raises"], "raised TypeError"),
        (
            ["my_losses.py:loss", "--coordinates", "some"],
            "Known: all, auto, projections",
        ),
        (["my_losses.py:loss", "--gradient", ":number"], "cannot be called"),
    ],
    ids=[
        *("file alone", "unknown name", "number", "no module", "no file"),
        *("broken file", "no example", "raises", "point raises", "coordinates"),
        "gradient number",
    ],
)
def test_invalid_target_is_reported_without_a_traceback(
    secant, losses, tmp_path, arguments, words
):
    (tmp_path / "broken.py").write_text("def loss(:")
    (tmp_path / "bare.py").write_text("def loss(x): return x")
    outcome = secant("check", *arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert "Traceback" not in outcome.err
    assert "bug in Secant" not in outcome.err


def test_failing_line_of_the_users_code_is_named(secant, losses):
    outcome = secant("check", f"{losses}:raises")
    line = MODULE[: MODULE.index("raise Zero")].count("\n") + 1
    assert f"my_losses.py:{line}: raise ZeroDivisionError" in outcome.err
