"""The options of gradient methods, on the command line.

They come from the table of methods: an option that a method declares there is an
option of `secant train`, with its help.
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
    """Every option of the gradient methods, as a parameter of a command."""
    declared = {o.name: o for m in METHODS.values() for o in m.options}
    return [_parameter(option) for option in declared.values()]


def _parameter(option: MethodOption) -> inspect.Parameter:
    """The option as Typer declares one."""
    kind = type(option.default)
    about = option.help.rstrip(".")
    if option.choices:
        about += f": {alternatives(option.choices)}"
    told = typer.Option(
        f"--{option.name.replace('_', '-')}",
        min=1 if kind is int else None,
        help=f"{about}, for {alternatives(methods_with(option.name))}.",
        show_default=str(option.default),
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, told],
    )


def method_of(gradient: str, options: Mapping[str, Any]) -> GradientMethod:
    """The gradient method of a name, with the options of the command line.

    Raises:
        InvalidInput: An unknown name, or an option that the method does not have.
    """
    method = find_method(gradient)
    for name in options.keys() - method.option_values.keys():
        having = alternatives(methods_with(name))
        raise InvalidInput(
            f"--{name.replace('_', '-')} is for --gradient {having}, and the gradient "
            f"is {gradient}: leave it out, or add --gradient {having}"
        )
    return find_method(method, **options)
