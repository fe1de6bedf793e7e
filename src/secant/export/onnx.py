"""A network as ONNX, and how far its outputs there are from ours.

ONNX comes in the extra `export`. `Gemm` and the activations are opset 13's, which
runtimes of 2020 read already.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from secant._version import __version__
from secant.errors import InvalidInput, SecantError, not_installed
from secant.export.files import layers, new_file, write
from secant.export.names import function_names
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.training import Run

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-6
"""How far an output may be from ours, in units of the largest of a sample (or of 1)."""

# Or so many times as far as NumPy's float32 is, for networks of large sums.
_ROUNDINGS = 4

_OPSET, _IR = 13, 8


def write_onnx(
    run: Run, path: str | os.PathLike[str], classes: Sequence[Any] | None = None
) -> float | None:
    """Writes a run's network as an ONNX model, verified where onnxruntime is installed.

    The model takes `input`, float32 of shape (batch, inputs), any batch, and gives
    `probabilities`, (batch, classes); for `sum_squares`, `outputs`. Its metadata say,
    as text or JSON, what a user has to know: `classes`, `input`, `secant` (version),
    `weights_sha256` (`fingerprint`), `settings` and `architecture`.

    Args:
        run: The run, such as `Run.load(folder)`.
        path: A new file, `*.onnx`.
        classes: The label of each output; their numbers if not given.

    Returns:
        The largest difference of an output from the network's own in float64, on real
        digits where it takes 28 × 28 pixels, else on normal numbers; None where
        onnxruntime is not installed.

    Raises:
        SecantError: The package onnx is not installed, or the outputs differ by more
            than 1e-6 and than float32's rounding: nothing is written then.
        InvalidInput: The file cannot be a new one, there is not a class for each
            output, a weight is not finite, or ONNX has no operator for the activation
            or the output.
    """
    path = new_file(path, ".onnx")
    content = model(run, classes).SerializeToString()
    difference = verified(run.net, content) if find_spec("onnxruntime") else None
    write(path, content)
    return difference


def model(run: Run, classes: Sequence[Any] | None = None) -> "onnx.ModelProto":
    """The ONNX model of a run's network.

    Raises:
        SecantError: The package onnx is not installed.
        InvalidInput: There is not a class for each output, a weight is not finite, or
            ONNX has no operator for the activation or the output.
    """
    if not find_spec("onnx"):
        raise not_installed("an ONNX model", ["onnx"], "export")
    from onnx import TensorProto, checker, helper, numpy_helper

    net, a = run.net, run.net.architecture
    activation, output = function_names(a, "onnx")
    labels = _labels(classes, a.sizes[-1])
    nodes, initializers, current = [], [], "input"
    for number, (weights, bias) in enumerate(layers(net), start=1):
        names = [f"W{number}", f"b{number}"][: 1 if bias is None else 2]
        for name, value in zip(names, (weights, bias), strict=False):
            initializers.append(numpy_helper.from_array(np.asarray(value), name))
        nodes.append(helper.make_node("Gemm", [current, *names], [f"sums{number}"]))
        current = f"sums{number}"
        if number < a.depth:
            current = f"layer{number}"
            nodes.append(helper.make_node(activation, nodes[-1].output, [current]))
    name = "probabilities" if LOSSES[a.loss].probabilities else "outputs"
    # Opset 13's Softmax runs over the last axis, as ours does.
    nodes.append(helper.make_node(output, [current], [name]))

    def described(name: str, size: int) -> "onnx.ValueInfoProto":
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])

    graph = helper.make_graph(
        nodes,
        "secant",
        [described("input", a.sizes[0])],
        [described(name, a.sizes[-1])],
        initializers,
    )
    made = helper.make_model(
        graph,
        producer_name="secant",
        producer_version=__version__,
        ir_version=_IR,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    helper.set_model_props(made, _metadata(run, labels))
    checker.check_model(made, full_check=True)
    return made


def fingerprint(net: MLP) -> str:
    """The SHA-256 of a network's weights, of their names, dtypes and shapes.

    Example:
        >>> fingerprint(MLP((2, 3, 2), seed=1))[:12]
        'd045b2d26ae3'
    """
    digest = hashlib.sha256()
    for name, value in sorted(net.params.items()):
        digest.update(f"{name} {value.dtype.str} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def verified(net: MLP, content: bytes) -> float:
    """The largest difference of an output in onnxruntime from ours in float64.

    Raises:
        SecantError: It is more than `TOLERANCE`, relative to the largest output of
            the sample where that is above 1, and more than float32 explains.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    x = _samples(net.architecture.sizes[0])
    (found,) = session.run(None, {"input": x})
    wanted = net.predict(x.astype(np.float64))
    apart = np.abs(np.asarray(found, np.float64) - wanted)
    single = net.replace({k: np.float32(value) for k, value in net.params.items()})
    rounding = np.abs(single.predict(x) - wanted).max()
    scale = np.maximum(np.abs(wanted).max(axis=1, keepdims=True), 1)
    if not (apart <= np.maximum(TOLERANCE * scale, _ROUNDINGS * rounding)).all():
        raise SecantError(
            f"onnxruntime's outputs differ from the network's by {apart.max():.1e}, "
            f"and float32 explains {rounding:.1e}: this runtime computes otherwise; "
            "nothing is written. Try another version of onnxruntime, or report it"
        )
    return float(apart.max())


def _samples(inputs: int) -> np.ndarray:
    """What to compare on: the digits built in where they fit, else normal numbers."""
    if inputs == 784:
        from secant.data.mnist import load_mnist_sample

        return load_mnist_sample()[1][0]
    return np.random.default_rng(0).standard_normal((1000, inputs), np.float32)


def _labels(classes: Sequence[Any] | None, outputs: int) -> list[str]:
    labels = [str(label) for label in (range(outputs) if classes is None else classes)]
    if len(labels) != outputs:
        raise InvalidInput(
            f"there are {len(labels)} classes and {outputs} outputs: name one for each"
        )
    return labels


def _metadata(run: Run, labels: list[str]) -> dict[str, str]:
    a = run.net.architecture
    trained_on = run.data_name or "(not told)"
    return {
        "classes": json.dumps(labels, ensure_ascii=False),
        "input": f"float32, (batch, {a.sizes[0]}), in the form of the training data: "
        f"{trained_on}",
        "secant": __version__,
        "weights_sha256": fingerprint(run.net),
        "settings": json.dumps(run.settings.to_dict()),
        "architecture": json.dumps(asdict(a)),
    }
