"""Export to Keras: the weights in Keras's order, in an npz file.

Keras's own `.weights.h5` needs h5py, and its internal paths differ between Keras's
versions; `set_weights` accepts a list of arrays in all of them.
"""

import io
import os

import numpy as np

from secant.export.files import layers, new_file, write_new_file
from secant.export.names import function_names
from secant.nn.networks import MLP


def write_keras(net: MLP, path: str | os.PathLike[str]) -> str:
    """Write the weights for `keras.Model.set_weights`, without Keras.

    The entries are `kernel1` of shape (inputs, outputs), `bias1`, `kernel2`, …,
    float32, in Keras's order.

    Args:
        net: The network, such as `Run.load(folder).net`.
        path: A new file, `*.npz`.

    Returns:
        The lines of Python that load the network as `net`.

    Raises:
        InvalidInput: The path is not that of a new file, a weight is not finite, or
            Keras has no name for the activation or the output.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(write_keras(MLP((2, 3, 2)), f"{folder}/net.npz"))
        import numpy as np
        from keras import Input, Sequential
        from keras.layers import Dense
        net = Sequential([Input((2,)), Dense(3, 'sigmoid'), Dense(2, 'softmax')])
        net.set_weights(list(np.load('/.../net.npz').values()))
    """
    path = new_file(path, ".npz")
    calls = _layer_calls(net)
    arrays = {}
    for number, (weights, bias) in enumerate(layers(net), start=1):
        arrays[f"kernel{number}"] = weights
        if bias is not None:
            arrays[f"bias{number}"] = bias
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_new_file(path, content.getvalue())
    return "\n".join(
        [
            "import numpy as np",
            "from keras import Input, Sequential",
            "from keras.layers import Dense",
            f"net = Sequential([{', '.join(calls)}])",
            f"net.set_weights(list(np.load({str(path)!r}).values()))",
        ]
    )


def _layer_calls(net: MLP) -> list[str]:
    a = net.architecture
    hidden, output = function_names(a, "keras")
    activations = [hidden] * (a.depth - 1) + [output]
    bias = "" if a.bias else ", use_bias=False"
    return [
        f"Input(({a.sizes[0]},))",
        *(
            f"Dense({size}, {activation!r}{bias})"
            for size, activation in zip(a.sizes[1:], activations, strict=True)
        ),
    ]
