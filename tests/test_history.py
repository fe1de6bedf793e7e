"""History: the course of a run, to CSV and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant import DataError
from secant.history import Epoch, History

numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def histories(draw):
    losses = draw(st.lists(numbers, max_size=12))
    steps = sorted(draw(st.sets(st.integers(0, len(losses)), max_size=5)))
    tested, held = draw(st.booleans()), draw(st.booleans())
    epochs = tuple(
        Epoch(
            step,
            draw(numbers),
            draw(numbers),
            draw(numbers) if tested else None,
            draw(numbers) if tested else None,
            draw(numbers) if held else None,
            draw(numbers) if held else None,
        )
        for step in steps
    )
    return History(np.array(losses, float), epochs)


@given(histories())
def test_csv_reads_back_exactly(history):
    again = History.from_csv(history.to_csv())
    np.testing.assert_array_equal(again.losses, history.losses)
    assert again.epochs == history.epochs


def test_csv_has_a_row_for_each_step_and_one_for_the_end():
    history = History(np.array([2.5]), (Epoch(0, 2.0, 0.5, None, None),))
    assert history.to_csv().splitlines() == [
        "step,loss,train_loss,train_accuracy,test_loss,test_accuracy",
        "0,2.5,2.0,0.5,,",
        "1,,,,,",
    ]


def test_validation_has_columns_if_there_is_a_split():
    epochs = Epoch(0, 2.0, 0.5, None, None, 2.5, 0.25), Epoch(1, 1.0, 0.5, None, None)
    assert History(np.array([2.5]), epochs).to_csv().splitlines() == [
        "step,loss,train_loss,train_accuracy,validation_loss,validation_accuracy,"
        "test_loss,test_accuracy",
        "0,2.5,2.0,0.5,2.5,0.25,,",
        "1,,1.0,0.5,,,,",
    ]


def test_networks_are_judged_by_validation_else_test_else_training():
    assert Epoch(0, 1, 0.5, 1, 0.6, 1, 0.7).judged == (0.7, "validation")
    assert Epoch(0, 1, 0.5, 1, 0.6).judged == (0.6, "test")
    assert Epoch(0, 1, 0.5, None, None).judged == (0.5, "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "line 1"),
        (lambda text: text.replace("step", "Step"), "line 1"),
        (lambda text: text.replace("1,1.5", "7,1.5"), "line 3"),
        (lambda text: text.replace("1.5", "fast"), "line 3"),
        (lambda text: text.replace("0,2.5,", "0,,"), "line 2"),
        (lambda text: text.replace("0,2.5,,", "0,2.5,"), "line 2"),
        (lambda text: text.replace("2.5", "9" * 200_000), "line 2: field larger"),
    ],
    ids=["empty", "columns", "step", "number", "loss", "cells", "huge"],
)
def test_a_changed_table_is_refused_naming_the_line(change, message):
    text = History(np.array([2.5, 1.5]), ()).to_csv()
    with pytest.raises(DataError, match=rf"history.csv, {message}"):
        History.from_csv(change(text))
