"""The fixture `check_gradient`, for the tests of whoever has Secant installed."""

from typing import Any

import pytest


@pytest.fixture
def check_gradient() -> Any:
    """`secant.check_gradient`, with a test that fails by its report.

        def test_my_loss(check_gradient):
            check_gradient(my_loss, params)

    Returns the report, should more be asked of it.
    """
    # Only the tests that ask for it load JAX.
    import secant

    def check(*args: Any, **options: Any) -> secant.GradientReport:
        __tracebackhide__ = True
        report = secant.check_gradient(*args, **options)
        report.assert_ok()
        return report

    return check
