"""Random projections of a function whose slope along any direction is known.

f(x) = Σ aᵢ xᵢ² / 2 has the slopes aᵢ xᵢ, so that nothing is compiled.
"""

import numpy as np
import pytest

from secant.checking.context import CheckContext
from secant.checking.point import Point
from secant.checking.random_projections import DIRECTIONS, project
from secant.checking.slope_source import OneSidedSlopes, SlopeSource
from secant.checking.verdict import Verdict

SIZE = 1_000
A = np.random.default_rng(3).uniform(1, 2, SIZE)


class Quadratic(SlopeSource):
    """The slopes of f."""

    dtype = np.dtype(np.float64)
    step = 2.0**-30
    axes = frozenset()

    def __init__(self, x):
        self.x = x

    def one_sided(self, query):
        slope = (A * query.leaves[0])[query.indices]
        return OneSidedSlopes(slope, slope, np.zeros_like(slope))

    def along_direction(self, directions, leaves=None):
        x = self.x if leaves is None else leaves[0]
        return float((A * x) @ directions[0])


def report_on(coefficients, *, scale=1.0):
    """The report on the gradient `coefficients * x`, where all x are `scale`."""
    x = np.full(SIZE, scale)

    def gradient(leaves):
        return [coefficients * leaves[0]]

    source, rng = Quadratic(x), np.random.default_rng(0)
    values = gradient([x])
    check = CheckContext(Point.of(x), source, gradient, values, gradient, 1.0, rng)
    return project(check, 0, source)


def changed(places, by):
    coefficients = A.copy()
    coefficients[places] += by
    return coefficients


sizes_of_x = pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])


@sizes_of_x
def test_a_right_gradient_passes_though_few_coordinates_are_nudged(scale):
    report = report_on(A, scale=scale)
    assert report.verdict is Verdict.RIGHT
    assert report.checked < SIZE / 10
    assert report.reason.startswith(f"{DIRECTIONS} random directions through all 1,000")


@sizes_of_x
def test_a_single_fault_is_found_and_named_whatever_the_size_of_x(scale):
    report = report_on(changed(543, 1e-6), scale=scale)
    assert (report.verdict, report.wrong) == (Verdict.WRONG, 1)
    assert report.worst.name == "x[543]"
    assert report.checked < SIZE / 10


def test_faults_whose_sum_is_0_do_not_cancel():
    report = report_on(changed([12, 345], [1e-3, -1e-3]))
    assert (report.verdict, report.wrong) == (Verdict.WRONG, 2)


def test_a_gradient_that_is_not_finite_is_named():
    report = report_on(changed(678, np.nan))
    assert report.verdict is Verdict.NOT_FINITE
    assert report.worst.name == "x[678]"
