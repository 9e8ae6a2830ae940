"""Engines kept between jobs: the same where the same is said of a model, open until all are closed."""

from __future__ import annotations

import asyncio
from typing import Any

from itc.backends.base import Completion, Middleware, Request, Watch
from itc.backends.load import Load
from itc.config import Settings
from itc.console.kept import Engines, Kept
from itc.runs.job import Job
from itc.runs.runner import execute


def of(tmp_path: Any, strategy: str = "sample(2)", **fields: Any) -> tuple[Settings, Job]:
    plain = {
        "task": {"name": "chain"},
        "model": {"backend": "embedded"},
        "scorer": {"name": "embedded"},
        "strategy": {"name": "expression", "text": strategy},
        "problems": 2,
        "workspace": str(tmp_path),
        **fields,
    }
    settings = Settings.read(plain)
    return settings, settings.job()


def backends(engines: Engines, made: tuple[Settings, Job]) -> dict[str, Any]:
    settings, job = made
    return {role: engine.backend for role, engine in engines.shared(job, settings).engines.items()}


def test_what_is_said_of_a_model_tells_engines_apart(tmp_path: Any) -> None:
    engines = Engines()
    first = backends(engines, of(tmp_path))
    assert first["policy"] is not first["prm"]
    again = backends(engines, of(tmp_path, "sample(3)", roles={"judge": "policy"}))
    assert again == {**first, "judge": first["policy"]}
    own = {"backend": "embedded", "name": "policy", "top_k": 5}
    other = backends(engines, of(tmp_path, roles={"judge": own}, model={**own, "temperature": 0.5}))
    assert other["prm"] is first["prm"]
    assert len({id(b) for b in (*first.values(), *other.values())}) == 4
    bare = backends(engines, of(tmp_path, scorer={"name": "none"}, roles={"prm": own}))
    assert bare["policy"] is first["policy"]
    assert bare["prm"] is other["judge"]


class Counted(Middleware):
    """Counts how often it is opened and closed."""

    opened = closed = 0

    async def open(self, needs: Any) -> None:
        self.opened += 1
        await super().open(needs)

    async def close(self) -> None:
        self.closed += 1
        await super().close()

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        assert self.opened
        assert not self.closed
        return await super().generate(request, watch)

    def load(self) -> Load:
        return Load(1, 2)


def test_jobs_run_on_what_stays_open_until_the_end(tmp_path: Any) -> None:
    engines = Engines()

    async def main() -> list[Counted]:
        counted = []
        for strategy in ("sample(2) >> score(prm, last)", "beam(4, 2)"):
            settings, job = of(tmp_path, strategy)
            shared = engines.shared(job, settings)
            for engine in shared.engines.values():
                kept = engine.backend
                assert isinstance(kept, Kept)
                if not isinstance(kept.inner, Counted):
                    kept.inner = Counted(kept.inner)
                    counted.append(kept.inner)
                assert kept.load() == Load(1, 2)
            assert (await execute(shared)).manifest["billed"]["calls"] > 0
        assert [c.closed for c in counted] == [0, 0]
        await engines.close()
        await engines.close()
        return counted

    counted = asyncio.run(main())
    assert [(c.opened > 0, c.closed) for c in counted] == [(True, 1), (True, 1)]
