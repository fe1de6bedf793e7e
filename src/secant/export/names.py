"""Names of a network's functions in other programs."""

from typing import Literal, TypeAlias

from secant.errors import InvalidInput
from secant.nn.activations import ACTIVATIONS, ExportNames
from secant.nn.architecture import Architecture
from secant.nn.losses import LOSSES

Framework: TypeAlias = Literal["onnx", "torch", "keras"]

_TITLES: dict[Framework, str] = {"onnx": "ONNX", "torch": "PyTorch", "keras": "Keras"}


def function_names(architecture: Architecture, program: Framework) -> tuple[str, str]:
    """The names of a network's activation and output in another program.

    Args:
        architecture: The network's architecture.
        program: A field of `secant.nn.activations.ExportNames`.

    Returns:
        Two names in the program's notation. The activation's is "" for a network
        without hidden layers, which does not use it.

    Raises:
        InvalidInput: The program has no name for the activation or the output, so the
            network cannot be exported.

    Example:
        >>> function_names(Architecture((784, 50, 10)), "torch")
        ('Sigmoid()', 'Softmax(dim=-1)')
    """
    activations = {name: each.export_names for name, each in ACTIVATIONS.items()}
    outputs = {name: each.output_names for name, each in LOSSES.items()}
    activation = ""
    if architecture.depth > 1:
        activation = _name("activation", architecture.activation, activations, program)
    return activation, _name("loss", architecture.loss, outputs, program)


def _name(
    kind: str, function: str, known: dict[str, ExportNames], program: Framework
) -> str:
    name: str | None = getattr(known[function], program)
    if name is not None:
        return name
    others = [key for key, names in known.items() if getattr(names, program)]
    programs = [
        title
        for field, title in _TITLES.items()
        if getattr(known[function], field) is not None
    ]
    elsewhere = f"export this network for {' or '.join(programs)}, or " * bool(programs)
    raise InvalidInput(
        f"the {kind} {function!r} has no name in {_TITLES[program]}, so the network "
        f"cannot be exported there: {elsewhere}train with another {kind} "
        f"({', '.join(others)})"
    )
