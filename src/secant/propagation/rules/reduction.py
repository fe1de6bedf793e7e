"""Sums and products over axes: `sum`, `dot_general`, convolutions, running sums."""

from jax import lax

from secant.propagation.registry import bilinear, linear

linear(lax.reduce_sum_p)
bilinear(lax.dot_general_p)
