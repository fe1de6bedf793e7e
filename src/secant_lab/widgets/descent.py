"""The room of descents in a notebook."""

from types import MappingProxyType
from typing import Any

import traitlets

from secant.validation import Choice, RealNumber, validate
from secant_lab.rooms import descent
from secant_lab.widgets.bundle import bundle
from secant_lab.widgets.cell import entry
from secant_lab.widgets.room import RoomWidget

SPEEDS = (4, 12, 40)

LOOKS = ("above", "perspective")


class Descent(RoomWidget):
    """A surface and descents on it, several from one start, in the notebook.

    A descent goes `x ← x - rate × ∂f/∂x`, or as its optimiser has it. Clicking the
    surface changes `x0` and `x1` of the object, and setting them moves the start.

    Args:
        formula: Of `x0` and `x1`: `"x0**2/20 + x1**2"`.
        x0: The start.
        x1: The start.
        runs: One to four, an optimiser and its rate each: `"sgd:0.1,adam:0.05"`.
        steps: How many steps, 1 to 500.
        left: The lowest x0 that is seen.
        right: The highest.
        bottom: The lowest x1.
        top: The highest.
        speed: Steps a second, when they are played: 4, 12 or 40.
        look: `"above"`, on a map of heights, or in `"perspective"`.
        turn: In perspective, how far the surface is turned, -180° to 180°.
        tilt: In perspective, from how far above it is seen, 10° to 80°.
        language: `"en"`, `"ko"`, or `""` for the browser's.

    Raises:
        InvalidInput: The formula cannot be read, or another argument makes no sense.

    Example:
        >>> picture = Descent("x0**2 + 3*x1**2", x0=2, x1=1, runs="sgd:0.1,sgd:0.4")
        >>> picture.runs
        'sgd:0.1,sgd:0.4'
    """

    _esm = bundle(entry("descent"))
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
        asked: dict[str, Any] = {
            **{"formula": formula, "x0": x0, "x1": x1, "runs": runs, "steps": steps},
            **{"left": left, "right": right, "bottom": bottom, "top": top},
        }
        descent.descents(**asked)
        state = {**asked, "speed": speed, "look": look, "turn": turn, "tilt": tilt}
        super().__init__(**state, _state=list(state), language=language)
