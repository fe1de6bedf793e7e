"""PyTorch's database of operators through `check_gradient`, as black boxes.

The operators and their sample inputs are those of the installed PyTorch's own tests,
called and not copied (`torch.testing._internal.common_methods_invocations.op_db`). An
operator that PyTorch differentiates becomes a function of NumPy arrays that returns a
float: the sum of its results, times random weights, in the operator's dtype. PyTorch's
gradient of it is checked as it is, and times 1.01.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np

from secant import check_gradient
from secant.checking import GradientReport
from secant.errors import SecantError

FAULT = 1.01

MOST_NUMBERS = 64
"""A sample with more numbers is passed over for a smaller one, if there is one."""

MOST_CALLS = 20_000
"""Calls of the function in one check."""

LARGEST = 200
"""The most numbers of any sample."""

SAMPLES = 40
"""Among how many samples of an operator the one is looked for."""

VISIBLE = 1e3
"""The size of a gradient that is more than rounding, in roundings of f."""

DTYPES = ("float64", "float32")


class TooManyCallsError(Exception):
    """The check is given up."""


class NotTried(Exception):
    """Why an operator is left out."""


@dataclass(frozen=True)
class Case:
    """An operator at a sample: a function of arrays, a point, PyTorch's gradient."""

    f: Callable[[list[np.ndarray]], float]
    x: list[np.ndarray]
    gradient: list[np.ndarray]

    @property
    def size(self) -> int:
        """How many numbers."""
        return sum(part.size for part in self.x)

    @property
    def sizes(self) -> list[np.ndarray]:
        """How visible each number of the gradient is: times its x."""
        return [
            abs(g * np.maximum(abs(part), 1))
            for g, part in zip(self.gradient, self.x, strict=True)
        ]

    @property
    def visible(self) -> bool:
        """Whether the gradient is more than rounding, so that a fault of 1 % is one."""
        unit = float(np.finfo(self.x[0].dtype).eps) * abs(self.f(self.x))
        largest = max(float(size.max(initial=0)) for size in self.sizes)
        return largest > VISIBLE * unit


def operators(only: str) -> Iterator[Any]:
    """The operators that PyTorch differentiates in float32 and float64."""
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    torch.set_num_threads(1)
    for operator in op_db:
        if operator.supports_autograd and only in operator.formatted_name:
            yield operator


def case_of(operator: Any, dtype: str) -> Case:
    """The first small sample of an operator with a gradient, or the next best one.

    Raises:
        NotTried: There is none.
    """
    import torch

    if not operator.supports_dtype(getattr(torch, dtype), "cpu"):
        raise NotTried(f"it has no {dtype}")
    torch.manual_seed(0)
    why, second = "it has no sample", None
    samples = operator.sample_inputs("cpu", getattr(torch, dtype), requires_grad=True)
    for sample in islice(samples, SAMPLES):
        try:
            case = _case(operator, sample)
        except NotTried as error:
            why = str(error)
            continue
        if case.size <= MOST_NUMBERS and case.visible:
            return case
        if second is None or (case.visible and not second.visible):
            second = case
    if second is None:
        raise NotTried(why)
    return second


def _case(operator: Any, sample: Any) -> Case:
    import torch
    from torch.utils import _pytree as trees

    leaves, tree = trees.tree_flatten((sample.input, sample.args, sample.kwargs))
    places = [
        i for i, leaf in enumerate(leaves) if torch.is_tensor(leaf) and _real(leaf)
    ]
    if not places:
        raise NotTried("no argument is a dense array of floats with a gradient")
    if sum(leaves[i].numel() for i in places) > LARGEST:
        raise NotTried(f"its samples have more than {LARGEST} numbers")
    x = [np.array(leaves[i].detach()) for i in places]
    if not sum(part.size for part in x):
        raise NotTried("its samples are empty")
    if not all(np.isfinite(part).all() for part in x):
        raise NotTried("its samples are infinite or NaN")

    def results(parts: list[Any]) -> list[Any]:
        now = list(leaves)
        for i, part in zip(places, parts, strict=True):
            now[i] = part
        first, args, kwargs = trees.tree_unflatten(now, tree)
        # What an operator draws is drawn again alike.
        torch.default_generator.manual_seed(0)
        function = operator.gradcheck_wrapper
        result = function(operator.get_op(), first, *args, **kwargs)
        found = trees.tree_leaves(sample.output_process_fn_grad(result))
        return [part for part in found if torch.is_tensor(part) and _inexact(part)]

    tensors = [torch.tensor(part, requires_grad=True) for part in x]
    results_here = results(tensors)
    kept = [i for i, part in enumerate(results_here) if part.requires_grad]
    if not kept:
        raise NotTried("no result has a gradient")
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal((2, *results_here[i].shape)) for i in kept]

    def total(found: list[Any]) -> Any:
        parts = []
        for i, weight in zip(kept, weights, strict=True):
            part = found[i].to_dense() if found[i].is_sparse else found[i]
            both = (part.real, part.imag) if part.is_complex() else (part,)
            for real, w in zip(both, weight, strict=False):
                parts.append((real * torch.as_tensor(w, dtype=real.dtype)).sum())
        return sum(parts[1:], start=parts[0])

    gradient = torch.autograd.grad(total(results_here), tensors, allow_unused=True)
    parts = [
        np.zeros(part.shape) if g is None else np.array(g.detach().to_dense())
        for g, part in zip(gradient, x, strict=True)
    ]

    def f(arrays: list[np.ndarray]) -> float:
        with torch.no_grad():
            found = results([torch.tensor(part) for part in arrays])
            return float(total(found))

    if not np.isfinite([f(x), *(abs(g).sum() for g in parts)]).all():
        raise NotTried("its samples are outside of its domain")
    return Case(f, x, parts)


def _real(tensor: Any) -> bool:
    import torch

    return (
        tensor.requires_grad
        and tensor.layout == torch.strided
        and not tensor.is_nested
        and tensor.dtype in (torch.float32, torch.float64)
    )


def _inexact(tensor: Any) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def verdict(
    case: Case, gradient: list[np.ndarray]
) -> tuple[str, GradientReport | None]:
    """The verdict on a gradient, and the report if there is one."""
    calls = 0

    def counted(arrays: list[np.ndarray]) -> float:
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS:
            raise TooManyCallsError
        return case.f(arrays)

    try:
        report = check_gradient(counted, case.x, gradient)
    except TooManyCallsError:
        return f"over {MOST_CALLS:,} calls", None
    except SecantError as error:
        return f"refused: {str(error).partition(':')[0]}", None
    return str(report.verdict), report


def said(report: GradientReport | None) -> str:
    """The coordinate that decides the verdict of a report."""
    if report is None:
        return ""
    leaf = next(leaf for leaf in report if leaf.verdict == report.verdict)
    worst = leaf.worst
    if worst is None:
        return ""
    return (
        f"{worst.name}: gradient {worst.gradient:.8g}, "
        f"secant {worst.slope:.8g} ± {worst.error:.1g}"
    )


def main(only: str = "", part: tuple[int, int] = (0, 1)) -> None:
    """Prints the counts, and every operator that is not right."""
    dtypes = DTYPES
    began = perf_counter()
    rows = {dtype: Counter() for dtype in dtypes}
    others: list[str] = []
    left_out: dict[str, list[str]] = {}
    for operator in islice(operators(only), part[0], None, part[1]):
        name = operator.formatted_name
        for dtype in dtypes:
            try:
                case = case_of(operator, dtype)
            except NotTried as error:
                left_out.setdefault(str(error), []).append(f"{name}, {dtype}")
                continue
            except Exception as error:  # a sample that PyTorch itself refuses
                why = f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"
                left_out.setdefault(why, []).append(f"{name}, {dtype}")
                continue
            row = rows[dtype]
            row["operators"] += 1
            found, report = verdict(case, case.gradient)
            fine = report is not None and report.ok
            unknown = found not in ("wrong", "not finite") and not fine
            row["right"] += fine
            row["inconclusive"] += unknown
            row["called wrong"] += not fine and not unknown
            caught, faulty = "", None
            if case.visible:
                row["faults"] += 1
                caught, faulty = verdict(case, [FAULT * g for g in case.gradient])
                passed = faulty is not None and faulty.ok
                seen = caught in ("wrong", "not finite")
                row["caught"] += seen
                row["passed"] += passed
                row["faults: inconclusive"] += not seen and not passed
            print(name, dtype, found, caught, file=sys.stderr, flush=True)
            if not fine or (faulty is not None and faulty.ok):
                told = said(report if not fine else faulty)
                others.append(f"| `{name}`, {dtype} | {found} | {caught} | {told} |")
    columns = (
        "operators",
        "right",
        "called wrong",
        "inconclusive",
        "faults",
        "caught",
        "passed",
        "faults: inconclusive",
    )
    print(f"| dtype | {' | '.join(columns)} |")
    print("|---|" + "---:|" * len(columns))
    for dtype, row in rows.items():
        print(f"| {dtype} | {' | '.join(str(row[name]) for name in columns)} |")
    print("\n| operator | as it is | times 1.01 | |\n|---|---|---|---|")
    for line in others:
        print(line)
    print("\n| left out | why |\n|---|---|")
    for why, names in sorted(left_out.items()):
        print(f"| {'; '.join(names)} | {why} |")
    print(f"\n{perf_counter() - began:.0f} s", file=sys.stderr)
