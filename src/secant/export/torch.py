"""Export to PyTorch: a state dict in a safetensors file."""

import os

import numpy as np

from secant.export.files import layers, new_file, write_new_file
from secant.export.names import function_names
from secant.nn.networks import MLP


def write_torch(net: MLP, path: str | os.PathLike[str]) -> str:
    """Write the weights for `torch.nn.Sequential.load_state_dict`, without PyTorch.

    The entries are `0.weight` of shape (outputs, inputs), `0.bias`, `2.weight`, …,
    float32; the modules between them are the activations.

    Args:
        net: The network, such as `Run.load(folder).net`.
        path: A new file, `*.safetensors`.

    Returns:
        The lines of Python that load the network as `net`.

    Raises:
        InvalidInput: The path is not that of a new file, a weight is not finite, or
            PyTorch has no module for the activation or the output.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(write_torch(MLP((2, 3, 2)), f"{folder}/net.safetensors"))
        from safetensors.torch import load_file
        from torch import nn
        net = nn.Sequential(
            nn.Linear(2, 3),
            nn.Sigmoid(),
            nn.Linear(3, 2),
            nn.Softmax(dim=-1),
        )
        net.load_state_dict(load_file('/.../net.safetensors'))
        net.eval()
    """
    path = new_file(path, ".safetensors")
    modules = _modules(net)
    state = {}
    for layer, (weights, bias) in enumerate(layers(net)):
        state[f"{2 * layer}.weight"] = np.ascontiguousarray(weights.T)
        if bias is not None:
            state[f"{2 * layer}.bias"] = bias
    from safetensors.numpy import save

    write_new_file(path, save(state))
    return "\n".join(
        [
            "from safetensors.torch import load_file",
            "from torch import nn",
            "net = nn.Sequential(",
            *(f"    nn.{module}," for module in modules),
            ")",
            f"net.load_state_dict(load_file({str(path)!r}))",
            "net.eval()",
        ]
    )


def _modules(net: MLP) -> list[str]:
    a = net.architecture
    activation, output = function_names(a, "torch")
    bias = "" if a.bias else ", bias=False"
    modules = []
    for inputs, outputs in zip(a.sizes, a.sizes[1:], strict=False):
        modules += [f"Linear({inputs}, {outputs}{bias})", activation]
    return [*modules[:-1], output]
