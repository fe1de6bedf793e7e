"""The lab's visuals in Jupyter: `pip install "secant[jupyter]"`.

`Slope`, to be dragged, and `LiveTraining`, which draws a run while it runs.
"""

from importlib.util import find_spec

from secant.errors import SecantError

if find_spec("anywidget") is None:
    raise SecantError(
        "secant.widgets needs anywidget, which is not installed here: write  "
        'pip install "secant[jupyter]"'
    )

from secant.widgets.slope import Slope
from secant.widgets.training import LiveTraining

__all__ = ["LiveTraining", "Slope"]
