"""How a run is trained: one object, from `fit` or the command line to the step."""

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
from secant.training.serialization import record
from secant.validation import Choice, Or, Share, WholeNumber, validate_fields

# The options that are more than a number or a name.
_RECORDS = (Schedule, EarlyStopping)

_SHARE = Share(
    closed="neither",
    meaning="the share of the training samples to hold back",
    example=0.1,
)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(OptimizerConfig):
    """How a run is trained: all that its outcome depends on, but network and data.

    `build` makes one of the arguments that `fit` takes, `from_dict` of what a file
    holds. Either way it is validated once, here, and no value in it again.

    Attributes:
        gradient: The gradient method's name.
        gradient_options: The gradient method's options, by name.
        iterations: Steps to take.
        batch_size: Samples a step.
        sampling: `replacement` or `epochs`.
        seed: Of the batches, and of which samples are held back.
        validation_split: The share of the training samples that is held back.
        early_stopping: When to stop early.
        custom_method: A gradient method that is none of Secant's, which no file holds;
            None for the one that `gradient` names.

    Raises:
        InvalidInput: An unknown name, or a number out of its range.

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
                "early_stopping needs samples that are neither trained nor tested on: "
                "what has been chosen by the test samples, they can no longer judge. "
                "Pass validation_split=0.1 as well"
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
        """The configuration that `fit`'s arguments describe.

        Args:
            gradient: As for `fit`, and so are all others.
            iterations: Steps to take.
            batch_size: Samples a step.
            seed: Of the batches, and of which samples are held back.
            sampling: `replacement` or `epochs`.
            validation_split: The share of the training samples that is held back.
            early_stopping: When to stop early; a number is the patience.
            **optimizer: `optimizer`, `learning_rate`, `weight_decay`, `clip_norm`.

        Raises:
            InvalidInput: An argument cannot be worked with.
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
    def from_dict(cls, known: Any) -> Self:
        """The configuration that `to_dict` made a dict of, or JSON of that.

        An option that a file lacks is one that its version did not have yet.

        Raises:
            TypeError: A field is missing, unknown, or of another type.
            InvalidInput: A number is out of its range.
        """
        if not isinstance(known, Mapping):
            raise TypeError(f"settings are a {type(known).__name__}")
        if objects := known.keys() - {each.name for each in _written(cls)}:
            raise TypeError(f"unexpected settings: {', '.join(sorted(objects))}")
        read = dict(known)
        if not isinstance(read.get("gradient_options", {}), Mapping):
            raise TypeError(f"gradient_options is {read['gradient_options']!r}")
        if isinstance(read.get("schedule"), Mapping):
            read["schedule"] = record(Schedule, read["schedule"])
        if read.get("early_stopping") is not None:
            read["early_stopping"] = record(EarlyStopping, read["early_stopping"])
        return record(cls, read)

    def to_dict(self) -> dict[str, Any]:
        """The configuration in words and numbers, as files hold it.

        Of what was passed as an object there is the name alone.
        """
        values = {each.name: getattr(self, each.name) for each in _written(type(self))}
        return {
            name: asdict(value) if isinstance(value, _RECORDS) else value
            for name, value in values.items()
        }

    def __reduce__(self) -> Any:
        """Pickles it as files hold it: what JAX compiles cannot be pickled."""
        return type(self).from_dict, (self.to_dict(),)

    @property
    def method(self) -> GradientMethod:
        """The gradient method, with its options.

        Raises:
            InvalidInput: It is none of Secant's, and this configuration was read from
                a file, which does not hold it.
        """
        return self.custom_method or find_method(self.gradient, **self.gradient_options)

    def with_method(self, method: GradientMethod) -> Self:
        """The same configuration with another gradient method."""
        return replace(self, **_method_fields(method))

    def check_known(self) -> None:
        """Refuses a configuration that lacks an object which was passed.

        Raises:
            InvalidInput: It was read from a file, which does not hold the object.
        """
        super().check_known()
        _ = self.method


def _method_fields(method: GradientMethod) -> dict[str, Any]:
    known = METHODS.get(method.name) == replace(method, chosen=())
    return {
        "gradient": method.name,
        "gradient_options": method.option_values,
        "custom_method": None if known else method,
    }


def _written(kind: type[OptimizerConfig]) -> list[Field[Any]]:
    return [each for each in fields(kind) if each.metadata.get("written", True)]
