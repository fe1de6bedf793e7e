"""What a page asks: a JSON object whose entries are a function's arguments."""

import inspect
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, get_args, get_origin

from secant.errors import short, unknown_name
from secant.validation import as_real_number, as_whole_number
from secant_lab.error_responses import Refused

# What an entry of each kind is called: in a sentence, and by JSON.
_KINDS = {
    float: ("a finite number", "number"),
    int: ("a whole number", "integer"),
    str: ("text", "string"),
    bool: ("true or false", "boolean"),
    list: ("a list", "array"),
}


def arguments(function: Callable[..., Any], body: bytes) -> dict[str, Any]:
    """The keyword arguments of `function` that a request's body holds.

    Args:
        function: Its parameters are annotated as str, float, int or bool, as a list
            of one of them, or as a named tuple (or list of such) whose fields are;
            what has a default may be left out.
        body: JSON.

    Raises:
        Refused: It is no such object, or an entry is missing, unknown or of another
            type.

    Example:
        >>> def square(x: float) -> float:
        ...     return x * x
        >>> arguments(square, b'{"x": 3}')
        {'x': 3.0}
    """
    return checked(function, _object(body))


def checked(
    function: Callable[..., Any], given: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """The same of an object that has been read.

    Args:
        function: Likewise.
        given: Its arguments, as JSON knows them.
        where: Within which entry they stand.

    Raises:
        Refused: An entry is missing, unknown or of another type.
    """
    parameters = inspect.signature(function).parameters
    for name in given:
        if name not in parameters:
            within = f"entry{where and f' of {where}'}"
            hint = str(unknown_name(within, name, parameters))
            known = ", ".join(parameters)
            raise Refused(400, "entry", hint, name=short(name), known=known)
    for name, parameter in parameters.items():
        if name not in given and parameter.default is parameter.empty:
            lacking = _at(where, name)
            sentence = f"the entry {lacking!r} is missing: add it"
            raise Refused(400, "missing", sentence, name=lacking)
    return {
        name: _as(parameters[name].annotation, _at(where, name), value)
        for name, value in given.items()
    }


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_constant=_no_json)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused(
            400, "json", 'the body is no JSON object: send one, as {"x": 1.5}'
        )
    return given


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _as(kind: Any, name: str, value: object) -> Any:
    if get_origin(kind) is list:
        if isinstance(value, list):
            (of,) = get_args(kind)
            return [_as(of, f"{name}[{i}]", item) for i, item in enumerate(value)]
    elif kind not in _KINDS and isinstance(value, dict):
        return kind(**checked(kind, value, name))
    elif kind is float:
        number = as_real_number(value)
        if number is not None and math.isfinite(number):
            return number
    elif kind is int:
        if (number := as_whole_number(value)) is not None:
            return number
    elif kind in (str, bool) and isinstance(value, kind):
        return value
    words, wanted = _KINDS.get(get_origin(kind) or kind, ("an object", "object"))
    raise Refused(
        400,
        "type",
        f"the entry {name!r} is {short(value)}: send {words}",
        name=name,
        came=short(value),
        wanted=wanted,
    )
