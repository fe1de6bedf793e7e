"""Errors: what they are, and what an unknown name is told."""

import pytest

from secant import DataError, InvalidInput, SecantError, relu
from secant.errors import unknown_name

KNOWN = ["relu", "sigmoid", "tanh"]


def test_a_wrong_argument_is_a_value_error_and_a_secant_error():
    assert issubclass(InvalidInput, ValueError)
    assert issubclass(InvalidInput, SecantError)
    assert issubclass(DataError, InvalidInput)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sigmoyd", "sigmoid"),
        ("ReLU", "relu"),
        ("TANH", "tanh"),
        (relu, "relu"),
        (["relu"], "relu"),
    ],
)
def test_a_misspelled_name_gets_the_right_one(written, meant):
    message = str(unknown_name("activation", written, KNOWN))
    assert f"did you mean '{meant}'?" in message


@pytest.mark.parametrize("written", ["gelu-ish thing", None, 3])
def test_an_unknown_name_gets_all_names(written):
    message = str(unknown_name("activation", written, KNOWN))
    assert f"no activation {written!r}. Known" in message
    assert "did you mean" not in message
    assert "Known: relu, sigmoid, tanh." in message
