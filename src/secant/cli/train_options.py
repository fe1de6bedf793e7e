"""The options of `secant train`, declared once for all commands that use them."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from secant.cli.method_options import method_of, method_parameters
from secant.cli.table_help import alternatives
from secant.errors import InvalidInput
from secant.nn.gradients.methods import METHODS

if TYPE_CHECKING:
    from secant.nn.networks import MLP
    from secant.training import Checkpoints, EarlyStopping, Schedule
    from secant.training.config import TrainConfig

# Titles of groups of options in the help.
_STEP_SIZE, _STOPPING = "Step size", "Validation and early stopping"
_DISTRIBUTED = "Several processes"

# The field for the options that gradient methods declare.
_METHOD_OPTIONS = "method_options"


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options that define a run: its network, its data and its training."""

    gradient: Annotated[
        str,
        typer.Option(help=f"The gradient method: {alternatives(METHODS)}."),
    ] = "node"
    method_options: Mapping[str, Any] = field(default_factory=dict)
    data: Annotated[
        str,
        typer.Option(
            help="auto (all of MNIST if it is on this machine, else the built-in "
            "sample), mnist, fashion-mnist, sample, or a path: .npz, .csv, IDX."
        ),
    ] = "auto"
    hidden: Annotated[
        str, typer.Option(help='The neurons of each hidden layer: "50", "100,50".')
    ] = "50"
    activation: Annotated[str, typer.Option(help="{activations}.")] = "sigmoid"
    loss: Annotated[str, typer.Option(help="{losses}.")] = "cross_entropy"
    init: Annotated[
        str, typer.Option(help="The first weights: normal, xavier or he.")
    ] = "normal"
    weight_init_std: Annotated[
        float, typer.Option(help="The standard deviation of normal first weights.")
    ] = 0.01
    iterations: Annotated[int, typer.Option(min=0, help="The number of steps.")] = (
        10_000
    )
    batch_size: Annotated[int, typer.Option(min=1, help="The samples of a step.")] = 100
    learning_rate: Annotated[
        float | None,
        typer.Option(help="The learning rate.", show_default="0.1 for sgd"),
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
            rich_help_panel=_STEP_SIZE,
        ),
    ] = "constant"
    warmup_steps: Annotated[
        int,
        typer.Option(
            min=0,
            help="The steps in which the learning rate first rises from 0.",
            rich_help_panel=_STEP_SIZE,
        ),
    ] = 0
    end_factor: Annotated[
        float | None,
        typer.Option(
            help="The share of the learning rate at the end of the schedule.",
            show_default="0.01",
            rich_help_panel=_STEP_SIZE,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        typer.Option(
            help="Each step subtracts rate × this × weight from every weight.",
            show_default="1e-4 for adamw, else 0",
            rich_help_panel=_STEP_SIZE,
        ),
    ] = None
    clip_norm: Annotated[
        float | None,
        typer.Option(
            help="Shorten a gradient with a larger norm to this norm.",
            rich_help_panel=_STEP_SIZE,
        ),
    ] = None
    validation_split: Annotated[
        float | None,
        typer.Option(
            help="Hold back this share of the training samples as validation samples, "
            "which choose the best network.",
            rich_help_panel=_STOPPING,
        ),
    ] = None
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop early after so many epochs without a lower validation loss.",
            rich_help_panel=_STOPPING,
        ),
    ] = None
    min_delta: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="A lower validation loss is lower by more than this.",
            show_default="0",
            rich_help_panel=_STOPPING,
        ),
    ] = None
    sampling: Annotated[
        str,
        typer.Option(help="The draw of batches: replacement or epochs."),
    ] = "replacement"
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="The seed of weights and batches.")
    ] = 0

    def build_config(self) -> "TrainConfig":
        """The configuration of the run, validated.

        Raises:
            InvalidInput: An option is unusable.
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
            InvalidInput: An option is unusable.
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
        """Refuses what `build_network` would refuse, without drawing many weights."""
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
        """The learning rate, or its schedule over the iterations."""
        from secant.training import Schedule
        from secant.training.optimizers import OPTIMIZERS

        if self.schedule == "constant":
            if self.end_factor is not None:
                raise InvalidInput(
                    f"--end-factor {self.end_factor:g} needs a schedule that falls: "
                    "add --schedule cosine, linear or exponential, or remove it"
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
                    f"--min-delta {self.min_delta:g} needs --patience: add "
                    "--patience 5, or remove it"
                )
            return None
        return EarlyStopping(self.patience, self.min_delta or 0.0)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of the run's folder and its checkpoints."""

    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write events for TensorBoard during training."
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
            help="Continue a run from its newest checkpoint, with its own settings; "
            "--iterations can make it longer.",
        ),
    ] = None
    checkpoint_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The steps between checkpoints.",
            show_default="only by seconds",
        ),
    ] = None
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.001, help="The seconds between checkpoints.")
    ] = 30.0
    keep: Annotated[
        int, typer.Option(min=1, help="The number of newest checkpoints that stay.")
    ] = 3

    def checkpoint_policy(self) -> "Checkpoints":
        """The frequency of the run's checkpoints."""
        from secant.training import Checkpoints

        return Checkpoints(self.checkpoint_steps, self.checkpoint_seconds, self.keep)


@dataclass(frozen=True, kw_only=True)
class DistributedOptions:
    """The options of a run of several processes."""

    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Train with other processes, which share each batch; start all of "
            "them with this option. Exit code 75: one is gone, start all again.",
            rich_help_panel=_DISTRIBUTED,
        ),
    ] = False
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="The only address where process 0 listens.",
            show_default="from SLURM, Kubernetes or MPI",
            rich_help_panel=_DISTRIBUTED,
        ),
    ] = None
    processes: Annotated[
        int | None,
        typer.Option(
            help="The number of processes.",
            show_default="likewise",
            rich_help_panel=_DISTRIBUTED,
        ),
    ] = None
    process_id: Annotated[
        int | None,
        typer.Option(
            help="The number of this process; 0 leads, prints and saves the run.",
            show_default="likewise",
            rich_help_panel=_DISTRIBUTED,
        ),
    ] = None
    initialization_timeout: Annotated[
        int,
        typer.Option(
            min=1,
            help="The seconds until all must have joined.",
            rich_help_panel=_DISTRIBUTED,
        ),
    ] = 300
    heartbeat_timeout: Annotated[
        int,
        typer.Option(
            min=1,
            help="The seconds of silence after which a process counts as gone.",
            rich_help_panel=_DISTRIBUTED,
        ),
    ] = 10


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command with the options of its groups as separate options.

    Typer sees the fields of a dataclass above in place of a parameter of that type.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        p.name: p.annotation for p in parameters if is_dataclass(p.annotation)
    }
    plain = [p for p in parameters if p.name not in groups]
    options = [o for group in groups.values() for o in option_parameters(group)]

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        built = {name: _build(group, values) for name, group in groups.items()}
        return command(**{p.name: values[p.name] for p in plain}, **built)

    setattr(run, "__signature__", inspect.Signature([*plain, *options]))  # noqa: B010
    return run


def option_parameters(group: type[Any]) -> list[inspect.Parameter]:
    """The fields of a group as parameters of a command, with Typer's annotations."""
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


def _build(group: type[Any], values: Mapping[str, Any]) -> Any:
    """A group from the values of its options."""
    fields_of_group: dict[str, Any] = {}
    for each in fields(group):
        if each.name == _METHOD_OPTIONS:
            options = {p.name: values[p.name] for p in method_parameters()}
            fields_of_group[each.name] = {
                name: value for name, value in options.items() if value is not None
            }
        else:
            fields_of_group[each.name] = values[each.name]
    return group(**fields_of_group)


def option_names(*groups: type[Any]) -> set[str]:
    """The names of all options of some groups."""
    return {option.name for group in groups for option in option_parameters(group)}


def hidden_sizes(hidden: str) -> tuple[int, ...]:
    """The sizes of the hidden layers: "100,50" → (100, 50); "" or "0" → none."""
    parts = [part for part in re.split(r"[,\s]+", hidden.strip()) if part]
    if parts in ([], ["0"]):
        return ()
    if not all(part.isdecimal() and 0 < int(part) <= 1_000_000 for part in parts):
        raise InvalidInput(
            f'--hidden is "{hidden}": pass the neurons of each hidden layer, such as '
            "50 or 100,50"
        )
    return tuple(int(part) for part in parts)
