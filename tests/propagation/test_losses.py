"""Optax's losses: the difference in float32 against plain subtraction in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from secant.propagation import difference

pytestmark = pytest.mark.slow

N, K = 6, 5
LABELS = np.array([0, 3, 4, 1, 2, 2])
ONE_HOT = np.eye(K)[LABELS]
SIGNS = np.where(ONE_HOT > 0, 1.0, -1.0)
TARGETS = np.random.default_rng(1).normal(size=(N, K))
CHANCES = np.random.default_rng(2).dirichlet(np.ones(K), size=N)


def like(x, array):
    return jnp.asarray(array, x.dtype)


def ctc(x):
    logits = jnp.stack([x, 2.0 * x])
    padding = np.zeros((2, N))
    padding[1, -1] = 1
    labels = np.array([[1, 2, 2], [3, 1, 0]])
    return optax.ctc_loss(
        logits, like(x, padding), labels, like(x, [[0.0, 0, 0], [0, 0, 1]])
    )


LOSSES = {
    "squared_error": lambda x: optax.squared_error(x, like(x, TARGETS)),
    "l2_loss": lambda x: optax.l2_loss(x, like(x, TARGETS)),
    "huber_loss": lambda x: optax.huber_loss(x, like(x, TARGETS)),
    "log_cosh": lambda x: optax.log_cosh(x, like(x, TARGETS)),
    "cosine_similarity": lambda x: optax.cosine_similarity(
        x, like(x, TARGETS), epsilon=1e-6
    ),
    "cosine_distance": lambda x: optax.cosine_distance(
        x, like(x, TARGETS), epsilon=1e-6
    ),
    "hinge_loss": lambda x: optax.hinge_loss(x, like(x, SIGNS)),
    "perceptron_loss": lambda x: optax.losses.perceptron_loss(x, like(x, SIGNS)),
    "multiclass_hinge_loss": lambda x: optax.losses.multiclass_hinge_loss(x, LABELS),
    "multiclass_perceptron_loss": lambda x: optax.losses.multiclass_perceptron_loss(
        x, LABELS
    ),
    "sigmoid_binary_cross_entropy": lambda x: optax.sigmoid_binary_cross_entropy(
        x, like(x, ONE_HOT)
    ),
    "sigmoid_focal_loss": lambda x: optax.losses.sigmoid_focal_loss(
        x, like(x, ONE_HOT), alpha=0.25
    ),
    "softmax_cross_entropy": lambda x: optax.softmax_cross_entropy(x, like(x, CHANCES)),
    "softmax_cross_entropy, smoothed": lambda x: optax.softmax_cross_entropy(
        x, optax.smooth_labels(like(x, ONE_HOT), 0.1)
    ),
    "softmax_cross_entropy_with_integer_labels": (
        lambda x: optax.softmax_cross_entropy_with_integer_labels(x, LABELS)
    ),
    "safe_softmax_cross_entropy": lambda x: optax.safe_softmax_cross_entropy(
        x, like(x, ONE_HOT)
    ),
    "poly_loss_cross_entropy": lambda x: optax.losses.poly_loss_cross_entropy(
        x, like(x, ONE_HOT), epsilon=2.0
    ),
    "kl_divergence": lambda x: optax.kl_divergence(
        jax.nn.log_softmax(x), like(x, CHANCES)
    ),
    "kl_divergence_with_log_targets": lambda x: (
        optax.losses.kl_divergence_with_log_targets(
            jax.nn.log_softmax(x), like(x, np.log(CHANCES))
        )
    ),
    "generalized_kl_divergence": lambda x: optax.losses.generalized_kl_divergence(
        jax.nn.log_softmax(x), like(x, CHANCES)
    ),
    "ctc_loss": ctc,
    "ntxent": lambda x: optax.losses.ntxent(x, LABELS % 3),
    "triplet_margin_loss": lambda x: optax.losses.triplet_margin_loss(
        x, like(x, TARGETS), like(x, CHANCES)
    ),
    "ranking_softmax_loss": lambda x: optax.losses.ranking_softmax_loss(
        x, like(x, CHANCES)
    ),
    "sparsemax_loss": lambda x: optax.losses.sparsemax_loss(x, like(x, ONE_HOT)),
    "sigmoid fenchel_young": lambda x: optax.losses.make_fenchel_young_loss(
        jax.nn.logsumexp
    )(x, like(x, CHANCES)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_changes_as_in_float64(name):
    loss = LOSSES[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, K)).astype(np.float32)
    d = rng.normal(size=(N, K)).astype(np.float32)
    carry = jax.jit(difference(loss))
    for size in (0.5, 1e-2):
        dx = d * np.float32(size)
        _, change = carry(x, dx)
        with jax.enable_x64(True):
            here, there = np.float64(x), np.float64(x) + np.float64(dx)
            right = np.asarray(loss(jnp.asarray(there)) - loss(jnp.asarray(here)))
        off = np.linalg.norm(np.asarray(change) - right)
        assert off < 3e-6 * np.linalg.norm(right), size
    dx = d * np.float32(1e-9)
    _, change = carry(x, dx)
    with jax.enable_x64(True):
        _, tangent = jax.jvp(loss, (jnp.float64(x),), (jnp.float64(dx),))
        tangent = np.asarray(tangent)
    off = np.linalg.norm(np.asarray(change) - tangent)
    assert off < 3e-6 * np.linalg.norm(tangent)
