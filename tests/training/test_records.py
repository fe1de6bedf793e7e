"""Records of a file's JSON: each field is what it should be, or is told."""

from typing import NamedTuple

import pytest

from secant.errors import InvalidInput
from secant.history import Epoch
from secant.training.records import architecture, record
from secant.training.run import Settings, Timings

SETTINGS = {
    "gradient": "node",
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "iterations": 9,
    "batch_size": 3,
    "sampling": "epochs",
    "seed": 0,
}


def test_fields_come_by_name_and_in_order():
    assert record(Settings, SETTINGS) == Settings(**SETTINGS)
    assert record(Epoch, [3, 0.5, 1, None, 0.25]) == Epoch(3, 0.5, 1, None, 0.25)


def test_a_field_of_another_kind_is_left_to_its_own_check():
    class Wide(NamedTuple):
        sizes: tuple[int, ...]

    assert record(Wide, {"sizes": [1, 2]}).sizes == [1, 2]


@pytest.mark.parametrize(
    ("kind", "known", "said"),
    [
        (Settings, SETTINGS | {"seed": "0"}, "seed is '0', not int"),
        (Settings, SETTINGS | {"seed": True}, "seed is True, not int"),
        (Settings, SETTINGS | {"seed": 2.0}, "seed is 2.0, not int"),
        (Settings, SETTINGS | {"seed": 10**400}, "seed is 1000"),
        (Settings, SETTINGS | {"learning_rate": [1]}, r"learning_rate is \[1\], not"),
        (Settings, SETTINGS | {"speed": 1}, "unexpected keyword argument 'speed'"),
        (Settings, {"seed": 1}, "missing"),
        (Settings, None, "a Settings is None"),
        (Timings, {"training": 10**400}, "training is 1000"),
        (Epoch, [1, 0.5, 1.0, "x", 0.5], "test_loss is 'x', not float | None"),
        (Epoch, [1, 2.0], "missing"),
        (Epoch, [1, *7 * [2.0]], "missing"),
        (Epoch, "12345", "a Epoch is '12345'"),
    ],
)
def test_what_a_record_cannot_hold_is_told(kind, known, said):
    with pytest.raises(TypeError, match=said):
        record(kind, known)


@pytest.mark.parametrize(
    ("known", "error", "said"),
    [
        ([784, 10], TypeError, "an architecture is"),
        ({"sizes": 3}, TypeError, "not iterable"),
        ({"activation": "relu"}, InvalidInput, "sizes is"),
        ({"sizes": [2, 2], "depth": 1}, TypeError, "depth"),
    ],
)
def test_what_is_no_architecture_is_told(known, error, said):
    with pytest.raises(error, match=said):
        architecture(known)
