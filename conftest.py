"""How tests compile, and what is left out where an extra is not installed."""

import gc
import mmap
import os
import sys
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from threading import local

# Most of the time goes into compiling, and most of that into making quick what runs
# once. `XLA_FLAGS= pytest …` tests what users have, as CI does too.
_QUICK_TO_COMPILE = {
    "xla_backend_optimization_level": "0",
    # Kernels are written as LLVM's code at once, not by way of MLIR: half the time.
    "xla_cpu_use_fusion_emitters": "false",
    "xla_cpu_parallel_codegen_split_count": "1",
}


def _known(flags: dict[str, str]) -> dict[str, str]:
    """Those of the flags that this XLA has: at one that it lacks it aborts."""
    jaxlib = find_spec("jaxlib")
    folders = (jaxlib and jaxlib.submodule_search_locations) or ()
    libraries = (
        file for folder in folders for file in Path(folder).glob("*jax_common*")
    )
    for library in libraries:
        with (
            library.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            # With the zero at its end: the name alone also stands in the description of
            # settings that are flags no more.
            return {
                flag: flags[flag]
                for flag in flags
                if content.find(flag.encode() + b"\0") > 0
            }
    return {}


# The processes that tests start inherit it.
if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = " ".join(
        f"--{flag}={value}" for flag, value in _known(_QUICK_TO_COMPILE).items()
    )

# What one process has compiled, the others and the next run read. An entry's name is
# made of the program, the flags and the version of JAX: none is ever out of date. What
# compiles in less time is not worth a file.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / ".jax_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.01")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# Of the source, too: tests start many processes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_NEEDS = {
    "src/secant/sklearn.py": "sklearn",
    **{
        f"src/secant/sweeps/{name}.py": "optuna"
        for name in ("__init__", "folders", "results", "sampler", "space", "storage",
                     "sweep")
    },
}  # fmt: skip

collect_ignore = [file for file, module in _NEEDS.items() if not find_spec(module)]

# `.ci/run` runs these a second time: what judges numbers, optimised as users have it,
_AGAIN = tuple(
    f"tests/{name}" for name in ("propagation", "derivatives", "checking", "nn")
)

# and what needs extras that are too large for `[test]`.
_EXTRAS = (
    *("tests/sklearn", "tests/export", "tests/sweeps"),
    *("tests/cli/test_export.py", "tests/cli/test_sweep.py"),
    *("tests/training/test_tensorboard.py", "tests/data/test_classes.py"),
    *("src/secant/sklearn.py", "src/secant/export", "src/secant/sweeps"),
)


def pytest_configure():
    """Lowers programs of a thread in one MLIR context, renewed now and then.

    JAX makes a context for each program and loads all dialects into it, which takes
    longer than to lower a program of one operation.
    """
    if not find_spec("jax"):
        return
    from jax._src.interpreters import mlir

    new_context = getattr(mlir, "make_ir_context", None)
    if new_context is None:
        return
    kept = local()

    def make_ir_context():
        used = getattr(kept, "used", 0)
        if used % 200 == 0:
            kept.context = new_context()
        kept.used = used + 1
        return kept.context

    mlir.make_ir_context = make_ir_context


def pytest_collection_finish():
    """Garbage is not looked for in what was imported and collected, time and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def pytest_collection_modifyitems(items):
    """Marks what runs again."""
    here = Path(__file__).parent
    places = {
        here / name: mark
        for mark, names in (("again", _AGAIN), ("extras", _EXTRAS))
        for name in names
    }
    missing = [place for place in places if not place.exists()]
    assert not missing, f"conftest.py names what is gone: {missing}"
    for file, tests in groupby(items, lambda item: item.path):
        marks = {mark for place, mark in places.items() if file.is_relative_to(place)}
        for test in tests:
            for mark in marks:
                test.add_marker(mark)
