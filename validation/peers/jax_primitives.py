"""JAX's own primitive harnesses through `difference` and `check_gradient`.

The harnesses are those of the installed JAX, called and not copied: for a primitive,
functions and their random arguments, here those of float32. The change by `difference`
is compared with a subtraction in float64, and JAX's gradient is checked. Where a
function is not finite at its random arguments x, the first of |x|, 1 + |x|,
|x| / (1 + |x|) takes their place at which it is.
"""

import sys
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


FINE = ("right", "rounding", "kink", "tie")
"""Verdicts that are `ok`."""

MANY = 1_000
"""Numbers above which a gradient is checked along random directions."""

INSIDE: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda x: x,
    np.abs,
    lambda x: 1 + np.abs(x),
    lambda x: np.abs(x) / (1 + np.abs(x)),
)
"""Arguments that lie in one domain or another."""

EXPLAINED = (
    (
        "convert_element_type",
        "",
        "`difference` carries the change; a subtraction sees the steps of 16 bits",
    ),
    (
        "reduce_precision",
        "",
        "`difference` carries the change; a subtraction sees the steps of 16 bits",
    ),
    ("bitcast", "", "JAX's gradient is 0 by decision, also of the same dtype"),
    ("stop_gradient", "", "its gradient is 0 on purpose"),
    (
        "cholesky",
        "",
        "the bare primitive leaves x above the diagonal, and its gradient takes x for "
        "symmetric; `lax.linalg.cholesky` makes both so",
    ),
    ("round_", "", "some arguments are halves, where rounding jumps"),
    ("digamma", "", "JAX's fault: see below"),
    ("nextafter", "", "JAX has no gradient of it"),
    ("clamp", "", "JAX's gradient by bounds that are scalars raises an error"),
    (
        "regularized_incomplete_beta",
        "",
        "no formula for its changes of a and b: subtraction; JAX has no gradient",
    ),
    ("scatter_mul", "PROMISE_IN_BOUNDS", "an index breaks its promise"),
    ("scatter_add", "PROMISE_IN_BOUNDS", "an index breaks its promise"),
    ("scatter_mul", "", "JAX has no gradient of it"),
    ("mul_", "", "the harness leaves out a parameter that JAX's gradient reads"),
    ("top_k_sort_inf_nan", "", "its arguments are infinite and NaN"),
)
"""A part of a harness's name, another one, and why it is not right."""


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

    first = [np.asarray(leaves[i]) for i in places]
    if not jax.eval_shape(f, first):
        return None
    for inside in INSIDE:
        x = [jnp.asarray(inside(leaf).astype(leaf.dtype)) for leaf in first]
        if all(np.isfinite(np.asarray(part)).all() for part in f(x)):
            return f, x
    return f, [jnp.asarray(leaf) for leaf in first]


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
        np.allclose(a, b, rtol=1e-2, atol=1e-2 * _largest(b), equal_nan=True)
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


def _largest(a: np.ndarray) -> float:
    """The largest size of a finite number."""
    return float(abs(a[np.isfinite(a)]).max(initial=0))


def gradient_of(f: Callable[[list[Any]], Any], x: list[Any]) -> str:
    """The verdict on JAX's own gradient."""
    many = sum(np.size(leaf) for leaf in x) > MANY
    try:
        report = check_gradient(f, x, coordinates="projections" if many else "auto")
        return str(report.verdict)
    except SecantError as error:
        return f"refused: {str(error).partition(':')[0][:60]}"
    except (NotImplementedError, TypeError, ValueError) as error:
        return f"JAX: {type(error).__name__}"


def why(name: str) -> str:
    """Why a harness is not right, as far as that is known."""
    for first, second, reason in EXPLAINED:
        if name.startswith(first) and second in name:
            return reason
    return ""


def main(only: str = "", each: int = 3) -> None:
    """Prints the table of the primitives, and every harness that is not right."""
    table: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    others: list[tuple[str, str, str]] = []
    for harness in harnesses(only):
        if len(table[harness.group_name]) == each:
            continue
        name = harness.fullname
        try:
            found = of_floats(harness)
        except Exception as error:  # a harness that JAX itself does not run
            print(f"{name}: {error}", file=sys.stderr)
            continue
        if found is None:
            continue
        answers = difference_of(*found), gradient_of(*found)
        print(name, *answers, sep="\t", file=sys.stderr, flush=True)
        right = answers[0] == "right", answers[1] in FINE
        table[harness.group_name].append(right)
        if not all(right):
            others.append((name, *answers))
        jax.clear_caches()
    print("| primitive | harnesses | difference right | gradient right |")
    print("|---|---:|---:|---:|")
    groups = {name: rows for name, rows in sorted(table.items()) if rows}
    everything = [row for rows in groups.values() for row in rows]
    for name, rows in {**groups, "all": everything}.items():
        right = [sum(row[i] for row in rows) for i in (0, 1)]
        print(f"| {name} | {len(rows)} | {right[0]} | {right[1]} |")
    print("\n| harness | difference | JAX's gradient | why |\n|---|---|---|---|")
    for name, *answers in others:
        print(f"| `{short(name)}` | {' | '.join(answers)} | {why(name)} |")


def short(name: str) -> str:
    """The first words of a long name."""
    return name if len(name) <= 60 else name[:57] + "…"
