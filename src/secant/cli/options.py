"""The options of `secant train`, for commands that train by them."""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_type_hints

import typer
from typer.main import get_command

from secant.cli.kept import Task
from secant.cli.train import train
from secant.errors import InvalidInput

# What says where a run is kept and who trains it, and not what it is.
_OF_THE_RUN = {
    *("out_folder", "resume", "help"),
    *("checkpoint_steps", "checkpoint_seconds", "keep", "tensorboard"),
    *("distributed", "coordinator", "processes", "process_id"),
    *("initialization_timeout", "heartbeat_timeout"),
}


def _command() -> Any:
    """`secant train`, whose errors are raised."""
    app = typer.Typer(add_completion=False)
    # Past `guarded`, which would end the process; that type checkers do not see.
    app.command("train")(getattr(train, "__wrapped__"))  # noqa: B009
    return get_command(app)


class TrainOptions:
    """What `secant train` can be told, as its own command line has it.

    Args:
        words: Options of `secant train`, and other words between them.

    Attributes:
        others: The other words.
        fixed: The options that were given, by name.
        kinds: The type of each option that says what a run is.

    Raises:
        InvalidInput: An option that there is not, or a value that cannot be.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._command = _command()
        context = self._context(words)
        self._options = {
            each.name: each
            for each in self._command.params
            if each.name not in _OF_THE_RUN
        }
        self.others: list[str] = context.args
        hints = get_type_hints(train)
        self.kinds = {name: _kind(hints[name]) for name in self._options}
        given = {
            name: value
            for name, value in context.params.items()
            if (source := context.get_parameter_source(name)) is not None
            and source.name == "COMMANDLINE"
        }
        if kept := sorted(given.keys() - self._options.keys()):
            option = kept[0].replace("_", "-").replace("out-folder", "out")
            raise InvalidInput(
                f"--{option} is about one run, and a sweep has many: leave it out"
            )
        self.fixed = {name: _text(value) for name, value in given.items()}

    def arguments(self, settings: Mapping[str, Any]) -> list[str]:
        """These and the fixed options, as `secant train` is called with them."""
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

    def task(self, settings: Mapping[str, Any], folder: str) -> Task:
        """The task that `secant train` would do with these settings.

        Args:
            settings: Names of options and their values.
            folder: A new or an empty one, which is left so.

        Raises:
            InvalidInput: It would refuse them, for the same reasons.
        """
        context = self._context([*self.arguments(settings), "--out", folder])
        tasks: list[Task] = []
        context.obj = tasks.append
        self._command.invoke(context)
        return tasks[0]

    def _context(self, words: Sequence[str]) -> Any:
        try:
            return self._command.make_context(
                "train", list(words), allow_extra_args=True
            )
        except typer.TyperException as error:
            raise InvalidInput(error.format_message().rstrip(".")) from None


def _kind(hint: Any) -> type:
    """Of an option's annotation, None apart; what is no number is text."""
    (kind, *_) = [each for each in get_args(hint) or (hint,) if each is not NoneType]
    return kind if kind in (bool, int, float) else str


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
