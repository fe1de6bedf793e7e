"""The table of methods: one entry is a method everywhere, with its options."""

import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import secant
from secant import (
    MLP,
    Checkpoints,
    InvalidInput,
    Run,
    fit,
    value_and_gradient,
)
from secant.comparison import compare, methods
from secant.nn.architecture import transposed
from secant.nn.gradients import METHODS, GradientMethod, MethodOption, find_method
from secant.training.manifest import Manifest
from secant_lab.training.race_config import choices

_SPEC = spec_from_file_location("planted", Path(__file__).parent / "planted.py")
planted = module_from_spec(_SPEC)
_SPEC.loader.exec_module(planted)
PLANTED, IN_NUMPY = planted.PLANTED, planted.IN_NUMPY

DRAW = np.random.default_rng(0)
X, T = DRAW.standard_normal((40, 3)), DRAW.integers(2, size=40)


@pytest.fixture
def net():
    return MLP((3, 4, 2), "tanh", init="xavier", seed=1)


@pytest.fixture
def table(monkeypatch):
    """The table with two methods more."""
    for method in (PLANTED, IN_NUMPY):
        monkeypatch.setitem(METHODS, method.name, method)


# --- an entry is a method everywhere -------------------------------------------------


@pytest.mark.parametrize("name", ["planted", "planted_in_numpy"])
def test_fit_trains_by_an_entry_and_its_option(net, table, name):
    settings = {"iterations": 5, "batch_size": 10}
    run = fit(net, (X, T), find_method(name, times=2), learning_rate=0.1, **settings)
    twice = fit(net, (X, T), "backprop", learning_rate=0.2, **settings)
    np.testing.assert_allclose(run.losses, twice.losses, rtol=1e-5)
    assert (run.settings.gradient, run.settings.gradient_options) == (
        name,
        {"times": 2.0},
    )


@pytest.mark.parametrize("name", ["planted", "planted_in_numpy"])
def test_value_and_gradient_takes_an_entry_and_its_option(net, table, name):
    value, gradient = value_and_gradient(net, name, times=3)(net.params, X, T)
    assert float(value) == pytest.approx(net.loss(X, T), rel=1e-5)
    for array, exact in net.gradient(X, T).items():
        np.testing.assert_allclose(gradient[array], 3 * exact, atol=1e-6)


def test_value_and_gradient_takes_it_for_any_function(table):
    value, gradient = value_and_gradient(jnp.sum, "planted", times=3)(jnp.ones(2))
    assert (float(value), gradient.tolist()) == (2.0, [3.0, 3.0])


def test_compare_shows_an_entry_at_the_values_that_it_names(net, table):
    chosen = [row for row in methods() if row[0].startswith("planted")]
    rows = {row.name: row for row in compare(net, X, T, chosen=chosen)}
    for name in ("planted", "planted_in_numpy"):
        assert rows[f"{name}, times = 1.0"].error < 1e-6
        assert rows[f"{name}, times = 3.0"].error == pytest.approx(2)


@pytest.mark.parametrize(
    ("name", "evaluations"),
    [
        ("definition", 2 * (784 * 50 + 50 + 50 * 10 + 10) + 1),
        ("weight", 2 * (50 + 10) + 1),
        ("node", 2 * (50 + 10) + 1),
        ("spsa", 3),
    ],
)
def test_a_step_is_two_evaluations_for_each_nudge_and_one_of_the_loss(
    name, evaluations
):
    architecture = secant.Architecture((784, 50, 10))
    assert METHODS[name].evaluations_per_step(architecture) == evaluations


def test_the_page_lists_an_entry(table):
    assert {
        "name": "planted",
        "description": "the chain rule, multiplied",
        "slow": False,
    } in choices()["gradients"]


def test_the_command_has_an_entry_its_option_and_both_in_its_help(tmp_path):
    train = "train --data sample --hidden 3 --iterations 4 --out run"
    lines = ("train --help", f"{train} --gradient planted --times 2", "rerun run",
             "train --times 2")  # fmt: skip
    done = subprocess.run(
        [sys.executable, planted.__file__, *lines],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = " ".join(done.stdout.split())
    assert "planted or planted_in_numpy. [default: node]" in said
    assert "--times <float> Multiplies the gradient, for planted or planted_in" in said
    assert Run.load(tmp_path / "run").settings.gradient_options == {"times": 2.0}
    assert "the same, bit for bit" in said
    assert "train --times 2: ended with 2" in said
    assert "--times is for --gradient planted or planted_in_numpy" in done.stderr


# --- what a checkpoint calls a method ------------------------------------------------


def begun(net, folder, method, **changed):
    return fit(
        net,
        (X, T),
        method,
        folder=folder,
        checkpoints=Checkpoints(steps=2, seconds=None),
        **{"iterations": 4, "batch_size": 10} | changed,
    )


def test_a_reworded_description_refuses_no_run(net, tmp_path):
    spsa = find_method("spsa", directions=3)
    begun(net, tmp_path, spsa)
    reworded = replace(spsa, description="something else")
    run = begun(net, tmp_path, reworded, resume=True, iterations=8)
    whole = fit(net, (X, T), spsa, batch_size=10, iterations=8)
    np.testing.assert_array_equal(run.losses, whole.losses)


@pytest.mark.parametrize(
    "other",
    [{"directions": 4}, {"directions": 3, "h": 1e-3}],
    ids=["directions", "h"],
)
def test_another_value_of_an_option_is_another_run(net, tmp_path, other):
    begun(net, tmp_path, find_method("spsa", directions=3))
    with pytest.raises(InvalidInput, match=r"gradient_options was .*'directions': 3"):
        begun(net, tmp_path, find_method("spsa", **other), resume=True)


def test_a_checkpoint_s_name_and_options_give_the_method_back(net, tmp_path):
    method = find_method("spsa", directions=3)
    begun(net, tmp_path, method)
    kept = Manifest.read(tmp_path).origin
    assert (kept["gradient"], kept["gradient_options"]) == (
        "spsa",
        {"directions": 3, "h": 1e-4},
    )
    assert find_method(kept["gradient"], **kept["gradient_options"]) == method


# --- options -------------------------------------------------------------------------


def test_options_are_kept_and_changed_one_by_one():
    method = find_method(find_method("spsa", directions=5), h=1e-3)
    assert method.option_values == {"directions": 5, "h": 1e-3}
    assert find_method(method, directions=1, h=1e-4) == METHODS["spsa"]
    assert METHODS["spsa"].option_values == {"directions": 1, "h": 1e-4}


CHOICE = replace(
    PLANTED, options=(MethodOption("kind", "round", "", choices=("round", "square")),)
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: find_method("node", directions=3), "directions is an option of spsa"),
        (lambda: find_method(PLANTED, directions=3), "directions is an option of spsa"),
        (lambda: find_method("spsa", direction=3), "did you mean 'directions'"),
        (lambda: find_method("backprop", speed=3), "no option of 'backprop' 'speed'"),
        (lambda: value_and_gradient(MLP((2, 2)), "node", hh=1), "did you mean 'h'"),
        (lambda: CHOICE.with_options(kind="rund"), "did you mean 'round'"),
        *(
            (lambda value=value: find_method("spsa", directions=value), "whole number")
            for value in (0, -1, 1.5, True, "2", None)
        ),
        *(
            (
                lambda value=value: find_method("node", h=value),
                "h is .*: pass a finite number above 0",
            )
            for value in (0, -1.0, np.inf, np.nan, True, "0.1", None, [1])
        ),
    ],
)
def test_an_option_that_cannot_be_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_numbers_of_numpy_serve_as_options():
    method = find_method("spsa", directions=np.int64(3), h=np.float64(0.5))
    assert [type(v) for v in method.option_values.values()] == [int, float]
    assert CHOICE.with_options(kind="square").option_values == {"kind": "square"}


@pytest.mark.parametrize("name", ["weight", "node", "definition"])
def test_h_is_an_option_of_every_method_that_nudges(net, name):
    """The central difference at h = 0.3 is not the slope."""
    find = value_and_gradient(net, name, h=0.3)
    if METHODS[name].traceable:
        find = jax.jit(find)
    _, far = find(net.params, X, T)
    exact = net.gradient(X, T)["W1"]
    assert 1e-3 < np.linalg.norm(far["W1"] - exact) / np.linalg.norm(exact) < 0.3


def test_options_of_other_methods_are_ignored_by_value_and_gradient(net):
    ignored = value_and_gradient(net, "backprop", directions=3, h=0.3)
    _, gradient = ignored(net.params, X, T)
    for name, exact in net.gradient(X, T).items():
        np.testing.assert_allclose(gradient[name], exact, atol=1e-6)


# --- a method of one's own -----------------------------------------------------------


@pytest.mark.parametrize("traceable", [True, False])
def test_a_feature_major_function_gets_its_weights_so(net, traceable):
    shapes = []

    def feature_major(architecture, weights, x, t, key=None, /):
        shapes.append(weights["W1"].shape)
        loss, gradients = METHODS["backprop"](architecture, transposed(weights), x, t)
        return loss, transposed(gradients)

    method = GradientMethod("mine", feature_major, "", traceable, feature_major=True)
    settings = {"iterations": 3, "batch_size": 10}
    run = fit(net, (X, T), method, **settings)
    assert set(shapes) == {(4, 3)}
    expected = fit(net, (X, T), "backprop", **settings)
    np.testing.assert_allclose(run.losses, expected.losses, rtol=1e-5)


def test_a_copy_of_an_entry_is_the_same_method():
    for method in METHODS.values():
        copy = deepcopy(method)
        assert copy == method
        assert hash(copy) == hash(method)


def test_two_equal_methods_share_a_compiled_program(net):
    compiled = []

    def counted(architecture, params, x, t, key=None, /, *, times):
        compiled.append(times)
        return planted.scaled(architecture, params, x, t, key, times=times)

    method = replace(PLANTED, function=counted)
    for times in (2, 2.0, 3):
        run = fit(net, (X, T), method.with_options(times=times), iterations=1,
                  batch_size=10)  # fmt: skip
        assert len(run.losses) == 1
    assert len(set(compiled)) == 2
    assert compiled == sorted(compiled)


def test_spsa_has_the_defaults_of_its_entry():
    directions, h = secant.spsa.__defaults__
    assert METHODS["spsa"].option_values == {"directions": directions, "h": h}


@pytest.mark.parametrize("traceable", [True, False])
def test_a_stochastic_method_gets_a_key_of_each_step(net, tmp_path, traceable):
    def noisy(architecture, params, x, t, key, /):
        loss, gradients = METHODS["backprop"](architecture, params, x, t)
        return loss + jax.random.uniform(key), gradients

    method = GradientMethod("noisy", noisy, "", traceable, stochastic=True)
    flat = {"sampling": "epochs", "learning_rate": 1e-30, "batch_size": 40}
    whole = fit(net, (X, T), method, iterations=6, **flat)
    begun(net, tmp_path, method, **flat)
    again = begun(net, tmp_path, method, iterations=6, resume=True, **flat)
    assert len(set(whole.losses)) == 6
    np.testing.assert_array_equal(again.losses, whole.losses)
