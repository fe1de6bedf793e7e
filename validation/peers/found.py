"""What Secant says otherwise than a library, where the library is wrong.

Each row is computed again: what the installed library gives, and what is right, by
mpmath or by a formula. A row whose library is right by now says so.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np


@dataclass(frozen=True)
class Fault:
    """A wrong derivative of a library.

    Attributes:
        package: The library.
        function: What it differentiates.
        at: Where.
        given: Computes what it gives.
        right: Computes what is right.
        why: How that is known, and what causes the fault.
        source: Where it is reported, or how Secant came upon it.
    """

    package: str
    function: str
    at: str
    given: Callable[[], float]
    right: Callable[[], float]
    why: str
    source: str


def _digamma() -> float:
    import jax
    from jax.scipy.special import digamma

    with jax.enable_x64(True):
        return float(jax.grad(digamma)(-12.3))


def _trigamma() -> float:
    import mpmath

    return float(mpmath.psi(1, mpmath.mpf(-12.3)))


def _overwritten() -> float:
    import torch

    x = torch.tensor([2.0, 5.0], dtype=torch.float64, requires_grad=True)
    written = torch.tensor([3.0], dtype=torch.float64)
    result = torch.as_strided_scatter(x, written, (1,), (1,), 0)
    return float(torch.autograd.grad(result.sum(), x)[0][0])


def _hardsigmoid() -> float:
    import torch

    x = torch.tensor(-1.5, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.hardsigmoid(x)
    return float(torch.autograd.grad(y, x)[0])


def _through(name: str) -> Callable[[], float]:
    """The slope of the first update by the first gradient, both being 0."""

    def slope() -> float:
        import jax
        import jax.numpy as jnp
        import optax

        made = {
            "lamb": lambda: optax.lamb(0.1),
            "clip_by_block_rms": lambda: optax.clip_by_block_rms(1.0),
            "clip_by_global_norm": lambda: optax.clip_by_global_norm(1.0),
        }[name]()
        weights = jnp.zeros(3)

        def update(gradient: jax.Array) -> jax.Array:
            return made.update(gradient, made.init(weights), weights)[0][0]

        return float(jax.grad(update)(jnp.zeros(3))[0])

    return slope


FAULTS = (
    Fault(
        "jax",
        "`digamma`",
        "-12.3",
        _digamma,
        _trigamma,
        "mpmath's ψ'; JAX's `polygamma` has no reflection for x < 0",
        "[jax #37635](https://github.com/jax-ml/jax/issues/37635); harness `digamma`",
    ),
    Fault(
        "torch",
        "`as_strided_scatter`, by a number that is overwritten",
        "input (2, 5), 3 written to the first place",
        _overwritten,
        lambda: 0.0,
        "the result does not contain that number",
        "operator database, both dtypes",
    ),
    Fault(
        "torch",
        "`hardsigmoid` in float64",
        "-1.5",
        _hardsigmoid,
        lambda: 1 / 6,
        "x/6 + 1/2; its gradient has 1/6 in float32",
        "operator database, float64",
    ),
    Fault(
        "optax",
        "`lamb(0.1)`, its update by the gradient",
        "gradient and weights 0",
        _through("lamb"),
        lambda: -0.1 / 1e-6,
        "the update is -0.1 g / (abs(g) + 1e-6) there; `eps_root` avoids the NaN",
        "differentiating through an update",
    ),
    *(
        Fault(
            "optax",
            f"`{name}(1.0)`, its update by the gradient",
            "gradient 0",
            _through(name),
            lambda: 1.0,
            "the update is the gradient itself below the limit; 0/0 of a root at 0",
            "differentiating through an update",
        )
        for name in ("clip_by_block_rms", "clip_by_global_norm")
    ),
)


def main() -> None:
    """Prints the table."""
    print("| library | function | at | given | right | why | found in |")
    print("|---|---|---|---:|---:|---|---|")
    for fault in FAULTS:
        try:
            package = f"{fault.package} {version(fault.package).partition('+')[0]}"
            given = fault.given()
        except (PackageNotFoundError, ImportError) as error:
            print(f"{fault.function}: {error}", file=sys.stderr)
            continue
        right = fault.right()
        mended = np.isclose(given, right, rtol=1e-12, atol=0)
        cells = (
            package,
            fault.function,
            fault.at,
            "right by now" if mended else f"{given:.10g}",
            f"{right:.10g}",
            fault.why,
            fault.source,
        )
        print(f"| {' | '.join(cells)} |")
