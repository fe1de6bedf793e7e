"""Sums and products over axes: `sum`, `dot_general`, convolutions, running sums."""

from jax import lax

from secant.propagation.registry import bilinear, linear

linear(lax.reduce_sum_p)
linear(lax.cumsum_p)
linear(lax.reduce_window_sum_p)
linear(lax.fft_p)
bilinear(lax.dot_general_p)
bilinear(lax.conv_general_dilated_p)
