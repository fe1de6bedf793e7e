"""The configuration of a run: one object, from `fit` or the command line to a step."""

from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, Self, Unpack

from secant.errors import InvalidInput
from secant.nn.gradients import METHODS, GradientMethod, find_method
from secant.training.batches import SAMPLINGS
from secant.training.early_stopping import EarlyStopping
from secant.training.optimizers import (
    UNWRITTEN,
    OptimizerArguments,
    OptimizerConfig,
    optimizer_fields,
)
from secant.training.schedules import Schedule
from secant.training.serialization import parse_record
from secant.validation import Choice, Or, Share, WholeNumber, validate_fields

# The options that are records, not numbers or names.
_RECORDS = (Schedule, EarlyStopping)

_SHARE = Share(
    closed="neither",
    meaning="the share of the training samples to hold back",
    example=0.1,
)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(OptimizerConfig):
    """The configuration of a run: all that determines it, except network and data.

    `build` makes one from the arguments of `fit`, `from_dict` from the contents of a
    file. Both validate it here, once; later code trusts it.

    Attributes:
        gradient: The name of the gradient method.
        gradient_options: The options of the gradient method, by name.
        iterations: The number of steps.
        batch_size: The samples of a step.
        sampling: `replacement` or `epochs`.
        seed: The seed of the batches and of the validation samples.
        validation_split: The share of the training samples to hold back.
        early_stopping: The rule that ends the run early.
        custom_method: A gradient method that is not one of Secant's, which no file
            holds; None for the method of the name `gradient`.

    Raises:
        InvalidInput: A name is unknown, or a number is out of its range.

    Example:
        >>> config = TrainConfig.build("backprop", optimizer="adam", clip_norm=1)
        >>> config.learning_rate, config.clip_norm, config.batch_size
        (0.001, 1.0, 100)
        >>> TrainConfig.from_dict(config.to_dict()) == config
        True
    """

    gradient: str
    iterations: int
    batch_size: int
    sampling: str
    seed: int
    validation_split: float | None = None
    early_stopping: EarlyStopping | None = None
    gradient_options: Mapping[str, Any] = field(default_factory=dict)
    custom_method: GradientMethod | None = field(**UNWRITTEN)

    def __post_init__(self) -> None:
        super().__post_init__()
        validate_fields(
            self,
            iterations=WholeNumber(low=0),
            batch_size=WholeNumber(low=1),
            sampling=Choice(SAMPLINGS),
            seed=WholeNumber(low=0),
            validation_split=Or(_SHARE, None),
        )
        if self.custom_method is None and self.gradient in METHODS:
            options = self.method.option_values
            object.__setattr__(self, "gradient_options", options)
        if self.early_stopping is not None and self.validation_split is None:
            raise InvalidInput(
                "early_stopping needs validation samples: test samples that choose "
                "when to stop can no longer judge the result. Pass "
                "validation_split=0.1 as well"
            )

    @classmethod
    def build(
        cls,
        gradient: str | GradientMethod = "node",
        *,
        iterations: int = 10_000,
        batch_size: int = 100,
        seed: int = 0,
        sampling: str = "replacement",
        validation_split: float | None = None,
        early_stopping: int | EarlyStopping | None = None,
        **optimizer: Unpack[OptimizerArguments],
    ) -> Self:
        """The configuration for the arguments of `fit`.

        Args:
            gradient: The gradient method; this and all others as for `fit`.
            iterations: The number of steps.
            batch_size: The samples of a step.
            seed: The seed of the batches and of the validation samples.
            sampling: `replacement` or `epochs`.
            validation_split: The share of the training samples to hold back.
            early_stopping: The rule that ends the run early; a number is the patience.
            **optimizer: `optimizer`, `learning_rate`, `weight_decay`, `clip_norm`.

        Raises:
            InvalidInput: An argument is unusable.
        """
        stopping = early_stopping
        if stopping is not None and not isinstance(stopping, EarlyStopping):
            stopping = EarlyStopping(stopping)
        return cls(
            **_method_fields(find_method(gradient)),
            **optimizer_fields(**optimizer),
            iterations=iterations,
            batch_size=batch_size,
            seed=seed,
            sampling=sampling,
            validation_split=validation_split,
            early_stopping=stopping,
        )

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """The configuration from the dict of `to_dict`, or from its JSON.

        A file of an older version lacks newer options; they get their defaults.

        Raises:
            TypeError: A field is missing, unknown, or of another type.
            InvalidInput: A number is out of its range.
        """
        if not isinstance(content, Mapping):
            raise TypeError(f"settings are a {type(content).__name__}")
        if unknown := content.keys() - {each.name for each in _written_fields(cls)}:
            raise TypeError(f"unexpected settings: {', '.join(sorted(unknown))}")
        values = dict(content)
        if not isinstance(values.get("gradient_options", {}), Mapping):
            raise TypeError(f"gradient_options is {values['gradient_options']!r}")
        if isinstance(values.get("schedule"), Mapping):
            values["schedule"] = parse_record(Schedule, values["schedule"])
        if (stopping := values.get("early_stopping")) is not None:
            values["early_stopping"] = parse_record(EarlyStopping, stopping)
        return parse_record(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """The configuration as names and numbers, for a file.

        An object that was passed is represented by its name alone.
        """
        values = {
            each.name: getattr(self, each.name) for each in _written_fields(type(self))
        }
        return {
            name: asdict(value) if isinstance(value, _RECORDS) else value
            for name, value in values.items()
        }

    def __reduce__(self) -> Any:
        """Pickles the dict of `to_dict`: functions for JAX cannot be pickled."""
        return type(self).from_dict, (self.to_dict(),)

    @property
    def method(self) -> GradientMethod:
        """The gradient method with its options.

        Raises:
            InvalidInput: It is not one of Secant's, and this configuration comes from
                a file, which does not hold it.
        """
        return self.custom_method or find_method(self.gradient, **self.gradient_options)

    def with_method(self, method: GradientMethod) -> Self:
        """The same configuration with another gradient method."""
        return replace(self, **_method_fields(method))

    def check_known(self) -> None:
        """Refuses a configuration that lacks a passed object.

        Raises:
            InvalidInput: It comes from a file, which does not hold the object.
        """
        super().check_known()
        _ = self.method


def _method_fields(method: GradientMethod) -> dict[str, Any]:
    is_listed = METHODS.get(method.name) == replace(method, chosen=())
    return {
        "gradient": method.name,
        "gradient_options": method.option_values,
        "custom_method": None if is_listed else method,
    }


def _written_fields(kind: type[OptimizerConfig]) -> list[Field[Any]]:
    return [each for each in fields(kind) if each.metadata.get("written", True)]
