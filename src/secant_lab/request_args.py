"""Arguments of a request: a JSON object with the arguments of a function."""

import inspect
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, get_args, get_origin

from secant.errors import short_repr, unknown_name
from secant.validation import as_real_number, as_whole_number
from secant_lab.error_responses import RequestError

# The name of each type in a sentence, and in JSON.
_KINDS = {
    float: ("a finite number", "number"),
    int: ("a whole number", "integer"),
    str: ("text", "string"),
    bool: ("true or false", "boolean"),
    list: ("a list", "array"),
}


def parse_arguments(function: Callable[..., Any], body: bytes) -> dict[str, Any]:
    """The keyword arguments of `function` from the body of a request.

    Args:
        function: A function whose parameters have annotations: str, float, int or
            bool, a list of one of them, or a named tuple of them (or a list of such).
            Parameters with a default are optional.
        body: JSON.

    Raises:
        RequestError: The body is not such an object, or an entry is missing, unknown
            or of another type.

    Example:
        >>> def square(x: float) -> float:
        ...     return x * x
        >>> parse_arguments(square, b'{"x": 3}')
        {'x': 3.0}
    """
    return validated_arguments(function, _object(body))


def validated_arguments(
    function: Callable[..., Any], given: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """The keyword arguments of `function` from a JSON object.

    Args:
        function: As for `parse_arguments`.
        given: The arguments as JSON values.
        where: The entry that holds the object; empty for the whole body.

    Raises:
        RequestError: An entry is missing, unknown or of another type.
    """
    parameters = inspect.signature(function).parameters
    for name in given:
        if name not in parameters:
            within = f"entry{where and f' of {where}'}"
            hint = str(unknown_name(within, name, parameters))
            known = ", ".join(parameters)
            raise RequestError(400, "entry", hint, name=short_repr(name), known=known)
    for name, parameter in parameters.items():
        if name not in given and parameter.default is parameter.empty:
            missing = _at(where, name)
            sentence = f"the entry {missing!r} is missing: add it"
            raise RequestError(400, "missing", sentence, name=missing)
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
        raise RequestError(
            400, "json", 'the body is not a JSON object: send one, as {"x": 1.5}'
        )
    return given


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can write it: JSON allows half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _as(kind: Any, name: str, value: object) -> Any:
    if get_origin(kind) is list:
        if isinstance(value, list):
            (of,) = get_args(kind)
            return [_as(of, f"{name}[{i}]", item) for i, item in enumerate(value)]
    elif kind not in _KINDS and isinstance(value, dict):
        return kind(**validated_arguments(kind, value, name))
    elif kind is float:
        number = as_real_number(value)
        if number is not None and math.isfinite(number):
            return number
    elif kind is int:
        if (number := as_whole_number(value)) is not None:
            return number
    elif kind is str:
        if isinstance(value, str) and _is_unicode(value):
            return value
    elif kind is bool and isinstance(value, bool):
        return value
    words, json_type = _KINDS.get(get_origin(kind) or kind, ("an object", "object"))
    raise RequestError(
        400,
        "type",
        f"the entry {name!r} is {short_repr(value)}: send {words}",
        name=name,
        came=short_repr(value),
        wanted=json_type,
    )
