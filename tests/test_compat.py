"""Names that are not public stand in one file, and go when they are not needed."""

import ast
import inspect
import os
import re
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import joblib
import pytest
from joblib.externals import loky

import secant
from secant import compat

SOURCE = Path(secant.__file__).parent

# What Python itself documents, underscore or not.
DOCUMENTED = {"_asdict", "_exit", "_replace"}

# An underscore, or joblib's copies of other packages.
HIDDEN = re.compile(r"\.(_[a-z]\w*|externals)(\.|$)")

# Ways around what somebody's public name stands for.
TRICKS = {"__mro__", "__wrapped__"}


def private_names(source):
    """The names in a file that others own and that are not public."""
    tree = ast.parse(source)
    own = {
        name
        for node in ast.walk(tree)
        for name in (
            *([node.name] if hasattr(node, "name") else []),
            *([node.id] if isinstance(node, ast.Name) else []),
            *([node.arg] if isinstance(node, ast.arg) else []),
            *([node.attr] if _is_of_self(node) else []),
        )
    }
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A module or an attribute by its name, as for `import_module`.
            found = [node.value] if re.fullmatch(r"[a-z_][\w.]*", node.value) else []
            found = [name for name in found if "." in name or name in TRICKS]
        elif isinstance(node, ast.Attribute) and not _is_of_self(node):
            found = [f"?.{node.attr}"] if node.attr not in own | DOCUMENTED else []
        for name in found:
            of_secant = name.startswith("secant.")
            if not of_secant and (HIDDEN.search(name) or name.split(".")[-1] in TRICKS):
                yield f"{name}, line {node.lineno}"


def _is_of_self(node):
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("self", "cls")
    )


@pytest.mark.parametrize(
    ("line", "is_private"),
    [
        ("import jax._src.core", True),
        ("from jax._src import core", True),
        ("from jax import _src", True),
        ("import_module('jaxlib._jax')", True),
        ("import_module('joblib.externals.loky')", True),
        ("pool._processes", True),
        ("jax._src.core.Jaxpr", True),
        ("f.__wrapped__", True),
        ("getattr(f, '__wrapped__')", True),
        ("typer.BadParameter.__mro__", True),
        ("from secant._version import __version__", False),
        ("epoch._asdict()", False),
        ("def _own(): other._own()", False),
        ("self._mine", False),
        ("jax.extend.core", False),
        ("print('sigma_x, ._y')", False),
    ],
)
def test_private_names_are_recognised(line, is_private):
    assert bool(list(private_names(line))) is is_private


def test_private_names_of_others_stand_in_compat_only():
    found = {
        str(path.relative_to(SOURCE)): names
        for path in sorted(SOURCE.rglob("*.py"))
        if (names := list(private_names(path.read_text(encoding="utf-8"))))
    }
    assert set(found) == {"compat.py"}, found


# --- each is needed still ---


def test_jax_has_no_public_name_for_the_address_of_its_processes():
    # Once one of them names it: pass it there, and remove `set_gloo_address`.
    assert {name for name in jax.config.values if "collectives" in name} == {
        "jax_cpu_collectives_implementation"
    }
    assert "gloo" not in " ".join(
        inspect.signature(jax.distributed.initialize).parameters
    )


def test_the_address_is_handed_to_jax(monkeypatch):
    import jaxlib._jax

    asked = {}
    monkeypatch.setattr(
        jaxlib._jax,
        "make_gloo_tcp_collectives",
        lambda **options: asked.update(options),
    )
    compat.set_gloo_address("10.0.0.1")
    jaxlib._jax.make_gloo_tcp_collectives(distributed_client=None)
    assert asked == {"distributed_client": None, "hostname": "10.0.0.1"}


def test_jax_has_no_public_name_to_find_a_cluster_by():
    public = {name for name in dir(jax.distributed) if not name.startswith("_")}
    # Once there is another: use it in `cluster_detection`.
    assert public == {"initialize", "is_initialized", "shutdown"}
    assert not hasattr(jax, "clusters")
    assert list(inspect.signature(compat.cluster_detection()).parameters)[:3] == [
        "coordinator_address",
        "num_processes",
        "process_id",
    ]


def test_jax_keeps_traces_without_a_limit_still():
    # Once it does not, or has a public name to free them alone: `clear_traces` goes.
    from jax._src.interpreters import partial_eval

    assert partial_eval.trace_to_jaxpr.cache_info().maxsize in (None, -1)
    assert {name for name in dir(jax) if "clear" in name} == {"clear_caches"}


def test_traces_are_freed_and_programs_stay(compilations):
    from jax._src import pjit
    from jax._src.interpreters import partial_eval

    f = jax.jit(lambda x: jnp.where(x > 0, jnp.cumsum(x), 0).sum())
    x = jnp.ones(11)
    f(x)
    compat.clear_traces()
    for cache in (partial_eval.trace_to_jaxpr, pjit._infer_params_cached):
        assert cache.cache_info().currsize == 0
    compilations.clear()
    f(x)
    assert compilations == []


@pytest.mark.parametrize("gone", ["trace_to_jaxpr", "_infer_params_cached"])
def test_another_jax_frees_all_instead(monkeypatch, gone):
    from jax._src import pjit
    from jax._src.interpreters import partial_eval

    cleared = []
    owner = partial_eval if hasattr(partial_eval, gone) else pjit
    monkeypatch.delattr(owner, gone)
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(1))
    compat.clear_traces()
    assert cleared == [1]


def test_joblib_has_no_public_pool_of_ones_own():
    assert not hasattr(joblib, "ProcessPoolExecutor")
    assert not hasattr(loky, "ShutdownExecutorError")


@pytest.fixture
def busy(tmp_path):
    """A pool whose one process works at the first of many tasks."""
    mark = tmp_path / "begun"

    def begin():
        mark.touch()
        time.sleep(60)

    pool = compat.process_pool(1, idle_seconds=60, environment={})
    futures = [pool.submit(begin), *(pool.submit(time.sleep, 60) for _ in range(20))]
    while not mark.exists():
        time.sleep(0.01)
    return pool, futures


def test_loky_fails_where_it_is_to_kill_a_pool_with_tasks_in_its_queue(
    busy, monkeypatch
):
    # Once it does not: `shutdown(kill_workers=True)` takes `kill_processes`'s place.
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    busy[0].shutdown(kill_workers=True)
    assert [told.exc_type for told in failed] == [KeyError]


def test_a_pool_whose_processes_are_killed_cleans_up(busy, monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    pool, futures = busy
    compat.kill_processes(pool)
    pool.shutdown(wait=True)
    assert not failed
    for future in futures:
        with pytest.raises(compat.broken_pool_errors()):
            future.result(timeout=0)
    with pytest.raises(compat.broken_pool_errors()):
        pool.submit(time.sleep, 0)


def test_the_processes_of_a_pool_have_its_environment():
    pool = compat.process_pool(1, idle_seconds=1, environment={"SECANT_TEST": "here"})
    assert pool.submit(os.getenv, "SECANT_TEST").result() == "here"
    pool.shutdown()


def test_xla_still_knows_the_option_for_quick_compilation():
    assert compat.quick_compilation()
