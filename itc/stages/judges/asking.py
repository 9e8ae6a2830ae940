"""What all judges share: a prompt, a role, k replies, and their worst case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from itc.algebra.context import Context
from itc.algebra.registry import Ref
from itc.algebra.strategy import Needs, Stage, count, number
from itc.backends.base import Completion, Request
from itc.budget.cost import Amount, Cost
from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.judges.shown import shown_bytes
from itc.types import Candidate, Step

INVALID = ("invalid", 1.0)
"""The score of a reply that could not be read."""


def noted(value: float | None) -> tuple[str, float]:
    """The score that a reply stands in the trace with."""
    return INVALID if value is None else ("verdict", value)


@dataclass(frozen=True)
class Asking(Stage):
    """Asks the model in ``role`` what ``prompt(problem, candidates)`` says, ``k`` times, and keeps what it
    learns as the score ``by``.

    The prompt is the whole of what the model sees: the system turn is the policy's and is not sent. Fields
    of sampling that are None are the role's own. Every reply stands in the trace as a critique; what one text
    was given has the score ``verdict``, and a reply that could not be read the score ``invalid``, 1.
    """

    prompt: Ref
    k: int = 1
    role: str = "judge"
    by: str = "judge"
    temperature: float | None = None
    max_tokens: int | None = None

    def limit(self, ctx: Context) -> int:
        """Completion tokens of one reply at most."""
        return self.max_tokens or ctx.role(self.role).sampling.max_tokens

    def request(
        self, shown: tuple[Candidate, ...], key: Key, ctx: Context, told: int = 0, index: int | None = None
    ) -> Request:
        """One question. With ``index`` it is that member of the group of questions that share ``key``."""
        s = ctx.role(self.role).sampling
        return Request(
            self.prompt.run(ctx.problem, shown),
            key if index is None else key.fold(index),
            temperature=s.temperature if self.temperature is None else self.temperature,
            top_p=s.top_p,
            top_k=s.top_k,
            min_p=s.min_p,
            max_tokens=self.limit(ctx),
            stop=s.stop,
            alternatives=told,
            group=None if index is None else key,
            index=index or 0,
        )

    def reply_cost(self, n: Amount, tokens: Amount, ctx: Context) -> Cost:
        """The most that one question about ``n`` candidates of ``tokens`` tokens each can cost."""
        role, limit = ctx.role(self.role), self.limit(ctx)
        asked = shown_bytes(self.prompt, ctx.problem, n, tokens)
        bare = role.backend.prompt_bound(Request("", Key(), max_tokens=limit))
        return role.price.cost(bare + asked, 0, limit)

    def note(self, ctx: Context, request: Request, reply: Completion, *scores: tuple[str, float]) -> None:
        """Keep a reply in the trace."""
        text = Step(reply.text, reply.usage.completion_tokens, kind="critique", finish=reply.finish)
        ctx.trace.add(Candidate(request.key, (text,), scores=scores, done=True))

    def own_needs(self) -> Needs:
        """Its role."""
        return Needs(frozenset({(self.role, "")}))


def asking(what: str, prompt: Ref | str, k: int, **options: Any) -> dict[str, Any]:
    """The fields of `Asking`, checked. ConfigError that names the stage ``what``."""
    if options.get("temperature") is not None:
        options["temperature"] = number(options["temperature"], f"{what}(temperature=)", 0.0, 100.0)
    if options.get("max_tokens") is not None:
        count(options["max_tokens"], f"{what}(max_tokens=)", 1)
    for name in ("role", "by"):
        if not options.get(name, name):
            raise ConfigError(f"{what}({name}=''): expected a name.")
    return {"prompt": Ref.of("prompt", prompt), "k": count(k, f"{what}(k)", 1), **options}
