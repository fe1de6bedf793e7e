"""Node and weight perturbation against the definition in float64."""

from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secant import Architecture
from secant.nn.activations import ACTIVATIONS, NEAR
from secant.nn.architecture import transposed
from secant.nn.gradients import METHODS
from secant.nn.gradients.perturbation import (
    crosses_kinks,
    growth,
    is_small,
    layer_context,
)
from secant.nn.losses import LOSSES
from secant.propagation import coordinates

NAMES = ("node", "weight")
COMPILED = {name: jax.jit(METHODS[name], static_argnums=0) for name in NAMES}
every_method = pytest.mark.parametrize("name", NAMES)
backprop, definition = METHODS["backprop"], METHODS["definition"]

# Each is compiled, with both branches: not every activation and loss at every depth.
NETWORKS = [
    ((), "sigmoid", "cross_entropy"),
    ((5,), "sigmoid", "cross_entropy"),
    ((5,), "relu", "sum_squares"),
    ((5,), "tanh", "cross_entropy"),
    ((5,), "identity", "sum_squares"),
    ((6, 5), "sigmoid", "sum_squares"),
    ((6, 5), "relu", "cross_entropy"),
]
NETWORKS += [
    ((5,), name, "cross_entropy")
    for name in ACTIVATIONS
    if name not in {activation for _, activation, _ in NETWORKS}
]
# Two that are as unlike as can be, quickly; the others among the slow.
QUICK = (NETWORKS[1], NETWORKS[6])
every_network = pytest.mark.parametrize(
    ("hidden", "activation", "loss"),
    [
        network if network in QUICK else pytest.param(*network, marks=pytest.mark.slow)
        for network in NETWORKS
    ],
)


def problem(hidden=(5,), activation="sigmoid", loss="cross_entropy", seed=0, scale=0.7):
    """A network, weights and a batch whose numbers float32 holds exactly."""
    architecture = Architecture((7, *hidden, 3), activation, loss)
    draw = np.random.default_rng(seed)

    def floats(*shape):
        return draw.standard_normal(shape).astype(np.float32).astype(np.float64)

    params = {
        name: (scale * floats(*shape)).astype(np.float32).astype(np.float64)
        for name, shape in architecture.shapes.items()
    }
    t = np.eye(3)[draw.integers(3, size=9)]
    return architecture, params, floats(9, 7), t


def in_float32(params, x, t):
    return jax.tree.map(np.float32, (params, x, t))


def apart(gradients, expected):
    """‖g - g*‖ / ‖g*‖ over all parameters."""
    difference = {
        name: np.asarray(gradients[name], np.float64) - expected[name]
        for name in expected
    }
    length = sum(np.sum(np.square(e)) for e in expected.values())
    return float(np.sqrt(sum(np.sum(d**2) for d in difference.values()) / length))


@every_method
@every_network
def test_float32_gives_the_definition_of_float64(name, hidden, activation, loss):
    architecture, params, x, t = problem(hidden, activation, loss)
    expected_loss, expected = definition(architecture, params, x, t)
    value, gradients = COMPILED[name](architecture, *in_float32(params, x, t))
    assert set(gradients) == set(params)
    assert all(gradients[n].dtype == jnp.float32 for n in params)
    assert apart(gradients, expected) < 1e-6
    assert float(value) == pytest.approx(expected_loss, rel=1e-6)


@every_method
@every_network
def test_a_nudge_of_any_size_is_the_difference(name, hidden, activation, loss):
    """h = 0.3 crosses kinks and leaves the range of the short series."""
    architecture, params, x, t = problem(hidden, activation, loss)
    h = 0.3
    method = METHODS[name].with_options(h=h)
    _, gradients = jax.jit(method, static_argnums=0)(
        architecture, *in_float32(params, x, t)
    )
    if name == "weight":
        expected = definition.with_options(h=h)(architecture, params, x, t)[1]
    else:
        expected = by_nudged_sums(architecture, params, x, t, h)
    assert apart(gradients, expected) < 2e-6


@pytest.mark.parametrize(("hidden", "activation", "loss"), NETWORKS[-4:])
@pytest.mark.parametrize("h", [1e-3, 0.01])
@pytest.mark.slow
def test_between_the_smallest_and_large_nudges_weight_is_the_definition(
    h, hidden, activation, loss
):
    architecture, params, x, t = problem(hidden, activation, loss)
    method = METHODS["weight"].with_options(h=h)
    found = jax.jit(method, static_argnums=0)(architecture, *in_float32(params, x, t))
    expected = definition.with_options(h=h)(architecture, params, x, t)[1]
    assert apart(found[1], expected) < 1e-6


def test_a_kink_that_only_the_largest_input_s_weight_passes_is_noticed():
    """±h times 64 takes relu's sum of 2⁻⁸ across 0, and times 16 does not.

    Nothing moves the sums of a sample of zeros.
    """
    architecture = Architecture((3, 1, 1), "relu", "sum_squares", bias=False)
    params = {"W1": np.array([[2.0**-14], [0], [0]]), "W2": np.ones((1, 1))}
    x, t = np.array([[64.0, 16, 1], [0, 0, 0]]), np.zeros((2, 1))
    h = 2.0**-13
    expected = definition.with_options(h=h)(architecture, params, x, t)[1]
    method = jax.jit(METHODS["weight"].with_options(h=h), static_argnums=0)
    found = method(architecture, *in_float32(params, x, t))[1]
    for name, slopes in expected.items():
        np.testing.assert_allclose(found[name], slopes, rtol=1e-6)


def test_large_inputs_make_a_weight_s_nudge_larger_than_a_node_s():
    """Pixels from 0 to 255: the loss bends within ±h z, and `node` gives its slope."""
    architecture, params, x, t = problem((5,), "tanh")
    x, params["W1"] = 256 * abs(x), params["W1"] / 256
    h = 2.0**-9
    expected = definition.with_options(h=h)(architecture, params, x, t)[1]
    arrays = in_float32(params, x, t)

    def error(name):
        method = METHODS[name].with_options(h=h)
        found = jax.jit(method, static_argnums=0)(architecture, *arrays)[1]
        return apart(found, expected)

    assert error("weight") < 1e-6
    assert error("node") > 1e-2


def test_the_largest_of_many_inputs_bounds_the_nudges_wherever_it_is():
    """601 inputs, compared in overlapping halves; the bend is that of the largest."""
    inputs, h = 601, 2.0**-9
    architecture = Architecture((inputs, 2, 2), "tanh")
    draw = np.random.default_rng(0)
    params = {
        name: draw.standard_normal(shape).astype(np.float32).astype(np.float64)
        for name, shape in architecture.shapes.items()
    }
    params["W1"] /= 1024
    method = jax.jit(METHODS["weight"].with_options(h=h), static_argnums=0)
    for place in (0, 150, 300, 301, 450, 600):
        x, t = np.full((3, inputs), 0.25), np.eye(2)[[0, 1, 0]]
        x[1, place] = -512
        found = method(architecture, *in_float32(params, x, t))[1]
        expected = definition.with_options(h=h)(architecture, params, x, t)[1]
        assert apart(found, expected) < 1e-6


def crossings(architecture, params, x, t, h):
    """Whether ±h of each weight of layer 1 takes a relu above across 0."""

    def signs(params):
        outputs = architecture.layers(params, x)
        sums = [
            z @ params[f"W{i}"] + params[f"b{i}"] for i, z in enumerate(outputs[:-2], 1)
        ]
        return [a > 0 for a in sums]

    here = signs(params)
    found = np.zeros((x.shape[0], *params["W1"].shape), bool)
    for place in np.ndindex(params["W1"].shape):
        for side in (h, -h):
            nudged = params["W1"].copy()
            nudged[place] += side
            there = signs(params | {"W1": nudged})
            changed = [(a != b).any(axis=1) for a, b in zip(here, there, strict=True)]
            found[(slice(None), *place)] |= np.any(changed, axis=0)
    return found


@pytest.mark.parametrize("hidden", [(5,), (6, 5), (6, 5, 4)], ids=len)
def test_every_nudge_across_a_kink_is_noticed_and_few_others(hidden):
    architecture, params, x, t = problem(hidden, "relu")
    h = 0.1
    weights = jax.tree.map(jnp.asarray, transposed(params))
    layers = architecture.feature_major_layers(weights, jnp.asarray(x))
    context = layer_context(architecture, weights, layers, t.T, 1)
    reach = h * jnp.maximum(abs(x).max(axis=1), 1)[None, :]
    noticed = np.asarray(crosses_kinks(architecture, weights, 1, context, reach))
    real = crossings(architecture, params, x, t, h).any(axis=1).T
    assert (noticed | ~real).all()
    assert real.any()
    assert noticed.mean() < 2 * real.mean() + 0.1


@pytest.mark.parametrize(("bound", "small"), [(0.5, True), (1, True), (2, False)])
def test_nudges_are_small_as_far_as_the_activation_s_slope_allows(
    bound, small, monkeypatch
):
    """Two layers above the nudge: it grows by the square of the slope."""
    entry = ACTIVATIONS["tanh"]._replace(slope_bound=bound)
    monkeypatch.setitem(ACTIVATIONS, "steep", entry)
    architecture = Architecture((1, 1, 1, 1), "steep")
    weights = dict.fromkeys(("W1", "W2", "W3"), jnp.ones((1, 1)))
    assert bool(is_small(architecture, weights, jnp.asarray(NEAR / 4))) is small


@pytest.mark.parametrize(
    ("sizes", "growth"),
    [
        pytest.param((1, 4, 1), 1, id="one-weight-leads-on-from-a-neuron"),
        pytest.param((1, 1, 4, 1), 4, id="in-higher-layers-all-changes-add"),
        pytest.param((1, 4, 4, 4, 1), 16, id="from-layer-to-layer"),
    ],
)
def test_nudges_are_small_as_far_as_the_weights_above_allow(sizes, growth):
    """All weights are 1, and the slope of tanh is at most 1."""
    architecture = Architecture(sizes, "tanh")
    weights = {
        name: np.ones(shape[::-1])
        for name, shape in architecture.shapes.items()
        if name.startswith("W")
    }
    largest = NEAR / 2 / growth
    assert is_small(architecture, weights, 0.99 * largest)
    assert not is_small(architecture, weights, 1.01 * largest)


@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 8), min_size=3))
def test_no_nudge_grows_beyond_its_bound(seed, sizes):
    """Along straight lines, whose slope is the bound."""
    sizes = tuple(sizes[:6])
    architecture = Architecture(sizes, "identity", bias=False)
    draw = np.random.default_rng(seed)
    weights = {
        name: draw.standard_normal(shape[::-1]).astype(np.float32)
        for name, shape in architecture.shapes.items()
    }
    change = np.eye(sizes[1])
    largest = 1.0
    for layer in range(2, architecture.depth + 1):
        change = weights[f"W{layer}"] @ change
        largest = max(largest, abs(change).max())
    assert largest <= 1.0001 * growth(architecture, weights)


@every_method
def test_small_nudges_go_through_the_closed_forms_of_an_activation(name, monkeypatch):
    """They are many times as fast; one that is planted to be twice as large shows."""
    identity = ACTIVATIONS["identity"]
    double = identity._replace(change=lambda coefficients, da: 2 * da)
    monkeypatch.setitem(ACTIVATIONS, "double", double)
    architecture = Architecture((1, 1, 1), "double", "sum_squares", bias=False)
    # Half of (w₂ w₁ x - t)², at w₁ = 1 / 2, w₂ = 1, x = 1, t = 1.
    params = {"W1": np.array([[0.5]]), "W2": np.ones((1, 1))}
    x, t = np.ones((1, 1)), np.ones((1, 1))
    with jax.disable_jit():
        _, gradients = METHODS[name](architecture, *in_float32(params, x, t))
    assert float(gradients["W1"][0, 0]) == pytest.approx(2 * -0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("x", "first_weight", "largest"),
    [
        pytest.param(4.0, 0.5, 4.0, id="an-input"),
        pytest.param(4.0, 512.0, 2048.0, id="the-last-hidden-output"),
        pytest.param(0.5, 0.5, 1.0, id="the-1-of-a-bias"),
    ],
)
def test_the_largest_nudge_is_that_of_the_weight_with_most_coming_in(
    x, first_weight, largest, monkeypatch
):
    seen = []

    def spy(architecture, weights, da):
        seen.append(float(da))
        return np.bool_(True)

    module = import_module("secant.nn.gradients.weight")
    monkeypatch.setattr(module, "is_small", spy)
    # So that one nudge is not enough, whatever comes in.
    monkeypatch.setattr(module, "growth", lambda architecture, weights: np.inf)
    params = {"W1": [[first_weight]], "b1": [0.0], "W2": [[0.25]], "b2": [0.0]}
    params = {name: np.array(value) for name, value in params.items()}
    arrays = in_float32(params, np.array([[x]]), np.ones((1, 1)))
    method = METHODS["weight"].with_options(h=2.0**-20)
    with jax.disable_jit():
        method(Architecture((1, 1, 1), "relu", "sum_squares"), *arrays)
    assert seen == [largest * 2.0**-20]


@every_method
def test_a_steep_activation_is_nudged_no_further_than_closed_forms_hold(
    name, monkeypatch
):
    """f(a) = 1000 a: a nudge of 1e-3 moves the scores by about 1, not by 1e-3."""
    steepness = 1000.0
    steep = ACTIVATIONS["identity"]._replace(
        function=lambda a: steepness * a,
        slope_bound=steepness,
        change=lambda coefficients, da: steepness * da,
    )
    monkeypatch.setitem(ACTIVATIONS, "steep", steep)
    architecture, params, x, t = problem((4,), "steep")
    params["b1"] *= 0
    x /= 1024
    h = 2.0**-10
    method = METHODS[name].with_options(h=h)
    compiled = jax.jit(method, static_argnums=0)
    _, gradients = compiled(architecture, *in_float32(params, x, t))
    if name == "weight":
        expected = definition.with_options(h=h)(architecture, params, x, t)[1]
    else:
        expected = by_nudged_sums(architecture, params, x, t, h)
    assert apart(gradients, expected) < 2e-6


def by_nudged_sums(architecture, params, x, t, h):
    """Node perturbation by plain subtraction in float64."""
    activate = ACTIVATIONS[architecture.activation].function
    loss = LOSSES[architecture.loss].function
    outputs = architecture.layers(params, x)

    def losses(layer, sums):
        """Each sample's loss, from the sums of a layer on."""
        for above in range(layer + 1, architecture.depth + 1):
            sums = activate(sums) @ params[f"W{above}"] + params[f"b{above}"]
        return np.array([loss(s, row, -1) for s, row in zip(sums, t, strict=True)])

    gradients = {}
    for layer in range(1, architecture.depth + 1):
        sums = outputs[layer - 1] @ params[f"W{layer}"] + params[f"b{layer}"]
        delta = np.empty_like(sums)
        for j in range(sums.shape[1]):
            nudge = h * np.eye(sums.shape[1])[j]
            rise = losses(layer, sums + nudge) - losses(layer, sums - nudge)
            delta[:, j] = rise / (2 * h * len(x))
        gradients[f"W{layer}"] = outputs[layer - 1].T @ delta
        gradients[f"b{layer}"] = delta.sum(axis=0)
    return {name: gradients[name] for name in params}


@every_method
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), bias=st.booleans())
@pytest.mark.slow
def test_random_networks_agree_with_backprop(name, seed, bias):
    architecture, params, x, t = problem((5,), "tanh", seed=seed)
    if not bias:
        architecture = Architecture((7, 5, 3), "tanh", bias=False)
        params = {n: p for n, p in params.items() if n.startswith("W")}
    arrays = in_float32(params, x, t)
    _, gradients = COMPILED[name](architecture, *arrays)
    _, expected = backprop(architecture, params, x, t)
    # The formula's own error is h²/6 times a third derivative.
    assert apart(gradients, expected) < 1e-6


@every_method
@pytest.mark.slow
def test_saturated_neurons_keep_their_digits(name):
    """Sums near ±16: 1 - σ(a) has lost all its digits in float32, the slope has not."""
    architecture, params, x, t = problem((5,), "sigmoid")
    params["b1"] = np.array([16.0, -16.0, 12.0, -12.0, 0.0])
    expected = definition(architecture, params, x, t)[1]
    _, gradients = COMPILED[name](architecture, *in_float32(params, x, t))
    exact = backprop(architecture, params, x, t)[1]["W1"]
    off = np.asarray(gradients["W1"], np.float64) - exact
    assert (np.linalg.norm(off, axis=0) < 3e-6 * np.linalg.norm(exact, axis=0)).all()
    assert apart(gradients, expected) < 1e-6


@every_method
def test_huge_weights_leave_the_short_series(name):
    """A nudge of 1e-4 times a weight of 1e4 is not small."""
    architecture, params, x, t = problem((4,), "tanh", "sum_squares")
    params["W2"] = (1e4 * params["W2"]).astype(np.float32).astype(np.float64)
    expected = definition(architecture, params, x, t)[1]
    _, gradients = COMPILED[name](architecture, *in_float32(params, x, t))
    assert apart(gradients, expected) < 1e-6


@every_method
@pytest.mark.slow
def test_float64_is_computed_where_jax_has_it(name):
    architecture, params, x, t = problem((5,), "tanh", scale=0.4)
    exact = backprop(architecture, params, x, t)[1]
    with jax.enable_x64(True):
        arrays = jax.tree.map(jnp.asarray, (params, x, t))
        _, gradients = COMPILED[name](architecture, *arrays)
        assert gradients["W1"].dtype == jnp.float64
    # h²/6 = 2e-9 times third derivatives of order 1.
    assert apart(gradients, exact) < 1e-8


@pytest.mark.slow
@every_method
def test_wide_layers_are_worked_through_in_blocks(name, monkeypatch):
    architecture, params, x, t = problem((6, 5), "relu")
    arrays = in_float32(params, x, t)
    _, whole = COMPILED[name](architecture, *arrays)
    monkeypatch.setattr(coordinates, "_CPU_BLOCK_BYTES", 1)
    monkeypatch.setattr(coordinates, "_BLOCK_BYTES", 1)
    _, blocks = jax.jit(lambda *a: METHODS[name](architecture, *a))(*arrays)
    assert (
        apart(blocks, {n: np.asarray(g, np.float64) for n, g in whole.items()}) < 3e-7
    )
