"""The text form: ``parse(str(s)) == s``.

A walk over Python's syntax tree that admits registered names, literals and the operators of the algebra,
and nothing else: no attribute but the operators, no subscript, no comprehension, no evaluation.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

from itc.algebra.parallel import empty
from itc.algebra.registry import FUNCTIONS, STRATEGIES, Ref
from itc.algebra.sequence import identity
from itc.algebra.strategy import YAML_CONSTANTS, Strategy
from itc.errors import ConfigError, did_you_mean

METHODS = ("until", "grow", "within", "atomic", "otherwise")
CONSTANTS: dict[str, Strategy] = {"identity": identity, "empty": empty}
LONGEST, DEEPEST, LARGEST = 20_000, 100, 100_000
"""Characters, nesting and stages of a text at most."""
_SHOWN = 200
"""Characters of a text that a message repeats."""


def parse(text: str) -> Strategy:
    """The strategy that an expression describes. ConfigError with the place and the nearest known name."""
    if len(text) > LONGEST:
        raise ConfigError(f"A strategy of {len(text)} characters: expected at most {LONGEST}.")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        value = _Reader(text.strip()).read(tree.body)
    except SyntaxError as error:
        raise ConfigError(
            f"Strategy {_cut(text)!r} is not an expression: {error.msg} at character {error.offset}. "
            "Example: 'sample(16) >> score(prm, last) >> vote(prm)'."
        ) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise ConfigError(f"Strategy text cannot be read ({error}); expected one short expression.") from None
    if not isinstance(value, Strategy):
        raise ConfigError(
            f"{_cut(text)!r} is a {type(value).__name__}; expected a strategy, as 'sample(8) >> vote()'."
        )
    return value


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    def read(self, node: ast.expr, argument: bool = False) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ConfigError(f"A strategy nested more than {DEEPEST} deep: name parts of it as methods.")
        value = self._read(node, argument)
        self.depth -= 1
        if isinstance(value, Strategy):
            _check_size(value.size)
        return value

    def _read(self, node: ast.expr, argument: bool) -> Any:
        match node:
            case ast.Constant(value=str() as value) if any("\ud800" <= c <= "\udfff" for c in value):
                raise ConfigError(f"{value!r} holds half a character, which no text in UTF-8 can.")
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                if not isinstance(value, bool):
                    return -value
            case ast.Name(id=name):
                return self._name(name, argument)
            case ast.BinOp():
                return self._chain(node)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self._call(self._function(name), name, args, keywords)
            case ast.Call(func=ast.Attribute(value=body, attr=method), args=args, keywords=keywords):
                return self._method(self.read(body), method, args, keywords)
        raise self._refused(node)

    def _refused(self, node: ast.expr) -> ConfigError:
        part = _cut(ast.get_source_segment(self.text, node) or type(node).__name__)
        return ConfigError(
            f"{part!r} cannot stand in a strategy: expected names of stages and methods, numbers, quoted "
            f"text, the operators >> | * ** and .{'() .'.join(METHODS)}()."
        )

    def _name(self, name: str, argument: bool) -> Any:
        if name in CONSTANTS:
            return CONSTANTS[name]
        if argument and name in YAML_CONSTANTS:
            return YAML_CONSTANTS[name]
        if argument:
            # A bare name among arguments is a name: of a scorer, an aggregation, a registered function.
            return name
        if name in STRATEGIES:
            raise ConfigError(f"{name!r} is a stage: write it with parentheses, {name}(…).")
        raise ConfigError(f"Unknown strategy {name!r}. {did_you_mean(name, (*STRATEGIES, *CONSTANTS))}")

    def _function(self, name: str) -> Callable[..., Any]:
        if name in STRATEGIES:
            return STRATEGIES[name]
        for kind, registry in FUNCTIONS.items():
            if name in registry:
                return Ref(kind, name)
        raise ConfigError(f"Unknown strategy {name!r}. {did_you_mean(name, (*STRATEGIES, *CONSTANTS))}")

    def _chain(self, node: ast.BinOp) -> Any:
        # a >> b >> c nests to the left without being deep: its parts are read one after another.
        parts = [node]
        while isinstance(inner := parts[-1].left, ast.BinOp) and type(inner.op) is type(node.op):
            parts.append(inner)
        value = self.read(parts[-1].left)
        for part in reversed(parts):
            value = self._operator(part, part.op, value, self.read(part.right))
        return value

    def _operator(self, node: ast.expr, op: ast.operator, a: Any, b: Any) -> Any:
        strategies = isinstance(a, Strategy), isinstance(b, Strategy)
        if isinstance(op, ast.RShift) and all(strategies):
            return a >> b
        if isinstance(op, ast.BitOr) and all(strategies):
            return a | b
        if isinstance(op, ast.Mult | ast.Pow) and strategies == (True, False):
            _check_size(a.size * b if isinstance(b, int) else 0)
            return a * b if isinstance(op, ast.Mult) else a**b
        raise self._refused(node)

    def _call(
        self, f: Callable[..., Any], name: str, args: list[ast.expr], keywords: list[ast.keyword]
    ) -> Any:
        given = [self.read(a, argument=True) for a in args]
        named = {}
        for k in keywords:
            if k.arg is None:
                raise ConfigError(f"{name}(**…): expected arguments by name.")
            if k.arg in named:
                raise ConfigError(f"{name}(): {k.arg} is given twice.")
            named[k.arg] = self.read(k.value, argument=True)
        return call(f, name, given, named)

    def _method(self, body: Any, method: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
        if not isinstance(body, Strategy) or method not in METHODS:
            raise ConfigError(f".{method}() is no operator of strategies. {did_you_mean(method, METHODS)}")
        if method == "within" and args:
            raise ConfigError("within() takes its caps by name: a.within(tokens=500, calls=8).")
        return self._call(getattr(body, method), f".{method}", args, keywords)


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise ConfigError(f"A strategy of up to {size} stages: expected at most {LARGEST}.")


def call(f: Callable[..., Any], name: str, args: list[Any], named: dict[str, Any]) -> Any:
    """f(*args, **named); ConfigError that names a wrong or missing argument and what is known."""
    if isinstance(f, Ref):
        if args:
            raise ConfigError(f"{name}(…): arguments of a {f.kind} are given by name.")
        return f(**named)
    signature = inspect.signature(f)
    known = [p.name for p in signature.parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    takes_any = any(p.kind == p.VAR_KEYWORD for p in signature.parameters.values())
    for key in named:
        if key not in known and not takes_any:
            raise ConfigError(f"{name}() has no argument {key!r}. {did_you_mean(key, known)}")
    try:
        signature.bind(*args, **named)
    except TypeError as error:
        raise ConfigError(f"{name}{signature}: {error}.") from None
    try:
        return f(*args, **named)
    except TypeError as error:
        raise ConfigError(f"{name}(): {error}.") from None
