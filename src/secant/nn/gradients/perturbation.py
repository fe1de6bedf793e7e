"""The change of the loss when the pre-activation of one neuron changes.

The node and the weight method perturb the same thing, the pre-activation `a` of one
neuron in one sample. With the step size `h`, the node method changes it by `da = h`. A
weight's nudge `h` changes it by `da = h z`, with `z` the value that comes in along
that weight. Everywhere in this package `h` is the step size and `da` the change of a
pre-activation.

Nothing before the neuron changes, and nothing beside it. What comes after is computed
as a difference, never subtracted:

    dz = f(a + da) - f(a)           the neuron's own output
    da_next = W_next[:, j] dz       rank one: the pre-activations of the next layer
    …                               the layers above, if there are any
    dL = L(logits + da_last) - L(logits)

There are two ways to compute this. Difference propagation is right for a change of any
size, but runs all layers above once for each neuron. The closed forms are for small
changes: `Activation.change` and `Loss.change` need only `exp(da) - 1`, and
`Loss.change_along_line` is a polynomial in da whose coefficients are known before any
nudge; a series of four terms stands for `exp` and `log`. So a nudge costs a few
products.

The short series have float's full accuracy while their arguments stay below `NEAR`,
that is, while every change on the way stays below `NEAR / 2` (tanh evaluates
them at 2 da). `is_small` bounds the changes before any nudge. With s the bound of the
activation's slope, `Activation.slope_bound`, |dz| ≤ s |da|. If neuron j of layer l
changes by da, then in the layers above

    |da_i|  ≤  s |W_ij| |da|          layer l + 1: one weight leads to each neuron i
    |da_i'| ≤  s Σ_i |W_i'i| max|da|  from layer l + 2 on: the changes of all add

so that |da| grows from layer to layer by at most s times the largest weight, then by
at most s times the largest row sum of |W|. The length of the vector da grows by less:

    ‖da‖  ≤  s ‖W_·j‖ |da|            layer l + 1: a column of W
    ‖da‖  ≤  s ‖W‖₂ ‖da‖              from layer l + 2 on

and ‖W‖₂ = (largest eigenvalue of W Wᵀ)^½ ≤ (Σ λ⁴)^⅛ = ‖(W Wᵀ)²‖^¼, with the sum of
squares for the norm: two products for each matrix, few beside those of the nudges. The
smaller of both bounds is taken. Where it holds the closed forms are used, elsewhere
difference propagation; both give the same number to rounding.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from secant.arrays import Array
from secant.nn.activations import ACTIVATIONS, NEAR
from secant.nn.architecture import Architecture, FeatureMajorLayers, Params
from secant.nn.losses import LOSSES
from secant.propagation import difference
from secant.propagation.coordinates import map_in_blocks


class LayerContext(NamedTuple):
    """The values of a layer and of all layers above it, before any nudge.

    Each array has a column for each sample, or a single one.

    Attributes:
        sums: The pre-activations of the layer and of each above it; the logits last.
        linearizations: What `Activation.change` needs, for each hidden layer among
            them.
        line: What `Loss.change_along_line` needs, for the last two layers.
        targets: The targets.
    """

    sums: list[Array]
    linearizations: list[tuple[Array, ...]]
    line: tuple[Array, ...]
    targets: Array


def layer_context(
    architecture: Architecture,
    weights: Params,
    layers: FeatureMajorLayers,
    t: Array,
    layer: int,
) -> LayerContext:
    """The context of the nudges of a layer's neurons, for all samples."""
    depth, loss = architecture.depth, LOSSES[architecture.loss]
    linearization = ACTIVATIONS[architecture.activation].linearization
    sums = layers.sums[layer:]
    line: tuple[Array, ...] = ()
    if layer == depth:
        line = loss.line_coefficients(sums[-1], t, None)
    elif layer == depth - 1:
        line = loss.line_coefficients(sums[-1], t, weights[f"W{depth}"])
    return LayerContext(sums, [linearization(a) for a in sums[:-1]], line, t)


def is_small(architecture: Architecture, weights: Params, da: Array) -> Array:
    """Whether a change of at most `da` stays small in every layer above.

    The closed forms require it.
    """
    return da * growth(architecture, weights) <= NEAR / 2


def growth(architecture: Architecture, weights: Params) -> Array:
    """A bound of the change in any layer above, in units of that of the neuron, ≥ 1.

    It is derived at the head of this file, and taken for a nudge of layer 1, whose way
    up is the longest.
    """
    slope = ACTIVATIONS[architecture.activation].slope_bound
    largest = by_rows = by_length = jnp.ones(())
    for layer in range(2, architecture.depth + 1):
        w = weights[f"W{layer}"]
        # Only one neuron of layer 1 changes, and then all of the layers above.
        if layer == 2:
            by_rows = slope * abs(w).max()
            by_length = slope * jnp.sqrt((w * w).sum(axis=0).max())
        else:
            by_rows = by_rows * slope * abs(w).sum(axis=1).max()
            by_length = by_length * slope * _largest_singular_value(w)
        largest = jnp.maximum(largest, jnp.minimum(by_rows, by_length))
    return largest


def _largest_singular_value(w: Array) -> Array:
    """A bound of it, from above: at most (number of rows)^⅛ times as large."""
    size = abs(w).max()
    w = w / jnp.where(size > 0, size, 1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    squared = gram @ gram
    return size * jnp.sqrt(jnp.sqrt(jnp.linalg.norm(squared)))


def loss_deltas(
    architecture: Architecture,
    weights: Params,
    layer: int,
    context: LayerContext,
    da: Array,
    *,
    small: bool,
) -> Array:
    """The change of each sample's loss for each nudge of each neuron of a layer.

    Args:
        architecture: What the network computes.
        weights: Its weights, (outputs, inputs).
        layer: The layer whose neurons are nudged, 1 … depth.
        context: From `layer_context`, with a column for each sample.
        da: The changes of the pre-activations, (neurons or 1, samples).
        small: Whether `is_small` holds.

    Returns:
        Shape (neurons, samples): the change of that sample's loss.
    """
    depth, loss = architecture.depth, LOSSES[architecture.loss]
    activation = ACTIVATIONS[architecture.activation]
    if small and layer == depth:
        return loss.change_along_line(context.line, da)
    if small and layer == depth - 1:
        dz = activation.change(context.linearizations[0], da)
        return loss.change_along_line(context.line, dz)
    of_neuron = _closed_form if small else _propagated
    neurons, nudges = architecture.sizes[layer], da.shape[1]
    outgoing = (
        jnp.eye(neurons, dtype=da.dtype)
        if layer == depth
        else weights[f"W{layer + 1}"].T
    )
    changed = sum(architecture.sizes[layer:]) * nudges * da.dtype.itemsize
    return map_in_blocks(
        partial(of_neuron, architecture, weights, layer, context),
        (context.sums[0], jnp.broadcast_to(da, (neurons, nudges)), outgoing),
        # As `change_bytes` counts: what changes, before and after each activation.
        bytes_each=2 * 2 * changed,
    )


def pair_deltas(
    architecture: Architecture,
    weights: Params,
    layer: int,
    context: LayerContext,
    neuron: Array,
    sample: Array,
    da: Array,
    *,
    small: bool,
) -> Array:
    """The change of one sample's loss for each nudge of one neuron of a layer.

    Args:
        architecture: What the network computes.
        weights: Its weights, (outputs, inputs).
        layer: The neuron's layer, 1 … depth.
        context: From `layer_context`, with a column for each sample.
        neuron: The neuron's number in its layer, a scalar.
        sample: The sample's number, a scalar.
        da: The changes of the neuron's pre-activation, (nudges,).
        small: Whether `is_small` holds.

    Returns:
        Shape (nudges,): what `loss_deltas` gives for this neuron and sample.
    """
    depth, loss = architecture.depth, LOSSES[architecture.loss]
    activation = ACTIVATIONS[architecture.activation]
    here = jax.tree.map(
        lambda a: lax.dynamic_slice_in_dim(a, sample, 1, axis=1), context
    )
    if small and layer >= depth - 1:
        line = tuple(a[neuron] for a in here.line)
        if layer == depth:
            return loss.change_along_line(line, da)
        linearization = tuple(a[neuron] for a in here.linearizations[0])
        return loss.change_along_line(line, activation.change(linearization, da))
    outgoing = (
        jnp.eye(architecture.sizes[layer], dtype=da.dtype)[neuron]
        if layer == depth
        else weights[f"W{layer + 1}"][:, neuron]
    )
    of_neuron = _closed_form if small else _propagated
    a = here.sums[0][neuron]
    return of_neuron(architecture, weights, layer, here, a, da, outgoing)


def crosses_kinks(
    architecture: Architecture,
    weights: Params,
    layer: int,
    context: LayerContext,
    da: Array,
) -> Array:
    """Whether a nudge of a layer's neuron takes an activation across a kink.

    Between kinks relu is linear: the changes above are the slopes times `da`, exactly,
    as long as no kink is crossed. For an activation that bends between its kinks they
    are taken twice as large.

    Args:
        architecture: What the network computes.
        weights: Its weights, (outputs, inputs).
        layer: The layer whose neurons are nudged.
        context: From `layer_context`, with a column for each sample.
        da: The largest change to both sides in each sample, (1, samples).

    Returns:
        Shape (neurons, samples). True where the neuron's own pre-activation, or one of
        a hidden layer above it, passes a kink or may.
    """
    activation = ACTIVATIONS[architecture.activation]

    def passes(a: Array, da: Array) -> Array:
        near = [abs(a - kink) <= abs(da) for kink in activation.kinks]
        return jnp.stack(near).any(axis=0)

    def slope(a: Array) -> Array:
        return activation.derivative(a, activation.function(a))

    def of_neuron(a: Array, outgoing: Array) -> Array:
        passed = passes(a, da[0])
        change = jnp.outer(outgoing, slope(a) * da[0])
        for above in range(layer + 1, architecture.depth):
            a = context.sums[above - layer]
            passed = passed | passes(a, 2 * change).any(axis=0)
            if above + 1 < architecture.depth:
                change = weights[f"W{above + 1}"] @ (slope(a) * change)
        return passed

    sums = context.sums[0]
    if layer == architecture.depth:
        return jnp.zeros(sums.shape, bool)
    if layer == architecture.depth - 1:
        return passes(sums, da)
    changed = sum(architecture.sizes[layer:]) * sums.shape[1] * sums.dtype.itemsize
    return map_in_blocks(
        of_neuron, (sums, weights[f"W{layer + 1}"].T), bytes_each=4 * changed
    )


def _closed_form(
    architecture: Architecture,
    weights: Params,
    layer: int,
    context: LayerContext,
    a: Array,
    da: Array,
    outgoing: Array,
) -> Array:
    """The loss deltas of one neuron's small nudges, below the last hidden layer.

    Args:
        architecture: What the network computes.
        weights: Its weights.
        layer: The neuron's layer.
        context: From `layer_context`.
        a: The neuron's pre-activation, (columns,).
        da: Its changes, (nudges,).
        outgoing: The neuron's weights to the next layer.
    """
    activation, loss = ACTIVATIONS[architecture.activation], LOSSES[architecture.loss]
    da = jnp.outer(outgoing, activation.change(activation.linearization(a), da))
    for above in range(layer + 1, architecture.depth):
        dz = activation.change(context.linearizations[above - layer], da)
        da = weights[f"W{above + 1}"] @ dz
    return loss.change(context.sums[-1], context.targets, da)


def _propagated(
    architecture: Architecture,
    weights: Params,
    layer: int,
    context: LayerContext,
    a: Array,
    da: Array,
    outgoing: Array,
) -> Array:
    """The loss deltas of one neuron's nudges of any size, as in `_closed_form`."""
    activate = ACTIVATIONS[architecture.activation].function
    loss = LOSSES[architecture.loss].function
    logits_shape = (len(context.sums[-1]), len(da))

    def of_sample(a: Array, t: Array) -> Array:
        for above in range(layer + 2, architecture.depth + 1):
            a = weights[f"W{above}"] @ activate(a)
            if architecture.bias:
                a = a + weights[f"b{above}"]
        return loss(a, t, 0)

    def layers_above(a: Array) -> Array:
        targets = jnp.broadcast_to(context.targets, logits_shape)
        return jax.vmap(of_sample, in_axes=1)(a, targets)

    if layer == architecture.depth:
        dz, following = da, context.sums[0]
    else:
        dz = difference(activate)(jnp.broadcast_to(a, da.shape), da)[1]
        following = context.sums[1]
    following = jnp.broadcast_to(following, (len(outgoing), len(da)))
    return difference(layers_above)(following, jnp.outer(outgoing, dz))[1]
