"""`secant compare`: a table and two pictures."""

import re

import pytest


@pytest.mark.slow
def test_compare_prints_a_row_for_each_method_and_draws_two_pictures(secant, tmp_path):
    outcome = secant(
        *("compare", "--data", "sample", "--hidden", "3", "--batch-size", 5),
        *("--out", tmp_path / "pictures"),
    )
    assert outcome.code == 0
    for name in ("definition", "weight", "node", "backprop", "spsa, k = 100"):
        assert re.search(rf"^{name} .* \d\.\de[+-]\d\d +-?\d\.\d+$", outcome.out, re.M)
    assert "10,000 steps" in outcome.out
    for picture in ("compare.png", "error-by-step.png"):
        assert (tmp_path / "pictures" / picture).read_bytes().startswith(b"\x89PNG")


def test_an_unknown_name_is_refused_before_any_computation(secant):
    outcome = secant("compare", "--data", "sample", "--activation", "sigmoyd")
    assert outcome.code == 2
    assert "did you mean 'sigmoid'" in outcome.err
