"""Reading and writing at indices, which may themselves change."""

from jax import lax

from secant.propagation.registry import linear

linear(lax.dynamic_slice_p, 0)
linear(lax.dynamic_update_slice_p, 0, 1)
linear(lax.gather_p, 0)
linear(lax.scatter_p, 0, 2)
linear(lax.scatter_add_p, 0, 2)
linear(lax.scatter_sub_p, 0, 2)
