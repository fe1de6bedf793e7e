"""Export to ONNX, with a comparison of the outputs.

ONNX belongs to the extra `export`. `Gemm` and the activations are from opset 13, which
runtimes of 2020 support.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from secant._version import __version__
from secant.errors import InvalidInput, SecantError, not_installed
from secant.export.files import layers, new_file, write_new_file
from secant.export.names import function_names
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.training import Run
from secant.training.serialization import fingerprint

if TYPE_CHECKING:
    import onnx

MAX_DIFFERENCE = 1e-6
"""Tolerance of an output, relative to the largest output of its sample (or to 1)."""

# Alternative tolerance for networks of large sums: a multiple of NumPy's float32 error.
_FLOAT32_ERROR_FACTOR = 4

_OPSET, _IR = 13, 8


def write_onnx(
    run: Run, path: str | os.PathLike[str], classes: Sequence[Any] | None = None
) -> float | None:
    """Write a run's network as an ONNX model, verified if onnxruntime is installed.

    The model maps `input`, float32 of shape (batch, inputs) with any batch size, to
    `probabilities`, (batch, classes), or for `sum_squares` to `outputs`. Its metadata
    are text or JSON: `classes`, `input`, `secant` (version), `weights_sha256`
    (`fingerprint`), `settings` and `architecture`.

    Args:
        run: The run, such as `Run.load(folder)`.
        path: A new file, `*.onnx`.
        classes: The label of each output; by default its number.

    Returns:
        The largest difference of an output from the network's own in float64, on real
        digits if it has 28 × 28 inputs, else on normal random numbers; None if
        onnxruntime is not installed.

    Raises:
        SecantError: The package onnx is not installed, or the outputs differ by more
            than 1e-6 and more than float32's rounding errors. Then no file is written.
        InvalidInput: The path is not that of a new file, classes and outputs differ
            in number, a weight is not finite, or ONNX has no operator for the
            activation or the output.
    """
    path = new_file(path, ".onnx")
    content = model(run, classes).SerializeToString()
    difference = verified(run.net, content) if find_spec("onnxruntime") else None
    write_new_file(path, content)
    return difference


def model(run: Run, classes: Sequence[Any] | None = None) -> "onnx.ModelProto":
    """The ONNX model of a run's network.

    Raises:
        SecantError: The package onnx is not installed.
        InvalidInput: Classes and outputs differ in number, a weight is not finite, or
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
    # Opset 13's Softmax runs over the last axis, like ours.
    nodes.append(helper.make_node(output, [current], [name]))

    def value_info(name: str, size: int) -> "onnx.ValueInfoProto":
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])

    graph = helper.make_graph(
        nodes,
        "secant",
        [value_info("input", a.sizes[0])],
        [value_info(name, a.sizes[-1])],
        initializers,
    )
    onnx_model = helper.make_model(
        graph,
        producer_name="secant",
        producer_version=__version__,
        ir_version=_IR,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    helper.set_model_props(onnx_model, _metadata(run, labels))
    checker.check_model(onnx_model, full_check=True)
    return onnx_model


def verified(net: MLP, content: bytes) -> float:
    """The largest difference of an output in onnxruntime from ours in float64.

    Raises:
        SecantError: The difference exceeds `MAX_DIFFERENCE`, relative to the largest
            output of the sample if that is above 1, and the rounding errors of float32.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    x = _samples(net.architecture.sizes[0])
    (actual,) = session.run(None, {"input": x})
    expected = net.predict(x.astype(np.float64))
    errors = np.abs(np.asarray(actual, np.float64) - expected)
    single = net.replace({k: np.float32(value) for k, value in net.params.items()})
    rounding = np.abs(single.predict(x) - expected).max()
    scale = np.maximum(np.abs(expected).max(axis=1, keepdims=True), 1)
    tolerance = np.maximum(MAX_DIFFERENCE * scale, _FLOAT32_ERROR_FACTOR * rounding)
    if not (errors <= tolerance).all():
        raise SecantError(
            f"onnxruntime's outputs differ from the network's by {errors.max():.1e}, "
            f"and float32 explains only {rounding:.1e}, so no file was written: try "
            "another version of onnxruntime, or report this"
        )
    return float(errors.max())


def _samples(inputs: int) -> np.ndarray:
    """Inputs for the comparison: the built-in digits if they fit, else normal ones."""
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
    trained_on = run.data_name or "(unknown)"
    return {
        "classes": json.dumps(labels, ensure_ascii=False),
        "input": f"float32, (batch, {a.sizes[0]}), in the form of the training data: "
        f"{trained_on}",
        "secant": __version__,
        "weights_sha256": fingerprint(run.net.params),
        "settings": json.dumps(run.settings.to_dict()),
        "architecture": json.dumps(asdict(a)),
    }
