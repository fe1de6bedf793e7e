"""Sums and exchanges over a mapped axis: `psum`, `all_gather` and the like."""

from jax import lax
from jax.extend.core import primitives

from secant.propagation.registry import linear

linear(primitives.psum_p)
linear(lax.all_gather_p)
linear(lax.all_to_all_p)
linear(lax.ppermute_p)
