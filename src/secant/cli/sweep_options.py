"""The options of `secant train` on the command line of a sweep."""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, get_args

import typer
from typer.main import get_command

from secant.cli.train_options import (
    DistributedOptions,
    RunOptions,
    TrainOptions,
    option_names,
    option_parameters,
    with_options,
)
from secant.errors import InvalidInput


def _parse(
    options: TrainOptions, run: RunOptions, distributed: DistributedOptions
) -> TrainOptions:
    return options


def _parsing_command() -> Any:
    """A `secant train` that only parses its options, and raises errors."""
    app = typer.Typer(add_completion=False)
    app.command("train")(with_options(_parse))
    return get_command(app)


class SweepOptions:
    """The options of `secant train` on the command line of a sweep.

    Args:
        words: Options of `secant train`, mixed with other words.

    Attributes:
        others: The other words.
        fixed: The options on the command line, by name.
        kinds: The type of each option that defines a run.

    Raises:
        InvalidInput: An option does not exist, or a value is unusable.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._command = _parsing_command()
        context = self._context(words)
        self._options = {
            each.name: each
            for each in self._command.params
            if each.name in option_names(TrainOptions)
        }
        self.others: list[str] = context.args
        self.kinds = {
            option.name: _kind(get_args(option.annotation)[0])
            for option in option_parameters(TrainOptions)
        }
        given = {
            name: value
            for name, value in context.params.items()
            if (source := context.get_parameter_source(name)) is not None
            and source.name == "COMMANDLINE"
        }
        if refused := sorted(given.keys() - self._options.keys()):
            option = refused[0].replace("_", "-").replace("out-folder", "out")
            raise InvalidInput(
                f"--{option} is for one run, and a sweep has many: remove it"
            )
        self.fixed = {name: _text(value) for name, value in given.items()}

    def arguments(self, settings: Mapping[str, Any]) -> list[str]:
        """Settings and fixed options as arguments of `secant train`."""
        words: list[str] = []
        for name, value in {**self.fixed, **settings}.items():
            option, text = self._options[name], _text(value)
            if self.kinds[name] is not bool:
                words += [f"{option.opts[0]}={text}"] if text[:1] == "-" else [
                    option.opts[0], text]  # fmt: skip
            elif text == "true":
                words.append(option.opts[0])
            elif option.secondary_opts:
                words.append(option.secondary_opts[0])
        return words

    def train_options(self, settings: Mapping[str, Any]) -> TrainOptions:
        """Settings and fixed options as `secant train` parses them.

        Raises:
            InvalidInput: `secant train` would refuse them, with the same message.
        """
        context = self._context(self.arguments(settings))
        return self._command.invoke(context)

    def _context(self, words: Sequence[str]) -> Any:
        try:
            return self._command.make_context(
                "train", list(words), allow_extra_args=True
            )
        except typer.TyperException as error:
            raise InvalidInput(error.format_message().rstrip(".")) from None


def _kind(hint: Any) -> type:
    """The type of an option's annotation without None: a number, bool, or text."""
    (kind, *_) = [each for each in get_args(hint) or (hint,) if each is not NoneType]
    return kind if kind in (bool, int, float) else str


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
