"""What a sweep searches, as it is written on a command line."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant import InvalidInput
from secant.sweeps.space import Choices, Range, parse

KINDS = {
    "learning_rate": float,
    "batch_size": int,
    "hidden": str,
    "optimizer": str,
    "nesterov": bool,
}


def one(word):
    return next(iter(parse([word], KINDS).values()))


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("learning_rate=1e-3..1:log", Range(0.001, 1.0, log=True)),
        ("learning-rate=0.1..1", Range(0.1, 1.0)),
        ("--learning-rate=1..3", Range(1.0, 3.0)),
        ("learning_rate=-1..1", Range(-1.0, 1.0)),
        ("learning_rate=1..3:int", Range(1, 3)),
        ("learning_rate=0..0.5:0.1", Range(0.0, 0.5, step=0.1)),
        ("batch_size=10..100:log", Range(10, 100, log=True)),
        ("batch_size=32..256:32", Range(32, 256, step=32)),
        ("batch_size=32..250:32", Range(32, 224, step=32)),
        ("hidden=20..200", Range(20, 200)),
        ("hidden=20..200:log:int", Range(20, 200, log=True)),
        ("hidden=50,100 50", Choices(("50", "100 50"))),
        ("optimizer=sgd, adam", Choices(("sgd", "adam"))),
        ("optimizer=../a.npz,../b.npz", Choices(("../a.npz", "../b.npz"))),
        ("learning_rate=0.1,0.3", Choices(("0.1", "0.3"))),
        ("nesterov=true,false", Choices(("true", "false"))),
    ],
)
def test_the_syntax_of_a_space_is_parsed(word, values):
    assert one(word) == values


REFUSED = {
    "an unknown option": ("learning_rat=1..2", "did you mean 'learning_rate'"),
    "no values": ("learning_rate", "write NAME=LOW..HIGH"),
    "no name": ("=1..2", "write NAME=LOW..HIGH"),
    "a range that ends below its start": ("learning_rate=1..0.1", "=0.1..1"),
    "a range of one number": ("learning_rate=1..1", "set it with --learning-rate 1"),
    "a logarithm of 0": ("learning_rate=0..1:log", "begin above 0"),
    "a logarithm in steps": ("batch_size=1..9:log:2", "write one of them"),
    "a range of words": ("optimizer=sgd..adam", "is not a range: write numbers"),
    "a range of truth": ("nesterov=0..1", "write nesterov=true,false"),
    "whole numbers with a point": ("batch_size=0.5..2", "without a point"),
    "a step beyond the range": ("batch_size=1..9:20", "no longer than the range"),
    "a step of 0": ("batch_size=1..9:0", "above 0"),
    "an unknown kind of range": ("learning_rate=1..2:lgo", "did you mean 'log'"),
    "infinity": ("learning_rate=1..1e999", "is too large"),
    "a number that is none": ("learning_rate=nan..1", "is not a range: write numbers"),
    "one choice": ("optimizer=sgd", "set it with --optimizer sgd"),
    "an empty choice": ("optimizer=sgd,,adam", "has an empty choice"),
    "a choice twice": ("optimizer=sgd,adam,sgd", "has a choice twice"),
    "a choice that is no number": ("batch_size=10,many", "'many' is not a whole"),
    "a choice that is no truth": ("nesterov=yes,no", "'yes' is not true or false"),
    "endless choices": (f"optimizer={','.join(map(str, range(300)))}", "over"),
    "endless text": (f"optimizer={'x' * 9999}", "more than 2,000 characters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_space_is_refused_with_a_remedy(case):
    word, message = REFUSED[case]
    with pytest.raises(InvalidInput) as refused:
        one(word)
    assert message in str(refused.value)


def test_an_empty_space_is_refused():
    with pytest.raises(InvalidInput, match="at least one"):
        parse([], KINDS)


def test_an_option_is_searched_once():
    with pytest.raises(InvalidInput, match="searched twice"):
        parse(["hidden=1..2", "hidden=3..4"], KINDS)


def test_there_are_not_endless_options():
    kinds = {f"x{number}": float for number in range(50)}
    with pytest.raises(InvalidInput, match="at most 40"):
        parse([f"{name}=0..1" for name in kinds], kinds)


finite = st.floats(-1e15, 1e15, allow_nan=False)
whole = st.integers(-(2**53), 2**53)


@given(st.data())
def test_a_range_is_read_back_as_it_is_written(data):
    numbers = data.draw(st.sampled_from([finite, whole]))
    low, high = sorted(
        data.draw(st.tuples(numbers, numbers).filter(lambda p: p[0] != p[1]))
    )
    log = low > 0 and data.draw(st.booleans())
    values = Range(low, high, log)
    name = "batch_size" if values.whole else "learning_rate"
    assert one(f"{name}={values}") == values


@given(st.integers(-999, 999), st.integers(1, 999), st.integers(1, 50))
def test_a_range_in_steps_ends_at_a_step(low, length, step):
    if step > length:
        step = length
    found = one(f"batch_size={low}..{low + length}:{step}")
    assert found.high <= low + length < found.high + step
    assert (found.high - low) % step == 0


texts = st.text("0123456789.,:+-elogintabx ", max_size=30) | st.text(max_size=30)


@given(st.sampled_from(sorted(KINDS)), texts)
def test_whatever_is_written_is_understood_or_refused_in_a_sentence(name, text):
    with suppress(InvalidInput):
        assert len(one(f"{name}={text}").ends) >= 2
