"""Formulas that users type: a safe parser from `x**2 + sin(3*x)` to a function.

Python's grammar parses the text and evaluates nothing. The syntax tree is translated,
node by node, into `Number`, `Variable` and `Apply`, by the tables below. Everything
outside of these tables is an error with its column. A formula works on NumPy and JAX
arrays, so differences propagate through it.
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
from secant_lab.localized_error import LocalizedError

MAX_CHARACTERS = 200
"""The most characters of a formula."""

MAX_DEPTH = 60
"""The largest depth of nested operations."""

MAX_FUNCTIONS = 8
"""The most functions, and powers with a variable exponent: each takes long to "
"compile."""

FUNCTION_COSTS: Mapping[str, int] = MappingProxyType(
    {"asinh": 4, "acosh": 4, "sinh": 3, "cosh": 3, "tanh": 2, "atanh": 2}
)
"""Functions that count as several, since their differences take as long to compile."""

MAX_EXPONENT = 100
"""The largest constant exponent."""

MAX_COMPILED = 24
"""For how many formulas a room keeps its compiled programs: about 2 MB each."""

NO_ALIASES: Mapping[str, str] = MappingProxyType({})

CONSTANTS: Mapping[str, float] = MappingProxyType(
    {"pi": math.pi, "e": math.e, "tau": math.tau}
)


def _namespace_function(name: str) -> Callable[..., Any]:
    return lambda *values: getattr(namespace(*values), name)(*values)


FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = MappingProxyType(
    {
        **{
            name: (1, _namespace_function(name))
            for name in (
                *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
                *("exp", "expm1", "log", "log1p", "log2", "log10"),
                *("sqrt", "cbrt", "abs", "sign"),
            )
        },
        **{
            name: (1, _namespace_function(f"arc{name[1:]}"))
            for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")
        },
        "sigmoid": (1, sigmoid),
        "relu": (1, relu),
        "max": (2, _namespace_function("maximum")),
        "min": (2, _namespace_function("minimum")),
    }
)
"""Functions of a formula, by name: the number of arguments, and the function."""

_OPERATORS: Mapping[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.Pow: ("**", operator.pow),
    ast.USub: ("-", operator.neg),
    ast.UAdd: ("+", operator.pos),
}

# Typographic signs from books, replaced one by one so that columns stay right.
_TYPOGRAPHIC = str.maketrans("−×·÷₀₁\t", "-**/01 ")
_INVALID_CHARACTER = re.compile(r"[^A-Za-z0-9_ .,+\-*/()]")
_MISSING_OPERATOR = re.compile(
    r"(?<![A-Za-z0-9_.])(\d+\.?\d*|\.\d+)(?![eE][-+\d])([A-Za-z_])"
)


class ExpressionError(LocalizedError):
    """A formula that cannot be read.

    Attributes:
        column: The column of the error, from 1.
    """

    def __init__(self, code: str, sentence: str, column: int, **facts: object) -> None:
        """Make an error; `str` returns the sentence."""
        super().__init__(code, sentence, **facts)
        self.column = column


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, by its index among the arguments."""

    index: int


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of the values of its arguments."""

    function: Callable[..., Any]
    arguments: tuple["Node", ...]


Node = Number | Variable | Apply


@dataclass(frozen=True, slots=True)
class Expression:
    """A callable formula.

    Attributes:
        text: The text as typed.
        variables: The names of its arguments, in order.
        root: The root of its syntax tree.
    """

    text: str
    variables: tuple[str, ...]
    root: Node

    def __call__(self, *values: Any) -> Any:
        """The formula's values in the arrays' shape and dtype; may be inf or NaN.

        Args:
            *values: A NumPy or JAX array of floats for each variable.
        """
        xp = namespace(*values)
        with np.errstate(all="ignore"):
            result = _evaluate(self.root, values)
            # A formula without some of the variables is still a function of all.
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
        aliases: Alternative names, and the variables that they stand for.

    Returns:
        A function of an array for each variable.

    Raises:
        ExpressionError: The text is not such a formula; the message names the error,
            its column, and a correction.

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
        sentence = "the formula is not a text: write it as in x**2"
        _refuse("not_text", 1, sentence, came="")
    if len(text) > MAX_CHARACTERS:
        _refuse(
            "too_long",
            MAX_CHARACTERS + 1,
            f"the formula has {len(text):,} characters: write at most {MAX_CHARACTERS}",
            length=len(text),
            most=MAX_CHARACTERS,
        )
    plain = text.translate(_TYPOGRAPHIC)
    if not plain.strip():
        _refuse("empty", 1, "there is no formula: write one, as in x**2")
    _check_characters(plain)
    variables = tuple(variables)
    return Expression(text, variables, _Parser(plain, variables, aliases).parse())


def _evaluate(node: Node, values: Sequence[Any]) -> Any:
    match node:
        case Number(value):
            return value
        case Variable(index):
            return values[index]
        case Apply(function, arguments):
            return function(*(_evaluate(part, values) for part in arguments))


def _refuse(code: str, column: int, sentence: str, **facts: object) -> NoReturn:
    raise ExpressionError(code, f"column {column}: {sentence}", column, **facts)


def _check_characters(text: str) -> None:
    """Raise an error for characters outside of formulas, before Python parses them."""
    invalid = _INVALID_CHARACTER.search(text)
    if invalid:
        character, column = invalid.group(), invalid.start() + 1
        if character == "^":
            _refuse("caret", column, "'^' is not a power here: write ** as in x**2")
        if character == "=":
            _refuse(
                "equals", column, "'=' has no place here: write only its right side"
            )
        _refuse(
            "character",
            column,
            f"{character!r} means nothing here: write numbers, variables, + - * / ** "
            "and parentheses",
            came=character,
        )
    missing = _MISSING_OPERATOR.search(text)
    if missing:
        number, letter = missing.groups()
        _refuse(
            "times",
            missing.start(2) + 1,
            f"a sign is missing between {number} and {letter}: write {number}*{letter}",
            left=number,
            right=letter,
        )


class _Parser:
    """The parser of one formula."""

    def __init__(
        self, text: str, variables: tuple[str, ...], aliases: Mapping[str, str]
    ) -> None:
        self.indent = len(text) - len(text.lstrip())
        self.text = text.strip()
        self.variables = variables
        self.indices = {name: index for index, name in enumerate(variables)}
        self.indices |= {name: self.indices[main] for name, main in aliases.items()}
        self.functions = 0

    def parse(self) -> Node:
        try:
            tree = ast.parse(self.text, mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            column = getattr(error, "offset", None) or 1
            column = min(column, len(self.text) + 1) + self.indent
            _refuse(
                "syntax",
                column,
                "the formula cannot be read from here: close every parenthesis, and "
                "write a sign between any two parts, as in 2*sin(x)",
            )
        return self.node(tree.body, 1)

    def node(self, part: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self.refuse(
                part,
                "too_deep",
                f"more than {MAX_DEPTH} operations are nested: write a simpler formula",
                most=MAX_DEPTH,
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
                self.refuse(part, "floor", "'//' is unknown here: write /")
            case ast.Call():
                return self.call(part, depth)
        self.refuse(
            part,
            "kind",
            f"{self.source(part)!r} cannot be computed: write numbers, variables, "
            "+ - * / ** and functions, as in x**2 + sin(3*x)",
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
                f"{self.source(part)} is larger than any float: write a number below "
                "1e308",
                came=self.source(part),
            )
        # Small whole numbers stay integers, so that x**2 is a square for negative x.
        return Number(value if abs(value) <= MAX_EXPONENT else float(value))

    def name(self, part: ast.expr, name: str) -> Node:
        if name in self.indices:
            return Variable(self.indices[name])
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
        matches = get_close_matches(name.lower(), known, n=1)
        hint = f"write {matches[0]!r}? There are" if matches else "there are"
        self.refuse(
            part,
            "unknown_name",
            f"there is no {name!r}: {hint} {', '.join(known)}",
            name=name,
            near=matches[0] if matches else "",
            known=", ".join(known),
        )

    def call(self, part: ast.Call, depth: int) -> Node:
        called = part.func
        if not isinstance(called, ast.Name) or called.id in (
            *self.indices,
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
        self.count_functions(part, FUNCTION_COSTS.get(name, 1))
        arity, function = FUNCTIONS[name]
        arguments = part.args
        if len(arguments) != arity or part.keywords:
            example = (self.variables * arity)[:arity]
            self.refuse(
                part,
                "arguments",
                f"{name} takes {arity}, and {len(arguments)} came: write "
                f"{name}({', '.join(example)})",
                name=name,
                takes=arity,
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
            if abs(value) > MAX_EXPONENT:
                self.refuse(
                    part,
                    "power",
                    f"the exponent is {value:g}: write one between -{MAX_EXPONENT} "
                    f"and {MAX_EXPONENT}",
                    came=f"{value:g}",
                    most=MAX_EXPONENT,
                )
            if float(value).is_integer():
                exponent = Number(int(value))
        else:
            self.count_functions(part, 1)
        return self.apply(part, operator.pow, (base, exponent))

    def count_functions(self, part: ast.expr, count: int) -> None:
        self.functions += count
        if self.functions > MAX_FUNCTIONS:
            several = ", ".join(f"{name} as {n}" for name, n in FUNCTION_COSTS.items())
            self.refuse(
                part,
                "too_many",
                f"there are more than {MAX_FUNCTIONS} functions ({several} of them): "
                "write a simpler formula",
                most=MAX_FUNCTIONS,
                several=", ".join(f"{name} {n}" for name, n in FUNCTION_COSTS.items()),
            )

    def apply(
        self, part: ast.expr, function: Callable[..., Any], arguments: tuple[Node, ...]
    ) -> Node:
        """The application; constant arguments give a constant, which must be finite."""
        numbers = [np.float64(a.value) for a in arguments if isinstance(a, Number)]
        if len(numbers) < len(arguments):
            return Apply(function, arguments)
        with np.errstate(all="ignore"):
            value = float(function(*numbers))
        if not math.isfinite(value):
            self.refuse(
                part,
                "not_finite",
                f"{self.source(part)} has no finite value: write a finite number",
                came=self.source(part),
            )
        return Number(
            int(value) if value.is_integer() and abs(value) <= MAX_EXPONENT else value
        )

    def refuse(
        self, part: ast.expr, code: str, sentence: str, **facts: object
    ) -> NoReturn:
        _refuse(code, part.col_offset + 1 + self.indent, sentence, **facts)

    def source(self, part: ast.expr) -> str:
        return ast.get_source_segment(self.text, part) or ""
