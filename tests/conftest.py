"""What every test may use: both engines, and how Hypothesis searches."""

import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import settings

from secant.data import locations

# No deadline: a first call under `jit` compiles. The same examples on every run
# of CI, so that what fails there fails again; new ones on a developer's machine.
settings.register_profile("local", deadline=None, max_examples=40)
settings.register_profile("ci", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# In the background of a shell that has no jobs, Ctrl-C is ignored, and by all that is
# started from there; tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", params=[np, jnp], ids=["numpy", "jax"])
def xp(request):
    """The array namespace of each engine in turn."""
    return request.param


@pytest.fixture
def mnist_at_hand() -> str:
    """Skips unless SECANT_DATA names a folder with the whole of MNIST."""
    if not os.environ.get(locations.DATA_VARIABLE):
        pytest.skip("needs the whole of MNIST: set SECANT_DATA to its folder")
    found = locations.find_data_set("mnist")
    if found is None or found.origin != "SECANT_DATA":
        pytest.skip("needs the whole of MNIST: SECANT_DATA names a folder without it")
    return str(found.folder)


@pytest.fixture
def compilations():
    """The names of the programs that XLA compiles, as a list that grows."""
    names: list[str] = []

    def note(event, duration, **facts):
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(facts.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(note)
    yield names
    jax.monitoring.unregister_event_duration_listener(note)
