"""The table of rules, one for each JAX primitive.

A rule gives the delta of one primitive's result:

    rule(ans, values, deltas, **params) -> delta, or a list of deltas

`ans` is the primitive's result, which the interpreter computes once. `values` and
`deltas` belong to the operands (see `secant.propagation.delta`); at least one delta is
not `UNCHANGED`. `params` are the primitive's own.

A higher-order primitive (a loop, a branch, a call) holds programs. Its rule walks them,
and computes the results too:

    rule(walk, values, deltas, **params) -> values, deltas

with `walk(jaxpr, consts, values, deltas) -> values, deltas`.

A rule raises `MissingRule("of …")` for params that it leaves out.

`secant.propagation.rules` fills the table with the combinators of
`secant.propagation.builders`. Its keys are primitives of JAX's public modules.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jax.extend.core import Primitive

from secant.errors import SecantError


class MissingRule(SecantError, NotImplementedError):
    """A program uses a primitive that has no rule for its difference."""


class FallbackWarning(UserWarning):
    """A primitive without a rule was computed by plain subtraction."""


@dataclass(frozen=True)
class Rule:
    """The rule of one primitive.

    Attributes:
        function: The rule itself.
        kind: The combinator that made it, for the docs.
        higher_order: Whether it walks programs and computes the result itself.
        accepts_selection: Whether it gets a `SelectionDelta` as it is. Other rules get
            its difference.
        note: A formula or a remark, for the docs.
        module: The module that entered it, for the docs and for error messages.
    """

    function: Callable[..., Any]
    kind: str
    higher_order: bool = False
    accepts_selection: bool = False
    note: str = ""
    module: str = ""


RULES: dict[Primitive, Rule] = {}
"""Every rule, by primitive. `secant.propagation.rules` fills it."""


def register(primitive: Primitive, rule: Rule) -> None:
    """Enters a rule into the table.

    Raises:
        ValueError: The primitive has a rule already.
    """
    if primitive in RULES:
        raise ValueError(
            f"{primitive} has a rule already, in {RULES[primitive].module}"
        )
    RULES[primitive] = replace(rule, module=_entering_module())


def _entering_module() -> str:
    """The module outside this package that called `register` or a combinator."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return "" if frame is None else frame.f_globals["__name__"]
