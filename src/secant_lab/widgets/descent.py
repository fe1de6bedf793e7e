"""Widget of gradient descents."""

from types import MappingProxyType
from typing import Any

import traitlets

from secant.validation import Choice, RealNumber, validate
from secant_lab.rooms import descent
from secant_lab.widgets.bundle import bundle
from secant_lab.widgets.cell import module_path
from secant_lab.widgets.room import RoomWidget

SPEEDS = (4, 12, 40)

LOOKS = ("above", "perspective")


class Descent(RoomWidget):
    """A surface with several descents from one start.

    A step is `x ← x - rate × ∂f/∂x`, or that of its optimiser. A click on the surface
    changes `x0` and `x1` of the object, and an assignment to them moves the start.

    Args:
        formula: A formula of `x0` and `x1`: `"x0**2/20 + x1**2"`.
        x0: The start's first coordinate.
        x1: The start's second coordinate.
        runs: One to four optimisers with their rates: `"sgd:0.1,adam:0.05"`.
        steps: The number of steps, 1 to 500.
        left: The lowest visible x0.
        right: The highest visible x0.
        bottom: The lowest visible x1.
        top: The highest visible x1.
        speed: Steps per second of the animation: 4, 12 or 40.
        look: `"above"`, a map of heights, or `"perspective"`.
        turn: The rotation of the surface in perspective, -180° to 180°.
        tilt: The elevation of the viewer in perspective, 10° to 80°.
        language: `"en"`, `"ko"`, or `""` for the browser's.

    Raises:
        InvalidInput: The formula cannot be read, or another argument is invalid.

    Example:
        >>> picture = Descent("x0**2 + 3*x1**2", x0=2, x1=1, runs="sgd:0.1,sgd:0.4")
        >>> picture.runs
        'sgd:0.1,sgd:0.4'
    """

    _esm = bundle(module_path("descent"))
    _answers = MappingProxyType(
        {
            f"descent/{function.__name__}": function
            for function in (descent.heights, descent.descents, descent.presets)
        }
    )

    formula = traitlets.Unicode().tag(sync=True)
    x0 = traitlets.Float().tag(sync=True)
    x1 = traitlets.Float().tag(sync=True)
    runs = traitlets.Unicode().tag(sync=True)
    steps = traitlets.Int().tag(sync=True)
    left = traitlets.Float().tag(sync=True)
    right = traitlets.Float().tag(sync=True)
    bottom = traitlets.Float().tag(sync=True)
    top = traitlets.Float().tag(sync=True)
    speed = traitlets.Int().tag(sync=True)
    look = traitlets.Unicode().tag(sync=True)
    turn = traitlets.Float().tag(sync=True)
    tilt = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        formula: str = "x0**2 + x1**2",
        *,
        x0: float = -3.0,
        x1: float = 4.0,
        runs: str = "sgd:0.005,sgd:0.1,sgd:1.05",
        steps: int = 100,
        left: float = -6.0,
        right: float = 6.0,
        bottom: float = -5.0,
        top: float = 5.0,
        speed: int = 12,
        look: str = "above",
        turn: float = 30.0,
        tilt: float = 40.0,
        language: str = "",
    ) -> None:
        speed = validate("speed", speed, Choice(SPEEDS))
        look = validate("look", look, Choice(LOOKS))
        turn = validate("turn", turn, RealNumber(-180, 180, meaning="degrees"))
        tilt = validate("tilt", tilt, RealNumber(10, 80, meaning="degrees"))
        request: dict[str, Any] = {
            **{"formula": formula, "x0": x0, "x1": x1, "runs": runs, "steps": steps},
            **{"left": left, "right": right, "bottom": bottom, "top": top},
        }
        descent.descents(**request)
        state = {**request, "speed": speed, "look": look, "turn": turn, "tilt": tilt}
        super().__init__(**state, _state=list(state), language=language)
