"""A room of `secant lab` in a notebook's cell."""

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from secant.errors import SecantError
from secant_lab.error_responses import Refused, described
from secant_lab.request_args import checked
from secant_lab.widgets.cell import Cell

Answer = Callable[..., dict[str, Any]]


class RoomWidget(Cell):
    """A room whose questions the kernel answers.

    A subclass gives the room's state as traits, each of them in `_state`, and the
    functions that may be asked in `_answers`.
    """

    _state = traitlets.List(traitlets.Unicode()).tag(sync=True)

    _answers: Mapping[str, Answer] = {}

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.on_msg(self._hear)

    def _hear(self, widget: object, asked: Any, buffers: object) -> None:
        """Answers what the visual asks: `{"id", "ask", "given"}`."""
        match asked:
            case {"id": int(number), "ask": str(name), "given": dict(given)}:
                self.send({"id": number, **self._answer(name, given)})

    def _answer(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        try:
            if name not in self._answers:
                sentence = f"nothing can be asked at {name!r}"
                raise Refused(404, "address", sentence, path=name)
            function = self._answers[name]
            return {"answer": function(**checked(function, given))}
        except SecantError as error:
            return {"answer": {"error": described(error)}}
        except Exception as error:
            # The visual says so: a kernel's log is looked at by nobody.
            what = f"{type(error).__name__}: {error}"
            bug = Refused(500, "bug", f"this is a bug in Secant: {what}", what=what)
            return {"answer": {"error": described(bug)}}
