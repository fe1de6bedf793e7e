"""A report as a dictionary: all that it tells, in types that JSON knows."""

import json

import numpy as np
import pytest

from secant.checking.diagnosis import UNKNOWN
from secant.checking.report import Entry, GradientReport, LeafReport
from secant.checking.verdict import Verdict

ENTRY = Entry("x[1]", np.nan, np.float32(2.5), 0.125, 0.25, -np.inf, np.inf)


def leaf_report(worst):
    size = 2 if worst else 0
    nothing = np.zeros(size)
    return LeafReport(
        name="x",
        shape=(size,),
        dtype="float32",
        verdict=Verdict.NOT_FINITE if worst else Verdict.RIGHT,
        worst=worst,
        cause=UNKNOWN,
        wrong=0,
        kinks=(),
        checked=size,
        resolution=2e-6,
        reason="tolerance: 16 roundings",
        gradient=nothing,
        slope=nothing,
        off=nothing,
        kinked=nothing == 1,
    )


def in_json(report):
    return json.loads(json.dumps(report.to_dict(), allow_nan=False))


def test_the_worst_coordinate_is_told_with_numbers_and_what_is_none_as_text():
    told = in_json(leaf_report(ENTRY))
    assert told["worst"] == {
        "name": "x[1]",
        "gradient": "nan",
        "slope": 2.5,
        "error": 0.125,
        "tolerance": 0.25,
        "below": "-inf",
        "above": "inf",
    }
    assert told["resolution"] == 2e-6


def test_an_empty_leaf_has_no_worst_coordinate():
    assert in_json(leaf_report(None))["worst"] is None


@pytest.mark.parametrize(("value", "told"), [(0.5, 0.5), (np.nan, "nan")])
def test_the_value_of_f_is_a_number_unless_it_is_not_finite(value, told):
    report = GradientReport({"x": leaf_report(None)}, value)
    assert in_json(report)["value"] == told
