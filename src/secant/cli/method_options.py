"""The options of gradient methods on the command line.

They come from the table of methods: `secant train` has every option that a method
declares there, with its help.
"""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from secant.cli.table_help import alternatives
from secant.errors import InvalidInput
from secant.nn.gradients.method import GradientMethod, MethodOption
from secant.nn.gradients.methods import METHODS, find_method, methods_with


def method_parameters() -> list[inspect.Parameter]:
    """All options of the gradient methods, as parameters of a command."""
    declared = {o.name: o for m in METHODS.values() for o in m.options}
    return [_parameter(option) for option in declared.values()]


def _parameter(option: MethodOption) -> inspect.Parameter:
    """An option as a parameter for Typer."""
    kind = type(option.default)
    text = option.help.rstrip(".")
    if option.choices:
        text += f": {alternatives(option.choices)}"
    declaration = typer.Option(
        f"--{option.name.replace('_', '-')}",
        min=1 if kind is int else None,
        help=f"{text}, for {alternatives(methods_with(option.name))}.",
        show_default=str(option.default),
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, declaration],
    )


def method_of(gradient: str, options: Mapping[str, Any]) -> GradientMethod:
    """The gradient method of a name, with options of the command line.

    Raises:
        InvalidInput: The name is unknown, or the method does not have an option.
    """
    method = find_method(gradient)
    for name in options.keys() - method.option_values.keys():
        methods = alternatives(methods_with(name))
        raise InvalidInput(
            f"--{name.replace('_', '-')} is for --gradient {methods}, and the gradient "
            f"is {gradient}: remove it, or add --gradient {methods}"
        )
    return find_method(method, **options)
