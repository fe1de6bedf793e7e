"""Widget of a secant and its tangent."""

from types import MappingProxyType
from typing import Any

import traitlets

from secant_lab.rooms import slope
from secant_lab.widgets.bundle import bundle
from secant_lab.widgets.cell import module_path
from secant_lab.widgets.room import RoomWidget


class Slope(RoomWidget):
    """A curve with a movable secant and its tangent.

    The secant's slope is `(f(x + h) - f(x - h)) / 2h`, or `(f(x + h) - f(x)) / h`
    with `kind="forward"`. Dragging changes `x` and `h` of the object, and an
    assignment to them moves the picture.

    Args:
        formula: A formula of `x` in the syntax of `secant lab`: `"x**2 + sin(3*x)"`.
        x: The point.
        h: The step size.
        kind: `"central"` or `"forward"`.
        low: The lowest visible x.
        high: The highest visible x.
        language: `"en"`, `"ko"`, or `""` for the browser's.

    Raises:
        InvalidInput: The formula cannot be read, or another argument is invalid.

    Example:
        >>> picture = Slope("x**3", x=1, h=0.5)
        >>> picture.x = 0.25
        >>> picture.formula, picture.x
        ('x**3', 0.25)
    """

    _esm = bundle(module_path("slope"))
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
