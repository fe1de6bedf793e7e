"""What pytest leaves out where an extra is not installed."""

from importlib.util import find_spec

_NEEDS = {
    "src/secant/sklearn.py": "sklearn",
    **{
        f"src/secant/sweeps/{name}.py": "optuna"
        for name in ("__init__", "folders", "results", "sampler", "space", "storage",
                     "sweep")
    },
}  # fmt: skip

collect_ignore = [file for file, module in _NEEDS.items() if not find_spec(module)]
