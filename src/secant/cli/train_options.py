"""The options of `secant train`, declared once for all commands that take them."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer
from typer.main import get_command

from secant.cli.method_options import method_of, method_parameters
from secant.cli.table_help import alternatives
from secant.errors import InvalidInput
from secant.nn.gradients.methods import METHODS

if TYPE_CHECKING:
    from secant.nn.networks import MLP
    from secant.training import Checkpoints, EarlyStopping, Schedule
    from secant.training.config import TrainConfig

# Groups of options in the help.
_STEPS, _STOPPING = "How far a step goes", "When to stop, and what is best"
_PANEL = "Several processes"

# The field that holds the options which gradient methods declare.
_METHOD_OPTIONS = "method_options"


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What a run is: its network, its data, and how it is trained."""

    gradient: Annotated[
        str,
        typer.Option(help=f"The way to the gradient: {alternatives(METHODS)}."),
    ] = "node"
    method_options: Mapping[str, Any] = field(default_factory=dict)
    data: Annotated[
        str,
        typer.Option(
            help="auto (all of MNIST where at hand, else the sample built in), mnist, "
            "fashion-mnist, sample, or a path: .npz, .csv, IDX."
        ),
    ] = "auto"
    hidden: Annotated[
        str, typer.Option(help='Hidden neurons, a number a layer: "50", "100,50".')
    ] = "50"
    activation: Annotated[str, typer.Option(help="{activations}.")] = "sigmoid"
    loss: Annotated[str, typer.Option(help="{losses}.")] = "cross_entropy"
    init: Annotated[str, typer.Option(help="First weights: normal, xavier or he.")] = (
        "normal"
    )
    weight_init_std: Annotated[
        float, typer.Option(help="Their standard deviation, for normal.")
    ] = 0.01
    iterations: Annotated[int, typer.Option(min=0, help="Steps.")] = 10_000
    batch_size: Annotated[int, typer.Option(min=1, help="Samples a step.")] = 100
    learning_rate: Annotated[
        float | None,
        typer.Option(help="How far a step goes.", show_default="0.1 for sgd"),
    ] = None
    optimizer: Annotated[
        str,
        typer.Option(help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw."),
    ] = "sgd"
    schedule: Annotated[
        str,
        typer.Option(
            help="How the learning rate falls over the iterations: constant, linear, "
            "cosine or exponential.",
            rich_help_panel=_STEPS,
        ),
    ] = "constant"
    warmup_steps: Annotated[
        int,
        typer.Option(
            min=0, help="It first rises from 0 in so many.", rich_help_panel=_STEPS
        ),
    ] = 0
    end_factor: Annotated[
        float | None,
        typer.Option(
            help="It falls to this share of itself.",
            show_default="0.01",
            rich_help_panel=_STEPS,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        typer.Option(
            help="Each step takes rate × this × weight off every weight.",
            show_default="1e-4 for adamw, else 0",
            rich_help_panel=_STEPS,
        ),
    ] = None
    clip_norm: Annotated[
        float | None,
        typer.Option(
            help="Shorten a gradient whose norm is larger.", rich_help_panel=_STEPS
        ),
    ] = None
    validation_split: Annotated[
        float | None,
        typer.Option(
            help="Hold back this share of the training samples, to choose the best "
            "network by.",
            rich_help_panel=_STOPPING,
        ),
    ] = None
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop early, when so many epochs brought no lower validation loss.",
            rich_help_panel=_STOPPING,
        ),
    ] = None
    min_delta: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Lower by more than this.",
            show_default="0",
            rich_help_panel=_STOPPING,
        ),
    ] = None
    sampling: Annotated[
        str,
        typer.Option(help="How batches are drawn: replacement, or epochs."),
    ] = "replacement"
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of weights and batches.")
    ] = 0

    def build_config(self) -> "TrainConfig":
        """How the run is trained, validated.

        Raises:
            InvalidInput: An option cannot be worked with.
        """
        from secant.training.config import TrainConfig

        return TrainConfig.build(
            method_of(self.gradient, self.method_options),
            iterations=self.iterations,
            batch_size=self.batch_size,
            learning_rate=self._learning_rate(),
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            seed=self.seed,
            sampling=self.sampling,
            validation_split=self.validation_split,
            early_stopping=self._early_stopping(),
        )

    def build_network(self, inputs: int, outputs: int) -> "MLP":
        """The network with its first weights.

        Raises:
            InvalidInput: An option cannot be worked with.
        """
        from secant.nn.networks import MLP

        return MLP(
            (inputs, *hidden_sizes(self.hidden), outputs),
            self.activation,
            self.loss,
            init=self.init,
            weight_init_std=self.weight_init_std,
            seed=self.seed,
        )

    def check_network(self) -> None:
        """Refuses what `build_network` would refuse, before it draws many weights."""
        from secant.nn.architecture import Architecture
        from secant.nn.networks import MLP

        Architecture((1, *hidden_sizes(self.hidden), 1), self.activation, self.loss)
        MLP(
            (1, 1),
            init=self.init,
            weight_init_std=self.weight_init_std,
            seed=self.seed,
        )

    def _learning_rate(self) -> "float | Schedule | None":
        """The learning rate, or how it changes over the iterations."""
        from secant.training import Schedule
        from secant.training.optimizers import OPTIMIZERS

        if self.schedule == "constant":
            if self.end_factor is not None:
                raise InvalidInput(
                    f"--end-factor {self.end_factor:g} came without a schedule that "
                    "falls: add --schedule cosine, linear or exponential, or leave it "
                    "out"
                )
            if not self.warmup_steps:
                return self.learning_rate
        rate = self.learning_rate
        if rate is None and self.optimizer in OPTIMIZERS:
            rate = OPTIMIZERS[self.optimizer].learning_rate
        return Schedule(
            self.schedule,
            1.0 if rate is None else rate,
            max(self.iterations, 1),
            self.warmup_steps,
            **({} if self.end_factor is None else {"end_factor": self.end_factor}),
        )

    def _early_stopping(self) -> "EarlyStopping | None":
        from secant.training import EarlyStopping

        if self.patience is None:
            if self.min_delta is not None:
                raise InvalidInput(
                    f"--min-delta {self.min_delta:g} came without --patience: add "
                    "--patience 5, or leave it out"
                )
            return None
        return EarlyStopping(self.patience, self.min_delta or 0.0)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run is kept, and how often."""

    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Have TensorBoard draw the run while it goes on."
        ),
    ] = False
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A new folder for the run.",
            show_default="runs/0001, runs/0002, …",
        ),
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a run where it was kept last, with its own settings; "
            "--iterations may make it longer.",
        ),
    ] = None
    checkpoint_steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Keep the run after so many steps.", show_default="by the clock"
        ),
    ] = None
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.001, help="And after so many seconds.")
    ] = 30.0
    keep: Annotated[
        int, typer.Option(min=1, help="Checkpoints that stay, the newest.")
    ] = 3

    def policy(self) -> "Checkpoints":
        """How often the run is kept while it goes on."""
        from secant.training import Checkpoints

        return Checkpoints(self.checkpoint_steps, self.checkpoint_seconds, self.keep)


@dataclass(frozen=True, kw_only=True)
class DistributedOptions:
    """Whether several processes compute a run, and where they find each other."""

    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="This is one of several processes that share each batch; start each "
            "of them so. Exit code 75: another is gone, start all again.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where process 0 listens, and nowhere else.",
            show_default="from SLURM, Kubernetes or MPI",
            rich_help_panel=_PANEL,
        ),
    ] = None
    processes: Annotated[
        int | None,
        typer.Option(
            help="How many there are.", show_default="likewise", rich_help_panel=_PANEL
        ),
    ] = None
    process_id: Annotated[
        int | None,
        typer.Option(
            help="Which this is; 0 leads, prints and keeps the run.",
            show_default="likewise",
            rich_help_panel=_PANEL,
        ),
    ] = None
    initialization_timeout: Annotated[
        int,
        typer.Option(
            min=1, help="Seconds that all have to come.", rich_help_panel=_PANEL
        ),
    ] = 300
    heartbeat_timeout: Annotated[
        int,
        typer.Option(
            min=1,
            help="Seconds after which one that does not answer counts as gone.",
            rich_help_panel=_PANEL,
        ),
    ] = 10


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes each option of its groups by itself.

    Where a parameter of the command is one of the dataclasses above, Typer sees the
    options of that dataclass in its place.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        p.name: p.annotation for p in parameters if is_dataclass(p.annotation)
    }
    plain = [p for p in parameters if p.name not in groups]
    options = [o for group in groups.values() for o in option_parameters(group)]

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        made = {name: _made(group, given) for name, group in groups.items()}
        return command(**{p.name: given[p.name] for p in plain}, **made)

    setattr(run, "__signature__", inspect.Signature([*plain, *options]))  # noqa: B010
    return run


def option_parameters(group: type[Any]) -> list[inspect.Parameter]:
    """The options of a group as parameters of a command, each with Typer's words."""
    hints = get_type_hints(group, include_extras=True)
    found: list[inspect.Parameter] = []
    for each in fields(group):
        if each.name == _METHOD_OPTIONS:
            found += method_parameters()
        else:
            found.append(
                inspect.Parameter(
                    each.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=each.default,
                    annotation=hints[each.name],
                )
            )
    return found


def _made(group: type[Any], given: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for each in fields(group):
        if each.name == _METHOD_OPTIONS:
            known = {p.name: given[p.name] for p in method_parameters()}
            values[each.name] = {n: v for n, v in known.items() if v is not None}
        else:
            values[each.name] = given[each.name]
    return group(**values)


def option_names(*groups: type[Any]) -> set[str]:
    """The names of the options of groups."""
    return {option.name for group in groups for option in option_parameters(group)}


def _parsed(
    options: TrainOptions, run: RunOptions, distributed: DistributedOptions
) -> TrainOptions:
    return options


def _command() -> Any:
    """`secant train` that only reads its options, and whose errors are raised."""
    app = typer.Typer(add_completion=False)
    app.command("train")(with_options(_parsed))
    return get_command(app)


class SweepOptions:
    """The options of `secant train` on the command line of a sweep.

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

    def train_options(self, settings: Mapping[str, Any]) -> TrainOptions:
        """These and the fixed options, as `secant train` reads them.

        Raises:
            InvalidInput: It would refuse them, for the same reasons.
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
    """Of an option's annotation, None apart; what is no number is text."""
    (kind, *_) = [each for each in get_args(hint) or (hint,) if each is not NoneType]
    return kind if kind in (bool, int, float) else str


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def hidden_sizes(hidden: str) -> tuple[int, ...]:
    """The hidden layers' sizes: "100,50" → (100, 50); "" or "0" → none."""
    parts = [part for part in re.split(r"[,\s]+", hidden.strip()) if part]
    if parts in ([], ["0"]):
        return ()
    if not all(part.isdecimal() and 0 < int(part) <= 1_000_000 for part in parts):
        raise InvalidInput(
            f'--hidden is "{hidden}": pass the neurons of each hidden layer, such as '
            "50 or 100,50"
        )
    return tuple(int(part) for part in parts)
