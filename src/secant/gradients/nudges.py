"""By how much the loss changes when the sum of one neuron is nudged.

The node and the weight method nudge the same thing, the input sum `a` of a neuron in
one sample: the one by `h` itself, the other by `h` times what comes in along a
weight. Nothing before the neuron changes, and nothing beside it; what comes after is
recomputed as a difference, never subtracted:

    Δz = f(a + u) - f(a)            the neuron's own output
    Δa = W_next[:, j] Δz            rank one: the next layer's sums
    …                               the layers above, if there are any
    ΔL = L(scores + Δa) - L(scores)

Small nudges, which is what they are, take the closed forms of `secant.functions` and
`secant.losses`; others take difference propagation, right for any size.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from secant.architecture import Architecture, Columns, Params
from secant.arrays import Array
from secant.functions import ACTIVATIONS
from secant.losses import LOSSES
from secant.propagation import difference
from secant.propagation.coordinates import map_in_blocks
from secant.series import NEAR

H = 1e-4
"""How far a sum or a weight is nudged, to both sides: as far as the definition."""


class Place(NamedTuple):
    """What is known of a layer and of all above it before any nudge.

    Each array has a column for each sample, or a single one.

    Attributes:
        sums: Of the layer and of each above it; the scores last.
        levers: What `Activation.change` has to know, of each hidden one among them.
        ray: What `Loss.along` has to know, of the last two layers.
        targets: The targets.
    """

    sums: list[Array]
    levers: list[tuple[Array, ...]]
    ray: tuple[Array, ...]
    targets: Array


def place(
    architecture: Architecture,
    weights: Params,
    columns: Columns,
    t: Array,
    layer: int,
) -> Place:
    """What has to be known to nudge the neurons of a layer, for all samples."""
    depth, loss = architecture.depth, LOSSES[architecture.loss]
    lever = ACTIVATIONS[architecture.activation].lever
    sums = columns.sums[layer:]
    ray: tuple[Array, ...] = ()
    if layer == depth:
        ray = loss.ray(sums[-1], t, None)
    elif layer == depth - 1:
        ray = loss.ray(sums[-1], t, weights[f"W{depth}"])
    return Place(sums, [lever(a) for a in sums[:-1]], ray, t)


def near(architecture: Architecture, weights: Params, reach: Array) -> Array:
    """Whether nudges of at most `reach` are small all the way up, as closed forms ask.

    No activation has a slope above 1, so that a change grows by no more than the
    largest sum of magnitudes of a neuron's weights; of the last layer, by the largest
    weight, since each output's change counts by itself.
    """
    depth = architecture.depth
    growth = jnp.ones(())
    for layer in range(2, depth + 1):
        # From one neuron there is one weight to each of the next layer.
        size = abs(weights[f"W{layer}"])
        step = size.max() if layer == 2 else size.sum(axis=1).max()
        growth = jnp.maximum(growth, growth * step)
    return reach * growth <= NEAR / 2


def loss_changes(
    architecture: Architecture,
    weights: Params,
    layer: int,
    at: Place,
    u: Array,
    *,
    small: bool,
) -> Array:
    """The change of each sample's loss for each nudge of each neuron of a layer.

    Args:
        architecture: What the network computes.
        weights: Its weights, (outputs, inputs).
        layer: Whose neurons are nudged, 1 … depth.
        at: From `place`: with a column for each sample, or that of one sample.
        u: By how much, (neurons or 1, nudges): nudge r is made in sample r, or all
            are made, one at a time, in the one sample that `at` is of.
        small: Whether `near` holds.

    Returns:
        Shape (neurons, nudges): the change of that sample's loss.
    """
    depth, loss = architecture.depth, LOSSES[architecture.loss]
    activation = ACTIVATIONS[architecture.activation]
    if small and layer == depth:
        return loss.along(at.ray, u)
    if small and layer == depth - 1:
        return loss.along(at.ray, activation.change(at.levers[0], u))
    of_one = _closed if small else _carried
    neurons, nudges = architecture.sizes[layer], u.shape[1]
    out = (
        jnp.eye(neurons, dtype=u.dtype)
        if layer == depth
        else weights[f"W{layer + 1}"].T
    )
    changed = sum(architecture.sizes[layer:]) * nudges * u.dtype.itemsize
    return map_in_blocks(
        partial(of_one, architecture, weights, layer, at),
        (at.sums[0], jnp.broadcast_to(u, (neurons, nudges)), out),
        # As `change_bytes` counts: what changes, before and after each activation.
        bytes_each=2 * 2 * changed,
    )


def _closed(
    architecture: Architecture,
    weights: Params,
    layer: int,
    at: Place,
    a: Array,
    u: Array,
    out: Array,
) -> Array:
    """One neuron's nudges, small, from below the last hidden layer.

    Args:
        architecture: What the network computes.
        weights: Its weights.
        layer: The neuron's.
        at: From `place`.
        a: The neuron's sum, (columns,).
        u: Its nudges, (nudges,).
        out: Its weights to the next layer.
    """
    activation, loss = ACTIVATIONS[architecture.activation], LOSSES[architecture.loss]
    da = jnp.outer(out, activation.change(activation.lever(a), u))
    for above in range(layer + 1, architecture.depth):
        dz = activation.change(at.levers[above - layer], da)
        da = weights[f"W{above + 1}"] @ dz
    return loss.change(at.sums[-1], at.targets, da)


def _carried(
    architecture: Architecture,
    weights: Params,
    layer: int,
    at: Place,
    a: Array,
    u: Array,
    out: Array,
) -> Array:
    """One neuron's nudges of any size; arguments as in `_closed`."""
    activate = ACTIVATIONS[architecture.activation].function
    loss = LOSSES[architecture.loss].function
    wide = (len(at.sums[-1]), len(u))

    def of_sample(a: Array, t: Array) -> Array:
        for above in range(layer + 2, architecture.depth + 1):
            a = weights[f"W{above}"] @ activate(a)
            if architecture.bias:
                a = a + weights[f"b{above}"]
        return loss(a, t, 0)

    def tail(a: Array) -> Array:
        targets = jnp.broadcast_to(at.targets, wide)
        return jax.vmap(of_sample, in_axes=1)(a, targets)

    if layer == architecture.depth:
        dz, following = u, at.sums[0]
    else:
        dz = difference(activate)(jnp.broadcast_to(a, u.shape), u)[1]
        following = at.sums[1]
    following = jnp.broadcast_to(following, (len(out), len(u)))
    return difference(tail)(following, jnp.outer(out, dz))[1]
