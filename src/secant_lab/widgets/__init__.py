"""Jupyter widgets of the lab: `pip install "secant[jupyter]"`.

`Slope` and `Descent` are interactive pictures, and `LiveTraining` draws a run while it
runs.
"""

from importlib.util import find_spec

from secant.errors import SecantError

if find_spec("anywidget") is None:
    raise SecantError(
        "secant_lab.widgets needs anywidget, which is not installed: write  "
        'pip install "secant[jupyter]"'
    )

from secant_lab.widgets.descent import Descent
from secant_lab.widgets.slope import Slope
from secant_lab.widgets.training import LiveTraining

__all__ = ["Descent", "LiveTraining", "Slope"]
