"""What the server answers with: JSON, for what was asked and for what went wrong."""

from starlette.responses import JSONResponse

from secant.errors import SecantError
from secant.lab.expressions import ExpressionError
from secant.lab.told import Told


class Refused(SecantError):
    """A request that is not answered.

    Attributes:
        status: HTTP's number for it.
        code: Which refusal, for the page's dictionaries.
        facts: What the sentence speaks of, by name.
    """

    def __init__(self, status: int, code: str, sentence: str, **facts: object) -> None:
        """The sentence is what `str` gives."""
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.facts = facts


def failure(error: SecantError) -> JSONResponse:
    """An error as the page reads it: `{"error": {"code", "message", "facts", …}}`."""
    code, facts, status = "input", {}, 400
    match error:
        case Told():
            code, facts = error.code, error.facts
        case Refused():
            code, facts, status = error.code, error.facts, error.status
    content = {"code": code, "message": str(error), "facts": facts}
    if isinstance(error, ExpressionError):
        content["column"] = error.column
    return JSONResponse({"error": content}, status)
