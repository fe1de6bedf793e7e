"""SPSA: unbiased, for any loss over any pytree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import secant
from secant import InvalidInput, spsa
from secant.nn.gradients import find_method, spsa_method


def loss(params):
    """Of a dict with a tuple in it; the gradient is known."""
    (a, b), c = params["pair"], params["c"]
    return (a**2).sum() + 3 * b + jnp.sin(c).sum()


PARAMS = {"pair": (jnp.array([1.0, -2.0]), jnp.array(0.5)), "c": jnp.ones((2, 2))}
GRADIENT = jax.grad(loss)(PARAMS)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def test_the_estimate_is_the_gradient_on_average():
    """The mean of k estimates lies within five of its standard errors, √(p/k) |g|."""
    directions = 4000
    value, estimate = spsa(loss, PARAMS, jax.random.key(0), directions)
    expected = flat(GRADIENT)
    error = np.linalg.norm(expected) / np.sqrt(directions)
    assert float(value) == pytest.approx(float(loss(PARAMS)))
    assert jax.tree.structure(estimate) == jax.tree.structure(PARAMS)
    assert abs(flat(estimate) - expected).max() < 5 * error


def test_a_single_direction_gives_the_slope_along_it():
    _, estimate = spsa(lambda w: (w**3).sum(), jnp.array([1.0, 2.0]), jax.random.key(1))
    # g = (∇L·δ) δ, which is the same for δ and -δ: the signs of g will do for δ.
    delta = np.sign(np.asarray(estimate))
    assert estimate == pytest.approx(np.dot([3.0, 12.0], delta) * delta, rel=1e-6)


def test_the_error_falls_with_the_root_of_the_directions():
    def error(directions):
        once = jax.jit(lambda key: spsa(loss, PARAMS, key, directions)[1])
        found = [flat(once(jax.random.key(seed))) for seed in range(30)]
        return np.sqrt(np.mean([np.sum((f - flat(GRADIENT)) ** 2) for f in found]))

    assert 6 < error(2) / error(128) < 11  # √64 = 8


def test_a_small_step_loses_no_digits_in_float32():
    """Subtraction at h = 1e-7 would keep none."""
    key = jax.random.key(3)
    _, near = spsa(loss, PARAMS, key, h=1e-7)
    _, far = spsa(loss, PARAMS, key, h=1e-3)
    assert flat(near) == pytest.approx(flat(far), rel=1e-5)


def test_a_key_gives_the_same_directions_and_another_others():
    first, again, other = (
        flat(spsa(loss, PARAMS, jax.random.key(seed))[1]) for seed in (5, 5, 6)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_a_network_learns_from_random_directions():
    draw = np.random.default_rng(0)
    t = draw.integers(2, size=200)
    x = draw.standard_normal((200, 4)) * 0.3 + t[:, None]
    net = secant.MLP((4, 6, 2), init="xavier")
    run = secant.fit(net, (x, t), spsa_method(5), iterations=800, batch_size=50)
    assert run.settings.gradient == "spsa"
    assert run.train_accuracy[-1] > 0.95


def test_spsa_is_a_name():
    assert find_method("spsa").evaluations_per_step(None) == 3


def test_a_slope_below_what_float16_can_subtract_is_seen():
    """A change of 2.3e-9 is 0 in float16."""
    w = jnp.ones(3, jnp.float16)  # an odd number: the slope is not 0
    value, estimate = spsa(lambda w: (w * 2.3e-5).sum(), w, jax.random.key(0))
    delta = np.sign(np.asarray(estimate, float))
    assert (value.dtype, estimate.dtype) == ("float16", "float16")
    assert delta.all()
    assert np.asarray(estimate, float) == pytest.approx(
        2.3e-5 * delta.sum() * delta, abs=6e-8, rel=1e-3
    )


def test_a_loss_that_insists_on_its_dtype_keeps_it():
    w = jnp.array([1.0, 2.0], jnp.bfloat16)
    _, estimate = spsa(lambda w: jax.lax.dot(w, w), w, jax.random.key(0), 100)
    assert estimate.dtype == "bfloat16"
    assert np.asarray(estimate, float) == pytest.approx([2.0, 4.0], abs=2.0)


def test_many_directions_in_bfloat16_have_the_error_of_theory():
    """A sum in bfloat16 stays at 256 times what is added to it."""
    w, directions = jnp.array([1.0, 2.0], jnp.bfloat16), 4096
    _, estimate = spsa(lambda w: (w**2).sum(), w, jax.random.key(0), directions)
    # 4/√4096 is a standard error, and 2^-8 of 4 the rounding of the result.
    assert np.asarray(estimate, float) == pytest.approx([2.0, 4.0], abs=5 / 16)
    far = np.asarray(spsa(lambda w: (w**2).sum(), w, jax.random.key(1), 2 * 4096)[1])
    assert far.astype(float) == pytest.approx([2.0, 4.0], abs=4 / 16)


@pytest.mark.parametrize(
    "f",
    [
        lambda w: w["c"],
        lambda w: w["c"].sum(keepdims=True),
        lambda w: (w["c"].sum(), 1.0),
        lambda w: jnp.round(w["c"].sum()).astype(int),
    ],
    ids=["shape", "shape of one", "tuple", "integer"],
)
def test_a_loss_that_is_no_number_is_refused(f):
    with pytest.raises(InvalidInput, match="loss gives"):
        spsa(f, PARAMS, jax.random.key(0))


@pytest.mark.parametrize("h", [0, 0.0, -1e-4, np.nan, np.inf])
def test_steps_that_cannot_be_are_refused(h):
    with pytest.raises(InvalidInput, match="h is"):
        spsa(loss, PARAMS, jax.random.key(0), h=h)


@pytest.mark.parametrize("key", [0, np.int64(3), jnp.uint32(3), 1.5])
def test_a_seed_is_no_key(key):
    with pytest.raises(InvalidInput, match=r"jax\.random\.key\(seed\)"):
        spsa(loss, PARAMS, key)


def test_integers_have_no_directions():
    with pytest.raises(InvalidInput, match="int32"):
        spsa(lambda n: n.sum() * 0.5, jnp.arange(3), jax.random.key(0))


@pytest.mark.parametrize("directions", [0, -1, 1.5, True, "2"])
def test_directions_that_cannot_be_are_refused(directions):
    with pytest.raises(InvalidInput, match="directions"):
        spsa(loss, PARAMS, jax.random.key(0), directions)


def test_a_missing_key_is_refused():
    with pytest.raises(InvalidInput, match=r"jax\.random\.key"):
        spsa(loss, PARAMS, None)
