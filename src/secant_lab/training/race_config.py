"""The settings of a race, validated before anything starts."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

from secant import MLP, Architecture
from secant.errors import InvalidInput
from secant.nn import ACTIVATIONS, INITIALISATIONS, LOSSES
from secant.nn.gradients import METHODS
from secant.training import OPTIMIZERS, TrainConfig
from secant_lab.localized_error import LocalizedError
from secant_lab.training.data_set_cache import CLASSES, INPUTS, available_data_sets

MAX_ENTRIES = 4
MAX_HIDDEN = 256
MAX_BATCH = 1_000
MAX_RATE = 1_000.0

MAX_STEPS = 200_000
"""The step at which every entry ends."""


class EntryConfig(NamedTuple):
    """The settings in which the entries of a race may differ.

    Attributes:
        gradient: The name of the gradient method.
        rate: The learning rate.
    """

    gradient: str
    rate: float


@dataclass(frozen=True)
class RaceConfig:
    """The settings of a race.

    Attributes:
        data: The data set's name.
        hidden: The number of neurons in the hidden layer.
        activation: The hidden layer's activation.
        loss: The loss function.
        init: The distribution of the initial weights; `""` for the activation's usual.
        batch: The batch size.
        seed: The seed of the weights and of the batches.
        optimizer: The optimiser's name.
        equal_steps: Whether the entries get the same number of steps, instead of the
            same time.
        entries: The settings in which the entries differ.

    Raises:
        LocalizedError: A setting is invalid.
    """

    data: str
    hidden: int
    activation: str
    loss: str
    init: str
    batch: int
    seed: int
    optimizer: str
    equal_steps: bool
    entries: tuple[EntryConfig, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.entries) <= MAX_ENTRIES:
            raise LocalizedError(
                "entries",
                f"the race has {len(self.entries)} entries: pass 1 to {MAX_ENTRIES}",
                came=len(self.entries),
                most=MAX_ENTRIES,
            )
        check_range("hidden", self.hidden, 1, MAX_HIDDEN)
        check_range("batch", self.batch, 1, MAX_BATCH)
        check_range("seed", self.seed, 0, 2**31 - 1)
        for entry in self.entries:
            check_range("rate", entry.rate, 0, MAX_RATE)
        if not self.init and (activation := ACTIVATIONS.get(self.activation)):
            object.__setattr__(self, "init", activation.init)
        try:
            self.net()
            _ = self.train_configs
        except InvalidInput as error:
            raise LocalizedError("settings", str(error), words=str(error)) from None

    @cached_property
    def train_configs(self) -> tuple[TrainConfig, ...]:
        """The training configuration of each entry."""
        return tuple(
            TrainConfig.build(
                entry.gradient,
                iterations=MAX_STEPS,
                batch_size=self.batch,
                learning_rate=entry.rate,
                optimizer=self.optimizer,
                seed=self.seed,
            )
            for entry in self.entries
        )

    def net(self) -> MLP:
        """The network from which every entry starts."""
        return MLP(
            (INPUTS, self.hidden, CLASSES),
            self.activation,
            self.loss,
            init=self.init,
            seed=self.seed,
        )

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values, each entry with its number of `weights`."""
        weights = Architecture((INPUTS, self.hidden, CLASSES)).parameter_count
        entries = [{**entry._asdict(), "weights": weights} for entry in self.entries]
        return {**asdict(self), "entries": entries}


def choices() -> dict[str, Any]:
    """The names that each setting accepts, and the limits of the numbers."""
    return {
        "data": available_data_sets(),
        "gradients": [
            {
                "name": method.name,
                "description": method.description,
                "slow": not method.traceable,
            }
            for method in METHODS.values()
        ],
        "activations": list(ACTIVATIONS),
        "losses": list(LOSSES),
        "inits": list(INITIALISATIONS),
        "optimizers": [
            {"name": name, "rate": optimizer.learning_rate}
            for name, optimizer in OPTIMIZERS.items()
        ],
        "limits": {
            "entries": MAX_ENTRIES,
            "hidden": MAX_HIDDEN,
            "batch": MAX_BATCH,
            "rate": MAX_RATE,
            "steps": MAX_STEPS,
        },
    }


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Refuse a number outside a range, and NaN.

    Raises:
        LocalizedError: The number is outside.
    """
    if not least <= value <= most:
        # A whole number may have thousands of digits.
        came = str(value) if len(str(value)) <= 20 else f"{str(value)[:19]}…"
        raise LocalizedError(
            "limit",
            f"{name} is {came}: pass a number between {least:g} and {most:g}",
            name=name,
            came=came,
            least=f"{least:g}",
            most=f"{most:g}",
        )
