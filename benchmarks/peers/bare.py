"""Secant on a machine that has NumPy, JAX and Optax only, by PYTHONPATH=src."""

import importlib.util
import sys
from types import ModuleType


def stand_in() -> None:
    """Puts something in the place of lazy-loader where it is not installed.

    It loads public names when they are first used; the benchmark takes them from
    where they are defined.
    """
    if importlib.util.find_spec("lazy_loader") is None:
        module = ModuleType("lazy_loader")
        module.attach_stub = lambda *_: (None, lambda: [], [])  # type: ignore[attr-defined]
        sys.modules["lazy_loader"] = module
