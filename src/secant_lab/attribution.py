"""Attribution: the effect of each pixel and of each hidden unit on a prediction.

The network prefers class a to class b by `g(x) = s_a(x) - s_b(x)`, the difference of
their scores; with softmax it is `ln(p_a / p_b)`. The effect of a pixel is the decrease
of g when only this pixel becomes background,

    effect_i = g(x) - g(x with x_i = 0)

This quantity has the same unit for every network. (The gradient times the pixel,
x_i ∂g/∂x_i, is only its first-order term: it is accurate for small pixels, and near 0
where a sigmoid is saturated.) Without a hidden layer the effects of several pixels add
up to their common effect; with one they do not.

Every difference is propagated through the network (`secant.propagation.coordinates`),
all 784 in one program: a small effect keeps its digits.

Source: Robnik-Šikonja & Kononenko (2008), Explaining classifications for individual
instances, IEEE TKDE 20(5), 589-600: the effect of a feature as the change of the
log odds (their "weight of evidence"). Zeiler & Fergus (2014), Visualizing and
understanding convolutional networks, section 4.2: parts of a picture covered with
background.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from secant import Architecture
from secant.arrays import Array
from secant.nn import Params
from secant.propagation import changes_along_coordinates


def pixel_effects(
    architecture: Architecture, params: Params, x: Array, a: int, b: int
) -> np.ndarray:
    """The decrease of `s_a - s_b` for each input that alone becomes 0.

    Args:
        architecture: The network's architecture.
        params: Its weights.
        x: Shape (inputs,).
        a: The first class.
        b: The class to compare with.

    Returns:
        float32 of shape (inputs,).

    Example:
        >>> linear = Architecture((2, 2))
        >>> params = {"W1": np.eye(2), "b1": np.zeros(2)}
        >>> pixel_effects(linear, params, np.array([0.5, 2.0]), 0, 1)
        array([ 0.5, -2. ], dtype=float32)
    """
    return np.asarray(_effects(architecture, _floats(params), jnp.asarray(x), a, b))


def unit_effects(
    architecture: Architecture, params: Params, x: Array, a: int, b: int
) -> np.ndarray:
    """The contribution of each unit of the first hidden layer to `s_a - s_b`.

        effect_j = g(h) - g(h with h_j = h_j(0))

    where h_j(0) is the unit's activation for an empty picture. With one hidden layer
    the contributions add up to `g(x) - g(0)` exactly.

    Args:
        architecture: The network's architecture.
        params: Its weights.
        x: Shape (inputs,).
        a: The first class.
        b: The class to compare with.

    Returns:
        float32 of shape (units,); (0,) without a hidden layer.

    Example:
        >>> net = Architecture((1, 2, 2), "identity")
        >>> W1, W2 = np.array([[1.0, 3.0]]), np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> params = {"W1": W1, "b1": np.ones(2), "W2": W2, "b2": np.ones(2)}
        >>> unit_effects(net, params, np.array([10.0]), 0, 1)
        array([ 20., -30.], dtype=float32)
    """
    if architecture.depth == 1:
        return np.zeros(0, np.float32)
    params = _floats(params)
    x = jnp.asarray(x, float)
    above = Architecture(
        architecture.sizes[1:],
        architecture.activation,
        architecture.loss,
        architecture.bias,
    )
    rest = {
        f"{name[0]}{int(name[1:]) - 1}": value
        for name, value in params.items()
        if int(name[1:]) > 1
    }
    inputs = jnp.stack([x, jnp.zeros_like(x)])
    hidden, background = architecture.layers(params, inputs)[1]
    return np.asarray(_effects(above, rest, hidden, a, b, background))


# The user waits for the compilation of each new architecture, so it is not optimised.
@partial(
    jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0}
)
def _effects(
    architecture: Architecture,
    params: Mapping[str, Array],
    x: Array,
    a: Array,
    b: Array,
    background: Array | float = 0.0,
) -> Array:
    def gap(x: Array) -> Array:
        (scores,) = architecture.scores(params, x[None])
        return scores[a] - scores[b]

    x = x.astype(float)
    return -changes_along_coordinates(gap, x, jnp.arange(len(x)), background - x)


def _floats(params: Params) -> dict[str, Array]:
    return {name: jnp.asarray(value, float) for name, value in params.items()}


def strongest_regions(
    effects: np.ndarray, ink: np.ndarray
) -> dict[str, list[int] | None]:
    """The regions with the largest effects: a cell of a 3×3 grid over the ink.

    Args:
        effects: Shape (28, 28).
        ink: The digit, shape (28, 28).

    Returns:
        `for` and `against`: [row, column] from 0 to 2, or None without any effect.

    Example:
        >>> effects = np.zeros((28, 28))
        >>> effects[5, 20] = 1
        >>> strongest_regions(effects, np.ones((28, 28)))
        {'for': [0, 2], 'against': None}
    """
    at = np.nonzero(ink)
    row, column = (3 * (i - i.min()) // (np.ptp(i) + 1) for i in at)
    cells = np.zeros((3, 3, 2))
    np.add.at(cells, (row, column, (effects[at] < 0).astype(int)), abs(effects[at]))
    found: dict[str, list[int] | None] = {}
    for side, name in enumerate(("for", "against")):
        sums = cells[..., side]
        found[name] = [*map(int, divmod(sums.argmax(), 3))] if sums.any() else None
    return found
