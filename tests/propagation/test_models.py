"""Whole models of Flax and Equinox: all their parameters change at once.

In float32, against plain subtraction in float64 where that has digits to spare, and
against the derivative in float64 where the change is far below float32's spacing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant.propagation import difference

pytestmark = pytest.mark.slow


def random_like(tree, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), tree
    )


def double(tree):
    return jax.tree.map(
        lambda leaf: (
            jnp.asarray(np.float64(leaf))
            if jnp.issubdtype(leaf.dtype, jnp.floating)
            else leaf
        ),
        tree,
    )


def norm(tree):
    return np.sqrt(sum(np.sum(np.square(np.float64(x))) for x in jax.tree.leaves(tree)))


def off(got, right):
    apart = jax.tree.map(lambda a, b: np.float64(a) - np.float64(b), got, right)
    return norm(apart) / norm(right)


def agrees(f, parameters, data, same_in_double=True):
    """f(parameters, data) along a random direction, with a large and a tiny step."""
    d = random_like(parameters, 1)

    def along(size):
        return jax.tree.map(lambda leaf: size * leaf, d)

    carry = jax.jit(difference(lambda p: f(p, data)))
    _, change = carry(parameters, along(1e-2))
    _, tiny = carry(parameters, along(1e-9))
    if not same_in_double:  # random draws are others in float64
        _, tangent = jax.jvp(lambda p: f(p, data), (parameters,), (along(1e-9),))
        assert off(tiny, tangent) < 1e-4
        return
    with jax.enable_x64(True):
        p, batch = double(parameters), double(data)
        _, tangent = jax.jvp(lambda p: f(p, batch), (p,), (double(along(1e-9)),))
        moved = jax.tree.map(lambda a, b: a + b, p, double(along(1e-2)))
        right = jax.tree.map(lambda a, b: a - b, f(moved, batch), f(p, batch))
        right, tangent = jax.tree.map(np.asarray, (right, tangent))
    assert off(tiny, tangent) < 1e-5
    assert off(change, right) < 1e-5


IMAGES = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype(np.float32)
WORDS = np.random.default_rng(1).normal(size=(2, 5, 8)).astype(np.float32)
TOKENS = np.random.default_rng(2).integers(0, 7, size=(2, 5), dtype=np.int32)
ROWS = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)


# --- Flax ---


def linen_models():
    linen = pytest.importorskip("flax.linen")

    class Convolutional(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.relu(linen.Conv(4, (3, 3))(x))
            x = linen.max_pool(x, (2, 2), strides=(2, 2))
            x = linen.gelu(linen.Conv(6, (3, 3), strides=2)(x))
            x = linen.avg_pool(x, (2, 2))
            return linen.log_softmax(linen.Dense(3)(x.reshape(len(x), -1)))

    class Normalised(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.Dense(8)(x)
            x = linen.BatchNorm(use_running_average=False)(x)
            x = linen.silu(linen.LayerNorm()(x))
            x = linen.GroupNorm(num_groups=2)(linen.Dense(6)(x))
            return linen.RMSNorm()(linen.tanh(x))

    class Transformer(linen.Module):
        @linen.compact
        def __call__(self, tokens):
            x = linen.Embed(7, 8)(tokens)
            x = x + linen.MultiHeadDotProductAttention(num_heads=2)(
                linen.LayerNorm()(x), mask=linen.make_causal_mask(tokens)
            )
            return x + linen.Dense(8)(linen.gelu(linen.Dense(16)(linen.LayerNorm()(x))))

    class Recurrent(linen.Module):
        @linen.compact
        def __call__(self, x):
            kind = {"param_dtype": x.dtype}  # and that of the state at first
            x = linen.RNN(linen.OptimizedLSTMCell(6, **kind))(x)
            return linen.Bidirectional(
                linen.RNN(linen.GRUCell(3, **kind)),
                linen.RNN(linen.SimpleCell(3, **kind)),
            )(x)

    class Dropping(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.Dropout(0.5, deterministic=False)(linen.Dense(16)(x))
            return linen.Dense(2)(linen.softplus(x))

    return {
        "convolutional": (Convolutional(), IMAGES),
        "normalised": (Normalised(), ROWS),
        "transformer": (Transformer(), TOKENS),
        "recurrent": (Recurrent(), WORDS),
        "dropping": (Dropping(), ROWS),
    }


@pytest.mark.parametrize(
    "name", ["convolutional", "normalised", "transformer", "recurrent", "dropping"]
)
def test_flax_linen_models(name):
    model, data = linen_models()[name]
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = model.init(keys, data)
    parameters = variables.pop("params")

    def f(parameters, data):
        out, _ = model.apply(
            {"params": parameters, **variables},
            data,
            rngs={"dropout": keys["dropout"]},
            mutable=["batch_stats"],
        )
        return out

    agrees(f, parameters, data, same_in_double=name != "dropping")


def test_flax_nnx_models():
    nnx = pytest.importorskip("flax.nnx")

    class Model(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(2, 4, (3, 3), rngs=rngs)
            self.norm = nnx.LayerNorm(4, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(
                2, in_features=4, decode=False, rngs=rngs
            )
            self.out = nnx.Linear(4, 3, rngs=rngs)

        def __call__(self, x):
            x = nnx.relu(self.norm(self.conv(x)))
            x = x.reshape(len(x), -1, 4)
            return self.out(self.attention(x)).mean(1)

    graph, parameters, rest = nnx.split(Model(nnx.Rngs(0)), nnx.Param, ...)

    def f(parameters, data):
        return nnx.merge(graph, parameters, rest)(data)

    agrees(f, parameters, IMAGES)


# --- Equinox ---


def equinox_models():
    eqx = pytest.importorskip("equinox")
    nn = eqx.nn
    keys = iter(jax.random.split(jax.random.key(0), 20))

    class Convolutional(eqx.Module):
        first: nn.Conv2d
        second: nn.Conv2d
        pool: nn.MaxPool2d
        average: nn.AvgPool2d
        norm: nn.GroupNorm
        out: nn.Linear

        def __init__(self):
            self.first = nn.Conv2d(2, 4, 3, key=next(keys))
            self.second = nn.Conv2d(4, 4, 3, padding=1, key=next(keys))
            self.pool = nn.MaxPool2d(2, 2)
            self.average = nn.AvgPool2d(2)
            self.norm = nn.GroupNorm(2, 4)
            self.out = nn.Linear(16, 3, key=next(keys))

        def __call__(self, x):
            x = self.pool(jax.nn.relu(self.first(jnp.moveaxis(x, -1, 0))))
            x = self.average(self.norm(jax.nn.silu(self.second(x))))
            return jax.nn.log_softmax(self.out(x.reshape(-1)))

    class Attending(eqx.Module):
        embed: nn.Embedding
        norm: nn.LayerNorm
        attention: nn.MultiheadAttention
        mlp: nn.MLP

        def __init__(self):
            self.embed = nn.Embedding(7, 8, key=next(keys))
            self.norm = nn.LayerNorm(8)
            self.attention = nn.MultiheadAttention(2, 8, key=next(keys))
            self.mlp = nn.MLP(8, 8, 12, 2, activation=jax.nn.gelu, key=next(keys))

        def __call__(self, tokens):
            x = jax.vmap(self.embed)(tokens)
            y = jax.vmap(self.norm)(x)
            return jax.vmap(self.mlp)(x + self.attention(y, y, y))

    class Recurrent(eqx.Module):
        lstm: nn.LSTMCell
        gru: nn.GRUCell

        def __init__(self):
            self.lstm = nn.LSTMCell(8, 5, key=next(keys))
            self.gru = nn.GRUCell(5, 4, key=next(keys))

        def __call__(self, x):
            def step(state, x):
                h, c, g = state
                h, c = self.lstm(x, (h, c))
                g = self.gru(h, g)
                return (h, c, g), g

            zeros = jnp.zeros(5, x.dtype)
            return jax.lax.scan(step, (zeros, zeros, jnp.zeros(4, x.dtype)), x)[1]

    class Dropping(eqx.Module):
        layers: nn.Sequential

        def __init__(self):
            self.layers = nn.Sequential(
                [
                    nn.Linear(4, 16, key=next(keys)),
                    nn.Lambda(jax.nn.elu),
                    nn.Dropout(0.5),
                    nn.Linear(16, 2, key=next(keys)),
                ]
            )

        def __call__(self, x):
            return self.layers(x, key=jax.random.key(3))

    return {
        "convolutional": (Convolutional(), IMAGES),
        "attending": (Attending(), TOKENS),
        "recurrent": (Recurrent(), WORDS),
        "dropping": (Dropping(), ROWS),
    }


@pytest.mark.parametrize(
    "name", ["convolutional", "attending", "recurrent", "dropping"]
)
def test_equinox_models(name):
    eqx = pytest.importorskip("equinox")
    model, data = equinox_models()[name]
    parameters, rest = eqx.partition(model, eqx.is_inexact_array)

    def f(parameters, data):
        return jax.vmap(eqx.combine(parameters, rest))(data)

    agrees(f, parameters, data, same_in_double=name != "dropping")


def test_batch_norm_of_equinox():
    eqx = pytest.importorskip("equinox")
    norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(4, "batch", mode="batch")
    parameters, rest = eqx.partition(norm, eqx.is_inexact_array)

    def f(parameters, data):
        norm = eqx.combine(parameters, rest)
        out, _ = jax.vmap(
            norm, axis_name="batch", in_axes=(0, None), out_axes=(0, None)
        )(jnp.tanh(data * parameters.weight), state)
        return out

    agrees(f, parameters, ROWS, same_in_double=False)
