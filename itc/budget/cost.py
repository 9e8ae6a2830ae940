"""What was spent (`Cost`) and what may be spent (`Budget`).

Costs form a commutative monoid under ``+``; budgets form a meet-semilattice under ``&`` whose unit is
`UNLIMITED`. Money, FLOPs and idealised time are integers, so that sums do not depend on the order in which
replies came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from itc.errors import ConfigError, did_you_mean

Amount = int | float
"""An integer, or ``math.inf`` in a budget and in a worst case that nobody can bound."""

PICODOLLARS = 10**12
"""Prices are kept in units of 1e-12 US dollars: 0.0375 dollars a million tokens is 37,500 of them."""

PICOSECONDS = 10**12
"""Idealised time is kept in units of 1e-12 seconds."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Compute spent, by unit. Every field adds up."""

    calls: Amount = 0
    """Draws and scorings asked for; a request for n draws counts n."""
    prompt_tokens: Amount = 0
    """Prompt tokens as the engine counts them, cached ones included."""
    cached_tokens: Amount = 0
    """The part of ``prompt_tokens`` that the engine served from its prefix cache."""
    completion_tokens: Amount = 0
    flops: Amount = 0
    picodollars: Amount = 0
    picoseconds: Amount = 0
    """Device time, by the roofline of the hardware that each model's configuration names."""

    @property
    def tokens(self) -> Amount:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def usd(self) -> float:
        """US dollars."""
        return self.picodollars / PICODOLLARS

    @property
    def idealised_seconds(self) -> float:
        """Device time in seconds; 0 where no hardware is named."""
        return self.picoseconds / PICOSECONDS

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.flops + other.flops,
            self.picodollars + other.picodollars,
            self.picoseconds + other.picoseconds,
        )

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.calls - other.calls,
            self.prompt_tokens - other.prompt_tokens,
            self.cached_tokens - other.cached_tokens,
            self.completion_tokens - other.completion_tokens,
            self.flops - other.flops,
            self.picodollars - other.picodollars,
            self.picoseconds - other.picoseconds,
        )

    def __or__(self, other: Cost) -> Cost:
        """The join: the larger in every unit."""
        return Cost(
            max(self.calls, other.calls),
            max(self.prompt_tokens, other.prompt_tokens),
            max(self.cached_tokens, other.cached_tokens),
            max(self.completion_tokens, other.completion_tokens),
            max(self.flops, other.flops),
            max(self.picodollars, other.picodollars),
            max(self.picoseconds, other.picoseconds),
        )

    def times(self, n: Amount) -> Cost:
        """``n`` of this; 0 × ∞ is 0."""

        def scaled(x: Amount) -> Amount:
            return x * n if x and n else 0

        return Cost(
            scaled(self.calls),
            scaled(self.prompt_tokens),
            scaled(self.cached_tokens),
            scaled(self.completion_tokens),
            scaled(self.flops),
            scaled(self.picodollars),
            scaled(self.picoseconds),
        )

    def as_dict(self) -> dict[str, Amount]:
        """Plain numbers for rows and reports: dollars as dollars, time as seconds."""
        return {
            "calls": self.calls,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "tokens": self.tokens,
            "flops": self.flops,
            "usd": self.usd,
            "idealised_seconds": self.idealised_seconds,
        }


ZERO = Cost()
UNBOUNDED = Cost(math.inf, math.inf, 0, math.inf, math.inf, math.inf, math.inf)
"""The worst case of something that nobody can bound."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps, one for each unit; a missing cap is infinite.

    ``usd`` is in US dollars, ``idealised_seconds`` in seconds of device time by the roofline of the models'
    hardware, ``seconds`` in seconds of wall clock, ``sequential_tokens`` in completion tokens along the
    critical path. ConfigError for a negative cap, NaN, or a fraction of a token.
    """

    calls: Amount = math.inf
    tokens: Amount = math.inf
    prompt_tokens: Amount = math.inf
    completion_tokens: Amount = math.inf
    flops: Amount = math.inf
    usd: Amount = math.inf
    idealised_seconds: Amount = math.inf
    seconds: Amount = math.inf
    sequential_tokens: Amount = math.inf

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or math.isnan(value)
                or value < 0
            ):
                raise ConfigError(
                    f"Budget {f.name}={value!r}: expected a number ≥ 0. Leave it out for no limit."
                )
            if f.name in _WHOLE and isinstance(value, float) and not math.isinf(value):
                if value != int(value):
                    raise ConfigError(f"Budget {f.name}={value!r}: expected a whole number.")
                object.__setattr__(self, f.name, int(value))

    @staticmethod
    def of(caps: Mapping[str, Amount | None]) -> Budget:
        """From a mapping of unit to cap; None means no cap. ConfigError for an unknown unit."""
        known = {f.name for f in fields(Budget)}
        for name in caps:
            if name not in known:
                raise ConfigError(f"Budget has no unit {name!r}. {did_you_mean(name, known)}")
        return Budget(**{k: v for k, v in caps.items() if v is not None})

    def __and__(self, other: Budget) -> Budget:
        """The meet: the tighter cap in every unit."""
        return Budget(*(min(a, b) for a, b in zip(self._caps(), other._caps(), strict=True)))

    def _caps(self) -> tuple[Amount, ...]:
        return (
            self.calls,
            self.tokens,
            self.prompt_tokens,
            self.completion_tokens,
            self.flops,
            self.usd,
            self.idealised_seconds,
            self.seconds,
            self.sequential_tokens,
        )

    @property
    def unlimited(self) -> bool:
        """Whether no unit is capped."""
        return all(cap == math.inf for cap in self._caps())

    def stated(self) -> dict[str, Amount]:
        """The finite caps, by unit."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) != math.inf}

    def scopes(self) -> tuple[Budget, Budget]:
        """(whole run, each problem): dollars and seconds cap a run, compute caps each problem."""
        return (
            Budget(usd=self.usd, seconds=self.seconds),
            replace(self, usd=math.inf, seconds=math.inf),
        )


_WHOLE = {"calls", "tokens", "prompt_tokens", "completion_tokens", "flops", "sequential_tokens"}

UNLIMITED = Budget()


def shares(amount: Amount, wanted: Sequence[Amount]) -> list[Amount]:
    """``amount`` divided among branches that want so much each: max-min fair.

    Nobody gets more than it wants while another lacks something; who lacks something gets as much as any
    other. What all leave over is divided evenly. The remainder of a division goes to the first.
    """
    n = len(wanted)
    if amount == math.inf:
        return [amount] * n
    spare = amount - sum(wanted)
    if spare >= 0:
        each, rest = divmod(spare, n)
        return [want + each + (i < rest) for i, want in enumerate(wanted)]
    given: list[Amount] = [0] * n
    for place, i in enumerate(sorted(range(n), key=lambda i: (wanted[i], -i))):
        given[i] = min(wanted[i], amount // (n - place))
        amount -= given[i]
    return given
