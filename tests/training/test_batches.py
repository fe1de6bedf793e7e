"""Batches: the samples of each step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant import InvalidInput
from secant.training.batches import SAMPLINGS, Batches

samplings = pytest.mark.parametrize("sampling", SAMPLINGS)


@given(
    samples=st.integers(1, 40),
    data=st.data(),
    sampling=st.sampled_from(SAMPLINGS),
    seed=st.integers(0, 2**40),
)
def test_batches_do_not_depend_on_the_range_of_steps_requested(
    samples, data, sampling, seed
):
    size = data.draw(st.integers(1, samples))
    batches = Batches(samples, size, sampling, seed)
    start = data.draw(st.integers(0, 60))
    middle = start + data.draw(st.integers(0, 40))
    stop = middle + data.draw(st.integers(0, 40))
    whole = batches.indices(start, stop)
    assert whole.shape == (stop - start, size)
    parts = [batches.indices(start, middle), batches.indices(middle, stop)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert np.isin(whole, np.arange(samples)).all()


def test_epochs_show_every_sample_once_before_any_again():
    stream = Batches(10, 4, "epochs", seed=3).indices(0, 5).ravel()
    assert sorted(stream[:10]) == sorted(stream[10:]) == list(range(10))
    assert list(stream[:10]) != list(stream[10:])


def test_replacement_draws_every_sample_equally_often():
    drawn = Batches(10, 5, "replacement", seed=0).indices(0, 20_000).ravel()
    counts = np.bincount(drawn, minlength=10)
    # Binomial: 10,000 expected each, standard deviation 95.
    assert np.all(abs(counts - 10_000) < 5 * 95)


@samplings
def test_seeds_differ_and_repeat(sampling):
    def draw(seed):
        return Batches(100, 10, sampling, seed).indices(0, 10)

    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(InvalidInput, match="batch_size is 11, and there are 10"):
        Batches(10, 11, "replacement", 0)


def test_a_batch_may_be_all_of_the_data():
    batches = Batches(10, 10, "epochs", 0)
    assert batches.steps_per_epoch == 1
    assert sorted(batches.indices(3, 4)[0]) == list(range(10))
