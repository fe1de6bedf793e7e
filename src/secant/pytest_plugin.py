"""Pytest plugin with the fixture `check_gradient`."""

from typing import Any

import pytest


@pytest.fixture
def check_gradient() -> Any:
    """`secant.check_gradient` for tests: a wrong gradient fails with the report.

        def test_my_loss(check_gradient):
            check_gradient(my_loss, params)

    The fixture returns the report for further assertions.
    """
    # Imported here: only tests that use the fixture load JAX.
    import secant

    def check(*args: Any, **options: Any) -> secant.GradientReport:
        __tracebackhide__ = True
        report = secant.check_gradient(*args, **options)
        report.assert_ok()
        return report

    return check
