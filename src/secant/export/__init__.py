"""Export of trained networks to ONNX, PyTorch and Keras."""

from secant.export.keras import write_keras
from secant.export.onnx import write_onnx
from secant.export.torch import write_torch

__all__ = ["write_keras", "write_onnx", "write_torch"]
