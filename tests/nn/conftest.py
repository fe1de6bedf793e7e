"""What the tests of activations and losses share."""

import jax
import numpy as np
import pytest


@pytest.fixture
def compiled(xp):
    """`compiled(f)`: f in NumPy; in JAX f under `jit`. Both take NumPy arrays.

    Eagerly, JAX compiles a program for each operation, shape and dtype, `asarray` not
    excepted. What tests the numbers of a function takes one program; eager calls have
    tests of their own.
    """
    return (lambda f: f) if xp is np else jax.jit
