"""How often the error that comes with a derivative holds, beside other libraries.

    pip install numdifftools==0.11.2 scipy==1.17.1 derivkit==1.4.0 jacobi==0.9.2
    python validation/peer_errors.py [--draws 20]

The functions and places are those of `validation/honesty.py`: smooth, with Gaussian
noise, in float32, printed with six digits. Each library is called as its documentation
says, with its defaults. A call that raises, or gives NaN, holds nothing. Prints the
table of docs/derivatives.md.
"""

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import derivkit
import jacobi
import numdifftools
import numpy as np
import scipy.differentiate
from honesty import COARSE, Elementary, cases, true_derivative

import secant

Answer = tuple[float, float]
"""A derivative and the estimate of its error."""


def by_secant(f: Callable, x: float) -> Answer:
    found = secant.derivative(f, x)
    return found.value, found.error


def by_numdifftools(f: Callable, x: float) -> Answer:
    of_arrays = np.vectorize(f, otypes=[float])
    found = numdifftools.Derivative(of_arrays, full_output=True)(x)
    return found.estimate, found.error_estimate


def by_scipy(f: Callable, x: float) -> Answer:
    found = scipy.differentiate.derivative(np.vectorize(f, otypes=[float]), x)
    return found.df, found.error


def by_derivkit(f: Callable, x: float) -> Answer:
    kit = derivkit.DerivativeKit(function=f, x0=x)
    return kit.differentiate(method="adaptive", order=1, return_error=True)


def by_jacobi(f: Callable, x: float) -> Answer:
    return jacobi.jacobi(f, x)


PEERS = {
    f"Secant {secant.__version__}": by_secant,
    **{
        f"{name} {version(module)}": call
        for name, module, call in (
            ("numdifftools", "numdifftools", by_numdifftools),
            ("scipy.differentiate", "scipy", by_scipy),
            ("derivkit, adaptive", "derivkit", by_derivkit),
            ("jacobi", "jacobi", by_jacobi),
        )
    },
}


def _number(value: float) -> float:
    """A real number; f is not defined where NumPy gives a complex one."""
    return float(value) if np.isreal(value) else np.nan


def smooth(case: Elementary, x: float) -> Callable:
    return lambda x: _number(case.f(x))


def noisy(case: Elementary, x: float, draw: np.random.Generator) -> Callable:
    sigma = 1e-6 * max(1.0, abs(float(case.f(x))))
    return lambda x: _number(case.f(x)) + sigma * draw.standard_normal()


def rounded(case: Elementary, x: float, name: str) -> Callable:
    return lambda x: float(COARSE[name](_number(case.f(x))))


def share(call: Callable, function: Callable, draws: int) -> float:
    """The share of places, in per cent, at which the error holds."""
    holds = []
    for case, x in cases(draws, seed=5):
        if abs(case.f(x)) > 1e30:  # beyond float32
            continue
        try:
            value, error = (float(np.ravel(a)[0]) for a in call(function(case, x), x))
        except Exception:
            value = error = np.nan
        holds.append(abs(value - true_derivative(case, x, 1)) <= error)
    return 100 * float(np.mean(holds))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    draws = parser.parse_args().draws
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    columns = "smooth | noise 1e-6 | float32 | 6 digits | 4 decimals"
    print(f"| true ≤ estimated, % | {columns} |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, call in PEERS.items():
        functions = (
            smooth,
            partial(noisy, draw=np.random.default_rng(1)),
            *(
                partial(rounded, name=name)
                for name in ("float32", "6 digits", "4 decimals")
            ),
        )
        found = [share(call, function, draws) for function in functions]
        cells = " | ".join(f"{value:.0f}" for value in found)
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
