"""The room of slopes in a notebook."""

from types import MappingProxyType
from typing import Any

import traitlets

from secant_lab.rooms import slope
from secant_lab.widgets.bundle import bundle
from secant_lab.widgets.cell import entry
from secant_lab.widgets.room import RoomWidget


class Slope(RoomWidget):
    """A curve with a secant and its tangent, to be dragged in the notebook.

    The secant's slope is `(f(x + h) - f(x - h)) / 2h`, or `(f(x + h) - f(x)) / h`
    with `kind="forward"`. Dragging changes `x` and `h` of the object, and setting
    them moves the picture.

    Args:
        formula: Of `x`, as `secant lab` reads it: `"x**2 + sin(3*x)"`.
        x: The point.
        h: The step.
        kind: `"central"` or `"forward"`.
        low: Where the view begins.
        high: Where it ends.
        language: `"en"`, `"ko"`, or `""` for the browser's.

    Raises:
        InvalidInput: The formula cannot be read, or another argument makes no sense.

    Example:
        >>> picture = Slope("x**3", x=1, h=0.5)
        >>> picture.x = 0.25
        >>> picture.formula, picture.x
        ('x**3', 0.25)
    """

    _esm = bundle(entry("slope"))
    _answers = MappingProxyType(
        {"slope/curve": slope.curve, "slope/point": slope.point}
    )

    formula = traitlets.Unicode().tag(sync=True)
    x = traitlets.Float().tag(sync=True)
    h = traitlets.Float().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        formula: str = "sin(3*x)*exp(-x**2/4)",
        *,
        x: float = 0.7,
        h: float = 0.5,
        kind: str = "central",
        low: float = -4.0,
        high: float = 4.0,
        language: str = "",
    ) -> None:
        state: dict[str, Any] = {
            **{"formula": formula, "x": x, "h": h, "kind": kind},
            **{"low": low, "high": high},
        }
        slope.curve(formula, low, high)
        slope.point(formula, x, h, kind)
        super().__init__(**state, _state=list(state), language=language)
