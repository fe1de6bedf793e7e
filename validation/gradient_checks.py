"""What checkers of gradients say to planted faults.

    python validation/gradient_checks.py
    python validation/gradient_checks.py --picture docs/images/gradient-errors.png

`secant.check_gradient` beside `jax.test_util.check_grads` (order 1, reverse mode) and
PyTorch's `gradcheck`, slow and fast, all with the tolerances that they come with, in
float32 and float64. Each fault stands in the backward rule of one function, computed by
the same JAX program for all: a `jax.custom_vjp`, and a `torch.autograd.Function` that
calls it. Markdown; or, in place of it, the picture of a block that is wrong by 0.1 %.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.test_util import check_grads
from torch.autograd.gradcheck import GradcheckError

from secant.checking import check_gradient

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "checking"))

import faults

CHOSEN = (
    "elementwise",
    "network",
    "convolution, pooling",
    "attention, layer norm",
    "variance of large numbers",
    "relu at 0",
    "a maximum with ties",
    "jnp.where over sqrt",
    "factor 1.001",
    "factor 1.001 in one of 12",
    "sign in one of 12",
    "sign in one of 10⁶",
    "transposed, square",
    "relu passes at x < 0",
    "another slope of a leaky relu",
    "index off by one",
    "flipped kernel",
    "weight decay forgotten",
    "a leaf that nothing reaches",
    "sum for a mean",
    "exchanged leaves",
    "softmax: the diagonal alone",
    "layer norm: the mean's term",
    "batch norm: constant statistics",
    "tanh: 1 - x² for 1 - y²",
    "backward through one step only",
    "repeats overwritten, not added",
    "a sign, many waves",
)

# What nobody waits for: slow mode asks twice for each of a million numbers.
MOST = 20_000


class TooLongError(Exception):
    """More evaluations than anyone waits for."""


def in_torch(case: faults.Case, dtype: str) -> tuple[Callable[..., Any], Any]:
    """The function with its rule as one of tensors, and the tensors."""
    x = case.at(dtype)
    leaves, structure = jax.tree.flatten(x)
    value = jax.jit(lambda *parts: case.f(structure.unflatten(parts)))
    claim = jax.jit(
        lambda *parts: jax.tree.leaves(case.claim(structure.unflatten(parts)))
    )
    asked = 0

    class WithRule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *parts):
            nonlocal asked
            asked += 1
            if asked > MOST:
                raise TooLongError
            ctx.save_for_backward(*parts)
            return _tensor(value(*(part.detach().numpy() for part in parts)))

        @staticmethod
        def backward(ctx, upstream):
            parts = (part.detach().numpy() for part in ctx.saved_tensors)
            return tuple(upstream * _tensor(part) for part in claim(*parts))

    return WithRule.apply, [_tensor(leaf).requires_grad_() for leaf in leaves]


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def by_secant(case: faults.Case, dtype: str) -> tuple[bool, str]:
    report = check_gradient(case.planted, case.at(dtype))
    causes = [leaf.cause for leaf in report if leaf.cause]
    return report.ok, f"{report.verdict}{': ' + _short(causes[0]) if causes else ''}"


def _short(cause: str) -> str:
    return cause.split(" (")[0].split(": the gradient is the")[0].split("; ")[0]


def by_check_grads(case: faults.Case, dtype: str) -> tuple[bool, str]:
    # It takes arrays of JAX: NumPy's would be turned into float32.
    x = jax.tree.map(jnp.asarray, case.at(dtype))
    check_grads(case.planted, (x,), order=1, modes=["rev"])
    return True, ""


def by_gradcheck(fast: bool) -> Callable[[faults.Case, str], tuple[bool, str]]:
    def check(case: faults.Case, dtype: str) -> tuple[bool, str]:
        f, leaves = in_torch(case, dtype)
        return torch.autograd.gradcheck(f, leaves, fast_mode=fast), ""

    return check


CHECKERS = {
    "secant": by_secant,
    "`check_grads`": by_check_grads,
    "`gradcheck`, slow": by_gradcheck(False),
    "`gradcheck`, fast": by_gradcheck(True),
}


def verdict(
    checker: Callable[..., Any], case: faults.Case, dtype: str
) -> tuple[str, str]:
    """One cell, and what else was said."""
    said = ""
    try:
        passed, said = checker(case, dtype)
    except (AssertionError, GradcheckError):
        passed = False
    except TooLongError:
        return f"over {MOST:,} calls", ""
    except Exception as error:
        return f"error: {type(error).__name__}", ""
    if case.fine:
        return "passes" if passed else "**false alarm**", said
    return "**missed**" if passed else "caught", said


def picture(path: str) -> None:
    block = faults.only_at(np.s_[10:20, 24:40], lambda g: 1.001 * g)
    f = faults.planted(faults.matrix, faults.altered(faults.matrix, block))
    report = check_gradient(f, jnp.asarray(faults.normal(40, 32, 64), "float32"))
    report.plot().savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", metavar="FILE")
    if path := parser.parse_args().picture:
        picture(path)
        return
    warnings.simplefilter("ignore")
    cases = {case.name: case for case in faults.CASES}
    columns = [(name, dtype) for dtype in ("float32", "float64") for name in CHECKERS]
    heads = [f"{name}, {dtype}" for name, dtype in columns]
    print(f"| planted | {' | '.join(heads)} | secant's verdict |")
    print(f"|---{'|---' * len(columns)}|---|")
    right = dict.fromkeys(columns, 0)
    took = dict.fromkeys(columns, 0.0)
    for name in CHOSEN:
        cells, words = [], ""
        for column in columns:
            began = perf_counter()
            with jax.enable_x64(column[1] == "float64"):
                cell, said = verdict(CHECKERS[column[0]], cases[name], column[1])
            took[column] += perf_counter() - began
            right[column] += cell.startswith(("passes", "caught"))
            cells.append(cell)
            words = words or said
        kind = "right: " if cases[name].fine else ""
        print(f"| {kind}{name} | {' | '.join(cells)} | {words} |", flush=True)
        jax.clear_caches()
    total = [f"{right[column]} of {len(CHOSEN)}" for column in columns]
    print(f"| **told right from wrong** | {' | '.join(total)} | |")
    times = [f"{took[column]:.0f} s" for column in columns]
    print(f"| took | {' | '.join(times)} | |")


if __name__ == "__main__":
    main()
