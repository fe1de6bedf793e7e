"""How tests compile, and what is left out where an extra is not installed."""

import os
from importlib.util import find_spec

# Most of the time goes into compiling, and half of that into making quick what runs
# once. `XLA_FLAGS= pytest …` tests what users have, as CI does too.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

_NEEDS = {
    "src/secant/sklearn.py": "sklearn",
    **{
        f"src/secant/sweeps/{name}.py": "optuna"
        for name in ("__init__", "folders", "results", "sampler", "space", "storage",
                     "sweep")
    },
}  # fmt: skip

collect_ignore = [file for file, module in _NEEDS.items() if not find_spec(module)]
