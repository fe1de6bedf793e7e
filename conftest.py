"""What pytest leaves out where an extra is not installed."""

from importlib.util import find_spec

_NEEDS = {"src/secant/sklearn.py": "sklearn"}

collect_ignore = [file for file, module in _NEEDS.items() if not find_spec(module)]
