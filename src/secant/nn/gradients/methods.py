"""The table of gradient methods.

A new method is a file with its function, and one entry here. `fit`,
`value_and_gradient`, `secant train` with its help, `secant sweep`, `secant compare` and
the page read this table.
"""

from typing import TYPE_CHECKING, Any

from secant.errors import InvalidInput
from secant.nn.gradients.method import GradientMethod, LazyFunction, MethodOption
from secant.validation import Choice, validate

if TYPE_CHECKING:
    from secant.nn.architecture import Architecture


def _two_per_parameter(architecture: "Architecture", **_: Any) -> int:
    return 2 * architecture.parameter_count + 1


def _two_per_neuron(architecture: "Architecture", **_: Any) -> int:
    return 2 * sum(architecture.sizes[1:]) + 1


def _two_per_direction(
    architecture: "Architecture | None", *, directions: int = 1, **_: Any
) -> int:
    return 2 * directions + 1


_H = MethodOption("h", 1e-4, "Step size of a nudge, to both sides.", "h")

METHODS: dict[str, GradientMethod] = {
    method.name: method
    for method in (
        GradientMethod(
            name="definition",
            function=LazyFunction(
                "secant.nn.gradients.finite_difference", "definition"
            ),
            description="each weight, the whole network run twice more",
            traceable=False,
            evaluations=_two_per_parameter,
            options=(_H,),
            interruptible=True,
        ),
        GradientMethod(
            name="weight",
            function=LazyFunction("secant.nn.gradients.weight", "weight"),
            description="each weight, from a few nudges of its neuron",
            evaluations=_two_per_neuron,  # more where nudges are large
            feature_major=True,
            options=(_H,),
            of_loss=LazyFunction(
                "secant.nn.gradients.value_and_gradient", "coordinates"
            ),
        ),
        GradientMethod(
            name="node",
            function=LazyFunction("secant.nn.gradients.node", "node"),
            description="each neuron's input sum, in each sample",
            evaluations=_two_per_neuron,
            feature_major=True,
            options=(_H,),
        ),
        GradientMethod(
            name="spsa",
            function=LazyFunction("secant.nn.gradients.spsa", "of_network"),
            description="all weights at once, along random directions",
            evaluations=_two_per_direction,
            feature_major=True,
            options=(
                MethodOption(
                    name="directions",
                    default=1,
                    help="Random directions a step.",
                    symbol="k",
                    compared=(1, 10, 100),
                ),
                _H,
            ),
            of_loss=LazyFunction("secant.nn.gradients.spsa", "spsa"),
            stochastic=True,
        ),
        GradientMethod(
            name="backprop",
            function=LazyFunction("secant.nn.gradients.backprop", "backprop"),
            description="nothing: the chain rule",
            feature_major=True,
            of_loss=LazyFunction("secant.nn.gradients.value_and_gradient", "automatic"),
        ),
    )
}
"""Every method that `gradient=` takes, by name."""

_METHOD = Choice(METHODS, "gradient method")


def find_method(method: str | GradientMethod, /, **options: Any) -> GradientMethod:
    """The method of a name, or the method itself, with these options.

    Args:
        method: A name of `METHODS`, or a `GradientMethod`.
        options: Options of that method; the others keep their values.

    Raises:
        InvalidInput: There is no method of that name, it has no such option, or the
            value of an option is not allowed.

    Example:
        >>> find_method("spsa", directions=10).option_values
        {'directions': 10, 'h': 0.0001}
    """
    if not isinstance(method, GradientMethod):
        method = METHODS[validate("gradient", method, _METHOD)]
    for name in options.keys() - method.option_values.keys():
        if having := methods_with(name):
            raise InvalidInput(
                f"{name} is an option of {' and '.join(having)}, and the gradient "
                f"method is {method.name!r}: leave it out, or take another method"
            )
    return method.with_options(**options) if options else method


def methods_with(option: str) -> list[str]:
    """The names of the methods that have an option.

    Example:
        >>> methods_with("directions")
        ['spsa']
    """
    return [name for name, m in METHODS.items() if option in m.option_values]


def spsa_method(directions: int = 1, h: float = 1e-4) -> GradientMethod:
    """`spsa` with k directions a step: `find_method("spsa", directions=k)`.

    Raises:
        InvalidInput: `directions` is no positive whole number, or h no positive number.

    Example:
        >>> spsa_method(directions=10).name
        'spsa'
    """
    return find_method("spsa", directions=directions, h=h)
