"""What a function returned is described in the words of a message."""

import numpy as np
import pytest

import secant
from secant.checking.point import Point, scalar_function

POINT = Point.of(np.ones(2))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "returns None, in which"),
        (3, "returns 3, in which"),
        (np.ones((2, 3), np.int8), r"returns an array of shape \(2, 3\) and int8, "),
        ({"a": 1, "b": [2, 3]}, "returns a dict of 3 values, in which"),
        (np.ones(3), r"an array of shape \(3,\) and float64, and a gradient is that"),
        ([1.0, 2.0], "returns a list of 2 values, and a gradient is that of one"),
    ],
    ids=["None", "integer", "array of integers", "dict", "array", "list"],
)
def test_what_f_returned_is_told_where_it_is_not_one_number(result, words):
    with pytest.raises(secant.InvalidInput, match=words):
        scalar_function(lambda x: result, POINT, single=True, seed=0)
