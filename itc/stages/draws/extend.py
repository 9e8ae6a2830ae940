"""Draws: continue, step, rewrite or annotate every candidate."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

from itc.algebra.context import BYTES_PER_TOKEN, Context, Shape
from itc.algebra.local import Local
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import MANY, Needs, Stage, Strategy, count, number, one_of
from itc.backends.base import WHOLE, Completion, Request, Sampling, confidence_needs
from itc.budget.cost import ZERO, Cost
from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.draws.asked import prompt_bytes
from itc.stages.draws.path import ids_of, solution, step_of, stops
from itc.stages.draws.splitters import NEEDS, At, Splitting, checked, split
from itc.types import Candidate, Kind, Population, Step


def alike(requests: Sequence[Request], n: int) -> list[Request]:
    """The requests, those that ask the same in one group: particles that stand at one text may share a call.

    ``n``: draws of a candidate. The first candidate of a text keeps its group and indices; keys stay.
    """
    groups: dict[Hashable, dict[Key, int]] = {}
    made = []
    for r in requests:
        assert r.group is not None
        ranks = groups.setdefault((r.prompt, r.prefix, r.prefix_ids, r.max_tokens, r.stop), {})
        rank = ranks.setdefault(r.group, len(ranks))
        made.append(replace(r, group=next(iter(ranks)), index=rank * n + r.index) if rank else r)
    return made


@dataclass(frozen=True)
class Extend(Stage, Local):
    """n draws from every unfinished candidate; finished ones pass through.

    A step of another kind than the solution finishes no candidate, and draws from none whose last step is of
    that kind and ended by itself, or whose steps of that kind have used up ``max_tokens``.

    Draw i of a candidate is keyed by the candidate and i alone: the first four of 256 are the four of 4. An
    engine that makes several draws in one call may make those of equal candidates together.
    A candidate whose draws are all refused stays as it is.
    """

    form: str
    n: int = 1
    prompt: Ref | None = None
    role: str = "policy"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: str | None = None
    confidence: int = 0
    at: At = None
    kind: str = "solution"
    only: int | None = None
    """Make draw number ``only`` alone: a piece of the whole, made by fusion."""

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Children take the place of their parent, in order of draw."""
        indices = range(self.n) if self.only is None else (self.only,)
        sampling = self.sampling(ctx)
        live = [c for c in pop if self._draws_from(c, sampling)]
        jobs = [(c, c.key.fold("draw", i), i) for c in live for i in indices]
        requests = [self.request(c, k, i, sampling, ctx) for c, k, i in jobs]
        if len(live) > 1:
            requests = alike(requests, self.n)
        watch = partial(Splitting, self.at) if isinstance(self.at, Ref) else None
        drawn = await ctx.generate(requests, self.role, watch)
        children: dict[Key, list[Candidate]] = {c.key: [] for c in live}
        for (c, key, _), completion in zip(jobs, drawn, strict=True):
            if completion is not None:
                child = self.child(c, key, completion, sampling, ctx)
                ctx.trace.add(child)
                children[c.key].append(child)
        return Population(tuple(x for c in pop for x in (children.get(c.key) or (c,))))

    @property
    def _reopens(self) -> bool:
        return self.form in ("rewrite", "annotate")

    @property
    def _aside(self) -> bool:
        """Whether what is drawn is no part of the answer, and leaves the candidate unfinished."""
        return self.form == "step" and self.kind != "solution"

    def _draws_from(self, c: Candidate, sampling: Sampling) -> bool:
        if not self._aside or c.done:
            return self._reopens or not c.done
        over = bool(c.steps) and c.steps[-1].kind == self.kind and c.finish == "eos"
        return not over and c.spent_on(self.kind) < sampling.max_tokens

    def sampling(self, ctx: Context) -> Sampling:
        """The role's, with what the stage says otherwise."""
        given = {f: v for f in ("temperature", "top_p", "max_tokens") if (v := getattr(self, f)) is not None}
        sampling = ctx.role(self.role).sampling
        stop = sampling.stop if self.stop is None else (*sampling.stop, self.stop)
        confidence = self.confidence or sampling.confidence
        sampling = replace(sampling, stop=stop, confidence=confidence, **given)
        if isinstance(self.at, str):
            return replace(sampling, step=self.at)
        if isinstance(self.at, int):
            return replace(sampling, step="", step_tokens=self.at)
        return sampling if self.at is None else replace(sampling, step="")

    def request(self, c: Candidate, key: Key, index: int, sampling: Sampling, ctx: Context) -> Request:
        """Draw number ``index`` of a candidate."""
        problem = ctx.problem
        prompt, prefix, ids = problem.prompt, c.text, ids_of(c)
        limit = sampling.max_tokens - c.spent_on(self.kind)
        if self.prompt is not None:
            prompt, prefix, ids, limit = self.prompt.run(problem, (c,)), "", (), sampling.max_tokens
        if self.form == "step":
            limit = min(limit, sampling.step_tokens)
        return Request(
            prompt=prompt,
            key=key,
            system=problem.system,
            prefix=prefix,
            prefix_ids=ids,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            max_tokens=max(1, limit),
            stop=stops(sampling.stop, prefix),
            step=sampling.step if self.form == "step" else "",
            logprobs=sampling.logprobs,
            confidence=sampling.confidence,
            group=c.key,
            index=index,
        )

    def child(self, c: Candidate, key: Key, drawn: Completion, sampling: Sampling, ctx: Context) -> Candidate:
        """What a draw makes of a candidate."""
        piece = step_of(drawn, self.kind)
        if isinstance(self.at, Ref):
            piece = split(self.at, piece)
        if self.form == "step" and piece.finish == "open":
            piece = self._told(piece, c, sampling, ctx)
        if self._aside and not piece.text:
            piece = replace(piece, finish="eos")
        steps = (piece,) if self.form == "rewrite" else (*c.steps, piece)
        child = replace(c, key=key, parent=c.key, steps=steps, done=not self._aside, answer=None)
        if child.done and self.form == "step" and piece.text and piece.finish in ("step", "length"):
            full = child.spent_on(self.kind) >= sampling.max_tokens
            child = replace(child, done=full or ctx.answers.finished(solution(child)))
        if not child.done or self.kind != "solution":
            return child
        return replace(child, answer=ctx.answers.extract(solution(child)))

    def _told(self, piece: Step, c: Candidate, sampling: Sampling, ctx: Context) -> Step:
        # The server did not say whether it met the delimiter or the end of the text. An empty piece, or
        # a stated answer, are the end.
        stated = not self._aside and ctx.answers.finished(solution(c) + piece.text)
        if not piece.text.strip() or stated:
            return replace(piece, finish="eos")
        return replace(piece, finish="step", text=piece.text + sampling.step)

    def pieces(self, candidate: Candidate) -> Sequence[Strategy]:
        """One piece for each draw."""
        # Whether a thought goes on depends on the role's limit, which is not known here.
        known = not self._aside and (self._reopens or not candidate.done)
        if self.n == 1 or self.only is not None or not known:
            return (self,)
        return [replace(self, only=i) for i in range(self.n)]

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """n draws of every candidate, each to its limit, each sending the whole path back."""
        sampling = self.sampling(ctx)
        live = shape.count if self._reopens else shape.live
        draws = live * (self.n if self.only is None else 1)
        limit = sampling.max_tokens
        if self.form == "step":
            limit = min(limit, sampling.step_tokens)
        if not draws:
            return ZERO, shape
        role = ctx.role(self.role)
        if self.prompt is None:
            request = Request(ctx.problem.prompt, Key(), ctx.problem.system, max_tokens=limit)
            prompt = role.backend.prompt_bound(request) + shape.tokens * BYTES_PER_TOKEN
            most = math.inf if self._aside else sampling.max_tokens + shape.apart
            grown = max(min(shape.tokens + limit, most), shape.tokens + 1)
        else:
            request = Request("", Key(), ctx.problem.system, max_tokens=limit)
            asked = prompt_bytes(self.prompt, ctx.problem, 1, shape.tokens)
            prompt = role.backend.prompt_bound(request) + asked
            grown = limit if self.form == "rewrite" else shape.tokens + limit
        cost = role.price.cost(prompt, 0, limit).times(draws)
        apart = 0 if self.form == "rewrite" else shape.apart + (limit if self.kind != "solution" else 0)
        unfinished = draws if self.form == "step" else 0
        after = Shape(shape.count - live + draws, unfinished, grown, shape.capped, apart)
        # Where a draw may be refused, any of the candidates may be left as it was.
        left = replace(shape, count=shape.count - live + max(live, draws))
        return cost, after.join(left) if shape.capped else after

    def own_needs(self) -> Needs:
        """Continuation, where a draw may start from a prefix; a stream, where a splitter cuts it."""
        needed = {(self.role, "continue" if self.form == "step" else "")}
        needed |= {(self.role, each) for each in confidence_needs(self.confidence)}
        if isinstance(self.at, Ref):
            needed |= {(self.role, each) for each in ("stream", *NEEDS[self.at.name])}
        return Needs(frozenset(needed))

    def name(self) -> str:
        """sample, step, rewrite or annotate."""
        return self.form

    def order(self) -> tuple[str, ...]:
        """As the factory takes them."""
        return {"rewrite": ("prompt", "n"), "annotate": ("prompt",)}.get(self.form, ("n",))

    def hidden(self) -> tuple[str, ...]:
        """What the form implies."""
        implied = {"sample": ("kind",), "step": (), "rewrite": ("kind",), "annotate": ()}
        return ("form", "only", *implied[self.form])


def _extend(form: str, n: int, **options: object) -> Extend:
    count(n, f"{form}(n)", 1, MANY)
    for name, (low, high) in (("temperature", (0.0, 100.0)), ("top_p", (0.0, 1.0))):
        if (value := options.get(name)) is not None:
            number(value, f"{form}({name}=)", low, high)
    if options.get("max_tokens") is not None:
        count(options["max_tokens"], f"{form}(max_tokens=)", 1)
    if options.get("stop") == "":
        raise ConfigError(f"{form}(stop=''): expected a text, for nothing ends at an empty one.")
    if options.get("confidence") != WHOLE:
        count(options.get("confidence", 0), f"{form}(confidence=), unless it is {WHOLE}")
    return Extend(form, n, **options)  # type: ignore[arg-type]


@strategy
def sample(
    n: int = 1,
    *,
    prompt: Ref | str | None = None,
    role: str = "policy",
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
    stop: str | None = None,
    confidence: int = 0,
) -> Strategy:
    """n complete continuations of every unfinished candidate. One unit of n costs one draw.

    ``max_tokens`` limits the path's solution in completion tokens; ``stop`` ends a draw beside the task's
    own stops, and is no part of it; ``confidence`` asks how sure the model is of every token, over that many
    of the likeliest (`Request.confidence`). Fields left out take the model's defaults.
    """
    asked = None if prompt is None else Ref.of("prompt", prompt)
    options = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "stop": stop}
    return _extend("sample", n, prompt=asked, role=role, confidence=confidence, **options)


@strategy
def step(
    n: int = 1,
    *,
    at: At = None,
    role: str = "policy",
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
    stop: str | None = None,
    kind: str = "solution",
    confidence: int = 0,
) -> Strategy:
    """n continuations of every unfinished candidate by one step. One unit of n costs one draw.

    A step ends at the delimiter ``at`` (the task's own by default), after ``at`` tokens if it is an integer,
    or where a splitter says, as ``surprise(above=2.5)``; ``max_tokens`` limits all steps of this ``kind``
    along the path. ``stop`` and ``confidence`` are as for `sample`.

    A step of another kind, as ``step(at=2000, stop="</think>", kind="thought")``, is no part of the answer
    and never finishes a candidate.
    """
    one_of(kind, "step(kind=)", *get_args(Kind))
    options = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "stop": stop}
    options |= {"kind": kind, "confidence": confidence}
    return _extend("step", n, at=checked(at, "step(at=)"), role=role, **options)


@strategy
def rewrite(
    prompt: Ref | str, n: int = 1, *, role: str = "policy", temperature: float | None = None
) -> Strategy:
    """n new texts in place of every candidate's, written from ``prompt(problem, (candidate,))``."""
    return _extend("rewrite", n, prompt=Ref.of("prompt", prompt), role=role, temperature=temperature)


@strategy
def annotate(prompt: Ref | str, *, kind: str = "critique", role: str = "policy") -> Strategy:
    """One text appended to every candidate that is no part of its answer: a critique, a plan."""
    if kind not in ("critique", "plan", "observation", "thought"):
        raise ConfigError(f"annotate(kind={kind!r}): expected critique, plan, observation or thought.")
    return _extend("annotate", 1, prompt=Ref.of("prompt", prompt), kind=kind, role=role)
