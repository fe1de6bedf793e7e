"""How far the slope of a complex step may be from that of real differences."""

import numpy as np
import pytest

from secant.derivatives.complex_step import refuse_unlike
from secant.errors import InvalidInput


@pytest.mark.parametrize(
    ("error", "change", "allowed"),
    [(0.0, 0.0, 3e-4), (1e-2, 0.0, 0.0403), (0.0, 1e3, 1.3e-3)],
    ids=["of its size", "of the error", "of the change"],
)
def test_slopes_may_differ_by_1e_4_of_their_size_and_by_four_errors(
    error, change, allowed
):
    # 1e-4 of 3, four errors, and a millionth of the change.
    found, error, change = np.array([[3.0], [error], [change]])
    refuse_unlike(found, found - 0.99 * allowed, error, change)
    with pytest.raises(InvalidInput, match="drops the imaginary part"):
        refuse_unlike(found, found - 1.01 * allowed, error, change)
