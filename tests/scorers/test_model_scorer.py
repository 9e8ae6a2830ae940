"""A reward model in a role: what is sent to it, and what is not sent again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from itc.algebra.context import Context, Role
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.config import ScorerSettings, Settings, scorers_of
from itc.console.arguments import read
from itc.console.compose import compose
from itc.errors import ConfigError
from itc.keys import Key
from itc.library import parse
from itc.models import model_of
from itc.scorers.base import ModelScorer
from itc.scorers.prm import FORMATS, format_named
from itc.types import Candidate, Population, Problem, Step


@dataclass
class Rater:
    """Rates by length, and remembers what it was asked."""

    whole: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, request: Request) -> Completion:
        steps = request.score_steps or ()
        self.asked.append(steps)
        scores = tuple(1 / (1 + len(step)) for step in steps)
        return Completion(scores=scores[-1:] if self.whole else scores, usage=Usage(9))


def score(rater: Rater, pop: Population, backend: Journaled | None = None) -> Population:
    stage = parse("score(prm, last)" if not rater.whole else "score(prm)")
    role = Role(backend or FunctionBackend(rater))
    scorers = {"prm": ModelScorer("prm", stepwise=not rater.whole)}
    return asyncio.run(stage(pop, Context(Problem("p", "question"), {"prm": role}, scorers=scorers)))


def path(*texts: str, key: int = 0) -> Candidate:
    return Candidate(Key("c", key), tuple(Step(text) for text in texts))


def grown(c: Candidate, text: str) -> Candidate:
    return replace(c, key=c.key.fold(0), steps=(*c.steps, Step(text)))


@pytest.mark.parametrize("whole", [False, True])
def test_only_paths_with_a_new_step_are_sent(whole: bool) -> None:
    rater = Rater(whole)
    once = score(rater, Population((path("a\n", "bb\n"), path("c\n", key=1))))
    assert rater.asked == [("a\n", "bb\n"), ("c\n",)]
    again = score(rater, Population((once[0], grown(once[1], "dd\n"))))
    assert rater.asked[2:] == [("c\n", "dd\n")]
    assert again[0].score("prm") == once[0].score("prm")
    assert again[1].score("prm") == 1 / 4


def test_step_scores_stay_with_their_steps() -> None:
    rated = score(Rater(), Population((path("a\n", "bb\n"),)))[0]
    assert [dict(step.scores)["prm"] for step in rated.steps] == [1 / 3, 1 / 4]


def test_an_outcome_score_belongs_to_the_last_step_alone() -> None:
    rated = score(Rater(whole=True), Population((path("a\n", "bb\n"),)))[0]
    assert [dict(step.scores).get("prm") for step in rated.steps] == [None, 1 / 4]


def test_the_journal_knows_a_rating_by_its_text(tmp_path: Path) -> None:
    """Whatever candidate it belongs to."""
    rater = Rater()
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        backend = Journaled(FunctionBackend(rater), journal)
        first = score(rater, Population((path("a\n", "b\n"),)), backend=backend)
        other = score(rater, Population((path("a\n", "b\n", key=7),)), backend=backend)
        score(rater, Population((path("a\n", key=8),)), backend=backend)
    assert rater.asked == [("a\n", "b\n"), ("a\n",)]
    assert first[0].score("prm") == other[0].score("prm")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_can_be_chosen_with_a_model(name: str) -> None:
    model = model_of({"name": "some", "tokenizer": "folder"})
    settings = ScorerSettings(name=name, model=model)  # type: ignore[arg-type]
    scorer = scorers_of(settings)["prm"]
    assert scorer == ModelScorer("prm", stepwise=format_named(name).output != "sequence")


def test_the_embedded_model_needs_not_be_named() -> None:
    found = ScorerSettings(name="embedded").reward_model
    assert found is not None
    assert (found[0].backend, found[0].name) == ("embedded", "prm")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ScorerSettings(name="math-shepherd"), "scorer.model is missing"),
        (ScorerSettings(name="math-sheperd"), "Did you mean 'math-shepherd'"),
        (
            ScorerSettings(name="likelihood", model=model_of({"name": "some"})),  # type: ignore[arg-type]
            "scorer.model goes with a reward model",
        ),
    ],
)
def test_what_does_not_go_together_is_an_error(settings: ScorerSettings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scorers_of(settings)


@pytest.mark.parametrize("kind", ["vllm", "local", "embedded"])
@pytest.mark.parametrize("name", ["qwen2.5-math-prm", "orm"])
def test_the_packaged_configurations_take_any_kind_of_model(name: str, kind: str) -> None:
    words = [f"scorer={name}", f"model@scorer.model={kind}", "scorer.model.name=folder"]
    (composed,) = compose(read(words))
    assert composed.error is None
    scorer = Settings.read(composed.config).scorer
    assert scorer.model is not None
    assert (scorer.model.backend, scorer.model.name) == ({"local": "openai"}.get(kind, kind), "folder")


def test_the_embedded_engine_rates_by_its_own_format_only() -> None:
    model = model_of({"backend": "embedded", "name": "prm"})
    assert model.reward(format_named("embedded")).capabilities == {"score", "seed"}
    with pytest.raises(ConfigError, match="cannot rate by orm"):
        model.reward(format_named("orm"))
