"""A strategy: a frozen value that transforms a weighted population of candidates.

Operators build bigger strategies from smaller ones; each is a node in a file of its own, imported where
it is made because nodes are strategies themselves.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache, wraps
from inspect import isawaitable
from keyword import kwlist
from typing import Any, ClassVar

from itc.algebra.context import Context, Scorer, Shape
from itc.algebra.registry import Ref
from itc.budget.cost import UNBOUNDED, Amount, Budget, Cost
from itc.errors import ConfigError, did_you_mean
from itc.types import Population

UNION, THEN, TIMES, POWER, ATOM = range(1, 6)
"""Binding strength of a text, as in Python: a | b, a >> b, a * n, a ** n, a(…)."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a strategy asks of its surroundings, checked before the first call."""

    capabilities: frozenset[tuple[str, str]] = frozenset()
    """(role, capability) pairs; ("policy", "") says only that the role must be played."""
    scorers: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(self.capabilities | other.capabilities, self.scorers | other.scorers)


class Strategy:
    """``async (Population, Context) -> Population``, as a value.

    Equal strategies do the same; ``str`` gives the expression that makes it, and ``parse`` reads it back.
    """

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """The transformed population. What the budget refuses is left as it was."""
        raise TypeError(f"{type(self).__name__} is not runnable")

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """The most it can cost on such a population, and the shape of what comes out."""
        return UNBOUNDED, Shape(math.inf, math.inf, math.inf)

    def parts(self) -> tuple[Strategy, ...]:
        """The strategies it is made of."""
        return ()

    def own_needs(self) -> Needs:
        """What it asks for beyond its parts."""
        return Needs()

    def check(self, scorers: Mapping[str, Scorer]) -> None:
        """ConfigError for what does not fit together, before anything runs."""

    @property
    def needs(self) -> Needs:
        """What the whole of it asks for."""
        total = Needs()
        for node in self.walk():
            total |= node.own_needs()
        return total

    @cached_property
    def size(self) -> int:
        """Stages that it may run, repetitions counted."""
        return max(1, sum(part.size for part in self.parts()))

    def walk(self) -> Iterator[Strategy]:
        """Itself and everything inside it, each equal strategy once."""
        seen: set[Strategy] = set()
        stack: list[Strategy] = [self]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                yield node
                stack.extend(node.parts())

    def text(self) -> tuple[str, int]:
        """Its expression, and how strongly that binds."""
        raise TypeError(f"{type(self).__name__} has no text form")

    def wrapped(self, level: int) -> str:
        """Its expression, in parentheses if it binds less strongly than ``level``."""
        text, mine = self.text()
        return text if mine >= level else f"({text})"

    def __str__(self) -> str:
        return self.text()[0]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        """What a notebook shows of it: the expression."""
        printer.text(str(self))

    # ------------------------------------------------------------------ operators
    def __rshift__(self, other: Strategy) -> Strategy:
        """``a >> b``: then. Associative; unit ``identity``."""
        from itc.algebra.sequence import Pipeline

        return Pipeline.of(self, other) if isinstance(other, Strategy) else NotImplemented

    def __or__(self, other: Strategy) -> Strategy:
        """``a | b``: both, pooled. Associative; unit ``empty``."""
        from itc.algebra.parallel import Union

        return Union.of(self, other) if isinstance(other, Strategy) else NotImplemented

    def __mul__(self, n: int) -> Strategy:
        """``a * n``: n independent copies, pooled; ``a * 0`` is ``empty``."""
        from itc.algebra.parallel import Union

        return Union.of(*[self] * count(n, "a * n", most=MANY))

    __rmul__ = __mul__

    def __pow__(self, n: int) -> Strategy:
        """``a ** n``: n times in sequence; ``a ** 0`` is ``identity``."""
        from itc.algebra.sequence import Pipeline

        return Pipeline.of(*[self] * count(n, "a ** n", most=MANY))

    def until(self, stop: Ref | str, at_most: int) -> Strategy:
        """``a ** at_most`` that ends as soon as ``stop`` holds, asked before each round."""
        from itc.algebra.sequence import Until, identity

        return Until(self, Ref.of("predicate", stop), at_most) if count(at_most, "at_most") else identity

    def grow(self, stop: Ref | str, at_most: int) -> Strategy:
        """``a * at_most`` one copy at a time, ending as soon as ``stop`` holds of what there is."""
        from itc.algebra.parallel import Grow

        stop = Ref.of("predicate", stop)
        return Grow(self, stop, at_most) if count(at_most, "at_most") > 1 else self * at_most

    def within(self, cap: Budget | None = None, /, **caps: Amount) -> Strategy:
        """At most this cost: ``a.within(tokens=500)``. Nested caps meet."""
        from itc.algebra.control import Within

        return Within.of(self, Budget.of(caps) & (cap or Budget()))

    def atomic(self) -> Strategy:
        """All of it, or nothing: where the budget refuses a part, the population is left as it was."""
        from itc.algebra.control import Atomic

        return self if isinstance(self, Atomic) else Atomic(self)

    def otherwise(self, other: Strategy) -> Strategy:
        """``b`` where ``a`` fails or yields nothing. Associative; unit ``empty``."""
        from itc.algebra.control import Otherwise

        if not isinstance(other, Strategy):
            raise ConfigError(f"a.otherwise(b): expected a strategy, got {other!r}.")
        return Otherwise.of(self, other)


MANY = 1_000_000
"""Draws or copies at most: more would fill the memory before the first call."""


def count(n: object, what: str, least: int = 0, most: int = 2**31 - 1) -> int:
    """n, checked. ConfigError unless it is an integer from ``least`` to ``most``."""
    if isinstance(n, bool) or not isinstance(n, int) or n < least:
        raise ConfigError(f"{what}: expected an integer ≥ {least}, got {n!r}.")
    if n > most:
        given = str(n) if n < 2**64 else f"one of {n.bit_length()} bits"
        raise ConfigError(f"{what}: expected an integer ≤ {most}, got {given}.")
    return n


def number(x: object, what: str, low: float, high: float) -> float:
    """x, checked. ConfigError unless it is a number in [low, high]."""
    if isinstance(x, bool) or not isinstance(x, int | float) or not low <= x <= high:
        raise ConfigError(f"{what}: expected a number in [{low:g}, {high:g}], got {x!r}.")
    return x


def one_of(x: object, what: str, *known: str) -> str:
    """x, checked. ConfigError unless it is one of ``known``."""
    if x not in known:
        raise ConfigError(f"{what}: {x!r} is none of {', '.join(known)}. {did_you_mean(str(x), known)}")
    return str(x)


async def holds(test: Ref, pop: Population, ctx: Context) -> bool:
    """Whether a predicate holds; it may be a coroutine function."""
    value = test.run(pop, ctx)
    return bool(await value if isawaitable(value) else value)


@dataclass(frozen=True)
class Stage(Strategy):
    """A leaf: it prints as a call of its factory, with the arguments that differ from the defaults.

    What it spends is booked to its text, except for what the stages inside it spend.
    """

    factory: ClassVar[str]
    positional: ClassVar[tuple[str, ...]] = ()
    keeps_line: ClassVar[bool] = False
    """Whether it notes itself what would be returned while it runs (`Context.note`), which it may where its
    parts run one after another; they get the context `aside`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            cls.__call__ = _named(cls.__call__)  # type: ignore[assignment,method-assign]

    def text(self) -> tuple[str, int]:
        """``factory(positional, keyword=…)``."""
        return f"{self.name()}({', '.join(self._arguments())})", ATOM

    def name(self) -> str:
        """The name of the factory that makes it."""
        return self.factory

    def _arguments(self) -> Iterator[str]:
        bare = True
        first = self.order()
        named = {f.name: f for f in fields(self) if f.name not in self.hidden()}
        for name in (*first, *(name for name in named if name not in first)):
            value, default = getattr(self, name), named[name].default
            if value == default and type(value) is type(default):
                bare = False
                continue
            shown = argument(value)
            yield shown if bare and name in first else f"{name}={shown}"

    def order(self) -> tuple[str, ...]:
        """Fields that come first, and without their names as long as none before them was left out."""
        return self.positional

    def hidden(self) -> tuple[str, ...]:
        """Fields that the factory's name implies."""
        return ()


_Call = Callable[[Any, Population, Context], Awaitable[Population]]


def _named(call: _Call) -> _Call:
    """The call, in a context that names the stage."""

    @wraps(call)
    def run(self: Stage, pop: Population, ctx: Context) -> Awaitable[Population]:
        line = ctx.anytime if self.keeps_line else None
        return call(self, pop, replace(ctx, stage=_label(self), anytime=line))

    return run


# Stages are made anew for every draw, and their texts are not: one is found by the stage's value.
_label = lru_cache(maxsize=4096)(str)

YAML_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
"""Bare names that are constants, as in the configuration files: they are no names of scorers."""
_RESERVED = frozenset((*kwlist, *YAML_CONSTANTS, "identity", "empty"))


def argument(value: Any) -> str:
    """A value as an argument in an expression: names bare, other text quoted."""
    # Python folds other alphabets' letters in names together: such text is quoted.
    if isinstance(value, str) and value.isascii() and value.isidentifier() and value not in _RESERVED:
        return value
    if isinstance(value, Ref | Strategy):
        return str(value)
    return repr(value)
