"""Weight perturbation: each weight and bias nudged by ±h, as in the definition.

    ∂L/∂w_ij = 1/N Σ_n (L_n(w_ij + h) - L_n(w_ij - h)) / 2h

The pre-activation of neuron j in sample n is a_jn = Σ_i w_ij z_in + b_j. So the nudge h
of w_ij changes it by da = h z_in exactly, whatever the size of h, and changes nothing
else in its layer. With

    D_jn(da) = L_n(a_jn + da) - L_n(a_jn - da)

the definition is ∂L/∂w_ij = 1/2hN Σ_n D_jn(h z_in): all weights into a neuron ask for
the same function of one number, at different places. It is odd, so that

    D_jn(da) = da E_jn(da²)

and a few nudges of the neuron, to both sides, determine E: a polynomial through K of
them. The rest is algebra, K products of matrices. No derivative is taken: the result is
the definition at this h, not the slope.

The nudges are R_n cos((2k + 1) π / 4K) with R_n the largest |h z_in| of the sample, the
Chebyshev points of (da / R_n)² on [0, 1], so that with u = da / R_n

    E_jn(da²) = Σ_m e_m,jn T_m(2u² - 1) = Σ_m e_m,jn T_2m(u)

(Trefethen 2013, "Approximation theory and approximation practice", chapters 3, 8). The
e_m are means of quotients that weigh no more than twice, for every K: no digits are
lost, as they are with powers of da. They fall by the factor q = (R G / ρ)² or faster,
where `growth` G bounds how far a nudge grows on its way up and ρ is the distance of the
nearest singularity, at least `Activation.scale` and π for the softmax. So

    K = 1    where R G ≤ ρ √ε: what is left out is below the rounding of the quotients,
    K = 2    where closed forms hold, R G ≤ 1/128: q² ≤ 1e-9,
    K = 8    else, by difference propagation. What is left out is measured by the last
             two coefficients, which have to be below 2e-7 of the layer's largest
             quotient.

Nothing else is approximated. Where a nudge crosses a kink, in its own layer or above,
or where the coefficients do not fall, every weight into that neuron is nudged by itself
in that sample: `_exactly`. K = 1 is node perturbation, with the bounds beside it;
`weight` knows when it has to do more.

Jabri & Flower (1992), "Weight perturbation: an optimal architecture and learning
technique for analog VLSI feedforward and recurrent multilayer networks", IEEE Trans.
Neural Networks 3(1), 154-157.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.arrays import Array
from secant.nn.activations import ACTIVATIONS
from secant.nn.architecture import Architecture, FeatureMajorLayers, Params
from secant.nn.gradients.perturbation import (
    crosses_kinks,
    growth,
    is_small,
    layer_context,
    loss_deltas,
    pair_deltas,
)
from secant.nn.losses import LOSSES
from secant.propagation.coordinates import block_length

_LOSS_SCALE = 3.0
"""`Activation.scale` of the losses: Σ exp(a_k) is 0 where two scores differ by iπ."""

_POINTS = 8
"""K where nudges are not small."""

_TAIL = 2e-7
"""The largest of the last two coefficients, in units of the layer's largest quotient.
What is left out is smaller by the factor with which they fall."""

_SHORT_COLUMN = 256
"""Numbers whose maximum XLA may take one at a time."""

_BLOCK = 4096
"""Nudges to compute at a time, one by one: often only those of a single neuron."""


def weight(
    architecture: Architecture,
    weights: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
    /,
    *,
    h: float,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its gradient, each weight and bias nudged by ±h.

    Arguments and results are those of `LossAndGradients`, feature-major, in JAX's
    default float.

    Example:
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = jnp.array([[3.0]]), jnp.array([[1.0]]), jnp.array([[1.0]])
        >>> loss, gradients = weight(tiny, {"W1": w}, x, t, h=1e-4)
        >>> float(loss), round(float(gradients["W1"][0, 0]), 6)
        (2.0, 2.0)
    """
    nudges = _Nudges(
        architecture, weights, architecture.feature_major_layers(weights, x), t.T, h
    )
    largest = h * nudges.largest
    # As in `node`: what is needed nearly always is computed in any case, and nothing
    # waits for the decision.
    gradients = lax.cond(
        largest * growth(architecture, weights) <= _rounding_reach(architecture, x),
        lambda gradients: gradients,
        lambda _: lax.cond(
            is_small(architecture, weights, largest),
            lambda: nudges.gradients(2, small=True),
            lambda: nudges.gradients(_POINTS, small=False),
        ),
        nudges.gradients(1, small=True),
    )
    scores = nudges.layers.outputs[-1]
    return LOSSES[architecture.loss].function(scores, t.T, 0), gradients


def _rounding_reach(architecture: Architecture, x: Array) -> float:
    """The largest change up to which D is linear, to its own rounding."""
    scale = min(ACTIVATIONS[architecture.activation].scale, _LOSS_SCALE)
    return scale * float(np.sqrt(jnp.finfo(x.dtype).eps))


class _Nudges(NamedTuple):
    """All nudges of a batch.

    Attributes:
        architecture: What the network computes.
        weights: Its weights, (outputs, inputs).
        layers: The batch in all layers.
        targets: The targets, (outputs, samples).
        h: The step size.
    """

    architecture: Architecture
    weights: Params
    layers: FeatureMajorLayers
    targets: Array
    h: float

    @property
    def largest(self) -> Array:
        """The largest value that comes in along a weight, in any layer.

        A bias is a weight along which 1 comes in.
        """
        largest = [_largest_of_each(z).max() for z in self.layers.outputs[:-1]]
        return jnp.stack([*largest, jnp.ones_like(largest[0])]).max()

    def gradients(self, points: int, *, small: bool) -> dict[str, Array]:
        """The gradient by `points` nudges of each neuron in each sample."""
        found: dict[str, Array] = {}
        for layer in range(1, self.architecture.depth + 1):
            found[f"W{layer}"], found[f"b{layer}"] = self._of_layer(
                layer, points, small
            )
        return {name: found[name] for name in self.weights}

    def _of_layer(self, layer: int, points: int, small: bool) -> tuple[Array, Array]:
        """The slopes along the weights and the biases of a layer."""
        architecture, weights, h = self.architecture, self.weights, self.h
        context = layer_context(architecture, weights, self.layers, self.targets, layer)
        below = self.layers.outputs[layer - 1]
        size = _largest_of_each(below)
        if architecture.bias:
            size = jnp.maximum(size, 1)
        # A sample of zeros changes nothing, whatever is nudged.
        size = jnp.where(size == 0, 1, size)

        def delta(share: Array | float) -> Array:
            da = h * share * size
            return loss_deltas(architecture, weights, layer, context, da, small=small)

        angles = (np.arange(points) + 0.5) * np.pi / points
        shares = np.cos(angles / 2).astype(below.dtype)
        if points == 1:
            rises = (delta(float(shares[0])) - delta(-float(shares[0])))[None]
        else:
            # A program of one nudge, which is quicker to compile.
            up, down = lax.map(delta, np.concatenate([shares, -shares])).reshape(
                2, points, architecture.sizes[layer], -1
            )
            rises = up - down
        values = rises / (h * shares[:, None, None] * size)
        transform = np.cos(np.outer(np.arange(points), angles)) * 2 / points
        transform[0] /= 2
        coefficients = jnp.tensordot(transform.astype(values.dtype), values, 1)

        misfits = None
        if ACTIVATIONS[architecture.activation].kinks:
            misfits = crosses_kinks(architecture, weights, layer, context, h * size)
        if not small:
            falls = abs(coefficients[-2:]).max(axis=0) <= _TAIL * abs(values).max()
            misfits = ~falls if misfits is None else misfits | ~falls
        if misfits is not None:
            coefficients = jnp.where(misfits, 0, coefficients)

        share = below / size
        of_weights, of_biases = jnp.zeros(()), jnp.zeros(())
        for e, even, of_one in zip(
            coefficients,
            _even_chebyshev(share, points),
            _even_chebyshev(1 / size, points),
            strict=True,
        ):
            of_weights += e @ (below * even).T
            of_biases += (e * of_one).sum(axis=1)
        scale = 1 / (2 * self.layers.outputs[0].shape[1])
        of_weights, of_biases = of_weights * scale, of_biases * scale
        if misfits is None:
            return of_weights, of_biases
        return lax.cond(
            misfits.any(),
            lambda w, b: self._with_misfits(layer, misfits, small, w, b),
            lambda w, b: (w, b),
            of_weights,
            of_biases,
        )

    def _with_misfits(
        self,
        layer: int,
        misfits: Array,
        small: bool,
        of_weights: Array,
        of_biases: Array,
    ) -> tuple[Array, Array]:
        """The slopes, with those of every weight into some neurons in some samples.

        Args:
            layer: The layer.
            misfits: Which neurons in which samples, (neurons, samples).
            small: Whether `is_small` holds.
            of_weights: The slopes without them, and
            of_biases: likewise.
        """
        architecture, weights, h = self.architecture, self.weights, self.h
        context = layer_context(architecture, weights, self.layers, self.targets, layer)
        # The nudges of a neuron's weights in each sample; that of its bias comes last.
        below = self.layers.outputs[layer - 1].T
        nudges = h * jnp.pad(below, ((0, 0), (0, 1)), constant_values=1)
        samples, nudged = nudges.shape
        changed = sum(architecture.sizes[layer:]) * nudged * nudges.dtype.itemsize
        length = min(-(-_BLOCK // nudged), block_length(4 * changed), misfits.size)
        # The k-th misfit is the first place where k of them have been counted. (To sort
        # them takes longer than all else.)
        counted = jnp.cumsum(misfits.ravel())

        def delta(neuron: Array, sample: Array, side: Array) -> Array:
            da = side * nudges[sample]
            return pair_deltas(
                *(architecture, weights, layer, context, neuron, sample, da),
                small=small,
            )

        def add(block: Array, total: Array) -> Array:
            turns = block * length + jnp.arange(1, length + 1)
            at = jnp.searchsorted(counted, turns)
            neuron, sample = at // samples, at % samples
            up, down = lax.map(
                lambda side: jax.vmap(delta, (0, 0, None))(neuron, sample, side),
                np.array([1, -1], nudges.dtype),
            )
            rises = jnp.where((turns <= counted[-1])[:, None], up - down, 0)
            return total.at[neuron].add(rises)

        total = jnp.zeros((misfits.shape[0], nudged), nudges.dtype)
        blocks = -(-counted[-1] // length)
        total = lax.fori_loop(0, blocks, add, total) / (2 * h * samples)
        return of_weights + total[:, :-1], of_biases + total[:, -1]


def _largest_of_each(values: Array) -> Array:
    """The largest absolute value of each column, (1, samples).

    The inputs of a sample lie side by side in memory, and XLA takes the maximum of
    neighbours one at a time. Two halves are compared many numbers at a time; where they
    overlap, a number is compared with itself.
    """
    sizes = abs(values)
    while len(sizes) > _SHORT_COLUMN:
        half = -(-len(sizes) // 2)
        sizes = jnp.maximum(sizes[:half], sizes[-half:])
    return sizes.max(axis=0, keepdims=True)


def _even_chebyshev(u: Array, count: int) -> Iterator[Array]:
    """The Chebyshev polynomials T_0, T_2, … of u: those of 2u² - 1 in order."""
    v = 2 * u * u - 1
    now, following = jnp.ones_like(u), v
    for _ in range(count):
        yield now
        now, following = following, 2 * v * following - now
