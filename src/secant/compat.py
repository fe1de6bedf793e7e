"""Names of JAX and joblib that are not public: all of them, each with the reason.

Elsewhere Secant uses public names only, and a test holds that. `tests/test_compat.py`
has a test for each name here that fails as soon as there is a public one, or as soon as
the fault that it works around is gone.

Nothing is imported before it is needed: `import secant` and `secant --help` load
neither JAX nor joblib.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from typing import Any


def set_gloo_address(address: str) -> None:
    """Has JAX's processes on CPUs exchange arrays by this address of this machine.

    JAX asks nobody: it takes the address of the machine's own name, which on Debian is
    127.0.1.1, and no other machine reaches it there.
    """
    jaxlib: Any = import_module("jaxlib._jax")
    if hasattr(jaxlib, "make_gloo_tcp_collectives"):
        jaxlib.make_gloo_tcp_collectives = partial(
            jaxlib.make_gloo_tcp_collectives, hostname=address
        )


def cluster_detection() -> Callable[..., Any] | None:
    """JAX's detection of SLURM, Kubernetes and MPI; None if this JAX has another.

    `jax.distributed.initialize` finds them too, but only to listen at all addresses of
    the machine at once; to be told at which one, it has to be told all the rest.
    """
    try:
        clusters: Any = import_module("jax._src.clusters")
        return clusters.ClusterEnv.auto_detect_unset_distributed_params
    except (ImportError, AttributeError):
        return None


def clear_traces() -> None:
    """Frees what JAX keeps of traced functions, for each shape and without a limit.

    Each function of `jax.numpy` that a program uses is traced for the program's shapes,
    which takes about a megabyte for each new network. The public ways free more:
    `jax.clear_caches` also the compiled programs of everybody in this process, and
    `clear_cache` of a function the traces of this one alone. Compiled programs stay
    here, but for those of functions with side effects, such as `jax.debug.print`: JAX
    finds these by their traces, and compiles them again.
    """
    import jax

    traced: Any = import_module("jax._src.interpreters.partial_eval")
    called: Any = import_module("jax._src.pjit")
    try:
        clear = (
            traced.trace_to_jaxpr.cache_clear,
            called._infer_params_cached.cache_clear,
        )
    except AttributeError:  # another JAX
        clear = (jax.clear_caches,)
    for each in clear:
        each()


def process_pool(
    count: int, idle_seconds: float, environment: Mapping[str, str]
) -> Any:
    """A pool of processes with an environment of their own, an executor of loky.

    joblib's public ways to such processes all share one pool, with the settings of
    whoever came first; and `concurrent.futures` cannot set their environment.
    """
    loky: Any = import_module("joblib.externals.loky")
    return loky.ProcessPoolExecutor(count, timeout=idle_seconds, env=dict(environment))


@cache
def quick_compilation(*, optimized: bool = True) -> dict[str, Any]:
    """Options that compile a large program on a CPU in less time, as far as known.

    Kernels are written as LLVM's code at once, not by way of MLIR. The names of XLA's
    options are not public, and an unknown one is an error.

    Args:
        optimized: Whether the program is to run as fast as otherwise. If not, it
            compiles in a fifth of the time and its loops run several times as long:
            for a program that runs once, on few numbers.
    """
    import jax

    options: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False}
    if not optimized:
        options["xla_backend_optimization_level"] = 0
        options["xla_cpu_parallel_codegen_split_count"] = 1
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except Exception:
        # Whatever XLA raises at an option that it does not have.
        return {}
    return options


def broken_pool_errors() -> tuple[type[Exception], ...]:
    """The exceptions of a pool that lost a process or was shut down meanwhile."""
    errors: Any = import_module("joblib.externals.loky.process_executor")
    return errors.BrokenProcessPool, errors.ShutdownExecutorError


def kill_processes(pool: Any) -> None:
    """Kills the processes of a pool, and what they have started.

    loky's own `shutdown(kill_workers=True)` fails in a thread, which prints a
    traceback, where tasks are queued. A pool whose processes are killed from outside
    cleans up as after any death.
    """
    utils: Any = import_module("joblib.externals.loky.backend.utils")
    for process in list(pool._processes.values()):
        utils.kill_process_tree(process)
