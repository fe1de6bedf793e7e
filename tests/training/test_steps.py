"""Compiled programs of training: what shares them, and how many stay."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant import MLP, Schedule, fit, freed_memory
from secant.training import clear_compiled, steps

OPTIONS = {"iterations": 4, "batch_size": 5, "seed": 3}


def trained(clusters, sizes=(2, 4, 3), gradient="backprop", **options):
    return fit(MLP(sizes, seed=1), clusters, gradient, **OPTIONS | options).net.params


@pytest.fixture(autouse=True)
def nothing_compiled():
    """No run has left a program."""
    clear_compiled()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
@pytest.mark.parametrize("gradient", ["backprop", "node"])
def test_runs_with_other_rates_compile_nothing(
    clusters, compilations, optimizer, gradient
):
    options = {"gradient": gradient, "optimizer": optimizer}
    first = trained(clusters, learning_rate=0.1, **options)
    assert compilations
    compilations.clear()
    other = trained(clusters, learning_rate=0.2, **options)
    assert compilations == []
    assert not np.array_equal(first["W1"], other["W1"])
    # A program of its own, with the rate in it, gives what the shared one does.
    clear_compiled()
    again = trained(clusters, learning_rate=0.2, **options)
    np.testing.assert_array_equal(again["W1"], other["W1"])


def test_a_constant_schedule_gives_what_the_constant_gives(clusters):
    constant = trained(clusters, learning_rate=0.25)
    rate = Schedule("linear", 0.25, steps=4, end_factor=1.0)
    for name, value in trained(clusters, learning_rate=rate).items():
        np.testing.assert_allclose(constant[name], value, rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_programs_of_many_shapes_do_not_stay(
    clusters, monkeypatch, compilations, optimizer
):
    monkeypatch.setattr(
        steps, "_compiled", lru_cache(maxsize=5)(steps._compiled.__wrapped__)
    )
    first = trained(clusters, optimizer=optimizer)
    compilations.clear()  # of what a process compiles once
    for hidden in range(5, 9):
        trained(clusters, (2, hidden, 3), optimizer=optimizer)
        assert steps._compiled.cache_info().currsize <= 5
    # Only what the cache keeps was compiled: nothing stays for each shape.
    kept = ("_init", "_loop", "_block", "transposed")
    assert set(compilations) <= {f"jit({name})" for name in kept}
    # What was forgotten is compiled anew, and computes the same.
    again = trained(clusters, optimizer=optimizer)
    np.testing.assert_array_equal(again["W1"], first["W1"])


# So short a training learns nothing, and says so.
@pytest.mark.filterwarnings("ignore::secant.TrainingWarning")
def test_a_run_keeps_its_programs_while_others_come(
    clusters, monkeypatch, compilations
):
    monkeypatch.setattr(
        steps, "_compiled", lru_cache(maxsize=1)(steps._compiled.__wrapped__)
    )
    others = iter(range(5, 8))

    def train_another(progress):
        if (hidden := next(others, None)) is not None:
            trained(clusters, (2, hidden, 3), iterations=1)

    trained(clusters, iterations=72, batch_size=5, callbacks=[train_another])
    assert list(others) == []
    assert compilations.count("jit(_loop)") == 4


@pytest.mark.slow
def test_traces_of_many_shapes_are_freed(clusters, monkeypatch):
    from jax._src import pjit
    from jax._src.interpreters import partial_eval

    monkeypatch.setattr(freed_memory, "PROGRAMS_PER_CLEARING", 6)
    traces = []
    for hidden in range(10, 30):
        trained(clusters, (2, hidden, 3), gradient="node")
        traces.append(
            [
                cache.cache_info().currsize
                for cache in (partial_eval.trace_to_jaxpr, pjit._infer_params_cached)
            ]
        )
    first, last = np.max(traces[:10], axis=0), np.max(traces[10:], axis=0)
    assert (last <= first).all()


def test_functions_of_others_stay_compiled_while_networks_come(
    clusters, monkeypatch, compilations
):
    monkeypatch.setattr(freed_memory, "PROGRAMS_PER_CLEARING", 1)
    of_user = jax.jit(lambda x: jnp.where(x > 0, jnp.sin(x), 0).sum())
    of_user(np.ones(7))
    trained(clusters)
    compilations.clear()
    of_user(np.ones(7))
    trained(clusters)
    assert compilations == []
