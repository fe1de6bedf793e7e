"""JAX's own primitive harnesses through `difference` and `check_gradient`.

    python validation/peers.py
    python validation/peers.py --only eigh --each 100

The harnesses are those of the installed JAX, called and not copied: for a primitive,
functions and their random arguments, here those of float32. The change by `difference`
is compared with a subtraction in float64, and JAX's gradient is checked. Markdown: a
table of the primitives, and every harness that is not right.
"""

import argparse
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking import check_gradient
from secant.errors import SecantError
from secant.propagation import MissingRule, difference

STEP = 2.0**-10
"""The size of dx, in units of each number's own or of 1e-3, if it is smaller."""

ALLOWED = 2e-4
"""The largest error in units of the norm of the change. A wrong rule has 1e-2 or more;
the condition of a random matrix costs a factor of up to 1,000 on ulp."""


def harnesses(only: str) -> Iterator[Any]:
    """The harnesses of float32 that JAX implements."""
    argv, sys.argv = sys.argv, sys.argv[:1]  # the module reads flags
    try:
        from jax._src.internal_test_util import test_harnesses
    finally:
        sys.argv = argv
    for harness in test_harnesses.all_harnesses:
        if (
            harness.dtype == np.float32
            and only in harness.fullname
            and harness.filter("cpu")
        ):
            yield harness


def floating(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point or complex numbers."""
    dtype = getattr(leaf, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.inexact)


def of_floats(harness: Any) -> tuple[Callable[[list[Any]], Any], list[Any]] | None:
    """The harness as a function of its floating-point arrays, and these."""
    leaves, tree = jax.tree.flatten(harness.dyn_args_maker(np.random.RandomState(0)))
    places = [i for i, leaf in enumerate(leaves) if floating(leaf) and np.size(leaf)]
    if not places:
        return None

    def f(floats: list[Any]) -> Any:
        now = list(leaves)
        for i, leaf in zip(places, floats, strict=True):
            now[i] = leaf
        result = jax.tree.leaves(harness.dyn_fun(*tree.unflatten(now)))
        return [
            real
            for part in filter(floating, result)
            for real in ((part.real, part.imag) if jnp.iscomplexobj(part) else (part,))
        ]

    return f, [jnp.asarray(leaves[i]) for i in places]


def in_double(a: Any) -> Any:
    """The same numbers in 64 bits a part."""
    return np.asarray(a).astype(np.result_type(np.asarray(a).dtype, np.float64))


def difference_of(f: Callable[[list[Any]], Any], x: list[Any]) -> str:
    """What `difference` says to a harness: right, or what is amiss."""
    rng = np.random.default_rng(1)
    dx = [
        (np.maximum(abs(a), 1e-3) * STEP * rng.choice([-1, 1], a.shape)).astype(a.dtype)
        for a in map(np.asarray, x)
    ]
    try:
        value, change = jax.jit(difference(f))(x, dx)
    except MissingRule as error:
        return f"missing: {str(error).partition(',')[0].partition(' has')[0]}"
    except SecantError as error:
        return f"refused: {error}"
    change = [np.asarray(part) for part in change]
    try:
        with jax.enable_x64(True):
            wide, step = map(in_double, x), map(in_double, dx)
            wide, step = list(wide), list(step)
            there = jax.jit(f)([a + d for a, d in zip(wide, step, strict=True)])
            here = list(map(np.asarray, f(wide)))
            exact = [np.asarray(b) - a for a, b in zip(here, there, strict=True)]
    except (TypeError, ValueError, NotImplementedError):
        return "no float64 to compare with"
    if [a.shape for a in change] != [b.shape for b in exact]:
        return "no float64 to compare with"
    if not all(
        np.allclose(a, b, rtol=1e-2, atol=1e-2 * abs(b).max(initial=0), equal_nan=True)
        for a, b in zip(value, here, strict=True)
    ):
        return "another value in float64: a sign, an order, a domain"
    for given, want in zip(change, exact, strict=True):
        kept = np.isfinite(want)
        if (np.isfinite(given) != kept).any():
            return "not finite"
        size = np.linalg.norm(want[kept])
        off = np.linalg.norm((given - want)[kept])
        if off > ALLOWED * size + np.finfo(np.float64).eps * np.sqrt(want.size):
            return f"off by {off / size if size else np.inf:.0e}"
    return "right"


def gradient_of(f: Callable[[list[Any]], Any], x: list[Any]) -> str:
    """The verdict on JAX's own gradient."""
    try:
        return str(check_gradient(f, x).verdict)
    except SecantError as error:
        return f"refused: {str(error).partition(':')[0][:60]}"
    except (NotImplementedError, TypeError, ValueError) as error:
        return f"JAX: {type(error).__name__}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=3, help="harnesses a primitive")
    parser.add_argument("--only", default="", help="a part of their names")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table: dict[str, list[tuple[str, str]]] = defaultdict(list)
    others: list[tuple[str, str, str]] = []
    for harness in harnesses(options.only):
        if len(table[harness.group_name]) == options.each:
            continue
        try:
            found = of_floats(harness)
            if found is None or not jax.eval_shape(*found):
                continue
        except Exception as error:  # a harness that JAX itself does not run
            print(f"{harness.fullname}: {error}", file=sys.stderr)
            continue
        answers = difference_of(*found), gradient_of(*found)
        print(harness.fullname, *answers, file=sys.stderr, flush=True)
        table[harness.group_name].append(answers)
        if answers != ("right", "right"):
            others.append((harness.fullname, *answers))
    print("| primitive | harnesses | difference right | gradient right |")
    print("|---|---|---|---|")
    for name, rows in sorted(table.items()):
        if not rows:
            continue
        right = [sum(row[i] == "right" for row in rows) for i in (0, 1)]
        print(f"| `{name}` | {len(rows)} | {right[0]} | {right[1]} |")
    rows = [row for group in table.values() for row in group]
    right = [sum(row[i] == "right" for row in rows) for i in (0, 1)]
    print(f"| all | {len(rows)} | {right[0]} | {right[1]} |\n")
    print("| harness | difference | JAX's gradient |\n|---|---|---|")
    for name, *answers in others:
        print(f"| `{name}` | {answers[0]} | {answers[1]} |")


if __name__ == "__main__":
    main()
