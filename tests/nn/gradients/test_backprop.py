"""Backpropagation against two judges: JAX's own derivative, and the definition's."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from secant import MLP, Architecture, one_hot
from secant.nn.activations import ACTIVATIONS
from secant.nn.gradients import METHODS, find_method
from secant.nn.losses import LOSSES

H = 1e-4
backprop, definition = METHODS["backprop"], METHODS["definition"]


@st.composite
def problems(draw, hidden=None):
    """A network of 1 to 4 layers, its weights, and a batch of 1 to 5 samples.

    `hidden` fixes the sizes of the hidden layers, for a judge that compiles each
    shape; they differ, so that a transposed matrix does not fit.
    """
    depth = draw(st.integers(1, 4))
    if hidden is None:
        sizes = tuple(
            draw(st.lists(st.integers(1, 4), min_size=depth + 1, max_size=depth + 1))
        )
    else:
        sizes = (2, *hidden[: depth - 1], 3)
    architecture = Architecture(
        sizes,
        draw(st.sampled_from(sorted(ACTIVATIONS))),
        draw(st.sampled_from(sorted(LOSSES))),
        draw(st.booleans()),
    )
    samples = draw(st.integers(1, 5) if hidden is None else st.sampled_from([1, 5]))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    params = {
        name: numbers.standard_normal(shape) / np.sqrt(shape[0])
        for name, shape in architecture.shapes.items()
    }
    x = numbers.standard_normal((samples, sizes[0]))
    t = numbers.integers(0, sizes[-1], samples)
    if draw(st.booleans()):
        t = one_hot(t, sizes[-1])
    return architecture, params, *architecture.as_batch(x, t)


def worst(gradients, expected, size=0.0):
    """The largest difference, in units of what may be: 1e-6 of a parameter's largest
    entry, and what rounding a loss of that `size` by 45 ulp makes of a slope, 1e-10.
    """
    assert set(gradients) == set(expected)
    units = {
        name: 1e-6 * abs(np.asarray(e)).max() + 1e-10 * size
        for name, e in expected.items()
    }
    return max(
        abs(np.asarray(gradients[name]) - e).max() / max(units[name], 1e-300)
        for name, e in expected.items()
    )


def by_jax(architecture, params, x, t):
    with jax.enable_x64(True):
        gradients = jax.jit(jax.grad(architecture.error))(params, x, t)
    return {name: np.asarray(gradients[name]) for name in params}


def by_definition(architecture, params, x, t):
    """The central difference without its h² term: (4 D(h) - D(2h)) / 3.

    What is left of a smooth function is h⁴ ≈ 1e-16, whatever network was drawn.
    """
    near = definition.with_options(h=H)(architecture, params, x, t)[1]
    far = definition.with_options(h=2 * H)(architecture, params, x, t)[1]
    return {name: (4 * near[name] - far[name]) / 3 for name in params}


def crosses_a_kink(architecture, params, x):
    """Whether a nudge moves a relu over 0: a difference across has no slope to give."""

    def pattern(nudged):
        return [z > 0 for z in architecture.layers(nudged, x)[1:-1]]

    before = pattern(params)
    for name, value in params.items():
        for at in np.ndindex(value.shape):
            for step in (-2 * H, -H, H, 2 * H):
                nudged = {**params, name: value.copy()}
                nudged[name][at] += step
                after = pattern(nudged)
                if any((a != b).any() for a, b in zip(before, after, strict=True)):
                    return True
    return False


def size(architecture, params, x, t):
    """Of the numbers whose rounding a difference sees: the loss and the scores."""
    scores = abs(architecture.scores(params, x)).max()
    return max(1.0, float(scores), float(architecture.error(params, x, t)))


# --- the two judges --------------------------------------------------------------


@settings(max_examples=20)  # each new shape is compiled
@given(problems(hidden=(5, 4, 3)))
@pytest.mark.slow
def test_backprop_is_what_jax_differentiates(problem):
    """Also at and around relu's kinks: both take 0 for the slope there."""
    loss, gradients = backprop(*problem)
    architecture, params, x, t = problem
    assert loss == architecture.error(params, x, t)
    # Float64 and no nudges: 1e-9, and 1e-14 where p - t cancels.
    assert worst(gradients, by_jax(*problem), 0.1) < 1e-3
    assert list(gradients) == list(params)


@given(problems())
def test_backprop_is_what_the_definition_gives(problem):
    architecture, params, x, _ = problem
    if architecture.activation == "relu":
        assume(not crosses_a_kink(architecture, params, x))
    _, gradients = backprop(*problem)
    assert worst(gradients, by_definition(*problem), size(*problem)) < 1


def test_backprop_takes_zero_for_relus_slope_at_exactly_zero():
    architecture = Architecture((2, 3, 2), "relu")
    params = {
        "W1": np.zeros((2, 3)),
        "b1": np.array([0.0, 1.0, -1.0]),
        "W2": np.ones((3, 2)) * [[1, -1], [2, -2], [3, -3]],
        "b2": np.zeros(2),
    }
    problem = architecture, params, np.ones((1, 2)), np.array([[1.0, 0.0]])
    _, gradients = backprop(*problem)
    assert gradients["b1"][0] == gradients["b1"][2] == 0
    assert gradients["b1"][1] < 0
    assert worst(gradients, by_jax(*problem)) < 1e-3


# --- the judges are judged -------------------------------------------------------

WHOLE = Architecture((3, 4, 2, 3), "tanh")


@pytest.fixture(scope="module")
def problem():
    draw = np.random.default_rng(0)
    params = {name: draw.standard_normal(s) for name, s in WHOLE.shapes.items()}
    x, t = WHOLE.as_batch(draw.standard_normal((5, 3)), [0, 2, 1, 1, 0])
    for array in (*params.values(), x, t):
        array.flags.writeable = False
    return WHOLE, params, x, t


@pytest.fixture(scope="module")
def judges(problem):
    return by_definition(*problem), by_jax(*problem)


@pytest.mark.parametrize("name", WHOLE.shapes)
@pytest.mark.parametrize("fault", ["whole", "one entry"])
def test_a_gradient_wrong_by_a_thousandth_is_caught(problem, judges, name, fault):
    _, gradients = backprop(*problem)
    numerical, exact = judges
    allowed = size(*problem)
    assert worst(gradients, numerical, allowed) < 1
    assert worst(gradients, exact) < 1e-3

    wrong = gradients[name] = gradients[name].copy()
    if fault == "whole":
        wrong *= 1.001
    else:
        wrong[np.unravel_index(abs(wrong).argmax(), wrong.shape)] *= 1.001
    assert worst(gradients, numerical, allowed) > 100
    assert worst(gradients, exact) > 100


# --- what else it promises -------------------------------------------------------


def test_parameters_and_batch_are_left_as_they_are(problem):
    _, params, x, t = problem
    before = [a.tobytes() for a in (*params.values(), x, t)]
    backprop(*problem)
    assert [a.tobytes() for a in (*params.values(), x, t)] == before


def test_the_dtype_is_the_arrays(problem, xp):
    architecture, params, x, t = problem
    params = {name: xp.asarray(value, "float32") for name, value in params.items()}
    loss, gradients = backprop(
        architecture, params, xp.asarray(x, "float32"), xp.asarray(t, "float32")
    )
    assert loss.dtype == "float32"
    assert all(g.dtype == "float32" for g in gradients.values())
    _, exact = backprop(*problem)
    for name, g in gradients.items():
        # Float32: 6e-8 a rounding, some tens of them in sums that partly cancel.
        assert abs(np.asarray(g) - exact[name]).max() < 1e-5 * abs(exact[name]).max()


def test_backprop_compiles(problem):
    architecture, *arrays = problem
    with jax.enable_x64(True):
        _, compiled = jax.jit(lambda *a: backprop(architecture, *a))(*arrays)
        assert worst(compiled, backprop(*problem)[1]) < 1e-3


def test_the_gradient_of_a_batch_is_the_mean_of_its_samples(problem):
    architecture, params, x, t = problem
    _, whole = backprop(*problem)
    each = [
        backprop(architecture, params, x[i : i + 1], t[i : i + 1])[1] for i in range(5)
    ]
    mean = {name: np.mean([g[name] for g in each], axis=0) for name in params}
    assert worst(whole, mean) < 1e-3


def test_a_method_is_found_by_its_name_or_is_one_itself():
    assert set(METHODS) >= {"definition", "backprop"}
    assert all(find_method(name).name == name for name in METHODS)
    assert find_method(METHODS["backprop"]) is METHODS["backprop"]


@pytest.mark.parametrize("name", ["backprob", None, [], len])
def test_an_unknown_method_is_told_the_known_ones(name):
    with pytest.raises(ValueError, match="there is no gradient method") as caught:
        find_method(name)
    assert "backprop, definition" in str(caught.value)


def test_weights_so_large_that_softmax_is_certain_have_finite_gradients():
    net = MLP((2, 4, 3), weight_init_std=1e4, seed=1)
    for gradient in net.gradient(np.ones((3, 2)), [0, 1, 2]).values():
        assert np.isfinite(gradient).all()
