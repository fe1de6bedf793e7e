"""Black boxes: any Python function inside a JAX program.

`transform` holds the part that JAX sees: a callback, and a rule for its derivative.
`sources` holds the computations of the callbacks in NumPy: the function, its
derivatives, and their derivatives. `signature` describes the input and output arrays.
"""

from secant.black_box.transform import as_jax

__all__ = ["as_jax"]
