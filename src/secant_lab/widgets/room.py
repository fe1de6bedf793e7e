"""Widget of a room of `secant lab`."""

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from secant.errors import SecantError
from secant_lab.error_responses import RequestError, error_content
from secant_lab.request_args import validated_arguments
from secant_lab.widgets.cell import LabWidget

Answer = Callable[..., dict[str, Any]]


class RoomWidget(LabWidget):
    """A room whose requests the kernel answers.

    A subclass defines the room's state as traits, whose names are in `_state`, and the
    functions that the page may call in `_answers`.
    """

    _state = traitlets.List(traitlets.Unicode()).tag(sync=True)

    _answers: Mapping[str, Answer] = {}

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.on_msg(self._on_message)

    def _on_message(self, widget: object, message: Any, buffers: object) -> None:
        """Answer a request of the page: `{"id", "ask", "given"}`."""
        match message:
            case {"id": int(number), "ask": str(name), "given": dict(given)}:
                self.send({"id": number, **self._answer(name, given)})

    def _answer(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        try:
            if name not in self._answers:
                sentence = f"there is nothing at {name!r}"
                raise RequestError(404, "address", sentence, path=name)
            function = self._answers[name]
            return {"answer": function(**validated_arguments(function, given))}
        except SecantError as error:
            return {"answer": {"error": error_content(error)}}
        except Exception as error:
            # The page shows the error, since nobody reads a kernel's log.
            text = f"{type(error).__name__}: {error}"
            bug = RequestError(
                500, "bug", f"this is a bug in Secant: {text}", what=text
            )
            return {"answer": {"error": error_content(bug)}}
