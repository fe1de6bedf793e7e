"""Any Python function inside a JAX program.

`transform` is what JAX sees: a callback, and a rule for its derivative. `sources` is
what the callbacks compute, in NumPy: the function, its derivatives, and theirs.
`signature` is which arrays go in and come out.
"""

from secant.black_box.transform import as_jax

__all__ = ["as_jax"]
