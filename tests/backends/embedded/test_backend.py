"""The engine behind the protocol: the same bits in any company, shared prefixes, and clean ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from itc.backends.base import Completion, Request, Watch
from itc.backends.embedded import EmbeddedBackend
from itc.errors import BackendError, CapabilityError, ConfigError, ContextOverflow, Rejected, ServerFault
from itc.keys import Key
from tests.backends.embedded.tiny import GOLDEN, PROMPT, ask, backend, drawn, model, texts, together

Body = Callable[[EmbeddedBackend], Awaitable[Any]]


def run(body: Body, name: str = "policy", **changes: Any) -> Any:
    async def main() -> Any:
        engine = backend(name, **changes)
        try:
            return await body(engine)
        finally:
            await engine.close()

    return asyncio.run(main())


def company(n: int, seed: int) -> list[Request]:
    """Requests of all kinds: long and short prompts, every sampling field, every way to end."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        words = " ".join(rng.choice(["Ann", "has", "apples", "7", "two", "and"], rng.integers(1, 60)))
        made.append(
            ask(
                1000 * seed + i,
                prompt=words,
                max_tokens=int(rng.integers(1, 90)),
                temperature=float(rng.choice([0, 0.7, 1.0, 1.3])),
                top_p=float(rng.choice([0.8, 1.0])),
                top_k=int(rng.choice([0, 5])),
                min_p=float(rng.choice([0, 0.1])),
                step=str(rng.choice(["", "\n"])),
                stop=("six",) if rng.random() < 0.3 else (),
            )
        )
    return made


MINE = [ask(i, max_tokens=70, temperature=t) for i, t in enumerate((0.0, 1.0, 0.8))]


def alone(requests: list[Request]) -> list[Any]:
    async def body(engine: EmbeddedBackend) -> list[Any]:
        return [drawn(await engine.generate(r)) for r in requests]

    return run(body, threads=1)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_company_does_not_change_a_bit(threads: int) -> None:
    wanted = alone(MINE)
    for seed in (1, 2):
        others = company(64, seed)
        order = np.random.default_rng(seed).permutation(len(others) + len(MINE))
        mixed = [[*MINE, *others][i] for i in order]

        async def body(engine: EmbeddedBackend, mixed: list[Request] = mixed) -> list[Completion]:
            return await together(engine, mixed)

        got = run(body, threads=threads)
        place = {int(j): i for i, j in enumerate(order)}
        assert [drawn(got[place[i]]) for i in range(len(MINE))] == wanted


def test_when_a_request_arrives_does_not_change_a_bit() -> None:
    wanted = alone(MINE)

    async def body(engine: EmbeddedBackend) -> list[Completion]:
        async with asyncio.TaskGroup() as group:
            for i, other in enumerate(company(20, 3)):
                group.create_task(engine.generate(other))
                await asyncio.sleep(0.001 * (i % 3))
            return [await group.create_task(engine.generate(r)) for r in MINE]

    assert [drawn(c) for c in run(body, live=8)] == wanted


def test_a_cached_prefix_does_not_change_a_bit() -> None:
    async def body(engine: EmbeddedBackend) -> list[Completion]:
        first = [await engine.generate(r) for r in MINE]
        again = [await engine.generate(r) for r in MINE]
        assert [c.usage.cached_tokens for c in again] == [c.usage.prompt_tokens for c in again]
        return [*first, *again]

    kept, forgotten = run(body), alone(MINE)
    assert [drawn(c) for c in kept] == forgotten * 2


SCRIPT = """
import asyncio, hashlib
from tests.backends.embedded.test_backend import MINE, company
from tests.backends.embedded.tiny import backend, drawn, together
engine = backend()
got = asyncio.run(together(engine, [*MINE, *company(40, 4)]))
print(hashlib.sha256(repr([drawn(c) for c in got]).encode()).hexdigest())
"""


def test_the_threads_of_the_blas_do_not_change_a_bit() -> None:
    def told(threads: int) -> str:
        env = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    async def body(engine: EmbeddedBackend) -> list[Completion]:
        return await together(engine, [*MINE, *company(40, 4)])

    here = hashlib.sha256(repr([drawn(c) for c in run(body)]).encode()).hexdigest()
    assert told(1) == told(2) == here


def test_steps_add_up_and_are_never_computed_twice() -> None:
    async def body(engine: EmbeddedBackend) -> None:
        paths: list[tuple[str, tuple[int, ...]]] = [("", ())] * 4
        lived = set()
        for depth in range(4):
            asked = [
                ask(10 * depth + i, prefix=text, prefix_ids=ids, max_tokens=12)
                for i, (text, ids) in enumerate(paths)
            ]
            got = await together(engine, asked)
            before = len(engine._tokenizer.encode(PROMPT))
            for request, c in zip(asked, got, strict=True):
                assert c.usage.prompt_tokens == before + len(request.prefix_ids)
                assert c.usage.cached_tokens >= (depth > 0) * (c.usage.prompt_tokens - 1)
            paths = [
                (t + c.text, (*i, *c.token_ids)) for (t, i), c in zip(paths, got, strict=True) for _ in (0, 1)
            ]
            lived |= {i[:k] for _, i in paths for k in range(1, len(i) + 1)}
        # The last token of a path is computed only when the path is continued.
        assert engine.stats.prefilled + engine.stats.decoded <= 1.05 * (len(lived) + before)
        assert engine.cached_prefixes <= len(lived) + before

    run(body)


def test_a_path_in_steps_by_ids_is_the_path_by_text() -> None:
    async def body(engine: EmbeddedBackend) -> None:
        first = await engine.generate(ask(1, max_tokens=9))
        if "\n\n" not in first.text:
            by_ids = ask(2, prefix=first.text, prefix_ids=first.token_ids)
            by_text = ask(2, prefix=first.text)
            assert engine.prompt_bound(by_ids) == 14 + len(first.token_ids)
            if engine._tokenizer.encode(PROMPT + first.text)[14:] == first.token_ids:
                assert drawn(await engine.generate(by_ids)) == drawn(await engine.generate(by_text))
        wrong = ask(2, prefix="two", prefix_ids=(5, 6, 7))
        assert engine.prompt_bound(wrong) == engine.prompt_bound(replace(wrong, prefix_ids=()))

    run(body)


def test_draws_follow_the_models_distribution() -> None:
    from scipy.stats import chisquare

    from itc.backends.embedded.cache import Slots
    from itc.backends.embedded.model import Rows

    made = model()

    async def body(engine: EmbeddedBackend) -> list[Completion]:
        return await together(engine, [ask(i, max_tokens=1) for i in range(4000)])

    got = run(body)
    ids = np.array(backend()._tokenizer.encode(PROMPT))
    slots = Slots(made.shape, 1)
    hidden = made.forward(Rows(ids, np.arange(len(ids)), 0, 0, [(0, len(ids), 0)]), slots)
    p = np.exp(made.head(hidden[-1:])[0].astype(float))
    p /= p.sum()
    tokens = [c.token_ids[0] if c.token_ids else 1 for c in got]
    counts = np.bincount(tokens, minlength=len(p))
    common = p * len(got) >= 5
    observed, expected = counts[common], p[common] * len(got)
    assert chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3
    for token, c in zip(tokens, got, strict=True):
        assert c.token_logprobs[0] == pytest.approx(np.log(p[token]), abs=1e-4)


def test_a_watcher_sees_the_draw_and_may_cut_it() -> None:
    class Cut(Watch):
        def keep_going(self, logprobs: Any) -> bool:
            return len(self.text) < 20

    async def body(engine: EmbeddedBackend) -> None:
        for i in range(6):
            request = ask(i, max_tokens=60, stop=("six",), step="\n")
            whole, watch = await engine.generate(request), Watch()
            assert drawn(await engine.generate(request, watch)) == drawn(whole)
            assert watch.text == whole.text
            assert watch.completion_tokens == whole.usage.completion_tokens
            assert watch.prompt_tokens == whole.usage.prompt_tokens
            cuts = [await engine.generate(request, Cut()) for _ in range(3)]
            assert len({drawn(c) for c in cuts}) == 1
            assert whole.text.startswith(cuts[0].text)
            assert cuts[0].finish == ("cut" if cuts[0].text != whole.text else whole.finish)
            assert len(cuts[0].token_logprobs) == cuts[0].usage.completion_tokens
        await asyncio.sleep(0.05)
        assert not engine._engine._live

    run(body)


def test_cancelling_frees_the_slot_at_once() -> None:
    async def body(engine: EmbeddedBackend) -> None:
        long = [asyncio.ensure_future(engine.generate(ask(i, max_tokens=3000))) for i in range(8)]
        await asyncio.sleep(0.05)
        for task in long:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*long, return_exceptions=True), 2)
        short = await asyncio.wait_for(engine.generate(ask(99, max_tokens=3)), 2)
        assert short.usage.completion_tokens <= 3
        assert not engine._engine._live
        assert not engine._engine._waiting

    run(body, live=8)


def test_one_engine_serves_several_event_loops_and_wakes_after_closing() -> None:
    engine = backend()
    first = asyncio.run(engine.generate(ask(3)))
    assert drawn(asyncio.run(engine.generate(ask(3)))) == drawn(first)
    asyncio.run(engine.close())
    assert drawn(asyncio.run(engine.generate(ask(3)))) == drawn(first)
    asyncio.run(engine.close())
    asyncio.run(engine.close())


def test_closing_fails_what_is_under_way() -> None:
    async def main() -> None:
        engine = backend()
        task = asyncio.ensure_future(engine.generate(ask(max_tokens=4000)))
        await asyncio.sleep(0.02)
        await engine.close()
        with pytest.raises(BackendError, match="closed"):
            await task

    asyncio.run(main())


def test_a_fault_reaches_those_who_wait_and_the_engine_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(engine: EmbeddedBackend) -> None:
        def broken(*_: object) -> None:
            raise MemoryError("no room")

        with monkeypatch.context() as patch:
            patch.setattr(engine._model, "forward", broken)
            with pytest.raises(ServerFault, match="no room"):
                await engine.generate(ask())
        assert (await engine.generate(ask())).usage.completion_tokens

    run(body)


def test_a_watcher_that_raises_frees_its_slot() -> None:
    class Bad(Watch):
        def keep_going(self, logprobs: Any) -> bool:
            raise ZeroDivisionError

    async def body(engine: EmbeddedBackend) -> None:
        with pytest.raises(ZeroDivisionError):
            await engine.generate(ask(max_tokens=3000), Bad())
        await engine.generate(ask(1, max_tokens=2))
        assert not engine._engine._live

    run(body)


def test_what_does_not_fit_is_refused() -> None:
    async def body(engine: EmbeddedBackend) -> None:
        with pytest.raises(
            ContextOverflow, match="14 prompt tokens and max_tokens=4083 exceed the context of 4096"
        ):
            await engine.generate(ask(max_tokens=4083))
        with pytest.raises(Rejected, match="no tokens"):
            await engine.generate(ask(prompt=""))
        with pytest.raises(CapabilityError, match="draws text only"):
            await engine.generate(ask(score_steps=(" two\n",)))
        with pytest.raises(CapabilityError, match="cannot score"):
            await engine.open(frozenset({"score"}))

    run(body)
    with pytest.raises(ConfigError, match="No model 'polcy'"):
        EmbeddedBackend("polcy")


STEPS = (" Ann has 12 + 7 = 19 apples.\n", " it is 19\n", "#### 19")


def test_scores_are_the_models_at_the_end_of_each_step() -> None:
    from itc.backends.embedded.cache import Slots
    from itc.backends.embedded.model import Rows

    made = model("prm")

    async def body(engine: EmbeddedBackend) -> Completion:
        request = Request("Ann has 12 apples and 7 pears.", Key("rate"), max_tokens=0, score_steps=STEPS)
        got = await engine.generate(request)
        assert got.usage.prompt_tokens == engine.prompt_bound(request)
        assert got.usage.completion_tokens == 0
        # A beginning of the steps has the same scores, wholly from the cache.
        part = await engine.generate(replace(request, score_steps=STEPS[:2]))
        assert part.scores == got.scores[:2]
        assert part.usage.cached_tokens == part.usage.prompt_tokens
        nothing = await engine.generate(replace(request, score_steps=()))
        assert nothing.scores == ()
        return got

    got = run(body, "prm")
    ids = np.array(backend("prm")._tokenizer.encode(PROMPT + "".join(STEPS) + "\n"))
    ends = [i for i, token in enumerate(ids) if backend("prm")._tokenizer.pieces[token] == "\n"][1:]
    hidden = made.forward(Rows(ids, np.arange(len(ids)), 0, 0, [(0, len(ids), 0)]), Slots(made.shape, 1))
    logits = made.head(hidden)[ends].astype(float)
    assert got.scores == pytest.approx(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])))
    assert len(got.scores) == 3


def test_ratings_side_by_side_are_those_one_by_one() -> None:
    asked = [
        Request(f"Ann has {i} apples.", Key("rate", i), max_tokens=0, score_steps=STEPS[: 1 + i % 3])
        for i in range(30)
    ]

    async def body(engine: EmbeddedBackend) -> list[Any]:
        return [drawn(c) for c in await together(engine, asked)]

    async def singly(engine: EmbeddedBackend) -> list[Any]:
        return [drawn(await engine.generate(r)) for r in asked]

    assert run(body, "prm") == run(singly, "prm", cache_bytes=0)
    assert backend("prm").capabilities == {"score", "seed"}


def test_the_fingerprint_names_the_model_and_no_place() -> None:
    policy = backend()
    assert policy.fingerprint == backend().fingerprint != backend("untied").fingerprint
    assert str(GOLDEN) not in policy.fingerprint
    assert backend("prm", score_prompt="{prompt}").fingerprint != backend("prm").fingerprint


def test_greedy_texts_match_side_by_side() -> None:
    async def body(engine: EmbeddedBackend) -> list[Completion]:
        return await together(
            engine, [ask(prompt=t, temperature=0.0, max_tokens=48) for t, _ in texts()["greedy"]]
        )

    for c, (_, ids) in zip(run(body), texts()["greedy"], strict=True):
        assert list(c.token_ids) == [i for i in ids if i != 1]
