"""Typed formulas: `x**2 + sin(3*x)` becomes a function; nothing else becomes anything.

Python's grammar reads the text, and only reads it: what it read is translated, node by
node, into `Number`, `Variable` and `Apply`, of which there is one for each entry of the
tables below. What stands in no table is refused, with its column. A formula works on
arrays of NumPy and of JAX, so that differences can be carried through it.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from secant import relu, sigmoid
from secant.arrays import namespace
from secant_lab.localized_error import Told

LONGEST = 200
"""Characters in a formula."""

DEEPEST = 60
"""Operations inside one another."""

MOST_FUNCTIONS = 8
"""Functions, and powers with a variable in the exponent: each is much to compile."""

COUNTS: Mapping[str, int] = MappingProxyType(
    {"asinh": 4, "acosh": 4, "sinh": 3, "cosh": 3, "tanh": 2, "atanh": 2}
)
"""What counts as several functions: its differences are as much to compile."""

HIGHEST_POWER = 100
"""The largest exponent that may be written as a number."""

NO_ALIASES: Mapping[str, str] = MappingProxyType({})

CONSTANTS: Mapping[str, float] = MappingProxyType(
    {"pi": math.pi, "e": math.e, "tau": math.tau}
)


def _named(name: str) -> Callable[..., Any]:
    return lambda *values: getattr(namespace(*values), name)(*values)


FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = MappingProxyType(
    {
        **{
            name: (1, _named(name))
            for name in (
                *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
                *("exp", "expm1", "log", "log1p", "log2", "log10"),
                *("sqrt", "cbrt", "abs", "sign"),
            )
        },
        **{
            name: (1, _named(f"arc{name[1:]}"))
            for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")
        },
        "sigmoid": (1, sigmoid),
        "relu": (1, relu),
        "max": (2, _named("maximum")),
        "min": (2, _named("minimum")),
    }
)
"""What can be called: how many arguments it takes, and what it does."""

_OPERATORS: Mapping[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.Pow: ("**", operator.pow),
    ast.USub: ("-", operator.neg),
    ast.UAdd: ("+", operator.pos),
}

# Signs that people copy from books, one character for one: columns stay right.
_AS_IN_BOOKS = str.maketrans("−×·÷₀₁\t", "-**/01 ")
_STRANGE = re.compile(r"[^A-Za-z0-9_ .,+\-*/()]")
_SIDE_BY_SIDE = re.compile(
    r"(?<![A-Za-z0-9_.])(\d+\.?\d*|\.\d+)(?![eE][-+\d])([A-Za-z_])"
)


class ExpressionError(Told):
    """A formula that cannot be read.

    Attributes:
        column: Where, from 1.
    """

    def __init__(self, code: str, sentence: str, column: int, **facts: object) -> None:
        """The sentence is what `str` gives."""
        super().__init__(code, sentence, **facts)
        self.column = column


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as it stands there."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, by its place among the arguments."""

    place: int


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of what its arguments come to."""

    function: Callable[..., Any]
    arguments: tuple["Node", ...]


Node = Number | Variable | Apply


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula, which can be called.

    Attributes:
        text: As it was typed.
        variables: The names of its arguments, in their order.
        root: What it consists of.
    """

    text: str
    variables: tuple[str, ...]
    root: Node

    def __call__(self, *values: Any) -> Any:
        """The formula's values: the arrays' common shape and dtype, inf and NaN too.

        Args:
            *values: An array of floats for each variable, of NumPy or JAX.
        """
        xp = namespace(*values)
        with np.errstate(all="ignore"):
            result = _evaluate(self.root, values)
            # A formula of no variable, or of one of two, is a function of all.
            shape = np.broadcast_shapes(*(np.shape(value) for value in values))
            return xp.broadcast_to(
                xp.asarray(result, dtype=xp.result_type(*values)), shape
            )


def expression(
    text: object,
    variables: Sequence[str] = ("x",),
    aliases: Mapping[str, str] = NO_ALIASES,
) -> Expression:
    """The function that a formula describes.

    Args:
        text: At most 200 characters of numbers, variables, `pi`, `e`, `tau`,
            `+ - * / **`, parentheses and the functions of `FUNCTIONS`.
        variables: The names of its variables.
        aliases: Other names that are read too, and the variables that they mean.

    Returns:
        A function of as many arrays.

    Raises:
        ExpressionError: Anything else: what came, where, and what to write instead.

    Example:
        >>> f = expression("x**2 + sin(3*x)")
        >>> f(np.array([0.0, 1.0]))
        array([0.     , 1.14112001])
        >>> bowl = expression("x0**2 + y**2", ("x0", "x1"), {"x": "x0", "y": "x1"})
        >>> bowl(np.array(3.0), np.array(4.0)).item()
        25.0
        >>> expression("sinn(x)")
        Traceback (most recent call last):
        ...
        secant_lab.expressions.ExpressionError: column 1: there is no 'sinn': write ...
    """
    if not isinstance(text, str):
        _refuse("not_text", 1, "the formula is no text: write it as in x**2", came="")
    if len(text) > LONGEST:
        _refuse(
            "too_long",
            LONGEST + 1,
            f"the formula has {len(text):,} characters: write at most {LONGEST}",
            length=len(text),
            most=LONGEST,
        )
    plain = text.translate(_AS_IN_BOOKS)
    if not plain.strip():
        _refuse("empty", 1, "there is no formula: write one, as in x**2")
    _refuse_strange(plain)
    variables = tuple(variables)
    return Expression(text, variables, _Reader(plain, variables, aliases).read())


def _evaluate(node: Node, values: Sequence[Any]) -> Any:
    match node:
        case Number(value):
            return value
        case Variable(place):
            return values[place]
        case Apply(function, arguments):
            return function(*(_evaluate(part, values) for part in arguments))


def _refuse(code: str, column: int, sentence: str, **facts: object) -> NoReturn:
    raise ExpressionError(code, f"column {column}: {sentence}", column, **facts)


def _refuse_strange(text: str) -> None:
    """Refuses what no formula holds, before Python's grammar sees it."""
    strange = _STRANGE.search(text)
    if strange:
        came, column = strange.group(), strange.start() + 1
        if came == "^":
            _refuse("caret", column, "'^' is no power here: write ** as in x**2")
        if came == "=":
            _refuse("equals", column, "'=' came: write only what stands right of it")
        _refuse(
            "character",
            column,
            f"{came!r} means nothing here: write numbers, variables, + - * / ** and "
            "parentheses",
            came=came,
        )
    side = _SIDE_BY_SIDE.search(text)
    if side:
        number, letter = side.groups()
        _refuse(
            "times",
            side.start(2) + 1,
            f"a sign is missing between {number} and {letter}: write {number}*{letter}",
            left=number,
            right=letter,
        )


class _Reader:
    """One formula, while it is read."""

    def __init__(
        self, text: str, variables: tuple[str, ...], aliases: Mapping[str, str]
    ) -> None:
        self.indent = len(text) - len(text.lstrip())
        self.text = text.strip()
        self.variables = variables
        self.places = {name: place for place, name in enumerate(variables)}
        self.places |= {name: self.places[meant] for name, meant in aliases.items()}
        self.functions = 0

    def read(self) -> Node:
        try:
            tree = ast.parse(self.text, mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            column = getattr(error, "offset", None) or 1
            column = min(column, len(self.text) + 1) + self.indent
            _refuse(
                "syntax",
                column,
                "the formula cannot be read from here: see that every parenthesis is "
                "closed and that a sign stands between any two parts, as in 2*sin(x)",
            )
        return self.node(tree.body, 1)

    def node(self, part: ast.expr, depth: int) -> Node:
        if depth > DEEPEST:
            self.refuse(
                part,
                "too_deep",
                f"more than {DEEPEST} operations stand inside one another: write "
                "something simpler",
                most=DEEPEST,
            )
        match part:
            case ast.Constant(value=int() | float() as value) if not isinstance(
                value, bool
            ):
                return self.number(part, value)
            case ast.Name(id=name):
                return self.name(part, name)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return self.apply(
                    part, _OPERATORS[type(op)][1], (self.node(operand, depth + 1),)
                )
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                sides = self.node(left, depth + 1), self.node(right, depth + 1)
                if isinstance(op, ast.Pow):
                    return self.power(right, *sides)
                return self.apply(part, _OPERATORS[type(op)][1], sides)
            case ast.BinOp(op=ast.FloorDiv()):
                self.refuse(part, "floor", "'//' is not known here: write /")
            case ast.Call():
                return self.call(part, depth)
        self.refuse(
            part,
            "kind",
            f"{self.source(part)!r} is nothing to compute with: write numbers, "
            "variables, + - * / ** and functions, as in x**2 + sin(3*x)",
            came=self.source(part),
        )

    def number(self, part: ast.expr, value: float) -> Node:
        try:
            finite = math.isfinite(float(value))
        except OverflowError:
            finite = False
        if not finite:
            self.refuse(
                part,
                "too_large",
                f"{self.source(part)} is more than a float holds: write a number "
                "below 1e308",
                came=self.source(part),
            )
        # A float, but for small whole numbers: x**2 is a square, whatever x's sign.
        return Number(value if abs(value) <= HIGHEST_POWER else float(value))

    def name(self, part: ast.expr, name: str) -> Node:
        if name in self.places:
            return Variable(self.places[name])
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        if name in FUNCTIONS:
            self.refuse(
                part,
                "needs_argument",
                f"{name} is a function: write {name}({self.variables[0]})",
                name=name,
                variable=self.variables[0],
            )
        self.unknown(part, name)

    def unknown(self, part: ast.expr, name: str) -> NoReturn:
        known = [*self.variables, *CONSTANTS, *FUNCTIONS]
        near = get_close_matches(name.lower(), known, n=1)
        hint = f"write {near[0]!r}? There are" if near else "there are"
        self.refuse(
            part,
            "unknown_name",
            f"there is no {name!r}: {hint} {', '.join(known)}",
            name=name,
            near=near[0] if near else "",
            known=", ".join(known),
        )

    def call(self, part: ast.Call, depth: int) -> Node:
        called = part.func
        if not isinstance(called, ast.Name) or called.id in (
            *self.places,
            *CONSTANTS,
        ):
            source = self.source(called)
            self.refuse(
                part,
                "not_called",
                f"{source} cannot be called: write a sign, as in {source}*(…)",
                came=source,
            )
        name = called.id
        if name not in FUNCTIONS:
            self.unknown(called, name)
        self.count_functions(part, COUNTS.get(name, 1))
        takes, function = FUNCTIONS[name]
        arguments = part.args
        if len(arguments) != takes or part.keywords:
            example = (self.variables * takes)[:takes]
            self.refuse(
                part,
                "arguments",
                f"{name} takes {takes}, and {len(arguments)} came: write "
                f"{name}({', '.join(example)})",
                name=name,
                takes=takes,
                came=len(arguments),
            )
        return self.apply(
            part,
            function,
            tuple(self.node(argument, depth + 1) for argument in arguments),
        )

    def power(self, part: ast.expr, base: Node, exponent: Node) -> Node:
        if isinstance(exponent, Number):
            value = exponent.value
            if abs(value) > HIGHEST_POWER:
                self.refuse(
                    part,
                    "power",
                    f"the exponent is {value:g}: write one between -{HIGHEST_POWER} "
                    f"and {HIGHEST_POWER}",
                    came=f"{value:g}",
                    most=HIGHEST_POWER,
                )
            if float(value).is_integer():
                exponent = Number(int(value))
        else:
            self.count_functions(part, 1)
        return self.apply(part, operator.pow, (base, exponent))

    def count_functions(self, part: ast.expr, count: int) -> None:
        self.functions += count
        if self.functions > MOST_FUNCTIONS:
            several = ", ".join(f"{name} as {n}" for name, n in COUNTS.items())
            self.refuse(
                part,
                "too_many",
                f"more than {MOST_FUNCTIONS} functions came ({several} of them): "
                "write something simpler",
                most=MOST_FUNCTIONS,
                several=", ".join(f"{name} {n}" for name, n in COUNTS.items()),
            )

    def apply(
        self, part: ast.expr, function: Callable[..., Any], arguments: tuple[Node, ...]
    ) -> Node:
        """The application; of numbers alone, what it comes to, which must be finite."""
        numbers = [np.float64(a.value) for a in arguments if isinstance(a, Number)]
        if len(numbers) < len(arguments):
            return Apply(function, arguments)
        with np.errstate(all="ignore"):
            value = float(function(*numbers))
        if not math.isfinite(value):
            self.refuse(
                part,
                "not_finite",
                f"{self.source(part)} has no finite value: write one that has",
                came=self.source(part),
            )
        return Number(
            int(value) if value.is_integer() and abs(value) <= HIGHEST_POWER else value
        )

    def refuse(
        self, part: ast.expr, code: str, sentence: str, **facts: object
    ) -> NoReturn:
        _refuse(code, part.col_offset + 1 + self.indent, sentence, **facts)

    def source(self, part: ast.expr) -> str:
        return ast.get_source_segment(self.text, part) or ""
